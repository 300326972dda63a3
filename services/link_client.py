"""The calling end of one connection of a link (link.proto)."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

from google.rpc import status_pb2
from grpc_health.v1.health_pb2 import HealthCheckResponse

from routor.v1.link_pb2 import Hello, Open
from services import rpc, telemetry
from services.errors import Kind, RoutorError
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
    VERSION,
    Flow,
    ViolationError,
    Wire,
)

# Takes a message; returns False when it takes no more for now.
Sink = Callable[[bytes], bool]


class LostError(Exception):
    """The connection ended before the call did."""


class RefusedError(Exception):
    """The service does not take our token."""


class Owner(Protocol):
    """Whoever opened the connection."""

    token: str
    service: str
    wires: "set[ClientWire]"

    def drop(self, wire: "ClientWire") -> None:
        """Use a wire for nothing new."""
        ...


class Call(Flow):
    """A call that waits for its answer."""

    __slots__ = ("_sink", "_waiter", "ended", "failure", "messages", "response", "timer")
    wire: "ClientWire"

    def __init__(self, wire: "ClientWire", number: int) -> None:
        super().__init__(wire, number)
        self.messages: deque[bytes] = deque()
        self.ended = False
        self.failure: Exception | None = None
        self.response = b""
        self.timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Sink | None = None

    async def news(self) -> None:
        """Wait for the next message or the end."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def wake(self) -> None:
        """Tell whoever waits."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def pump(self, sink: Sink) -> None:
        """Hand over each message at once as it comes, until the sink returns False or the end.

        No task wakes up for a message. What the sink raises is raised here.
        """
        while self.messages:
            if not sink(self.take()):
                return
        if not self.ended:
            self.pay()
            self._sink = sink
            try:
                await self.news()
            finally:
                self._sink = None

    def deliver(self, message: bytes) -> None:
        """Hand a message to the sink, or keep it until it is taken."""
        if self._sink is None:
            self.messages.append(message)
            self.wake()
            return
        try:
            if self._sink(message):
                self.pay()
                return
        except Exception as failure:
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(failure)
        self._sink = None
        self.wake()

    def leave(self) -> None:
        """Wait no longer for the end."""
        self.wire.leave(self)

    def take(self) -> bytes:
        """Take the next message; the server may then send more."""
        message = self.messages.popleft()
        if not (self.messages or self.ended):
            self.pay()
        return message


class ClientWire(Wire):
    """One server."""

    def __init__(self, link: Owner) -> None:
        super().__init__()
        self._link = link
        self._last = 0
        self.calls: dict[int, Call] = {}
        # The server's hello, or why there is none.
        self.welcome: asyncio.Future[None] = self._loop.create_future()
        # Lost, or not to be used for anything new.
        self.over: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who calls."""
        super().connection_made(transport)
        self._link.wires.add(self)
        hello = Hello(version=VERSION, token=self._link.token)
        self.send(HELLO, 0, hello.SerializeToString())

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail every call that still waits."""
        self._link.wires.discard(self)
        self._leave()
        if not self.welcome.done():
            self.welcome.set_exception(LostError())
        for call in list(self.calls.values()):
            self._end(call, LostError())

    def received(self, kind: int, number: int, body: bytes) -> None:
        """Act on a frame of the server."""
        if not number:
            self._hear(kind)
        elif (call := self.calls.get(number)) is None:
            return  # it was cancelled, and the server does not know yet
        elif kind in (MESSAGE, PIECE):
            message = call.receive(body, kind == MESSAGE)
            if message is not None:
                call.deliver(message)
            elif not call.messages:
                call.pay()
        elif kind == CLOSE:
            call.response = body
            self._end(call)
        elif kind == FAIL:
            self._end(call, _failure(body))
        elif kind == CREDIT:
            call.grant(body)
        else:
            raise ViolationError(f"an unexpected frame of kind {kind}")

    def _hear(self, kind: int) -> None:
        if kind == HELLO and not self.welcome.done():
            self.known()
            self.welcome.set_result(None)
        elif kind == FAIL and not self.welcome.done():
            self.welcome.set_exception(RefusedError())
        elif kind == GO_AWAY:
            self.retire()
        else:
            raise ViolationError(f"an unexpected frame of kind {kind}")

    async def health(self, timeout_s: float) -> str:
        """Ask for the server's health: "serving" or "not_serving"; raises what ends the call."""
        call = self.open(HEALTH, b"", timeout_s)
        try:
            await call.news()
        finally:
            call.leave()
        if call.failure is not None:
            raise call.failure
        answer = HealthCheckResponse.FromString(call.response)
        return "serving" if answer.status == HealthCheckResponse.SERVING else "not_serving"

    def open(self, method: str, request: bytes, timeout_s: float) -> Call:
        """Begin a call."""
        self._last += 1
        call = self.calls[self._last] = Call(self, self._last)
        opened = Open(
            method=method,
            # Rounded up, but not for what floating point adds.
            timeout_ms=math.ceil(round(timeout_s * 1000, 6)),
            trace=telemetry.inject(),
        )
        self.send(OPEN, call.number, opened.SerializeToString())
        call.send(request)
        call.timer = self._loop.call_later(timeout_s, self._expire, call)
        return call

    def leave(self, call: Call) -> None:
        """Wait no longer for the end of a call."""
        if not call.ended:
            self.send(CANCEL, call.number)
            self._end(call)

    def retire(self) -> None:
        """Begin nothing new, and hang up when the last call has ended."""
        self._leave()
        if not self.calls:
            self.close()

    def _leave(self) -> None:
        self._link.drop(self)
        if not self.over.done():
            self.over.set_result(None)

    def _expire(self, call: Call) -> None:
        self.send(CANCEL, call.number)
        text = f"The {self._link.service} service did not answer in time; try again."
        self._end(call, RoutorError(Kind.PROVIDER_TIMEOUT, text))

    def _end(self, call: Call, failure: Exception | None = None) -> None:
        del self.calls[call.number]
        if call.timer is not None:
            call.timer.cancel()
        call.ended, call.failure, call.rest = True, failure, None
        call.wake()
        if self.over.done() and not self.calls:
            self.close()


def _failure(packed: bytes) -> RoutorError:
    error = rpc.error_in(status_pb2.Status.FromString(packed))
    return error or RoutorError(Kind.INTERNAL, "A service failed without a reason.")
