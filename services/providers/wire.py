"""One HTTP/1.1 connection to a provider: bytes of a request out, the parts of its answer in.

Parsed by llhttp (httptools). One request at a time; whoever reads slowly stops the provider.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from services.errors import Kind, RoutorError

# More than this of headers, chunk sizes or trailers without any content is no honest answer.
HEAD_LIMIT_BYTES = 64 << 10
_JOINED_BYTES = 16 << 10
# What may wait to be read before the provider has to wait.
_HIGH_BYTES = 256 << 10

# Takes at once what has come in the midst of an answer; False wakes whoever waits.
Taker = Callable[[], bool]


class Origin(NamedTuple):
    """Whom a connection leads to."""

    host: str
    port: int
    tls: bool


class Wire(asyncio.Protocol):
    """A connection to `origin`; `lost` is told once when it is gone."""

    def __init__(self, origin: Origin, lost: Callable[["Wire"], None]) -> None:
        self.origin = origin
        self.idle_s = 0.0  # loop time at which it became free
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        # As lenient as browsers, in what cannot change where an answer ends.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._waiter: asyncio.Future[None] | None = None
        self._taker: Taker | None = None
        self._paused = False
        self._clear()
        self._busy = False

    def _clear(self) -> None:
        self._busy = True
        self.heard = False  # any byte of an answer has come
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._quiet = 0
        self.complete = False  # the whole answer has come
        self._headed = self._kept = self._sized = False
        self._failure: RoutorError | None = None

    @property
    def closed(self) -> bool:
        """Whether it can carry no further request."""
        return self._transport.is_closing()

    @property
    def ready(self) -> bool:
        """Whether `take` has something to return or to raise."""
        return bool(self._pieces) or self.complete or self._failure is not None

    @property
    def reusable(self) -> bool:
        """Whether the answer is whole and read, and the provider keeps the connection."""
        return (
            self.complete
            and self._kept
            and not self._pieces
            and not self.closed
            and not self._transport.get_write_buffer_size()
        )

    def ask(self, head: bytes, body: bytes = b"") -> None:
        """Send one request; a large body is not copied to join it with its head."""
        self._clear()
        if len(body) <= _JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def head(self) -> None:
        """Wait for status and headers; raises RoutorError when none come."""
        while not self._headed and self._failure is None:
            await self.more()
        if self._failure is not None and not self._headed:
            raise self._failure

    def more(self, taker: Taker | None = None) -> "asyncio.Future[None]":
        """Return what is done when something has come that `taker` has not dealt with."""
        self._taker = taker
        self._waiter = self._loop.create_future()
        return self._waiter

    def take(self) -> bytes:
        """Return what has come of the body since, b"" at its end; raises RoutorError."""
        if self._pieces:
            pieces, self._pieces, self._size = self._pieces, [], 0
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._failure is not None:
            raise self._failure
        return b""

    def free(self) -> None:
        """Note that nobody waits for an answer."""
        self._busy, self._taker = False, None
        self.idle_s = self._loop.time()

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._taker = None
        self._transport.abort()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._taker is not None and not self.complete and self._failure is None:
            try:
                if not self._pieces or self._taker():
                    return
            except Exception as failure:
                waiter.set_exception(failure)
                return
        waiter.set_result(None)

    def _fail(self, said: str) -> None:
        if self._failure is None and not self.complete:
            self._failure = RoutorError(Kind.PROVIDER_UNAVAILABLE, said)
            self._transport.abort()
        self._wake()

    # --- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes of an answer."""
        if not self._busy:
            self._transport.abort()
            return
        self.heard = True
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            # Whole answers and pieces that came before the nonsense count.
            self._kept = False
            self._fail("the answer is not valid HTTP")
            return
        if self._quiet > HEAD_LIMIT_BYTES and not self.complete:
            self._fail("the answer is not valid HTTP")
        if self._size > _HIGH_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if self._headed:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whether the answer ended with the connection, or was cut off by it."""
        self._lost(self)
        if not self._busy or self.complete:
            return
        if not self._headed:
            self._fail("the connection was closed before an answer")
        elif exc is None and not self._sized:
            self.complete = True
            self._wake()
        else:
            self._fail("the answer was cut off")

    # --- what the parser tells

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; trailers are of no use to anybody."""
        if not self._headed:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status; an answer of 1xx only precedes the answer."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers.clear()
            return
        self._headed = True
        names = {name.lower() for name, _ in self.headers}
        self._sized = b"content-length" in names or b"transfer-encoding" in names

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if not self.complete:
            self._pieces.append(data)
            self._size += len(data)
            self._quiet = 0

    def on_message_begin(self) -> None:
        """Distrust a connection that answers what was not asked."""
        if self.complete:
            self._kept = False

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        if self._headed and not self.complete:
            self.complete = True
            self._kept = self._parser.should_keep_alive()
