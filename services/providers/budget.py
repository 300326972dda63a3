"""The budgets of calls beyond a request's first. Pure: the time is an argument.

The retry budget bounds what an outage multiplies. A retry at a model that is well costs an outage
nothing. One at a model in doubt is paid for from a bucket that a fifth of the traffic fills, and a
floor for where there is little: as in Finagle (twitter.github.io/finagle, RetryBudget: 20 % and
10 a second) and Envoy (retry_budget: 20 %, at least 3 at a time), both read 2026-11.
"""

SHARE = 0.2
FLOOR_PER_S = 5.0
MOST = 20.0
# What a quiet time may save for hedges.
MOST_HEDGES = 10.0


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


class HedgeBudget:
    """A token bucket for calls beside late ones; it begins empty, so its share always holds."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._tokens = 0.0

    def earn(self) -> None:
        """Take in a request's first call."""
        self._tokens = min(MOST_HEDGES, self._tokens + self._share)

    def affords(self) -> bool:
        """Tell whether one can be paid for."""
        return self._tokens >= 1.0 - 1e-9  # sums of shares fall short by so little

    def spend(self) -> None:
        """Pay for one."""
        self._tokens -= 1.0
