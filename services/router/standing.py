"""How providers and models stand right now, as the published status says."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from routor.v1 import status_pb2
from services.router.pool import Pool

# Of the requests that a recovering provider could take, one in so many goes there.
HALF_OPEN_SHARE: Final = 10
# Fewer samples say too little about a model's latency.
LEAST_SAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """One provider or model. `down` says why it is out, "" while it is in.

    `resting`: it asked to be left alone for a while. `p95_first_token_ms` is None when unknown.
    """

    connected: bool = True
    healthy: bool = True
    down: str = ""
    retired: bool = False
    resting: bool = False
    p95_first_token_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Standings:
    """All of them. A provider that the status does not list is not connected."""

    version: int
    providers: Mapping[str, Standing]
    models: Mapping[str, Standing] = field(default_factory=dict)


_CONNECTED: Final = Standing()
ABSENT: Final = Standing(connected=False, healthy=False)


def read(status: status_pb2.Status | None, pool: Pool, request_id: str, now_s: float) -> Standings:
    """Read a status; with none known, every provider of the catalog counts as connected.

    `request_id` decides which requests a half-open provider gets: the same ones on every replica.
    """
    if status is None:
        return Standings(0, dict.fromkeys(pool.catalog.providers, _CONNECTED))
    trial = zlib.crc32(request_id.encode()) % HALF_OPEN_SHARE == 0
    providers, models = {}, {}
    for provider in status.providers:
        out = provider.health == status_pb2.HEALTH_DOWN
        down = (provider.reason or "failing") if out and not provider.half_open else ""
        providers[provider.provider] = Standing(
            connected=provider.connected,
            healthy=provider.health != status_pb2.HEALTH_DEGRADED,
            down=down,
            # A recovering provider stands behind all others, but for the requests that try it.
            resting=provider.resting_until_s > now_s or (out and not trial),
        )
        for model in provider.models:
            models[model.model] = _model(model, now_s)
    return Standings(status.version, providers, models)


def _model(model: status_pb2.ModelStatus, now_s: float) -> Standing:
    known = model.samples >= LEAST_SAMPLES and model.p95_first_token_ms > 0
    return Standing(
        healthy=model.health != status_pb2.HEALTH_DEGRADED,
        down=(model.reason or "failing") if model.health == status_pb2.HEALTH_DOWN else "",
        retired=model.retired,
        resting=model.resting_until_s > now_s,
        p95_first_token_ms=model.p95_first_token_ms if known else None,
    )
