"""How providers and models stand right now, as the published status says."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from routor.v1 import status_pb2
from services.router.pool import Pool

# Of the requests that a recovering provider could take, one in so many goes there.
HALF_OPEN_SHARE: Final = 10
# Fewer samples say too little about a model's latency.
LEAST_SAMPLES: Final = 20
# How many good answers every model is taken to have given, and how much the bad ones may count:
# one caller's prompts may be what it fails at.
GOOD_SAMPLES: Final = 4
LEAST_USEFUL: Final = 0.5


class Resort(IntEnum):
    """Who may be called, the first resort first; each is for requests that the one before fails."""

    WELL = 0
    # It may have passed by now.
    DOWN = 1
    # Those, too, who refuse our key or balance.
    REFUSING = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """One provider or model. `down` says why it is out, "" while it is in.

    `retired`: its provider says that it is gone; `unlisted`: by its own list.
    `resting`: it asked to be left alone for a while, is short of a limit, or is a last attempt.
    `p95_first_token_ms` is None when unknown. `useful`: what share of a degraded model's
    answers were of use lately.
    """

    connected: bool = True
    healthy: bool = True
    down: str = ""
    retired: bool = False
    unlisted: bool = False
    resting: bool = False
    p95_first_token_ms: float | None = None
    useful: float = 1.0


@dataclass(frozen=True, slots=True)
class Standings:
    """All of them. A provider that the status does not list is not connected."""

    version: int
    providers: Mapping[str, Standing]
    models: Mapping[str, Standing] = field(default_factory=dict)

    def provider(self, provider: str) -> Standing:
        """Return the standing of a provider, listed or not."""
        return self.providers.get(provider, ABSENT)

    def of(self, key: str) -> Standing:
        """Return the standing of a model; nothing ails one that is not watched."""
        return self.models.get(key, _CONNECTED)


_CONNECTED: Final = Standing()
ABSENT: Final = Standing(connected=False, healthy=False)


def read(
    status: status_pb2.Status | None,
    pool: Pool,
    now_s: float,
    *,
    tried: bool = False,
    resort: Resort = Resort.WELL,
) -> Standings:
    """Read a status; with none known, every provider of the catalog counts as connected.

    `tried`: for a request that half-open providers get (`tries`). Who is Down only rests
    where the `resort` takes it in.
    """
    if status is None:
        return Standings(0, dict.fromkeys(pool.catalog.providers, _CONNECTED))
    providers, models = {}, {}
    for provider in status.providers:
        out = provider.health == status_pb2.HEALTH_DOWN
        least = Resort.REFUSING if provider.refused else Resort.DOWN
        shut = out and not provider.half_open and resort < least
        down = (provider.reason or "failing") if shut else ""
        providers[provider.provider] = Standing(
            connected=provider.connected,
            healthy=provider.health != status_pb2.HEALTH_DEGRADED,
            down=down,
            # A recovering provider stands behind all others, but for the requests that try it.
            resting=provider.resting_until_s > now_s or (out and not tried),
        )
        for model in provider.models:
            models[model.model] = _model(model, now_s, resort)
    return Standings(status.version, providers, models)


def tries(request_id: str) -> bool:
    """Tell whether half-open providers get this request: the same ones on every replica."""
    return zlib.crc32(request_id.encode()) % HALF_OPEN_SHARE == 0


def recovering(status: status_pb2.Status | None) -> bool:
    """Tell whether some provider is half-open."""
    return status is not None and any(provider.half_open for provider in status.providers)


def until_s(status: status_pb2.Status | None, now_s: float) -> float:
    """Return when the first of those that rest now has rested; infinite when none does."""
    if status is None:
        return math.inf
    ends_s = [provider.resting_until_s for provider in status.providers]
    for one in status.providers:
        for model in one.models:
            ends_s += model.resting_until_s, model.spare_until_s
    return min((end_s for end_s in ends_s if end_s > now_s), default=math.inf)


def _model(model: status_pb2.ModelStatus, now_s: float, resort: Resort) -> Standing:
    out = model.health == status_pb2.HEALTH_DOWN
    known = model.samples >= LEAST_SAMPLES and model.p95_first_token_ms > 0
    return Standing(
        healthy=model.health != status_pb2.HEALTH_DEGRADED,
        down=(model.reason or "failing") if out and resort < Resort.DOWN else "",
        retired=model.retired,
        unlisted=model.unlisted,
        # Who is short of a limit stands behind all others, too.
        resting=out or max(model.resting_until_s, model.spare_until_s) > now_s,
        p95_first_token_ms=model.p95_first_token_ms if known else None,
        useful=_useful(model) if model.health == status_pb2.HEALTH_DEGRADED else 1.0,
    )


def _useful(model: status_pb2.ModelStatus) -> float:
    # Calls that failed do not count here: breakers and probes tell sooner when that is over.
    answers, flawed = model.samples * model.success_rate, model.samples * model.flaw_rate
    return max(LEAST_USEFUL, 1 - flawed / (answers + GOOD_SAMPLES))
