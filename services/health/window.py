"""A rolling window of calls and what it says about who was called. Pure: the time is an argument.

The order in which calls are added does not matter: every rule looks at when a call ended.
"""

import math
from bisect import insort
from collections import Counter
from dataclasses import dataclass, field

from routor.v1 import status_pb2
from services.errors import Kind

WINDOW_S = 300.0
# A window forgets in steps of this length, so its memory does not grow with the traffic.
SLOT_S = 5.0
HEALTHY_PERCENT = 95
DOWN_PERCENT = 70
SLOW_MS = 5000.0
# Fewer calls say too little for Down by rate or for Degraded by latency.
LEAST_CALLS = 5
# From so many calls on the rate itself decides: of 100 calls at a true rate of 80 %, 6 windows in
# 1,000 show less than 70 %. Fewer must show it beyond the upper end of Wilson's interval
# (E. B. Wilson, 1927; one-sided, 95 %), so that 2 failures of 5 calls prove nothing.
SURE_CALLS = 100
_Z = 1.645
# So many failures in a row are Down once the last success is QUIET_S older than they are, if at
# the rate before them so many would hardly come together …
ROW = 3
QUIET_S = 1.0
CHANCE = 1e-3
# … or so many at once: at a failure rate of 20 %, which is Degraded, 1 in 10 million.
LONG_ROW = 10
# What a model is now shows in so many latest answers, for so long: long good traffic before does
# not hide that most of them are of little use, and then it is tried again.
LATEST, LATEST_S = 20, 60.0
# The flaw that counts among the latest answers alone: times vary, and what was slow may be quick
# a minute later.
SLOW = "slow"
REFUSALS = frozenset({Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA})
# Latencies are counted in classes 5 % wide; SLOW_MS is the upper edge of class 0.
_WIDTH = math.log(1.05)
_LONGEST_MS = 1e7
_NEVER = -math.inf


@dataclass(slots=True)
class _Slot:
    succeeded: int = 0
    failed: int = 0
    flawed: int = 0
    slow: int = 0
    timings: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class Verdict:
    """What a window says. `refused`: by quota or key, which no waiting mends."""

    health: status_pb2.Health.ValueType
    reason: str = ""
    refused: bool = False


class Window:
    """The calls of the last five minutes."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.succeeded = 0
        self.failed = 0
        self.flawed = 0  # successes that were of little use, but for slow ones
        self.slow = 0
        self.succeeded_at_s = _NEVER
        self.refused = (_NEVER, "")  # when and why for the last time
        self._flaw = (_NEVER, "")  # the latest one
        self._timings: Counter[int] = Counter()
        self._slots: dict[int, _Slot] = {}
        # The latest failures, ascending by time.
        self._failures: list[tuple[float, str]] = []
        # The latest successes, ascending by time, and whether they were flawed.
        self._latest: list[tuple[float, bool]] = []
        # What they all say; None after news.
        self._verdict: Verdict | None = None

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return self.succeeded + self.failed

    @property
    def success_rate(self) -> float:
        """Successes per call, 0..1; 0 without calls."""
        return self.succeeded / self.calls if self.calls else 0.0

    @property
    def flaw_rate(self) -> float:
        """Answers of little use per call, 0..1; of the latest calls if most of those were."""
        useless, calls = self._useless()
        return useless / calls if calls else 0.0

    def add_success(self, ended_at_s: float, first_token_ms: float, flaw: str = "") -> None:
        """Count a call that succeeded; `flaw` says why its answer was of little use, if it was.

        `first_token_ms` is 0 for an answer that came whole: how long it took tells more of its
        length than of the provider, so it has no part in the percentiles.
        """
        slot = self._slot(ended_at_s)
        slot.succeeded += 1
        insort(self._latest, (ended_at_s, bool(flaw)))
        del self._latest[:-LATEST]
        self.succeeded += 1
        self._verdict = None
        if flaw == SLOW:
            slot.slow += 1
            self.slow += 1
        elif flaw:
            slot.flawed += 1
            self.flawed += 1
        if flaw:
            self._flaw = max(self._flaw, (ended_at_s, flaw))
        if first_token_ms > 0:
            number = _class(first_token_ms)
            slot.timings[number] += 1
            self._timings[number] += 1
        self.succeeded_at_s = max(self.succeeded_at_s, ended_at_s)

    def add_failure(self, ended_at_s: float, kind: Kind) -> None:
        """Count a call that failed through the provider's fault."""
        self._slot(ended_at_s).failed += 1
        self.failed += 1
        self._verdict = None
        insort(self._failures, (ended_at_s, kind.value))
        del self._failures[:-LONG_ROW]
        if kind in REFUSALS:
            self.refused = max(self.refused, (ended_at_s, kind.value))

    def expire(self, now_s: float) -> None:
        """Forget what is older than the window."""
        if not self._slots:
            return
        horizon_s = now_s - WINDOW_S
        for number in [each for each in self._slots if (each + 1) * SLOT_S <= horizon_s]:
            slot = self._slots.pop(number)
            self.succeeded -= slot.succeeded
            self.failed -= slot.failed
            self.flawed -= slot.flawed
            self.slow -= slot.slow
            self._timings -= slot.timings
            self._verdict = None
        if self._failures and self._failures[0][0] < horizon_s:
            self._failures = [each for each in self._failures if each[0] >= horizon_s]
            self._verdict = None
        if self._latest and self._latest[0][0] < now_s - LATEST_S:
            self._latest = [each for each in self._latest if each[0] >= now_s - LATEST_S]
            self._verdict = None
        if _NEVER < self.refused[0] < horizon_s:
            self.refused = (_NEVER, "")
            self._verdict = None

    def percentile_ms(self, percent: int) -> float:
        """Return the time to the first token that `percent` of streams kept, 0 without any.

        Nearest rank, rounded up to the edge of a class: at most 5 % too high, and exact about
        being above SLOW_MS.
        """
        rank = -(-percent * self._timings.total() // 100)
        for number in sorted(self._timings):
            rank -= self._timings[number]
            if rank <= 0:
                return SLOW_MS * math.exp(number * _WIDTH)
        return 0.0

    def judge(self) -> Verdict:
        """Say how the called one is; HEALTH_UNSPECIFIED without calls."""
        if self._verdict is None:
            self._verdict = self._judge()
        return self._verdict

    def _judge(self) -> Verdict:
        if not self.calls:
            return Verdict(status_pb2.HEALTH_UNSPECIFIED)
        if self.refused[0] > self.succeeded_at_s:
            return Verdict(status_pb2.HEALTH_DOWN, f"refused: {self.refused[1]}", refused=True)
        if row := self._row():
            last = self._failures[-1][1]
            reason = f"{row} calls in a row failed, the last with {last}"
            return Verdict(status_pb2.HEALTH_DOWN, reason)
        failed = f"{self.failed} of {self.calls} calls failed"
        if self.calls >= LEAST_CALLS and below(DOWN_PERCENT, self.succeeded, self.calls):
            return Verdict(status_pb2.HEALTH_DOWN, failed)
        if below(HEALTHY_PERCENT, self.succeeded, self.calls):
            return Verdict(status_pb2.HEALTH_DEGRADED, failed)
        few = below(HEALTHY_PERCENT, self.succeeded - self.flawed, self.calls - self.failed)
        if few or self._turned():
            useless, calls = self._useless()
            flawed = f"{useless} of {calls} answers were of little use"
            return Verdict(status_pb2.HEALTH_DEGRADED, f"{flawed}, the last: {self._flaw[1]}")
        if self._timings.total() >= LEAST_CALLS and self.percentile_ms(95) > SLOW_MS:
            return Verdict(status_pb2.HEALTH_DEGRADED, "slow: P95 to first token is over 5 s")
        return Verdict(status_pb2.HEALTH_HEALTHY)

    def _useless(self) -> tuple[int, int]:
        """Return how many answers were of little use, and of how many calls."""
        if self._turned():
            latest = self._now()
            return sum(latest), len(latest)
        return self.flawed, self.calls

    def _now(self) -> list[bool]:
        """Return which of the latest answers were flawed; LEAST_CALLS good ones in a row are news.

        What came before such a row is not looked at: who is well again has to fail anew.
        """
        latest = [flawed for _, flawed in self._latest]
        for start in range(len(latest) - LEAST_CALLS, 0, -1):
            if not any(latest[start : start + LEAST_CALLS]):
                return latest[start:]
        return latest

    def _turned(self) -> bool:
        """Tell whether most of the latest answers were of little use.

        Of a model that was slow minutes ago fewer tell it, so that trying it again costs little.
        """
        latest = self._now()
        enough = len(latest) >= LEAST_CALLS or self.slow >= LEAST_CALLS
        return enough and below(DOWN_PERCENT, len(latest) - sum(latest), len(latest))

    def _row(self) -> int:
        """Return how many failures in a row make it Down, 0 when they do not."""
        row = [ended_at_s for ended_at_s, _ in self._failures if ended_at_s > self.succeeded_at_s]
        if len(row) >= LONG_ROW:
            return len(row)
        quiet = len(row) >= ROW and row[-1] - self.succeeded_at_s >= QUIET_S
        return len(row) if quiet and self._is_sudden(len(row)) else 0

    def _is_sudden(self, row: int) -> bool:
        """Tell whether so many last failures are no mere chance, by the calls before them."""
        rate = (self.failed - row + 0.5) / (self.calls - row + 1)
        return not self.succeeded or rate**row < CHANCE

    def _slot(self, ended_at_s: float) -> _Slot:
        number = int(ended_at_s // SLOT_S)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = _Slot()
        return slot


def below(percent: float, good: int, calls: int) -> bool:
    """Tell whether the true rate of the good ones is below `percent`, as far as calls can tell."""
    if calls >= SURE_CALLS:
        return 100 * good < percent * calls
    return calls > 0 and 100 * _highest_rate(good, calls) < percent


def _highest_rate(good: int, calls: int) -> float:
    """Return the upper end of Wilson's score interval."""
    rate, step = good / calls, _Z * _Z / calls
    margin = _Z * math.sqrt(rate * (1 - rate) / calls + step / (4 * calls))
    return (rate + step / 2 + margin) / (1 + step)


def _class(took_ms: float) -> int:
    # Written so that zero, negative and not-a-number land in the fastest class.
    bounded = min(_LONGEST_MS, took_ms) if took_ms > 1.0 else 1.0
    return math.ceil(math.log(bounded / SLOW_MS) / _WIDTH)
