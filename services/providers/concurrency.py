"""How many calls a provider is given at a time: a limit that follows what it can take. Pure.

Additive increase, multiplicative decrease: the limit grows by the square root of itself per
round of successes that needed it, and shrinks when the provider says that it is overloaded, does
not answer in time, or takes far longer to the first token than it used to (the gradient of
github.com/Netflix/concurrency-limits, read 2026-11). It begins generously, so that only a
provider in trouble ever meets it, and what is not confirmed is forgotten: answers may come
seldom, and growing by them alone would take minutes. A rate limit (429) is no overload: it rests.
"""

from services.errors import Kind

START, LEAST, MOST = 2000.0, 16.0, 4000.0
# What one overload takes away, and what slowness does; at most once in COOL_S, since the calls of
# one bad moment end together.
OVERLOADED, SLOWED = 0.7, 0.9
COOL_S = 1.0
# Without another cut the limit is at least LEAST, doubled every so many seconds, up to START.
FORGET_S = 5.0
# Fewer calls under way say nothing of how many are too many.
TELLING = 32
# Slow is this many times the usual time to the first token, and never less than SLOW_MS: below
# it the provider may be well and this machine busy.
SLOWER = 3.0
SLOW_MS = 2000.0
# Shares of the newest measurement in what is recent and in what is usual.
_RECENT, _USUAL = 0.1, 0.001
_OVERLOAD_STATUS = frozenset({408, 503, 529})


class Limit:
    """The limit of one provider, by how its calls ended."""

    def __init__(self) -> None:
        self.calls = START
        self._recent_ms = 0.0
        self._usual_ms = 0.0
        self._cut_at_s = float("-inf")

    def ended(
        self, kind: str, http_status: int, first_token_ms: float, running: int, now_s: float
    ) -> None:
        """Take in a call: the name of its Kind, "" for success; `running` were under way with it.

        `first_token_ms` is 0 where there was none.
        """
        if kind == Kind.PROVIDER_TIMEOUT.name or (kind and http_status in _OVERLOAD_STATUS):
            self._cut(OVERLOADED, running, now_s)
        elif not kind:
            if first_token_ms > 0:
                self._measure(first_token_ms)
            if self.slow:
                self._cut(SLOWED, running, now_s)
            else:
                self.grow(running, now_s)

    @property
    def slow(self) -> bool:
        """Whether first tokens take far longer than they used to."""
        return self._recent_ms > max(SLOW_MS, SLOWER * self._usual_ms)

    def grow(self, running: int, now_s: float) -> None:
        """Take in a success."""
        if 2 * running >= self.calls:
            self.calls = min(MOST, self.calls + self.calls**-0.5)
        if self.calls < START:
            doublings = min(10.0, (now_s - self._cut_at_s) / FORGET_S)
            self.calls = max(self.calls, min(START, LEAST * 2**doublings))

    def _measure(self, took_ms: float) -> None:
        if not self._usual_ms:
            self._recent_ms = self._usual_ms = took_ms
        self._recent_ms += _RECENT * (took_ms - self._recent_ms)
        self._usual_ms += _USUAL * (took_ms - self._usual_ms)

    def _cut(self, factor: float, running: int, now_s: float) -> None:
        if now_s - self._cut_at_s < COOL_S:
            return
        self._cut_at_s = now_s
        # From what was really under way: a limit far above it says nothing.
        calls = min(self.calls, running) if running >= TELLING else self.calls
        self.calls = max(LEAST, factor * calls)
