"""What all paths of the owner share: a body that is read, a Redis that must be there."""

from typing import Any

import msgspec
import redis.asyncio as redis
from aiohttp import web

from services.edge import document, intake
from services.errors import Kind, RoutorError

BODY_LIMIT_BYTES = 1 << 20
BODY_TIMEOUT_S = 10.0


async def body(request: web.BaseRequest) -> dict[str, Any]:
    """Read a JSON object; raise RoutorError as the front doors do."""
    return document.read(await intake.body(request, BODY_LIMIT_BYTES, BODY_TIMEOUT_S))


def needed(client: "redis.Redis | None") -> "redis.Redis":
    """Return the Redis; raise OVERLOADED where none is configured."""
    if client is None:
        raise RoutorError(Kind.OVERLOADED, "This needs Redis, and REDIS_URL is not set.")
    return client


def lost() -> RoutorError:
    """Return the error of a Redis that does not answer."""
    return RoutorError(Kind.OVERLOADED, "Redis does not answer now; try again.", retry_after_s=1)


def told(value: object, status: int = 200) -> web.Response:
    """Return a JSON answer; nobody may keep it, since it may show a new key."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
