"""Breakers: what this process knows of providers and models from its own calls.

Reacts at once, before the published status does, and obeys that status, too. Pure but for the
clock it is given (monotonic seconds). A circuit opens after three failures in a row; after a
pause one call at a time may prove that it works again. A refused key or an empty balance is left
alone until the published status tells of a probe that was answered since: no waiting mends it.
That holds while others can be called: who is the last hope of a request is called nevertheless,
unless it said itself for how long it is to be left alone.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from routor.v1.status_pb2 import HEALTH_DOWN, ProviderStatus, Status
from services.errors import Kind
from services.providers.failover import Standing

FAILURES = 3
# The longest pause leaves no healed provider out for 10 s.
PAUSE_S, LONGEST_PAUSE_S = 1.0, 5.0
# After a refused key or balance, where nobody publishes what probes find.
REFUSED_PAUSE_S, LONGEST_REFUSED_PAUSE_S = 30.0, 600.0
# For how long others are preferred to a provider at its limit that does not say.
REST_S = 5.0
# The longest limit that vendors publish is one per day.
LONGEST_REST_S = 86_400.0
# For how long one trial call keeps others out before it has shown any content.
TRIAL_S = 10.0
# The health service sees a model's return in the provider's list; without it, try again then.
RETIRED_S = 600.0
# Callers may name any model of a connected provider.
LARGEST = 4096

_REFUSED = (Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA)


class Stand(msgspec.Struct, frozen=True):
    """How something stands: why, and for how many seconds.

    `doubtful`: it failed last time, or others found that it does; a retry there may be in vain.
    """

    standing: Standing = Standing.READY
    cause: Kind = Kind.PROVIDER_UNAVAILABLE
    wait_s: float = 0.0
    doubtful: bool = False


READY = Stand()
_DOUBTFUL = Stand(doubtful=True)


@dataclass
class _Circuit:
    """One provider or one model. Closed while `pause_s` is 0."""

    failures: int = 0
    pause_s: float = 0.0
    until_s: float = 0.0
    trial_until_s: float = 0.0
    trying: bool = False  # a call after the pause has neither failed nor been answered in full
    cause: Kind = Kind.PROVIDER_UNAVAILABLE
    failed_at_s: float = 0.0  # wall clock
    rest_until_s: float = 0.0
    spare_until_s: float = 0.0

    @property
    def state(self) -> str:
        """Its name in metrics."""
        return "closed" if not self.pause_s else "half_open" if self.trying else "open"

    def stand(self, now_s: float, *, heard: bool, rests: bool) -> Stand:
        """Return how it stands.

        `heard`: a published status tells when a refusal is over. `rests`: its rest counts.
        """
        if rests and now_s < self.rest_until_s:
            wait_s = self.rest_until_s - now_s
            return Stand(Standing.RESTING, Kind.PROVIDER_RATE_LIMITED, wait_s, doubtful=True)
        until_s = max(self.until_s, self.trial_until_s)
        if self.pause_s and self.cause in _REFUSED:
            if heard or now_s < until_s:
                wait_s = max(until_s - now_s, PAUSE_S)
                return Stand(Standing.REFUSED, self.cause, wait_s, doubtful=True)
        elif self.pause_s and now_s < until_s:
            return Stand(Standing.OPEN, self.cause, until_s - now_s, doubtful=True)
        if now_s < self.spare_until_s:
            return Stand(
                Standing.OPEN, Kind.PROVIDER_RATE_LIMITED, self.spare_until_s - now_s, doubtful=True
            )
        return _DOUBTFUL if self.failures else READY

    def begin(self, now_s: float) -> None:
        if self.pause_s and now_s >= max(self.until_s, self.trial_until_s):
            self.trial_until_s, self.trying = now_s + TRIAL_S, True

    def fail(self, kind: Kind, now_s: float, wall_s: float) -> None:
        self.failures += 1
        self.failed_at_s = wall_s
        trial, self.trial_until_s, self.trying = self.trying, 0.0, False
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
        if retry_after_s is None:
            self.spare_until_s = max(self.spare_until_s, now_s + REST_S)
        else:
            rest_until_s = now_s + min(retry_after_s, LONGEST_REST_S)
            self.rest_until_s = max(self.rest_until_s, rest_until_s)
        self.trial_until_s, self.trying = 0.0, False

    def close(self) -> None:
        self.failures, self.pause_s, self.until_s, self.trial_until_s = 0, 0.0, 0.0, 0.0
        self.trying = False

    def answered(self, at_s: float) -> None:
        """Take in that a probe was answered: a refusal before it may be over, a call may try."""
        if self.pause_s and self.cause in _REFUSED and at_s > self.failed_at_s:
            self.cause, self.until_s = Kind.PROVIDER_UNAVAILABLE, 0.0


class Breakers:
    """All circuits of this process.

    `clock` is monotonic, `wall` seconds since the epoch (the published status speaks in it);
    `stale` tells whether that status is too old to be obeyed. `moved` is called with a name and
    the state that its circuit is in from now on: "closed", "open" or "half_open".
    """

    def __init__(
        self,
        clock: Callable[[], float],
        wall: Callable[[], float],
        stale: Callable[[], bool] = lambda: False,
        moved: Callable[[str, str], None] = lambda name, state: None,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._moved = moved
        self.stale = stale
        self._circuits: OrderedDict[str, _Circuit] = OrderedDict()
        self._retired: OrderedDict[str, float] = OrderedDict()
        self._heard = False  # whether a status was ever published
        self._down: frozenset[str] = frozenset()
        self._refused: frozenset[str] = frozenset()
        self._gone: frozenset[str] = frozenset()
        self._resting: dict[str, float] = {}
        self._spare: dict[str, float] = {}
        self._all_well = True  # as far as the published status says

    def stand(self, provider: str, model: str, *, alone: bool = False) -> Stand:
        """Return how a model stands now: its own circuit or its provider's, the worse one.

        Where it stands `alone`, a limit that its provider told of another model is not taken for
        its own: limits are per model or family (Anthropic's, OpenAI's pages on rate limits).
        """
        if self._all_well and not self._circuits and not self._retired:
            return READY
        now_s = self._clock()
        if self._retired.get(model, 0.0) > now_s:
            wait_s = self._retired[model] - now_s
            return Stand(Standing.OPEN, Kind.MODEL_GONE, wait_s, doubtful=True)
        circuits = self._of(provider, model)
        heard = bool(circuits) and self._heard and not self.stale()
        own = self._circuits.get(model)
        stands = [one.stand(now_s, heard=heard, rests=one is own or not alone) for one in circuits]
        stands.append(self._published(provider, model, alone=alone))
        for standing in (Standing.RESTING, Standing.REFUSED, Standing.OPEN):
            if found := [stand for stand in stands if stand.standing is standing]:
                return max(found, key=lambda stand: stand.wait_s)
        return _DOUBTFUL if any(stand.doubtful for stand in stands) else READY

    def begin(self, provider: str, model: str) -> None:
        """Note that a call begins; after a pause it is the one that tries."""
        for name, circuit in self._named(provider, model):
            state = circuit.state
            circuit.begin(self._clock())
            self._tell(name, circuit, state)

    def heard(self, provider: str, model: str) -> None:
        """Note first content, or a call that ended without a verdict: the next may try, too."""
        for circuit in self._of(provider, model):
            circuit.trial_until_s = 0.0

    def succeed(self, provider: str, model: str) -> None:
        """Note a whole answer, or a refusal that shows the provider at work."""
        for name, circuit in self._named(provider, model):
            state = circuit.state
            circuit.close()
            self._tell(name, circuit, state)
        self._retired.pop(model, None)

    def fail(
        self, provider: str, model: str, kind: Kind, retry_after_s: float | None = None
    ) -> None:
        """Note a failed call."""
        now_s = self._clock()
        if kind is Kind.CANCELLED:
            self.heard(provider, model)
        elif kind is Kind.PROVIDER_RATE_LIMITED:
            for name in (provider, model):
                self._circuit(name).rest(retry_after_s, now_s)
        elif kind is Kind.MODEL_GONE:
            self.succeed(provider, model)
            self._retired[model] = now_s + RETIRED_S
            if len(self._retired) > LARGEST:
                self._retired.popitem(last=False)
        elif kind in _REFUSED:
            self._fail(provider, kind, now_s)
        elif kind.rule.counts:
            for name in (provider, model):
                self._fail(name, kind, now_s)
        else:
            self.succeed(provider, model)

    def spare(self, model: str, wait_s: float) -> None:
        """Note that a model's limits are nearly used up: prefer others for `wait_s`."""
        self._circuit(model).spare_until_s = self._clock() + min(wait_s, LONGEST_REST_S)

    def obey(self, status: Status) -> None:
        """Take the published status over."""
        self._heard = True
        gone = {one.model for each in status.providers for one in each.models if one.retired}
        for model in self._gone - gone:
            self._retired.pop(model, None)  # its provider lists it again
        for provider in status.providers:
            if (circuit := self._circuits.get(provider.provider)) is not None:
                circuit.answered(provider.answered_at_s)
        down = [one for one in status.providers if one.health == HEALTH_DOWN and not one.half_open]
        self._gone = frozenset(gone)
        self._down = frozenset(one.provider for one in down)
        self._refused = frozenset(one.provider for one in down if one.refused)
        self._resting, self._spare = _rests(status.providers)
        self._all_well = not (down or gone or self._resting or self._spare)

    def reset(self, provider: str = "") -> None:
        """Forget everything learned from calls about a provider and its models, "" for all."""
        for names in (self._circuits, self._retired):
            for name in list(names):
                if not provider or name == provider or name.startswith(f"{provider}/"):
                    del names[name]
                    self._moved(name, "closed")

    def _published(self, provider: str, model: str, *, alone: bool) -> Stand:
        if self._all_well or self.stale():
            return READY
        until_s = self._resting.get(model, 0.0)
        if not alone:
            until_s = max(until_s, self._resting.get(provider, 0.0))
        wait_s = min(until_s - self._wall(), LONGEST_REST_S)
        if wait_s > 0:
            return Stand(Standing.RESTING, Kind.PROVIDER_RATE_LIMITED, wait_s, doubtful=True)
        if model in self._gone:
            return Stand(Standing.OPEN, Kind.MODEL_GONE, doubtful=True)
        if provider in self._refused:
            return Stand(Standing.REFUSED, Kind.PROVIDER_AUTH, doubtful=True)
        if provider in self._down:
            return Stand(Standing.OPEN, doubtful=True)
        wait_s = self._spare.get(model, 0.0) - self._wall()
        if wait_s > 0:
            return Stand(Standing.OPEN, Kind.PROVIDER_RATE_LIMITED, wait_s, doubtful=True)
        return READY

    def _fail(self, name: str, kind: Kind, now_s: float) -> None:
        circuit = self._circuit(name)
        state = circuit.state
        circuit.fail(kind, now_s, self._wall())
        self._tell(name, circuit, state)

    def _tell(self, name: str, circuit: _Circuit, before: str) -> None:
        if circuit.state != before:
            self._moved(name, circuit.state)

    def _named(self, provider: str, model: str) -> Sequence[tuple[str, _Circuit]]:
        if not self._circuits:
            return ()
        found = ((name, self._circuits.get(name)) for name in (provider, model))
        return [(name, circuit) for name, circuit in found if circuit is not None]

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


def _rests(providers: Sequence[ProviderStatus]) -> tuple[dict[str, float], dict[str, float]]:
    """Return until when who rests, and who is to be spared: names of providers and models."""
    resting, spare = {}, {}
    for provider in providers:
        if provider.resting_until_s:
            resting[provider.provider] = provider.resting_until_s
        for model in provider.models:
            if model.resting_until_s:
                resting[model.model] = model.resting_until_s
            if model.spare_until_s:
                spare[model.model] = model.spare_until_s
    return resting, spare
