"""Breakers: what this process knows of providers and models from its own calls.

Reacts at once, before the published status does, and obeys that status, too. Pure but for the
clock it is given (monotonic seconds). A circuit opens after three failures in a row; after a
pause one call at a time may prove that it works again.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from routor.v1.status_pb2 import HEALTH_DOWN, Status
from services.errors import Kind
from services.providers.failover import REST_S, Standing

FAILURES = 3
PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
# A refused key or an empty balance seldom mends itself.
REFUSED_PAUSE_S, LONGEST_REFUSED_PAUSE_S = 30.0, 600.0
LONGEST_REST_S = 600.0
# For how long one trial call keeps others out before it has shown any content.
TRIAL_S = 10.0
# The health service sees a model's return in the provider's list; without it, try again then.
RETIRED_S = 600.0
# Callers may name any model of a connected provider.
LARGEST = 4096

_REFUSED = (Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA)


class Stand(msgspec.Struct, frozen=True):
    """How something stands: why, and for how many seconds."""

    standing: Standing = Standing.READY
    cause: Kind = Kind.PROVIDER_UNAVAILABLE
    wait_s: float = 0.0


READY = Stand()


@dataclass
class _Circuit:
    """One provider or one model. Closed while `pause_s` is 0."""

    failures: int = 0
    pause_s: float = 0.0
    until_s: float = 0.0
    trial_until_s: float = 0.0
    cause: Kind = Kind.PROVIDER_UNAVAILABLE
    rest_until_s: float = 0.0

    def stand(self, now_s: float) -> Stand:
        if now_s < self.rest_until_s:
            wait_s = self.rest_until_s - now_s
            return Stand(Standing.RESTING, Kind.PROVIDER_RATE_LIMITED, wait_s)
        blocked_s = max(self.until_s, self.trial_until_s)
        if not self.pause_s or now_s >= blocked_s:
            return READY
        standing = Standing.RESTING if self.cause in _REFUSED else Standing.OPEN
        return Stand(standing, self.cause, blocked_s - now_s)

    def begin(self, now_s: float) -> None:
        if self.pause_s and now_s >= max(self.until_s, self.trial_until_s):
            self.trial_until_s = now_s + TRIAL_S

    def fail(self, kind: Kind, now_s: float) -> None:
        self.failures += 1
        trial, self.trial_until_s = self.trial_until_s > 0, 0.0
        refused = kind in _REFUSED
        # Calls that began before it opened, and end now, make the pause no longer.
        if not (refused or trial or (self.failures >= FAILURES and not self.pause_s)):
            return
        least_s, most_s = (
            (REFUSED_PAUSE_S, LONGEST_REFUSED_PAUSE_S) if refused else (PAUSE_S, LONGEST_PAUSE_S)
        )
        self.pause_s = min(max(least_s, self.pause_s * (2 if trial else 1)), most_s)
        self.cause, self.until_s = kind, now_s + self.pause_s

    def rest(self, retry_after_s: float | None, now_s: float) -> None:
        wait_s = REST_S if retry_after_s is None else retry_after_s
        self.rest_until_s = max(self.rest_until_s, now_s + min(wait_s, LONGEST_REST_S))
        self.trial_until_s = 0.0

    def close(self) -> None:
        self.failures, self.pause_s, self.until_s, self.trial_until_s = 0, 0.0, 0.0, 0.0


class Breakers:
    """All circuits of this process.

    `clock` is monotonic, `wall` seconds since the epoch (the published status speaks in it);
    `stale` tells whether that status is too old to be obeyed.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        wall: Callable[[], float],
        stale: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self.stale = stale
        self._circuits: OrderedDict[str, _Circuit] = OrderedDict()
        self._retired: OrderedDict[str, float] = OrderedDict()
        self._down: frozenset[str] = frozenset()
        self._gone: frozenset[str] = frozenset()
        self._resting: dict[str, float] = {}
        self._all_well = True  # as far as the published status says

    def stand(self, provider: str, model: str) -> Stand:
        """Return how a model stands now: its own circuit or its provider's, the worse one."""
        if self._all_well and not self._circuits and not self._retired:
            return READY
        now_s = self._clock()
        if self._retired.get(model, 0.0) > now_s:
            return Stand(Standing.OPEN, Kind.MODEL_GONE, self._retired[model] - now_s)
        stands = [
            circuit.stand(now_s)
            for circuit in (self._circuits.get(provider), self._circuits.get(model))
            if circuit is not None
        ]
        stands.append(self._published(provider, model))
        resting = [stand for stand in stands if stand.standing is Standing.RESTING]
        opened = [stand for stand in stands if stand.standing is Standing.OPEN]
        return max(resting or opened, key=lambda stand: stand.wait_s, default=READY)

    def begin(self, provider: str, model: str) -> None:
        """Note that a call begins; after a pause it is the one that tries."""
        for circuit in self._of(provider, model):
            circuit.begin(self._clock())

    def heard(self, provider: str, model: str) -> None:
        """Note first content, or a call that ended without a verdict: the next may try, too."""
        for circuit in self._of(provider, model):
            circuit.trial_until_s = 0.0

    def succeed(self, provider: str, model: str) -> None:
        """Note a whole answer, or a refusal that shows the provider at work."""
        for circuit in self._of(provider, model):
            circuit.close()
        self._retired.pop(model, None)

    def fail(
        self, provider: str, model: str, kind: Kind, retry_after_s: float | None = None
    ) -> None:
        """Note a failed call."""
        now_s = self._clock()
        if kind is Kind.CANCELLED:
            self.heard(provider, model)
        elif kind is Kind.PROVIDER_RATE_LIMITED:
            self._circuit(provider).rest(retry_after_s, now_s)
        elif kind is Kind.MODEL_GONE:
            self.succeed(provider, model)
            self._retired[model] = now_s + RETIRED_S
            if len(self._retired) > LARGEST:
                self._retired.popitem(last=False)
        elif kind in _REFUSED:
            self._circuit(provider).fail(kind, now_s)
        elif kind.rule.counts:
            for name in (provider, model):
                self._circuit(name).fail(kind, now_s)
        else:
            self.succeed(provider, model)

    def obey(self, status: Status) -> None:
        """Take the published status over."""
        down, gone, resting = set(), set(), {}
        for provider in status.providers:
            if provider.health == HEALTH_DOWN and not provider.half_open:
                down.add(provider.provider)
            resting[provider.provider] = provider.resting_until_s
            for model in provider.models:
                resting[model.model] = model.resting_until_s
                if model.retired:
                    gone.add(model.model)
        self._down, self._gone = frozenset(down), frozenset(gone)
        self._resting = {name: until_s for name, until_s in resting.items() if until_s}
        self._all_well = not (down or gone or self._resting)

    def reset(self) -> None:
        """Forget everything learned from calls."""
        self._circuits.clear()
        self._retired.clear()

    def _published(self, provider: str, model: str) -> Stand:
        if self._all_well or self.stale():
            return READY
        until_s = max(self._resting.get(provider, 0.0), self._resting.get(model, 0.0))
        wait_s = min(until_s - self._wall(), LONGEST_REST_S)
        if wait_s > 0:
            return Stand(Standing.RESTING, Kind.PROVIDER_RATE_LIMITED, wait_s)
        if model in self._gone:
            return Stand(Standing.OPEN, Kind.MODEL_GONE)
        return Stand(Standing.OPEN) if provider in self._down else READY

    def _of(self, provider: str, model: str) -> Sequence[_Circuit]:
        if not self._circuits:
            return ()
        found = (self._circuits.get(provider), self._circuits.get(model))
        return [circuit for circuit in found if circuit is not None]

    def _circuit(self, name: str) -> _Circuit:
        circuit = self._circuits.setdefault(name, _Circuit())
        if len(self._circuits) > LARGEST:
            self._circuits.popitem(last=False)
        return circuit
