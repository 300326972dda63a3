"""Takes in the body of a request, within its limits."""

import asyncio

from aiohttp import web

from services.errors import Kind, RoutorError


async def body(request: web.BaseRequest, limit_bytes: int, timeout_s: float) -> bytes:
    """Read a JSON body.

    Raises TOO_LARGE, INVALID_REQUEST, or HTTPUnsupportedMediaType (415) for anything that is
    compressed or says that it is not JSON.
    """
    _check_kind(request)
    _check_framing(request)
    too_large = f"The body is larger than {limit_bytes >> 20} MB."
    try:
        if request.content.is_eof():
            # It came together with the head.
            raw = request.content.read_nowait()
        elif (request.content_length or 0) > limit_bytes:
            raise RoutorError(Kind.TOO_LARGE, too_large)
        else:
            async with asyncio.timeout(timeout_s):
                raw = await _gathered(request, limit_bytes)
    except TimeoutError:
        text = f"The body did not arrive within {timeout_s:g} s."
        raise RoutorError(Kind.INVALID_REQUEST, text) from None
    except web.RequestPayloadError:
        raise RoutorError(Kind.INVALID_REQUEST, "The body is broken off or malformed.") from None
    if len(raw) > limit_bytes:
        raise RoutorError(Kind.TOO_LARGE, too_large)
    return raw


async def _gathered(request: web.BaseRequest, limit_bytes: int) -> bytes:
    """Read until the end, or until it is more than allowed."""
    pieces, size = [], 0
    while size <= limit_bytes and (piece := await request.content.readany()):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _check_framing(request: web.BaseRequest) -> None:
    """Refuse what a proxy in front may have read in another way (RFC 9112, 6.1)."""
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (coding.strip().lower() != "chunked" or request.version < (1, 1)):
        request.protocol.close()  # after the answer: where the next request begins is not sure
        text = "Transfer-Encoding must be chunked, in HTTP/1.1."
        raise RoutorError(Kind.INVALID_REQUEST, text)


def _check_kind(request: web.BaseRequest) -> None:
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="A compressed body is not taken; send plain JSON.")
    kind = request.headers.get("Content-Type", "application/json")
    if kind == "application/json":
        return
    kind = kind.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise web.HTTPUnsupportedMediaType(text="Content-Type must be application/json.")
