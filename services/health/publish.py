"""Publishes the status: to Redis for everybody, and to those who watch by gRPC."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress

import redis.asyncio as redis

from routor.v1.status_pb2 import Health, ProviderStatus, Status
from services import store, telemetry

logger = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
_GAUGE = {Health.HEALTH_HEALTHY: 3, Health.HEALTH_DEGRADED: 2, Health.HEALTH_DOWN: 1}


class Publisher:
    """Holds the current status, numbers its versions and spreads it.

    Versions are milliseconds since the epoch, or one more than the last: they grow across
    restarts and a wiped Redis alike. `client` is None where there is no Redis.
    """

    def __init__(self, client: "redis.Redis | None", clock: Callable[[], float]) -> None:
        self.current: Status | None = None
        self.known = asyncio.Event()
        self._client = client
        self._clock = clock
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()
        self._redis_up = True
        self._leading = False
        self._inherited: Status | None = None

    def adopt(self, status: Status) -> None:
        """Show what another health process has published, unless this one publishes."""
        if not self._leading:
            self.current = status
            self._announce()

    def inherit(self, status: Status) -> None:
        """Go on from a predecessor's status: nothing is shown, but versions and times go on."""
        self._inherited = status

    def offer(self, providers: Iterable[ProviderStatus], *, heartbeat: bool) -> None:
        """Make a new status if the providers changed in what matters, or at a `heartbeat`."""
        now_s = self._clock()
        last = self.current or self._inherited or Status()
        before = {each.provider: each for each in last.providers}
        fresh = [_stamped(each, before.get(each.provider), now_s) for each in providers]
        status = Status(at_s=now_s, providers=fresh)
        changed = self.current is None or last.providers != status.providers
        urgent = self.current is None or (changed and _gist(last.providers) != _gist(fresh))
        if not (urgent or heartbeat):
            return
        status.version = max(last.version + 1, int(now_s * 1000)) if changed else last.version
        self.current = status
        if changed:
            self._announce()
        if urgent:
            self._urgent.set()

    async def watch(self) -> AsyncIterator[Status]:
        """Yield the current status, then every change; who is slow skips to the newest."""
        seen = None
        while True:
            changed = self._changed
            if self.current is not None and self.current.version != seen:
                seen = self.current.version
                yield self.current
            else:
                await changed.wait()

    async def run(self) -> None:
        """Write to Redis at every change that matters and once a second, until cancelled."""
        self._leading = True
        try:
            while self._client is not None and not store.cancelled():
                with suppress(TimeoutError):
                    # Not wait_for: in Python 3.11 it may swallow a cancellation.
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._urgent.wait()
                self._urgent.clear()
                if self.current is not None:
                    await self._write(self._client, self.current.SerializeToString())
        finally:
            self._leading = False

    async def _write(self, client: "redis.Redis", data: bytes) -> None:
        try:
            async with client.pipeline(transaction=False) as pipe:
                pipe.set(store.STATUS_SNAPSHOT, data)
                pipe.publish(store.STATUS_CHANGES, data)
                await pipe.execute()
        except (redis.RedisError, OSError, TimeoutError) as failure:
            if self._redis_up:
                logger.warning(
                    "nobody hears the status: %s: %.200s", type(failure).__name__, failure
                )
            self._redis_up = False
        else:
            if not self._redis_up:
                logger.info("Redis is back")
            self._redis_up = True
        telemetry.redis_up.set(int(self._redis_up))

    def _announce(self) -> None:
        self.known.set()
        self._changed.set()
        self._changed = asyncio.Event()
        for provider in self.current.providers if self.current is not None else ():
            known = _GAUGE.get(provider.health, 0) if provider.connected else 0
            telemetry.provider_health.set(known, {"provider": provider.provider})
            for model in provider.models:
                if model.retired or model.health:
                    known = 0 if model.retired else _GAUGE[model.health]
                    telemetry.model_health.set(known, {"model": model.model})


def _stamped(fresh: ProviderStatus, last: ProviderStatus | None, now_s: float) -> ProviderStatus:
    """Fill in since when the provider is as it is."""
    same = last is not None and (last.health, last.half_open, last.connected) == (
        fresh.health,
        fresh.half_open,
        fresh.connected,
    )
    fresh.changed_at_s = last.changed_at_s if last is not None and same else now_s
    return fresh


def _gist(providers: Iterable[ProviderStatus]) -> list[object]:
    """Return what others act upon; what moves with every call waits for the next heartbeat."""
    return [
        (
            provider.provider,
            provider.connected,
            provider.health,
            provider.half_open,
            provider.refused,
            provider.resting_until_s,
            [
                (
                    model.model,
                    model.health,
                    model.retired,
                    model.unlisted,
                    model.resting_until_s,
                    model.spare_until_s,
                )
                for model in provider.models
            ],
        )
        for provider in providers
    ]
