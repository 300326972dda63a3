"""Judges all providers and their models; see `provider`. Pure: the time is an argument."""

from collections.abc import Iterable, Mapping, Sequence

from routor.v1 import status_pb2
from routor.v1.types_pb2 import Attempt
from services.health.model import ModelState
from services.health.provider import ProviderState
from services.health.window import WINDOW_S


class Judge:
    """All providers. `models` is the catalog: provider -> Routor's ids.

    Fed by `listed`, `observe` and `probed` in any order; `advance` draws the conclusions, and
    `react` those of the calls alone, for less.
    """

    def __init__(self, models: Mapping[str, Sequence[str]]) -> None:
        self._models = models
        self._known: dict[str, ProviderState] = {}
        self._connected: tuple[str, ...] = ()
        self._absent: tuple[str, ...] = ()
        self._healed_at_s: dict[str, float] = {}
        # Whom calls have told about since the last conclusions.
        self._heard: set[str] = set()

    @property
    def providers(self) -> Mapping[str, ProviderState]:
        """The connected providers."""
        return {name: self._known[name] for name in self._connected}

    def adopt(self, status: status_pb2.Status) -> None:
        """Learn from a predecessor: what failed before a return to health is no evidence."""
        for provider in status.providers:
            if provider.health == status_pb2.HEALTH_HEALTHY:
                self._healed_at_s[provider.provider] = provider.changed_at_s

    def listed(self, addresses: Mapping[str, str], absent: Iterable[str], now_s: float) -> None:
        """Take in whom the providers service knows: connected ones by address, and the others.

        Who is new or has moved starts without a past, except for calls already observed.
        """
        for name in set(self._connected) - addresses.keys():
            del self._known[name]
        for name, address in addresses.items():
            state = self._known.get(name)
            if state is None:
                state = self._known[name] = self._fresh(name, now_s)
            elif state.address not in ("", address):
                state = self._known[name] = self._fresh(name, now_s)
                state.since_s = now_s
            state.address = address
        self._connected = tuple(addresses)
        self._absent = tuple(absent)

    def _fresh(self, name: str, now_s: float) -> ProviderState:
        models = {key: ModelState(key) for key in self._models.get(name, ())}
        state = ProviderState(name, "", now_s, models)
        state.since_s = self._healed_at_s.pop(name, state.since_s)
        return state

    def observe(self, attempt: Attempt, now_s: float) -> None:
        """Take in one call to a provider."""
        state = self._known.get(attempt.provider)
        if state is None:
            if attempt.provider not in self._models:
                return
            state = self._known[attempt.provider] = self._fresh(attempt.provider, now_s)
        # In this order a time that is not a number becomes `now_s`.
        ended_at_s = min(now_s, attempt.ended_at_s)
        began_at_s = ended_at_s - attempt.latency_ms / 1000
        if ended_at_s < now_s - WINDOW_S or began_at_s < state.since_s:
            return
        if state.observe(attempt, began_at_s, ended_at_s):
            state.heard_at_s = max(state.heard_at_s, ended_at_s)
            self._heard.add(state.id)

    def probed(
        self, provider: str, kind: str, unlisted: frozenset[str] | None, now_s: float
    ) -> None:
        """Take in a probe: `unlisted` are the models its list misses; None where none came."""
        state = self._known[provider]
        state.probed(kind, now_s)
        if unlisted is not None:
            for key, model in state.models.items():
                model.listed(key not in unlisted, now_s)

    def reset(self, now_s: float) -> None:
        """Start anew with every connected provider.

        Who had settled stays so: the fresh start is told at once, not when all are probed.
        """
        for name in self._connected:
            before = self._known[name]
            state = self._known[name] = self._fresh(name, now_s)
            state.since_s, state.address = now_s, before.address
            state.appeared_at_s = before.appeared_at_s

    def advance(self, now_s: float) -> None:
        """Draw the conclusions of all evidence so far."""
        self._heard.clear()
        for state in self.providers.values():
            state.advance(now_s)

    def react(self, now_s: float) -> bool:
        """Draw the conclusions of the calls since the last time; True when others must know."""
        heard = [self._known[name] for name in self._connected if name in self._heard]
        self._heard.clear()
        moved = False
        for state in heard:
            state.advance(now_s)
            moved |= state.moved()
        return moved

    def due(self, now_s: float) -> list[str]:
        """Return the providers to probe now."""
        return [name for name, state in self.providers.items() if state.due(now_s)]

    def settled(self, now_s: float) -> bool:
        """Tell whether the first round is over: every provider probed, or too slow to wait for."""
        return all(state.settled(now_s) for state in self.providers.values())

    def statuses(self, now_s: float) -> list[status_pb2.ProviderStatus]:
        """Describe all providers, connected ones first, each group by its id."""
        connected = [self._known[name].status(now_s) for name in sorted(self._connected)]
        absent = [status_pb2.ProviderStatus(provider=name) for name in sorted(self._absent)]
        return connected + absent
