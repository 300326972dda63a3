"""The edge as a running server: listen, serve, drain."""

import asyncio
import socket

from aiohttp import web

from services import listen, store
from services.edge import app, wire
from services.edge.frame import Traffic
from services.edge.gate import Gate
from services.edge.limits import Limits
from services.edge.peers import Peers
from services.edge.pipeline import Ledgers
from services.edge.prices import Prices
from services.edge.profiles import Profiles
from services.edge.readiness import Readiness
from services.edge.sessions import Sessions
from services.edge.settings import EdgeSettings
from services.edge.trail import Trail
from services.status import StatusBoard

# A drain that takes longer tells its callers.
SOON_S = 1.0
# After the drain: what is still being written, or still hangs, gets this long.
LAST_WRITES_S = 1.0


class Edge:
    """Everything the edge holds open, from `start` to `stop`."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._peers = Peers(
            settings.router_address,
            settings.providers_address,
            settings.internal_token,
            settings.router_timeout_s,
            settings.tls.client(),
        )
        self._redis = store.connect(settings.redis_url) if settings.redis_url else None
        self._ledgers = Ledgers(
            Sessions(self._redis),
            Profiles(self._redis),
            Limits(self._redis, Prices(self._peers)),
            Trail(self._redis),
        )
        self._following: asyncio.Task[None] | None = None
        gate = Gate(settings.api_key, self._redis, admin_key=settings.admin_key)
        self._board = self._follow(gate)
        self._traffic = Traffic(settings.max_requests)
        parts = app.Parts(
            settings,
            self._peers,
            self._ledgers,
            gate,
            Readiness(self._peers, self._board, self._traffic),
            self._traffic,
            self._redis,
            self._board,
        )
        self._runner = _runner(parts)
        self._door: socket.socket | None = None

    def _follow(self, gate: Gate) -> StatusBoard | None:
        """Return what hears of providers, keys and profiles; None without Redis."""
        if self._redis is None:
            return None
        settings = self._settings
        news = {
            store.KEY_CHANGES: gate.forget,
            store.PROFILE_CHANGES: self._ledgers.profiles.forget,
        }
        certificates = settings.tls.trusted()
        return StatusBoard(
            self._redis, settings.health_address, news=news, certificates=certificates
        )

    @property
    def port(self) -> int:
        """The TCP port it listens on; 0 for a Unix socket."""
        address = self._runner.addresses[0]
        return int(address[1]) if isinstance(address, tuple) else 0

    async def start(self) -> None:
        """Listen, and follow the status of the providers."""
        await self._runner.setup()
        if self._board is not None:
            self._following = asyncio.create_task(self._board.run())
        await self._site().start()

    def _site(self) -> web.BaseSite:
        where = self._settings.listen
        if where.startswith("unix:"):
            return web.UnixSite(self._runner, where.removeprefix("unix:"), backlog=listen.BACKLOG)
        if where.startswith("fd:"):
            self._door = self._door or socket.socket(fileno=int(where.removeprefix("fd:")))
            return web.SockSite(self._runner, self._door.dup(), backlog=listen.BACKLOG)
        host, _, port = where.rpartition(":")
        return web.TCPSite(self._runner, host.strip("[]"), int(port), backlog=listen.BACKLOG)

    async def _shut(self) -> None:
        for site in self._runner.sites:
            await site.stop()

    async def stop(self) -> None:
        """Take no new connections, let running requests end within `drain_s`, then close.

        At first who is connected may still ask, and who comes waits for the next process that
        listens here, since most drains are over soon. Later both are told to try again.
        """
        self._traffic.draining = True
        await self._shut()
        alone = self._door is not None and self._settings.workers == 1
        if self._door is not None and not alone:
            listen.leave(self._door)
        soon_s = min(SOON_S, self._settings.drain_s)
        if not await self._traffic.quiet(soon_s):
            self._traffic.closed = True
            if alone:
                await self._site().start()
            await self._traffic.quiet(self._settings.drain_s - soon_s)
            await self._shut()
        if self._door is not None:
            self._door.close()
            self._door = None
        await self._runner.cleanup()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._peers.close()
        for ledger in (self._ledgers.sessions, self._ledgers.limits, self._ledgers.trail):
            await ledger.close()
        if self._redis is not None:
            await self._redis.aclose()


def _runner(parts: app.Parts) -> web.ServerRunner:
    listener = wire.Listener(
        app.build(parts),
        max_idle=parts.settings.max_idle_connections,
        write_timeout_s=parts.settings.write_timeout_s,
        # A client that has gone cancels its handler, and that cancels the call upstream.
        handler_cancellation=True,
        access_log=None,
        auto_decompress=False,
        max_field_size=wire.HEADER_BYTES,
        keepalive_timeout=parts.settings.keepalive_timeout_s,
    )
    return web.ServerRunner(listener, shutdown_timeout=LAST_WRITES_S)
