"""One model as health sees it. Pure: the time is an argument."""

from dataclasses import dataclass, field

from routor.v1 import status_pb2
from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.health.pace import Pace
from services.health.window import SLOW, Window

# No free probe tells how a model is, so a failing one rests and is then tried again; every
# failed trial doubles the rest. The longest leaves no healed model out for 10 s.
REST_S = 4.0
LONGEST_REST_S = 8.0
# Successes that end a trial.
PROVEN = 3
# When the provider's list is asked whether a retired model is back, and until when "gone" is
# believed of one that is listed all the while: the wait doubles with every time it was in vain.
SEEK_S, LONGEST_SEEK_S = 15.0, 600.0


@dataclass
class ModelState:
    """One model of one provider."""

    key: str
    window: Window = field(default_factory=Window)
    pace: Pace = field(default_factory=Pace)
    reason: str = ""  # why it is Down, "" while it is not
    trial: bool = False
    resting_until_s: float = 0.0
    spare_until_s: float = 0.0
    unlisted: bool = False
    gone_at_s: float | None = None
    seek_at_s: float = 0.0
    _seek_s: float = 0.0
    _back_at_s: float = 0.0
    _rest_s: float = 0.0
    _since_s: float = float("-inf")

    @property
    def retired(self) -> bool:
        """Whether the provider says that the model is gone."""
        return self.unlisted or self.gone_at_s is not None

    def succeeded(
        self, attempt: Attempt, ended_at_s: float, began_at_s: float, flaw: str = ""
    ) -> None:
        """Take in a success; it also proves that the model exists."""
        slow = self.pace.slow(attempt)
        if began_at_s >= self._since_s:
            flaw = flaw or (SLOW if slow else "")
            self.window.add_success(ended_at_s, attempt.first_token_ms, flaw)
        self._seek_s = 0.0
        if self.gone_at_s is not None and ended_at_s >= self.gone_at_s:
            self.gone_at_s = None

    def failed(self, ended_at_s: float, kind: Kind, began_at_s: float) -> None:
        """Take in a failure of the provider."""
        if began_at_s >= self._since_s:
            self.window.add_failure(ended_at_s, kind)

    def gone(self, ended_at_s: float) -> None:
        """Take in that the provider said the model is gone, unless it has answered since."""
        if ended_at_s > self.window.succeeded_at_s:
            if not self.retired:
                self._seek(ended_at_s)
            self.gone_at_s = max(ended_at_s, self.gone_at_s or 0.0)

    def listed(self, present: bool, now_s: float) -> None:
        """Take in whether the provider lists it."""
        sought = now_s >= self.seek_at_s
        if present and (self.unlisted or sought):
            self.gone_at_s = None
        if not present and (sought or not self.retired):
            self._seek(now_s)
        self.unlisted = not present

    def sought(self, now_s: float) -> bool:
        """Tell whether the list should be asked for it."""
        return self.retired and now_s >= self.seek_at_s

    def _seek(self, now_s: float) -> None:
        self._seek_s = min(max(2 * self._seek_s, SEEK_S), LONGEST_SEEK_S)
        self.seek_at_s = now_s + self._seek_s

    def advance(self, now_s: float, *, judged: bool) -> None:
        """Apply what the window says; not `judged` on its own while the provider is Down."""
        self.window.expire(now_s)
        if self.reason:
            if now_s >= self._back_at_s:
                self.reason, self.trial = "", True
                self._since_s = now_s
                self.window.clear()
            return
        verdict = self.window.judge()
        failed = self.window.failed > 0 if self.trial else verdict.health == status_pb2.HEALTH_DOWN
        if failed and judged:
            self._rest_s = min(max(2 * self._rest_s, REST_S), LONGEST_REST_S)
            self._back_at_s = now_s + self._rest_s
            self.reason, self.trial = verdict.reason or "failed its trial", False
        elif self.trial and self.window.succeeded >= PROVEN:
            self.trial, self._rest_s = False, 0.0

    def standing(self) -> tuple[status_pb2.Health.ValueType, bool, float, float]:
        """Return what others act upon."""
        return self._verdict()[0], self.retired, self.resting_until_s, self.spare_until_s

    def _verdict(self) -> tuple[status_pb2.Health.ValueType, str]:
        if self.reason:
            return status_pb2.HEALTH_DOWN, self.reason
        if self.trial:
            return status_pb2.HEALTH_DEGRADED, "on trial after failures"
        verdict = self.window.judge()
        return verdict.health, verdict.reason

    def status(self, now_s: float) -> status_pb2.ModelStatus:
        """Describe it."""
        health, reason = self._verdict()
        if self.retired:
            reason = "not in the provider's list" if self.unlisted else "the provider says gone"
        return status_pb2.ModelStatus(
            model=self.key,
            health=health,
            reason=reason,
            samples=self.window.calls,
            success_rate=self.window.success_rate,
            p95_first_token_ms=self.window.percentile_ms(95),
            retired=self.retired,
            unlisted=self.unlisted,
            resting_until_s=self.resting_until_s if self.resting_until_s > now_s else 0.0,
            spare_until_s=self.spare_until_s if self.spare_until_s > now_s else 0.0,
            flaw_rate=self.window.flaw_rate,
        )
