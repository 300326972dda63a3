"""Judges one provider by live traffic and probes. Pure: the time is an argument.

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

from dataclasses import dataclass, field
from enum import Enum

from routor.v1 import status_pb2
from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.health.model import SEEK_S, ModelState
from services.health.pace import late
from services.health.window import REFUSALS, SLOW, Window

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
