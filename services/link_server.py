"""The answering side of a link (link.proto): the methods of a servicer, without gRPC's cost.

A servicer's functions serve here as they do in `services.rpc.Server`: they raise RoutorError,
run in a span of the caller's trace, and are cancelled when the caller leaves or time is up.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import cast

from google.protobuf.message import DecodeError, Message
from grpc_health.v1.health_pb2 import HealthCheckResponse

from routor.v1.link_pb2 import Hello, Open
from services import rpc, telemetry
from services.errors import Kind, RoutorError, bare
from services.link_method import Context, Handler
from services.link_wire import (
    CANCEL,
    CLOSE,
    CREDIT,
    FAIL,
    GO_AWAY,
    HEALTH,
    HELLO,
    MESSAGE,
    OPEN,
    PIECE,
    PIECE_BYTES,
    VERSION,
    Flow,
    Tls,
    ViolationError,
    Wire,
    place,
)

logger = logging.getLogger(__name__)

SERVING = HealthCheckResponse(status=HealthCheckResponse.SERVING).SerializeToString()
NOT_SERVING = HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING).SerializeToString()
HELLO_TIMEOUT_S = 5.0
# Calls that one connection may have open.
CALLS_LIMIT = 10_000
# For handlers that were cancelled.
LAST_STEPS_S = 1.0


class _Call(Flow):
    """A call that is being answered."""

    __slots__ = ("deadline_s", "facts", "handler", "method", "task", "timer")

    def __init__(self, wire: "_ServerWire", opened: Open, number: int, handler: Handler) -> None:
        super().__init__(wire, number)
        self.handler = handler
        self.method = opened.method
        self.facts = dict(opened.trace)
        self.deadline_s = asyncio.get_running_loop().time() + opened.timeout_ms / 1000
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def offer(self, message: Message) -> bool:
        """Send a message if it can go at once; else do nothing and return False."""
        packed = message.SerializeToString()
        size = len(packed)
        fits = size <= PIECE_BYTES and size <= self.credit_bytes
        return fits and self.rest is None and not self.wire.paused and self.send(packed)


class _ServerWire(Wire):
    """One client."""

    def __init__(self, server: "LinkServer") -> None:
        super().__init__()
        self._server = server
        self._welcome = False
        self._calls: dict[int, _Call] = {}
        self.gone = self._loop.create_future()
        self._patience = self._loop.call_later(HELLO_TIMEOUT_S, self.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's hello."""
        super().connection_made(transport)
        self._server.wires.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End every call: nobody waits for it any more."""
        self._server.wires.discard(self)
        self._patience.cancel()
        for call in list(self._calls.values()):
            self._cancel(call)
        self.gone.set_result(None)

    def received(self, kind: int, number: int, body: bytes) -> None:
        """Act on a frame of the client."""
        if not self._welcome:
            self._greet(kind, body)
        elif not number:
            raise ViolationError(f"an unexpected frame of kind {kind}")
        elif kind == OPEN:
            self._open(number, Open.FromString(body))
        elif (call := self._calls.get(number)) is None:
            return  # it has ended here, and the client does not know yet
        elif kind == CREDIT:
            call.grant(body)
        elif kind == CANCEL:
            self._cancel(call)
        elif kind in (PIECE, MESSAGE) and call.task is None:
            request = call.receive(body, kind == MESSAGE)
            call.pay()
            if request is not None:
                self._start(call, request)
        else:
            raise ViolationError(f"an unexpected frame of kind {kind}")

    def _greet(self, kind: int, body: bytes) -> None:
        hello = Hello.FromString(body) if kind == HELLO else None
        if hello is None or hello.version != VERSION:
            raise ViolationError("no hello, or not of this version")
        if not self._server.knows(hello.token):
            logger.warning("a client without the internal token is refused")
            self._refuse(0, rpc.stranger())
            self.close()
            return
        self._patience.cancel()
        self._welcome = True
        self.known()
        self.send(HELLO, 0, Hello(version=VERSION).SerializeToString())
        if not self._server.serving:
            self.send(GO_AWAY, 0)

    def _open(self, number: int, opened: Open) -> None:
        if opened.method == HEALTH:
            health = SERVING if self._server.serving else NOT_SERVING
            self.send(CLOSE, number, health)
            return
        if number in self._calls:
            raise ViolationError(f"a second call {number}")
        handler = self._server.handlers.get(opened.method)
        if handler is None:
            text = f"This service has no method {opened.method}."
            self._refuse(number, RoutorError(Kind.NOT_FOUND, text))
        elif len(self._calls) >= CALLS_LIMIT:
            text = "This service has too many calls; try again."
            self._refuse(number, RoutorError(Kind.OVERLOADED, text, retry_after_s=1))
        else:
            self._calls[number] = _Call(self, opened, number, handler)

    def _start(self, call: _Call, packed: bytes) -> None:
        try:
            request = call.handler.request.FromString(packed)
        except DecodeError:
            text = "The request could not be read."
            self._end(call, RoutorError(Kind.INVALID_REQUEST, text))
            return
        if call.handler.inline:
            self._answer(call, request)
            return
        call.task = self._loop.create_task(self._run(call, request))
        self._server.tasks.add(call.task)
        call.task.add_done_callback(self._server.tasks.discard)
        call.timer = self._loop.call_at(call.deadline_s, self._expire, call)

    def _answer(self, call: _Call, request: Message) -> None:
        """Run a handler that never waits, here and now."""
        context = Context(call.deadline_s, call.facts)
        with telemetry.rpc_span(call.method, call.facts) as span:
            coroutine = call.handler.call(request, context)
            try:
                coroutine.send(None)
                coroutine.close()
                raise RuntimeError(f"{call.method} waits, and must not be inline")
            except StopIteration as done:
                self._finish(call, done.value.SerializeToString())
            except Exception as failure:
                self._end(call, _told(span, failure))

    async def _run(self, call: _Call, request: Message) -> None:
        context = Context(call.deadline_s, call.facts, call.offer)
        with telemetry.rpc_span(call.method, call.facts) as span:
            try:
                if call.handler.streams:
                    async with aclosing(call.handler.call(request, context)) as messages:
                        async for message in messages:
                            if not call.send(_sized(message)):
                                await call.sent()
                    self._end(call)
                else:
                    response = await call.handler.call(request, context)
                    self._finish(call, _sized(response))
            except asyncio.CancelledError as gone:
                raise bare(gone) from None
            except Exception as failure:
                self._end(call, _told(span, failure))

    def _finish(self, call: _Call, response: bytes) -> None:
        if len(response) <= PIECE_BYTES:
            self._end(call, response=response)
            return
        call.send_rest(memoryview(response))
        call.task = self._loop.create_task(self._close_after(call))
        self._server.tasks.add(call.task)
        call.task.add_done_callback(self._server.tasks.discard)

    async def _close_after(self, call: _Call) -> None:
        await call.sent()
        self._end(call)

    def _end(self, call: _Call, error: RoutorError | None = None, response: bytes = b"") -> None:
        if self._calls.pop(call.number, None) is None:
            return  # cancelled before
        if call.timer is not None:
            call.timer.cancel()
        if error is None:
            self.send(CLOSE, call.number, response)
        else:
            self._refuse(call.number, error)

    def _refuse(self, number: int, error: RoutorError) -> None:
        self.send(FAIL, number, rpc.status_of(error).SerializeToString())

    def _expire(self, call: _Call) -> None:
        self._end(call, RoutorError(Kind.PROVIDER_TIMEOUT, "Time was up."))
        self._stop(call)

    def _cancel(self, call: _Call) -> None:
        self._calls.pop(call.number, None)
        if call.timer is not None:
            call.timer.cancel()
        self._stop(call)

    def _stop(self, call: _Call) -> None:
        task, call.task = call.task, None
        if task is not None:
            task.cancel()
        call.rest = None


class LinkServer:
    """Answers calls at `listen` (host:port or unix:path) to whoever brings `token`."""

    def __init__(
        self, listen: str, methods: Mapping[str, Handler], *, token: str = "", tls: Tls = None
    ) -> None:
        self.knows = rpc.known_by(token)
        self.handlers = methods
        self.serving = True
        self.wires: set[_ServerWire] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._listen = listen
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, and answer."""
        loop = asyncio.get_running_loop()
        if self._listen.startswith("unix:"):
            path = self._listen.removeprefix("unix:")
            self._server = await loop.create_unix_server(lambda: _ServerWire(self), path)
            _close_to_others(path)
            return
        host, port = place(self._listen)
        self._server = await loop.create_server(
            lambda: _ServerWire(self), host, port, ssl=self._tls
        )

    @property
    def address(self) -> str:
        """Where it listens, as clients name it."""
        if self._listen.startswith("unix:"):
            return self._listen
        host, port = cast(asyncio.Server, self._server).sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def stop(self, drain_s: float) -> None:
        """Send clients away, let running calls finish for `drain_s`, then end them.

        A client that has nothing more to wait for hangs up, so no call is lost on its way.
        """
        self.serving = False
        if self._server is not None:
            self._server.close()
        for wire in self.wires:
            wire.send(GO_AWAY, 0)
        if self.wires:
            await asyncio.wait([wire.gone for wire in self.wires], timeout=drain_s)
        for wire in list(self.wires):
            wire.abort()
        for task in self.tasks:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_STEPS_S):
                await asyncio.gather(*self.tasks, return_exceptions=True)


def _close_to_others(path: str) -> None:
    Path(path).chmod(0o600)


def _sized(message: Message) -> bytes:
    packed = message.SerializeToString()
    if len(packed) > rpc.MAX_MESSAGE_BYTES:
        raise RoutorError(Kind.INTERNAL, "The answer is larger than services may send each other.")
    return packed


def _told(span: telemetry.Span, failure: Exception) -> RoutorError:
    error = rpc.told(failure)
    telemetry.mark(span, error)
    return error
