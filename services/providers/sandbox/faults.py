"""Faults on demand: what is set to go wrong, and how it goes wrong on the wire.

A fault that concerns the answer as a whole is a row of ANSWERS; one that strikes inside a stream
a row of STREAMS. Faults strike after the key was checked.
"""

import asyncio
import socket
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import msgspec
from aiohttp import web

from services.providers.sandbox.errors import KIND_OF_STATUS, Refusal, Trouble, refusal
from services.providers.sandbox.frames import Frame
from services.providers.sandbox.vendors import VENDORS, Vendor

Kind = Literal[
    "status", "quota", "context", "timeout", "slow_first_byte", "reset", "close", "redirect",
    "empty", "not_json", "error_in_200", "no_choices", "cut_json", "stream_cut", "stream_reset",
    "stream_stall", "stream_slow", "stream_error_event", "stream_malformed_chunk",
    "stream_no_finish", "stream_no_done", "stream_bytes", "stream_invalid_utf8", "bomb",
    "short_body",
    "list_models_down",
]  # fmt: skip

HUNG_UP = web.RequestKey("hung_up", bool)  # the connection was closed by a fault

_HTML = "<!DOCTYPE html><html><head><title>Welcome</title></head><body>Hello</body></html>"
_GLANCE_S = 0.02  # how often a waiting fault looks whether the client is still there


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One thing that goes wrong, `times` times or until it is cleared.

    `provider` is an id or "*", `model` an upstream id (None: all). `status` is for status and
    list_models_down; `retry_after` is seconds or the literal header; `after_chunks` frames of a
    stream are sent before a stream fault strikes; `delay_s` is the wait of slow_first_byte, or
    per frame of stream_slow; `body` replaces the body of the faulty answer.
    """

    provider: str
    kind: Kind
    model: str | None = None
    times: int | None = None
    status: int | None = None
    retry_after: float | str | None = None
    after_chunks: int = 3
    delay_s: float = 1.0
    body: str | None = None


class Board:
    """The faults that are set, in order; the first that fits strikes."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, raw: bytes) -> Fault:
        """Set a fault from its JSON; raises ValueError naming what is wrong with it."""
        fault = msgspec.json.decode(raw, type=Fault)
        if fault.provider != "*" and fault.provider not in VENDORS:
            raise ValueError(f"provider: unknown, use one of {', '.join(VENDORS)} or *")
        if (fault.times is not None and fault.times < 1) or fault.after_chunks < 0:
            raise ValueError("times must be at least 1 and after_chunks at least 0")
        if fault.status is not None and not 200 <= fault.status <= 599:
            raise ValueError("status must be from 200 to 599")
        self.faults.append(fault)
        return fault

    def take(self, provider: str, model: str | None, *, stream: bool) -> Fault | None:
        """Return the fault that strikes now and count it; `model` None is the list of models."""
        for fault in self.faults:
            fits = fault.provider in {provider, "*"}
            fits = fits and (model is None) == (fault.kind == "list_models_down")
            fits = fits and (model is None or fault.model in {None, model})
            if not fits or (fault.kind.startswith("stream_") and not stream):
                continue
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
            return fault
        return None


def refused(vendor: Vendor, fault: Fault) -> Refusal | None:
    """Return the refusal that the fault asks for, None for faults of another sort."""
    if fault.kind in {"quota", "context"}:
        trouble = Trouble(fault.kind, status=fault.status)
    elif fault.kind in {"status", "list_models_down"}:
        status = fault.status or (500 if fault.kind == "status" else 503)
        usual = "invalid" if status < 500 else "internal"
        trouble = Trouble(KIND_OF_STATUS.get(status, usual), status=status)
    elif fault.kind == "error_in_200":
        trouble = Trouble("overloaded", status=200)
    else:
        return None
    trouble.retry_after = fault.retry_after
    told = refusal(vendor, trouble)
    if fault.body is None:
        return told
    return Refusal(told.status, fault.body.encode(), told.content_type, told.headers)


async def strike(request: web.Request, vendor: Vendor, fault: Fault) -> web.Response | None:
    """Do what the fault does before any answer; None lets the request go on."""
    told = refused(vendor, fault)
    if told is not None:
        return reply(told)
    match fault.kind:
        case "timeout":
            await gone(request)
            return web.Response()
        case "slow_first_byte":
            await asyncio.sleep(fault.delay_s)
        case "reset" | "close":
            hang_up(request, reset=fault.kind == "reset")
            return web.Response()
        case "redirect":
            where = {"Location": f"{vendor.prefix}/redirected"}
            return web.Response(status=302, headers=where)
        case "bomb":
            encoded = {"Content-Encoding": "gzip"}
            return web.Response(body=_packed(), content_type="application/json", headers=encoded)
        case "short_body":
            await _short(request)
            return web.Response()
        case "empty":
            return web.Response(body=b"", content_type="application/json")
        case "not_json":
            return web.Response(text=fault.body or _HTML, content_type="text/html")
    return None


@cache
def _packed() -> bytes:
    """Return 256 MB of blanks in a quarter of a megabyte."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(b" " * (1 << 20)) for _ in range(256)), packer.flush()])


async def _short(request: web.Request) -> None:
    """Promise more bytes than come, then close."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
    if request.transport is not None:
        request.transport.write(head + b'{"id": "short", "choices": [')
        await asyncio.sleep(_GLANCE_S)  # what was written arrives before the end does
    hang_up(request, reset=False)


_CONTENT = {
    "anthropic_messages": "content",
    "google_generate": "candidates",
    "openai_responses": "output",
}


def spoiled(vendor: Vendor, fault: Fault | None, answer: bytes) -> bytes:
    """Return the JSON answer after no_choices or cut_json; other faults leave it whole."""
    if fault is None:
        return answer
    if fault.kind == "cut_json":
        return answer[: len(answer) // 2]
    if fault.kind == "no_choices":
        value: dict[str, Any] = msgspec.json.decode(answer)
        value[_CONTENT.get(vendor.dialect, "choices")] = []
        return msgspec.json.encode(value)
    return answer


def spoiled_stream(vendor: Vendor, fault: Fault | None, frames: Iterator[Frame]) -> Iterator[Frame]:
    """Return the frames after no_choices or cut_json; other faults leave them whole."""
    kind = fault.kind if fault else ""
    if kind == "no_choices":
        yield from _without_content(vendor, frames)
    elif kind == "cut_json":
        whole = b"".join(frame.data for frame in frames if not frame.ending)
        yield Frame(whole[: -len(whole) // 3])
    else:
        yield from frames


def _without_content(vendor: Vendor, frames: Iterator[Frame]) -> Iterator[Frame]:
    if vendor.dialect == "openai_chat":
        yield Frame(b'data: {"object":"chat.completion.chunk","choices":[]}\n\n')
        yield Frame(b"data: [DONE]\n\n", ending=True)
    elif vendor.dialect == "google_generate":
        yield Frame(b'data: {"usageMetadata":{"promptTokenCount":1}}\r\n\r\n')
    elif vendor.dialect == "openai_responses":
        yield Frame(b'event: response.in_progress\ndata: {"type":"response.in_progress"}\n\n')
    else:
        yield Frame(b'event: message_stop\ndata: {"type":"message_stop"}\n\n', ending=True)


def due(fault: Fault, number: int, frame: Frame) -> bool:
    """Tell whether a stream fault strikes before this frame, at the latest before the ending."""
    if fault.kind == "stream_no_finish":
        return frame.ending
    if fault.kind == "stream_no_done":
        return b"[DONE]" in frame.data
    return fault.kind.startswith("stream_") and (number >= fault.after_chunks or frame.ending)


async def break_stream(
    request: web.Request, vendor: Vendor, fault: Fault, response: web.StreamResponse
) -> bool:
    """Do what the fault does inside a stream; tell whether the stream goes on afterwards."""
    match fault.kind:
        case "stream_cut" | "stream_reset":
            await asyncio.sleep(_GLANCE_S)  # what was written arrives before the end does
            hang_up(request, reset=fault.kind == "stream_reset")
        case "stream_stall":
            await gone(request)
        case "stream_error_event":
            told = refusal(vendor, Trouble("overloaded", status=fault.status))
            named = vendor.dialect in ("anthropic_messages", "openai_responses")
            name = b"event: error\n" if named else b""
            content = fault.body.encode() if fault.body is not None else told.body
            await response.write(name + b"data: " + content + b"\n\n")
        case "stream_malformed_chunk":
            await response.write(b'data: {"id": "broken", "choices": [{"delta\n\n')
            return True
        case "stream_invalid_utf8":
            await response.write(b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n')
            return True
        case "stream_slow":
            await asyncio.sleep(fault.delay_s)
            return True
        case "stream_bytes":
            return True
    return False


def reply(told: Refusal) -> web.Response:
    """Return the refusal as an HTTP answer."""
    return web.Response(
        status=told.status, body=told.body, content_type=told.content_type, headers=told.headers
    )


async def gone(request: web.Request) -> None:
    """Wait until the client has left."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_GLANCE_S)


def hang_up(request: web.Request, *, reset: bool) -> None:
    """Close the connection under the answer, with RST instead of FIN when `reset`."""
    request[HUNG_UP] = True
    transport = request.transport
    if transport is None:
        return
    if reset:
        plug = transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
