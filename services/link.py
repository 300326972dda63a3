"""The calling side of a link (link.proto): a service's methods over a few lasting connections.

One connection goes to every address that the target's name has; a call takes the one with the
fewest calls. Every method raises RoutorError: the service's own, or OVERLOADED when it is away.
"""

import asyncio
import ipaddress
import logging
import math
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from services.errors import Kind, RoutorError
from services.link_client import Call, ClientWire, LostError, RefusedError
from services.link_wire import Tls, place
from services.rpc import MAX_MESSAGE_BYTES

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

# How long a service may be away, as while it is restarted, before a call is turned down.
REACH_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 2.0
RESOLVE_S = 1.0
BACKOFF_S = 0.05
BACKOFF_LIMIT_S = 0.5
# A connection that does not answer a health check within this time is given up.
KEEPALIVE_S = 10.0


class Link:
    """Calls of one `service` at `target`: unix:path, host:port or dns:///name:port.

    Several targets, separated by commas, are the workers of that service. It connects at the
    first use, and then stays connected until `close`; over TCP by TLS where `tls` is given. A
    target that is none of these is a ValueError.
    """

    def __init__(
        self,
        target: str,
        service: str,
        *,
        token: str = "",
        reach_timeout_s: float = REACH_TIMEOUT_S,
        tls: Tls = None,
    ) -> None:
        self._targets = [each.strip() for each in target.split(",")]
        for each in self._targets:
            if not each.startswith("unix:"):
                place(each)  # raises ValueError now, and not in a task that nobody watches
        self.token = token
        self.service = service
        self._reach_timeout_s = reach_timeout_s
        self._tls = tls
        self.wires: set[ClientWire] = set()
        self._ready: deque[ClientWire] = deque()
        self._refused = False
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._follower: asyncio.Task[None] | None = None
        # Set when a wire became ready or was refused; when one was lost.
        self._news = asyncio.Event()
        self._lost = asyncio.Event()

    async def call(
        self,
        method: str,
        request: Message,
        response: type[M],
        timeout_s: float,
        *,
        again: bool = False,
    ) -> M:
        """Call a method once; `again` allows a second try when a connection is lost.

        Then waiting for a connection is no part of `timeout_s`.
        """
        packed = self._pack(request)
        clock = asyncio.get_running_loop().time
        deadline_s, reach_s = clock() + timeout_s, math.inf if again else timeout_s
        for last in (False, True) if again else (True,):
            began_s = clock()
            wire = self._choose() or await self._reach(reach_s)
            deadline_s += clock() - began_s if again else 0.0
            call = wire.open(method, packed, max(0.0, min(timeout_s, deadline_s - clock())))
            try:
                await call.news()
            finally:
                call.leave()
            if call.failure is None:
                return response.FromString(call.messages[0] if call.messages else call.response)
            if not isinstance(call.failure, LostError):
                raise call.failure
            if last:
                break
        raise away(self.service)

    def stream(
        self, method: str, request: Message, response: type[M], timeout_s: float
    ) -> "Stream[M]":
        """Call a method that answers with many messages, at the first time one is asked for.

        It is called once more when a connection is lost before the first of them.
        """
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + timeout_s

        async def begin() -> Call:
            packed = self._pack(request)
            wire = self._choose() or await self._reach(deadline_s - clock())
            return wire.open(method, packed, max(0.0, deadline_s - clock()))

        return Stream(self.service, begin, response.FromString)

    async def health(self, timeout_s: float) -> str:
        """Ask for the service's health: "serving", "not_serving" or "unreachable"."""
        try:
            wire = self._choose() or await self._reach(timeout_s)
            return await wire.health(timeout_s)
        except (LostError, RoutorError):
            return "unreachable"

    @property
    def connections(self) -> int:
        """How many connections new calls may take."""
        return len(self._ready)

    async def close(self) -> None:
        """Hang up."""
        tasks = list(self._keepers.values())
        if self._follower is not None:
            tasks.append(self._follower)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for wire in self.wires:
            wire.abort()

    def drop(self, wire: ClientWire) -> None:
        """Use a wire for nothing new."""
        if wire in self._ready:
            self._ready.remove(wire)
            self._lost.set()

    def _pack(self, request: Message) -> bytes:
        packed = request.SerializeToString()
        if len(packed) > MAX_MESSAGE_BYTES:
            text = "The request is larger than services may send each other."
            raise RoutorError(Kind.TOO_LARGE, text)
        return packed

    def _choose(self) -> ClientWire | None:
        ready = self._ready
        if len(ready) < 2:
            return ready[0] if ready else None
        # Not always the first of those that have nothing to do.
        ready.rotate(1)
        return min(ready, key=_load)

    async def _reach(self, timeout_s: float) -> ClientWire:
        """Wait shortly for a connection: calls with long deadlines must not wait long for one."""
        if self._follower is None:
            self._follower = _task(self._follow())
        try:
            async with asyncio.timeout(min(timeout_s, self._reach_timeout_s)):
                while (wire := self._choose()) is None and not self._refused:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise away(self.service) from None
        if wire is None:
            text = f"The {self.service} service refuses us: its internal token is not the same."
            raise RoutorError(Kind.INTERNAL, text)
        return wire

    async def _follow(self) -> None:
        """Keep a connection to every address of the targets."""
        while True:
            found = [await resolve(target) for target in self._targets]
            addresses = set[str]().union(*found)
            for address in addresses - self._keepers.keys():
                self._keepers[address] = _task(self._keep(address))
            # A name that has no address now may only be badly served: keep what is known.
            for address in self._keepers.keys() - addresses if all(found) else ():
                self._keepers.pop(address).cancel()
            self._lost.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RESOLVE_S):
                    await self._lost.wait()

    async def _keep(self, address: str) -> None:
        backoff_s = BACKOFF_S
        while True:
            wire: ClientWire | None = None
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    wire = await self._connect(address)
                    await wire.welcome
                backoff_s, self._refused = BACKOFF_S, False
                await self._use(wire)
            except (OSError, TimeoutError, LostError):
                pass
            except RefusedError:
                logger.error("the %s service refuses the internal token", self.service)
                self._refused = True
                self._news.set()
            finally:
                if wire is not None:
                    wire.retire()
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_LIMIT_S)

    async def _connect(self, address: str) -> ClientWire:
        loop = asyncio.get_running_loop()
        if address.startswith("unix:"):
            path = address.removeprefix("unix:")
            _, wire = await loop.create_unix_connection(lambda: ClientWire(self), path)
        else:
            host, port = place(address)
            # A service has one name, wherever its workers are.
            name = place(self._targets[0])[0] if self._tls else None
            _, wire = await loop.create_connection(
                lambda: ClientWire(self), host, port, ssl=self._tls, server_hostname=name
            )
        return wire

    async def _use(self, wire: ClientWire) -> None:
        """Offer the wire to calls until it is over or does not answer any more."""
        if wire.over.done():
            return
        self._ready.append(wire)
        self._news.set()
        while not wire.over.done():
            await asyncio.wait([wire.over], timeout=KEEPALIVE_S)
            if wire.over.done():
                return
            try:
                await wire.health(KEEPALIVE_S)
            except RoutorError:
                logger.warning("the %s service is silent; its link is closed", self.service)
                wire.abort()
                return


class Stream(Generic[M]):
    """The messages of a call; to close it cancels the call at once."""

    def __init__(
        self,
        service: str,
        begin: Callable[[], Coroutine[Any, Any, Call]],
        read: Callable[[bytes], M],
    ) -> None:
        self._service = service
        self._begin = begin
        self._read = read
        self._call: Call | None = None
        self._again = True

    def __aiter__(self) -> "Stream[M]":
        """Read message after message."""
        return self

    async def __anext__(self) -> M:
        """Return the next message; raises why the call failed, StopAsyncIteration at its end."""
        if self._call is None:
            self._call = await self._begin()
        call = self._call
        if not (call.messages or call.ended):
            await call.news()
        again, self._again = self._again, False
        if call.messages:
            return self._read(call.take())
        if again and isinstance(call.failure, LostError):
            self._call = await self._begin()
            return await anext(self)
        self._end(call)
        raise StopAsyncIteration

    async def pump(self, sink: Callable[[M], bool]) -> bool:
        """Hand each further message over as it comes, until `sink` takes no more for now.

        The sink must not wait. Returns False at the end of the call; raises why it failed.
        """
        if self._call is None:
            self._call = await self._begin()
        call, read, going = self._call, self._read, True

        def take(message: bytes) -> bool:
            nonlocal going
            going = sink(read(message))
            return going

        await call.pump(take)
        if going:
            self._end(call)
        return not going

    async def aclose(self) -> None:
        """Wait for nothing more."""
        if self._call is not None:
            self._call.leave()

    def _end(self, call: Call) -> None:
        if isinstance(call.failure, LostError):
            raise away(self._service)
        if call.failure is not None:
            raise call.failure


def away(service: str) -> RoutorError:
    """Return what callers are told when a service is not there."""
    text = f"The {service} service does not answer now; try again."
    return RoutorError(Kind.OVERLOADED, text, retry_after_s=1)


async def resolve(target: str) -> set[str]:
    """Return the addresses of a target; none when its name has none now."""
    if target.startswith("unix:"):
        return {target}
    host, port = place(target)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return set()
        hosts = {str(address[0]) for *_, address in found}
    else:
        hosts = {host}
    return {f"[{each}]:{port}" for each in hosts}


def _load(wire: ClientWire) -> int:
    return len(wire.calls)


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task of the link itself: it must not live in the trace of whoever calls first."""
    return asyncio.get_running_loop().create_task(work, context=Context())
