"""A whole answer, put on the wire in one piece."""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from services.edge import notes, problem

_START = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    f"Server: {problem.SERVER}\r\nContent-Length: "
)


class Answer(web.StreamResponse):
    """200 with a JSON body.

    aiohttp's own Response goes through a dictionary of headers and four coroutines; this one
    writes head and body at once.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Take the body and the headers beside those that every answer has."""
        super().__init__()
        if not "".join(headers.values()).isprintable():
            raise ValueError("a header holds a control character")
        self._text = body
        self._lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        self._written = False

    @property
    def prepared(self) -> bool:
        """Whether it has been written."""
        return self._written

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write all of it."""
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        connection = ""
        if not self._keep_alive:
            connection = "Connection: close\r\n"
        elif request.version != (1, 1):
            connection = "Connection: keep-alive\r\n"
        head = (
            f"{_START}{len(self._text)}\r\nX-Request-Id: {request[notes.REQUEST_ID]}\r\n"
            f"{self._lines}Date: {_date(int(time.time()))}\r\n{connection}\r\n"
        )
        self._written = True
        await request.writer.write(head.encode() + self._text)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: all has been written."""


@lru_cache(maxsize=1)
def _date(at_s: int) -> str:
    return formatdate(at_s, usegmt=True)
