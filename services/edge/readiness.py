"""Whether the edge can serve: GET /readyz."""

import time
from collections.abc import Callable
from typing import Protocol

import msgspec
from aiohttp import web

from services.edge.frame import Traffic

# Load balancers ask often: good news holds for a second, bad news is looked into sooner.
TTL_S = 1.0
BAD_TTL_S = 0.1


class Services(Protocol):
    """Whoever can tell how the services are."""

    async def serving(self) -> dict[str, str]:
        """Return "serving", "not_serving" or "unreachable", by name."""
        ...


class Board(Protocol):
    """The status board, as far as it is needed here."""

    redis_up: bool

    @property
    def stale(self) -> bool:
        """Whether the publisher of the status has been silent for too long."""
        ...


class Readiness:
    """Answers /readyz: 200 while router and providers serve, 503 otherwise and while draining.

    Redis down or a stale status only degrade: requests still work on the last known state.
    """

    def __init__(
        self,
        services: Services,
        board: Board | None,
        traffic: Traffic,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._board = board
        self._traffic = traffic
        self._clock = clock
        self._known: dict[str, str] = {}
        self._asked_at_s = float("-inf")

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer as JSON."""
        report = await self.report()
        status = 200 if report["status"] in ("ready", "degraded") else 503
        return web.Response(
            status=status, body=msgspec.json.encode(report), content_type="application/json"
        )

    async def report(self) -> dict[str, str]:
        """Return the states of router, providers, redis and provider_status, and `status`."""
        ttl_s = TTL_S if self._serving else BAD_TTL_S
        if self._clock() - self._asked_at_s >= ttl_s:
            self._asked_at_s = self._clock()
            self._known = await self._services.serving()
        states = {**self._known, **self._shared()}
        if self._traffic.draining:
            status = "draining"
        elif not self._serving:
            status = "not_ready"
        elif states["redis"] == "up" and states["provider_status"] == "fresh":
            status = "ready"
        else:
            status = "degraded"
        return {"status": status, **states}

    @property
    def _serving(self) -> bool:
        return set(self._known.values()) == {"serving"}

    def _shared(self) -> dict[str, str]:
        if self._board is None:
            return {"redis": "not_configured", "provider_status": "unknown"}
        return {
            "redis": "up" if self._board.redis_up else "down",
            "provider_status": "stale" if self._board.stale else "fresh",
        }
