"""Takes in the body of a request, within its limits."""

import asyncio

from aiohttp import web

from services.errors import Kind, RoutorError


async def body(request: web.Request, limit_bytes: int, timeout_s: float) -> bytes:
    """Read a JSON body.

    Raises TOO_LARGE, INVALID_REQUEST, or HTTPUnsupportedMediaType (415) for anything that is
    compressed or says that it is not JSON.
    """
    _check_kind(request)
    too_large = f"The body is larger than {limit_bytes >> 20} MB."
    if (request.content_length or 0) > limit_bytes:
        raise RoutorError(Kind.TOO_LARGE, too_large)
    try:
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise RoutorError(Kind.TOO_LARGE, too_large) from None
    except TimeoutError:
        text = f"The body did not arrive within {timeout_s:g} s."
        raise RoutorError(Kind.INVALID_REQUEST, text) from None
    except web.RequestPayloadError:
        raise RoutorError(Kind.INVALID_REQUEST, "The body is broken off or malformed.") from None


def _check_kind(request: web.Request) -> None:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise web.HTTPUnsupportedMediaType(text="A compressed body is not taken; send plain JSON.")
    kind = request.headers.get("Content-Type", "application/json")
    kind = kind.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise web.HTTPUnsupportedMediaType(text="Content-Type must be application/json.")
