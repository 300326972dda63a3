"""Answers that have all been well: put on the wire without aiohttp's machinery for headers."""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from services.edge import notes, problem

# Python's str.splitlines ends lines with these, which JSON and server-sent events hold for text; so
# does httpx, by whose lines litellm 1.106.2 reads Messages (llms/anthropic/chat/handler.py).
_LINE_ENDS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)
_START = f"HTTP/1.1 200 OK\r\nServer: {problem.SERVER}\r\n"


def headers(request: web.BaseRequest) -> dict[str, str]:
    """Return what every answer tells: the id of its request, and who else may see it.

    Anthropic's clients look for the id under a name of theirs.
    """
    known = request[notes.REQUEST_ID]
    told = {"X-Request-Id": known}
    if "anthropic-version" in request.headers or request.raw_path.startswith("/v1/messages"):
        told["Request-Id"] = known
    if notes.CORS in request:
        seen: dict[str, str] = request[notes.CORS]
        told |= seen
    return told


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


class _Plain(web.StreamResponse):
    """200, with a head of its own.

    aiohttp's own responses go through a dictionary of headers and four coroutines.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        if not "".join(headers.values()).isprintable():
            raise ValueError("a header holds a control character")
        self._lines = _lines(headers)
        self._written = False

    @property
    def prepared(self) -> bool:
        """Whether it has begun to be written."""
        return self._written

    def _head(self, request: web.BaseRequest, more: str) -> bytes:
        """Return the head; `more` are lines about the body."""
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        connection = ""
        if not self._keep_alive:
            connection = "Connection: close\r\n"
        elif request.version != (1, 1):
            connection = "Connection: keep-alive\r\n"
        self._written = True
        return (
            f"{_START}{more}{_lines(headers(request))}"
            f"{self._lines}Date: {_date(int(time.time()))}\r\n{connection}\r\n"
        ).encode()


class Answer(_Plain):
    """A JSON body; head and body go at once."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Take the body and the headers beside those that every answer has."""
        super().__init__(headers)
        self._text = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write all of it."""
        more = f"Content-Type: application/json\r\nContent-Length: {len(self._text)}\r\n"
        await request.writer.write(self._head(request, more) + self._text)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: all has been written."""


class Events(_Plain):
    """A stream of server-sent events; the head goes with the first of them."""

    def __init__(self, request: web.BaseRequest, headers: Mapping[str, str]) -> None:
        """Take the headers beside those that every stream has."""
        super().__init__(headers)
        self.ended = False
        self.put_at_s = time.monotonic()  # when bytes were written last
        self._request = request
        # Before HTTP/1.1 there are no chunks: the end of the stream is that of the connection.
        self._chunked = request.version >= (1, 1)
        if not self._chunked:
            self.force_close()
        framing = "Transfer-Encoding: chunked\r\n" if self._chunked else ""
        # The last is for nginx, which would hold the stream back.
        more = (
            f"Content-Type: text/event-stream; charset=utf-8\r\n{framing}"
            "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
        )
        self._begin = self._head(request, more)

    @property
    def paused(self) -> bool:
        """Whether the client takes no more for now."""
        return self._request.protocol.writing_paused

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Do nothing: it begins with its first events."""
        return request.writer

    def put(self, events: bytes, end: bool = False) -> bool:
        """Write events, if any; return whether the client takes more now, else wait for `drained`.

        Raises ConnectionError when the client has gone.
        """
        protocol = self._request.protocol
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self.ended = end
        if not events.isascii():
            events = _unbroken(events)
        if self._chunked:
            # A chunk of no length would be the end.
            chunk = b"%x\r\n%b\r\n" % (len(events), events) if events else b""
            events = chunk + b"0\r\n\r\n" if end else chunk
        if self._begin:
            events, self._begin = self._begin + events, b""
        if events:
            self.put_at_s = time.monotonic()
            transport.write(events)
            self._request.writer.output_size += len(events)
        return not protocol.writing_paused

    async def drained(self) -> None:
        """Wait until the client takes more."""
        await self._request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the end has been put."""


def _unbroken(events: bytes) -> bytes:
    """Return events with what some clients take for the end of a line as JSON's escapes."""
    for mark, escape in _LINE_ENDS:
        events = events.replace(mark, escape)
    return events


@lru_cache(maxsize=1)
def _date(at_s: int) -> str:
    return formatdate(at_s, usegmt=True)
