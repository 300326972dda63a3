"""The retry budget: bounds what an outage multiplies. Pure: the time is an argument.

A retry at a model that is well costs an outage nothing. One at a model in doubt is paid for from
a bucket that a fifth of the traffic fills, and a floor for where there is little: as in Finagle
(twitter.github.io/finagle, RetryBudget: 20 % and 10 a second) and Envoy (retry_budget: 20 %, at
least 3 at a time), both read 2026-11.
"""

SHARE = 0.2
FLOOR_PER_S = 5.0
MOST = 20.0


class RetryBudget:
    """A token bucket for the retries of one process; it begins full."""

    def __init__(self) -> None:
        self._tokens = MOST
        self._filled_at_s = float("-inf")

    def earn(self) -> None:
        """Take in a request's first call."""
        if self._tokens < MOST:
            self._tokens += SHARE

    def affords(self, now_s: float) -> bool:
        """Tell whether a doubtful retry can be paid for."""
        if self._tokens < MOST:
            grown = self._tokens + FLOOR_PER_S * (now_s - self._filled_at_s)
            self._tokens = min(MOST, grown)
        self._filled_at_s = now_s
        return self._tokens >= 1.0

    def spend(self) -> None:
        """Pay for one."""
        self._tokens -= 1.0

    def reset(self) -> None:
        """Fill it."""
        self._tokens = MOST
