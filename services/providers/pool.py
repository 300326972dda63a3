"""Connections to the providers: made, kept, shared, and bounded in number."""

import asyncio
import functools
import socket
import ssl
from collections import deque
from collections.abc import Mapping

import aiohappyeyeballs

from services.errors import Kind, RoutorError
from services.providers import proxy
from services.providers.wire import Origin, Wire

# RFC 8305, section 5: how long one address may take before the next is tried beside it.
_NEXT_ADDRESS_S = 0.25
# Connections to one origin that are being made; at 0.3 s each, some 850 a second.
MADE_AT_ONCE = 256


class Pool:
    """All connections of this process, at most `most` at a time.

    One that is free for `keepalive_s` is closed. `environ` holds the proxy variables.
    """

    def __init__(
        self, connect_timeout_s: float, most: int, keepalive_s: float, environ: Mapping[str, str]
    ) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._most = most
        self._keepalive_s = keepalive_s
        self._environ = environ
        self._all: set[Wire] = set()
        self._making = 0
        self._lines: dict[Origin, asyncio.Semaphore] = {}
        self._free: dict[Origin, list[Wire]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None

    def kept(self, origin: Origin) -> Wire | None:
        """Return a free connection, the one used last, or None."""
        free = self._free.get(origin)
        while free:
            wire = free.pop()
            if not wire.closed:
                return wire
        return None

    async def fresh(self, origin: Origin) -> Wire:
        """Return a new connection; at the limit wait for room, and take a kept one, too.

        Raises RoutorError(PROVIDER_UNAVAILABLE or PROVIDER_TIMEOUT).
        """
        line = self._lines.setdefault(origin, asyncio.Semaphore(MADE_AT_ONCE))
        try:
            # Of many that are made together each would else pay for the work of all.
            async with asyncio.timeout(self._connect_timeout_s):
                await line.acquire()
            try:
                async with asyncio.timeout(self._connect_timeout_s):
                    return await self._room(origin) or await self._made(origin)
            finally:
                line.release()
        except TimeoutError as failure:
            said = f"no connection within {self._connect_timeout_s:g} s"
            raise RoutorError(Kind.PROVIDER_TIMEOUT, said) from failure
        except ssl.SSLCertVerificationError as failure:
            said = f"its certificate was not accepted: {failure.verify_message.rstrip('.')}"
            raise RoutorError(Kind.PROVIDER_UNAVAILABLE, said) from failure
        except ssl.SSLError as failure:
            said = f"no secure connection: {type(failure).__name__}"
            raise RoutorError(Kind.PROVIDER_UNAVAILABLE, said) from failure
        except socket.gaierror as failure:
            said = "its address was not found"
            raise RoutorError(Kind.PROVIDER_UNAVAILABLE, said) from failure
        except OSError as failure:
            said = "the connection was refused"
            raise RoutorError(Kind.PROVIDER_UNAVAILABLE, said) from failure

    def release(self, wire: Wire) -> None:
        """Keep a connection whose answer was read to its end; close any other at once."""
        if wire.reusable:
            wire.free()
            self._free.setdefault(wire.origin, []).append(wire)
            if self._sweeping is None:
                loop = asyncio.get_running_loop()
                self._sweeping = loop.call_later(self._keepalive_s, self._sweep)
        else:
            wire.abort()
        self._wake()

    def forget(self, origin: Origin) -> None:
        """Close the free connections to an origin."""
        for wire in self._free.pop(origin, ()):
            wire.abort()

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for wire in tuple(self._all):
            wire.abort()
        await asyncio.sleep(0)

    async def _room(self, origin: Origin) -> Wire | None:
        """Wait until a connection may be made, or return one that became free meanwhile."""
        while len(self._all) + self._making >= self._most:
            if (kept := self.kept(origin)) is not None:
                return kept
            if self._evict():
                continue
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise
        return None

    def _evict(self) -> bool:
        """Close one free connection, if there is one."""
        for free in self._free.values():
            if free:
                wire = free.pop(0)
                self._all.discard(wire)
                wire.abort()
                return True
        return False

    async def _made(self, origin: Origin) -> Wire:
        loop = asyncio.get_running_loop()
        self._making += 1
        try:
            plug = await self._plug(origin)
            _, wire = await loop.create_connection(
                lambda: Wire(origin, self._gone),
                sock=plug,
                ssl=_tls() if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        except BaseException:
            self._wake()
            raise
        finally:
            self._making -= 1
        self._all.add(wire)
        return wire

    async def _plug(self, origin: Origin) -> socket.socket:
        """Connect to an origin, or to the proxy before it and through that."""
        loop = asyncio.get_running_loop()
        through = proxy.before(origin, self._environ)
        host, port = (through.host, through.port) if through else (origin.host, origin.port)
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        plug = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1, loop=loop
        )
        try:
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if through is not None:
                await proxy.tunnel(plug, through, origin)
        except BaseException:
            plug.close()
            raise
        return plug

    def _gone(self, wire: Wire) -> None:
        self._all.discard(wire)
        free = self._free.get(wire.origin, [])
        if wire in free:
            free.remove(wire)
        self._wake()

    def _wake(self) -> None:
        """Let the one that waits longest look for room again."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _sweep(self) -> None:
        """Close what has been free for too long, and look again while anything is free."""
        loop = asyncio.get_running_loop()
        old_s = loop.time() - self._keepalive_s
        for free in self._free.values():
            while free and free[0].idle_s <= old_s:
                free.pop(0).abort()
        oldest = [free[0].idle_s for free in self._free.values() if free]
        self._sweeping = (
            loop.call_at(min(oldest) + self._keepalive_s, self._sweep) if oldest else None
        )


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return the context of all secure connections; SSL_CERT_FILE names other authorities."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
