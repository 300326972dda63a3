"""HTTP beneath the routes: one request after the other, and what cannot be parsed."""

import asyncio
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage, StreamWriter

from services.edge import problem
from services.errors import bare

# How long a connection may take to its request, whatever others do, and for how many times as many
# connections as may be idle that holds.
GRACE_S, GRACE = 10.0, 4
# What a client may send before its request has a whole head, and what one header may hold of it:
# nobody keeps more of 2,048 clients that never come to an end. A key that is far too long is
# still refused as a key.
HEAD_BYTES, HEADER_BYTES = 96 << 10, 64 << 10
# Of a connection that is to be closed, what is still on its way gets this long.
LAST_BYTES_S = 1.0


class Protocol(web.RequestHandler):
    """One connection.

    aiohttp would repeat malformed bytes in its answer and in its log; they may hold a key.
    """

    __slots__ = ("_head_bytes", "_unread")

    def __init__(self, listener: "Listener", **kwargs: Any) -> None:
        super().__init__(listener, **kwargs)
        self._unread: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes in; hang up on a head that does not come to an end."""
        super().data_received(data)
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES and self.transport is not None:
            self.transport.write(problem.HEAD_TOO_LARGE)
            self.force_close()

    def pause_writing(self) -> None:
        """Wait for a client that reads slowly, but not for ever."""
        super().pause_writing()
        if isinstance(self._manager, Listener) and self.transport is not None:
            timeout_s = self._manager.write_timeout_s
            self._unread = self._loop.call_later(timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._read()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of everything."""
        self._read()
        super().connection_lost(exc)

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    async def start(self) -> None:
        """Answer request after request, each in this one task.

        aiohttp would start a task for each, for two more turns of the loop. What it could not
        parse is left to it: that is the end of the connection.
        """
        going = True
        while going and not self._force_close:
            if not self._messages:
                await self._arrival()
            message, payload = self._messages[0]
            if not isinstance(message, RawRequestMessage):
                await super().start()
                return
            self._messages.popleft()
            self._make_room()
            try:
                going = await self._answered(message, payload)
            except asyncio.CancelledError as gone:
                raise bare(gone) from None
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _arrival(self) -> None:
        """Wait for the next request, as long as not too many others wait as well."""
        self._waiter = self._loop.create_future()
        self._head_bytes = 0
        listener = self._manager
        if isinstance(listener, Listener):
            listener.waits(self)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if isinstance(listener, Listener):
                listener.waits_no_more(self)

    def _make_room(self) -> None:
        """Let the parser go on with what was sent ahead."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    async def _answered(self, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Answer one request; return whether another may follow."""
        server, task = self._manager, self._task_handler
        if server is None or task is None:
            return False  # the client has gone
        server.requests_count += 1
        writer = StreamWriter(self, self._loop)
        request = web.BaseRequest(message, payload, self, writer, task, self._loop)
        try:
            response, lost = await self._handle_request(request, None, server.request_handler)
            if not (lost or payload.is_eof()):
                await self._pass_over(payload)
        except ConnectionError:
            return False
        except Exception:
            self.logger.exception("a connection failed unexpectedly")
            self.force_close()
            return False
        except asyncio.CancelledError:
            self.force_close()
            raise
        self._keepalive = bool(response.keep_alive)
        if lost or self._close or not self._keepalive:
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            until_s = self._next_keepalive_close_time
            self._keepalive_handle = self._loop.call_at(until_s, self._process_keepalive)
        return True

    async def _pass_over(self, payload: StreamReader) -> None:
        """Read and forget a body that nobody wanted, or else hang up.

        A client that still sends when the connection is closed may never see its answer.
        """
        try:
            linger_s = LAST_BYTES_S if self._close else self._lingering_time
            async with asyncio.timeout(linger_s):
                while not payload.is_eof():
                    await payload.readany()
        except TimeoutError:
            self.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer, after which the connection is closed."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, another cannot follow") from exc
        response = problem.malformed(status)
        response.force_close()
        return response


class Listener(web.Server):
    """Makes a protocol per connection.

    It stands on aiohttp's server alone: aiohttp's application, with its router, middlewares and
    signals, would cost as much as everything else here.

    Connections without a request, idle or with a head that does not end, are `max_idle` at most:
    then whoever has waited longest has to go, and whoever comes gets in. Who takes nothing of
    its answer for `write_timeout_s` is hung up on.
    """

    def __init__(
        self, handler: Any, *, max_idle: int, write_timeout_s: float, **kwargs: Any
    ) -> None:
        super().__init__(handler, **kwargs)
        self.write_timeout_s = write_timeout_s
        self._max_idle = max_idle
        # In the order in which they began to wait, and since when (loop time).
        self._idle: dict[Protocol, float] = {}

    def waits(self, connection: Protocol) -> None:
        """Note that a connection has no request."""
        now_s = self._loop.time()
        self._idle[connection] = now_s
        # Of many that come at once the first have had no time to be read.
        while len(self._idle) > self._max_idle:
            oldest, since_s = next(iter(self._idle.items()))
            if now_s - since_s < GRACE_S and len(self._idle) <= GRACE * self._max_idle:
                return
            del self._idle[oldest]
            oldest.force_close()

    def waits_no_more(self, connection: Protocol) -> None:
        """Note that its request has come, or that it has gone."""
        self._idle.pop(connection, None)

    def __call__(self) -> web.RequestHandler:
        """Return a fresh protocol."""
        return Protocol(self, loop=self._loop, **self._kwargs)
