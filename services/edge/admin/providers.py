"""/admin/providers: how the providers are, and a fresh start for them."""

from typing import Any, Protocol

import redis.asyncio as redis
from aiohttp import web

from routor.v1 import status_pb2
from services import store
from services.edge.admin import intake
from services.errors import Kind, RoutorError

FAULTS = (redis.RedisError, OSError, TimeoutError)


class Board(Protocol):
    """The status board, as far as it is needed here."""

    current: status_pb2.Status | None

    @property
    def stale(self) -> bool:
        """Whether the publisher of the status has been silent for too long."""
        ...


class Providers:
    """Tells the published status, and has it forgotten."""

    def __init__(self, client: "redis.Redis | None", board: Board | None) -> None:
        self._client = client
        self._board = board

    async def list(self, request: web.BaseRequest) -> web.Response:
        """Tell the state of each provider and of each of its models."""
        intake.needed(self._client)
        status = self._board.current if self._board is not None else None
        if self._board is None or status is None:
            text = "No status of the providers is known yet; try again."
            raise RoutorError(Kind.OVERLOADED, text, retry_after_s=1)
        return intake.told(
            {
                "object": "list",
                "version": status.version,
                "at_s": status.at_s,
                "stale": self._board.stale,
                "data": [describe(provider) for provider in status.providers],
            }
        )

    async def reset(self, request: web.BaseRequest) -> web.Response:
        """Clear breakers and windows in every process: 202, it takes a moment.

        The attempts go, too: a health service that starts later would read them again.
        """
        client = intake.needed(self._client)
        try:
            await client.xtrim(store.ATTEMPTS, maxlen=0, approximate=False)
            told = await client.publish(store.STATUS_RESETS, b"")
        except FAULTS:
            raise intake.lost() from None
        return intake.told({"reset": True, "processes": told}, 202)


def describe(provider: status_pb2.ProviderStatus) -> dict[str, Any]:
    """Return the state of a provider; what was never measured is null."""
    return {
        "provider": provider.provider,
        "connected": provider.connected,
        "health": _word(provider.health),
        "half_open": provider.half_open,
        "reason": provider.reason or None,
        "samples": provider.samples,
        "success_rate": provider.success_rate if provider.samples else None,
        "p50_first_token_ms": provider.p50_first_token_ms or None,
        "p95_first_token_ms": provider.p95_first_token_ms or None,
        "checked_at_s": provider.checked_at_s or None,
        "changed_at_s": provider.changed_at_s or None,
        "resting_until_s": provider.resting_until_s or None,
        "models": [_model(model) for model in provider.models],
    }


def _model(model: status_pb2.ModelStatus) -> dict[str, Any]:
    return {
        "model": model.model,
        "health": _word(model.health),
        "retired": model.retired,
        "reason": model.reason or None,
        "samples": model.samples,
        "success_rate": model.success_rate if model.samples else None,
        "p95_first_token_ms": model.p95_first_token_ms or None,
        "resting_until_s": model.resting_until_s or None,
    }


def _word(health: "status_pb2.Health.ValueType") -> str:
    word = status_pb2.Health.Name(health).removeprefix("HEALTH_").lower()
    return "unknown" if word == "unspecified" else word
