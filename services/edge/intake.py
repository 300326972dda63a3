"""Takes in the body of a request, within its limits."""

import asyncio
import codecs
import zlib

from aiohttp import web

from services.errors import Kind, RoutorError

# An upload that makes progress gets a second more for so many bytes, as long as it is never silent
# for the time-out, and up to so many time-outs in all.
STEADY_BYTES_PER_S = 1000
WHOLE = 4

_WINDOWS = {
    "identity": 0,
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}


async def body(request: web.BaseRequest, limit_bytes: int, timeout_s: float) -> bytes:
    """Read a JSON body; what was compressed has to keep within the limit in both its sizes.

    It has `timeout_s` from its head on, and longer while it comes steadily (`due`).
    Raises TOO_LARGE, INVALID_REQUEST, or HTTPUnsupportedMediaType (415) for any other coding than
    gzip and deflate and for what says that it is not JSON.
    """
    window = _window(request)
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
            raw = await _gathered(request, limit_bytes, timeout_s)
    except TimeoutError:
        request.protocol.close()  # after the answer: the rest of the body is not waited for
        text = f"The body did not arrive: it has {timeout_s:g} s, and longer if it comes steadily."
        raise RoutorError(Kind.INVALID_REQUEST, text) from None
    except web.RequestPayloadError:
        raise RoutorError(Kind.INVALID_REQUEST, "The body is broken off or malformed.") from None
    if window and len(raw) <= limit_bytes:
        raw = _inflated(raw, window, limit_bytes)
    if len(raw) > limit_bytes:
        raise RoutorError(Kind.TOO_LARGE, too_large)
    # RFC 8259, 8.1: it should not be sent, and may be ignored.
    return raw.removeprefix(codecs.BOM_UTF8)


async def _gathered(request: web.BaseRequest, limit_bytes: int, timeout_s: float) -> bytes:
    """Read until the end, or until it is more than allowed; raise TimeoutError when it is late."""
    pieces, size = [], 0
    clock = asyncio.get_running_loop().time
    began_s = clock()
    async with asyncio.timeout(timeout_s) as limit:
        while size <= limit_bytes and (piece := await request.content.readany()):
            pieces.append(piece)
            size += len(piece)
            limit.reschedule(began_s + due(clock() - began_s, size, timeout_s))
    return b"".join(pieces)


def due(past_s: float, size: int, timeout_s: float) -> float:
    """Return when an upload is given up, in s from its head, of which `size` bytes have come."""
    earned_s = timeout_s + size / STEADY_BYTES_PER_S
    return min(past_s + timeout_s, earned_s, WHOLE * timeout_s)


def _check_framing(request: web.BaseRequest) -> None:
    """Refuse what a proxy in front may have read in another way (RFC 9112, 6.1)."""
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (coding.strip().lower() != "chunked" or request.version < (1, 1)):
        request.protocol.close()  # after the answer: where the next request begins is not sure
        text = "Transfer-Encoding must be chunked, in HTTP/1.1."
        raise RoutorError(Kind.INVALID_REQUEST, text)


def _window(request: web.BaseRequest) -> int:
    """Return zlib's word for how the body is compressed, 0 when it is not."""
    coding = request.headers.get("Content-Encoding")
    if coding is None:
        return 0
    window = _WINDOWS.get(coding.strip().lower())
    if window is None:
        text = "Content-Encoding must be gzip or deflate, or the body plain JSON."
        raise web.HTTPUnsupportedMediaType(text=text)
    return window


def _inflated(raw: bytes, window: int, limit_bytes: int) -> bytes:
    """Return what was compressed, but never more than one byte beyond the limit."""
    inflating = zlib.decompressobj(window)
    try:
        told = inflating.decompress(raw, limit_bytes + 1)
    except zlib.error:
        text = "The body is not compressed as Content-Encoding says."
        raise RoutorError(Kind.INVALID_REQUEST, text) from None
    if len(told) <= limit_bytes and not (inflating.eof and not inflating.unused_data):
        raise RoutorError(Kind.INVALID_REQUEST, "The compressed body is broken off or goes on.")
    return told


def _check_kind(request: web.BaseRequest) -> None:
    kind = request.headers.get("Content-Type", "application/json")
    if kind == "application/json":
        return
    kind = kind.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise web.HTTPUnsupportedMediaType(text="Content-Type must be application/json.")
