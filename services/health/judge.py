"""Judges providers and models by live traffic and probes. Pure: the time is an argument.

    unknown ──probe or call──▶ healthy ⇄ degraded          by the rolling window
       └──────────────┬───────────┘ ▲ ▲
                      ▼             │ │ probe succeeds, when only a probe had failed
                    down ───────────┘ │
                      │ probe succeeds│ 3 successes (or TRIAL_S without a failure)
                      ▼               │
                  half-open ──────────┘ ; a failure leads back to down

A green list of models does not prove that completions work: live evidence is only outweighed
by live evidence, hence half-open. Quota and key errors are never forgotten by waiting.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from routor.v1 import status_pb2
from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.health.model import SEEK_S, ModelState
from services.health.pace import late
from services.health.window import REFUSALS, SLOW, WINDOW_S, Window

# Live evidence is stale after this, and a probe is due; also the pace of such probes.
FRESH_S = 60.0
# The list of models is asked for this often even while traffic flows.
LISTED_S = 600.0
# Successes in a row that end half-open, and how long it lasts without any traffic.
PROVEN = 3
TRIAL_S = 5.0
# Pauses between probes of a Down provider double from the first to the second number. With the
# trial they keep the way back under 10 s.
PAUSES_S = (2.0, 3.0)
# The same after quota and key errors: only the operator can help, so it may take its time; the
# first one comes soon, since vendors also refuse good keys for a moment.
REFUSED_PAUSES_S = (4.0, 120.0)
# A provider that no probe has told about yet is shown as not connected for so long.
PATIENCE_S = 2.5
# How long others are preferred when a limit's end is not told, and the longest wish believed:
# a limit per day is the longest that vendors publish.
REST_S = 5.0
LONGEST_REST_S = 86_400.0


class Cause(Enum):
    """Why a provider is Down."""

    TRAFFIC = "traffic"
    REFUSED = "refused"
    PROBE = "probe"


@dataclass
class ProviderState:
    """One provider. `cause` is None while it is not Down; times are seconds since the epoch."""

    id: str
    address: str
    appeared_at_s: float
    models: dict[str, ModelState]
    window: Window = field(default_factory=Window)
    cause: Cause | None = None
    reason: str = ""
    half_open: bool = False
    validated: bool = False
    # Calls that began earlier are no evidence any more.
    since_s: float = float("-inf")
    heard_at_s: float = 0.0
    probed_at_s: float | None = None
    answered_at_s: float = 0.0
    refused: bool = False
    next_probe_s: float = 0.0
    pause_s: float = 0.0
    resting_until_s: float = 0.0
    # How it stood when that was last asked.
    stood: object = None

    def fall(self, cause: Cause, reason: str, now_s: float) -> None:
        """Go Down, and plan the next probe; every fall without proof between waits longer."""
        first_s, longest_s = REFUSED_PAUSES_S if cause is Cause.REFUSED else PAUSES_S
        self.pause_s = min(max(2 * self.pause_s, first_s), longest_s)
        self.next_probe_s = now_s + self.pause_s
        self.cause, self.reason, self.half_open = cause, reason, False
        self.refused = cause is Cause.REFUSED

    def restart(self, now_s: float) -> None:
        """Forget all live evidence."""
        self.since_s = now_s
        self.window.clear()
        for model in self.models.values():
            model.window.clear()

    def rise(self) -> None:
        """Return to the pool; only proof shortens the pauses after another fall."""
        if self.window.succeeded >= PROVEN or self.cause is Cause.PROBE:
            self.pause_s = 0.0
        self.cause, self.reason, self.half_open, self.refused = None, "", False, False

    def observe(self, attempt: Attempt, began_at_s: float, ended_at_s: float) -> bool:
        """Take in one call; False when it says nothing about the provider."""
        model = self.models.get(attempt.model) or ModelState(attempt.model)
        if not attempt.kind:
            flaw = attempt.flaw or (SLOW if late(attempt) else "")
            self.window.add_success(ended_at_s, attempt.first_token_ms, flaw)
            model.succeeded(attempt, ended_at_s, began_at_s, flaw)
            if attempt.spare_s > 0:
                until_s = ended_at_s + min(LONGEST_REST_S, attempt.spare_s)
                model.spare_until_s = max(model.spare_until_s, until_s)
            return True
        kind = Kind.__members__.get(attempt.kind, Kind.INTERNAL)
        if kind is Kind.MODEL_GONE:
            model.gone(ended_at_s)
        elif kind is Kind.PROVIDER_RATE_LIMITED:
            self._limited(model, attempt.retry_after_s, ended_at_s)
        elif kind.rule.counts:
            self.window.add_failure(ended_at_s, kind)
            model.failed(ended_at_s, kind, began_at_s)
        else:
            return False
        return True

    def _limited(self, model: ModelState, wait_s: float, ended_at_s: float) -> None:
        """Rest until the reset; where none was told, others are only preferred for a while."""
        if wait_s > 0:
            until_s = ended_at_s + min(LONGEST_REST_S, wait_s)
            for rested in (self, model):
                rested.resting_until_s = max(rested.resting_until_s, until_s)
            return
        for one in (model, *self.models.values()):
            one.spare_until_s = max(one.spare_until_s, ended_at_s + REST_S)

    def advance(self, now_s: float) -> None:
        """Apply what the windows say now."""
        self.window.expire(now_s)
        verdict = self.window.judge()
        if self.half_open:
            self._try(now_s)
        elif verdict.health == status_pb2.HEALTH_DOWN and self.cause in (None, Cause.PROBE):
            cause = Cause.REFUSED if verdict.refused else Cause.TRAFFIC
            self.fall(cause, verdict.reason, now_s)
        elif self.cause is Cause.TRAFFIC and verdict.refused:
            self.fall(Cause.REFUSED, verdict.reason, now_s)
        for model in self.models.values():
            model.advance(now_s, judged=self.cause is None)

    def _try(self, now_s: float) -> None:
        """Decide a half-open provider by the calls of its trial."""
        if self.window.failed:
            refused = self.window.judge().refused or self.cause is Cause.REFUSED
            self.fall(Cause.REFUSED if refused else Cause.TRAFFIC, "failed its trial", now_s)
            return
        quiet = self.cause is Cause.TRAFFIC and now_s - self.since_s >= TRIAL_S
        if quiet or self.window.succeeded >= PROVEN:
            self.rise()

    def probed(self, kind: str, now_s: float) -> None:
        """Take in a probe's result: the name of a Kind, or "" for success."""
        self.probed_at_s = self.heard_at_s = now_s
        failed = kind in Kind.__members__ and Kind(kind).rule.counts
        if failed:
            self._unreached(kind, now_s)
            return
        # Anything else is an answer of a provider that is there and knows the key.
        self.validated, self.answered_at_s = True, now_s
        if self.cause is Cause.PROBE:
            self.rise()
        elif self.cause is not None and not self.half_open:
            self.restart(now_s)
            self.half_open = True

    def _unreached(self, kind: str, now_s: float) -> None:
        if self.cause is None and now_s - self.window.succeeded_at_s < FRESH_S:
            return  # its completions work, and that is what counts
        cause = self.cause or Cause.PROBE
        reason = f"probe failed: {kind}" if cause is Cause.PROBE else self.reason
        if cause is Cause.PROBE and Kind(kind) in REFUSALS:
            # Nothing to prove live: the same probe will tell when the key works.
            self.pause_s = max(self.pause_s, REFUSED_PAUSES_S[0] / 2)
        self.fall(cause, reason, now_s)
        self.refused = self.refused or Kind(kind) in REFUSALS

    def due(self, now_s: float) -> bool:
        """Tell whether a probe would be worth its while."""
        if self.probed_at_s is None:
            return True
        if self.cause is not None:
            return not self.half_open and now_s >= self.next_probe_s
        since_s = now_s - self.probed_at_s
        if now_s - self.heard_at_s >= FRESH_S or since_s >= LISTED_S:
            return True
        return since_s >= SEEK_S and any(one.sought(now_s) for one in self.models.values())

    def moved(self) -> bool:
        """Tell whether what others act upon is different from the last time this was asked."""
        stands = (
            self._health()[0],
            self.half_open,
            self.refused,
            self.resting_until_s,
            [model.standing() for model in self.models.values()],
        )
        moved = stands != self.stood
        self.stood = stands
        return moved

    def settled(self, now_s: float) -> bool:
        """Tell whether enough is known to show it as connected."""
        known = self.probed_at_s is not None or self.window.calls > 0
        return known or now_s - self.appeared_at_s >= PATIENCE_S

    def status(self, now_s: float) -> status_pb2.ProviderStatus:
        """Describe it; `changed_at_s` is left to who compares."""
        health, reason = self._health()
        if self.half_open:
            reason = f"on trial after: {reason}"
        return status_pb2.ProviderStatus(
            provider=self.id,
            connected=self.settled(now_s),
            health=health,
            reason=reason,
            samples=self.window.calls,
            success_rate=self.window.success_rate,
            p50_first_token_ms=self.window.percentile_ms(50),
            p95_first_token_ms=self.window.percentile_ms(95),
            checked_at_s=self.heard_at_s,
            resting_until_s=self.resting_until_s if self.resting_until_s > now_s else 0.0,
            models=[model.status(now_s) for model in self.models.values()],
            half_open=self.half_open,
            refused=self.refused,
            answered_at_s=self.answered_at_s,
        )

    def _health(self) -> tuple[status_pb2.Health.ValueType, str]:
        if self.cause is not None:
            return status_pb2.HEALTH_DOWN, self.reason
        verdict = self.window.judge()
        if verdict.health == status_pb2.HEALTH_UNSPECIFIED and self.validated:
            return status_pb2.HEALTH_HEALTHY, ""
        return verdict.health, verdict.reason


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
