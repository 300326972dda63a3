"""The last known status of the providers, as published by the health service."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import grpc
import redis.asyncio as redis

from routor.v1.status_pb2 import GetStatusRequest, Status
from routor.v1.status_pb2_grpc import StatusServiceStub
from services import rpc, store, telemetry

logger = logging.getLogger(__name__)

# The health service repeats its status every second; after this silence it is called stale.
STALE_AFTER_S = 10.0
RETRY_S = 0.5


class StatusBoard:
    """Subscribes to the status and holds the last one.

    Without Redis the last known status stays; where none is known yet, the health service is
    asked directly. `current` is never changed in place, and stays the same object until the
    version changes; then `on_change` is called with it. `news` are further channels, and who
    is called with each message there; what comes while Redis is lost is missed.
    """

    def __init__(
        self,
        client: "redis.Redis",
        health_address: str = "",
        on_change: Callable[[Status], None] | None = None,
        news: Mapping[str, Callable[[bytes], None]] | None = None,
        certificates: bytes | None = None,
    ) -> None:
        self.current: Status | None = None
        self.redis_up = False
        self._client = client
        self._health_address = health_address
        self._certificates = certificates
        self._on_change = on_change
        self._news = dict(news or {})
        self._known = asyncio.Event()
        self._heard_at_s = float("-inf")
        self._at_s = float("-inf")

    @property
    def stale(self) -> bool:
        """Whether the publisher has been silent for too long."""
        return time.monotonic() - self._heard_at_s > STALE_AFTER_S

    async def known(self, timeout_s: float) -> bool:
        """Wait until some status is known; False when `timeout_s` passed without."""
        try:
            await asyncio.wait_for(self._known.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Follow the status until cancelled, through every outage of Redis."""
        while not store.cancelled():
            try:
                await self._follow()
            except (redis.RedisError, OSError, TimeoutError) as failure:
                if self.redis_up:
                    logger.warning("Redis lost: %s: %.200s", type(failure).__name__, failure)
                self._up(False)
                if self.current is None:
                    await self._ask()
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        async with self._client.pubsub() as channel:
            # Subscribe before reading the snapshot: nothing published in between is missed.
            await channel.subscribe(store.STATUS_CHANGES, *self._news)
            self._up(True)
            snapshot = await self._client.get(store.STATUS_SNAPSHOT)
            if snapshot:
                self._take(cast(bytes, snapshot), heard=False)
            while not store.cancelled():
                message: Any = await channel.get_message(
                    ignore_subscribe_messages=True, timeout=store.TIMEOUT_S
                )
                if message is None:
                    # Silence: make sure that the connection still lives.
                    await self._client.ping()
                elif told := self._news.get(message["channel"].decode()):
                    told(message["data"])
                else:
                    self._take(message["data"], heard=True)

    async def _ask(self) -> None:
        if not self._health_address:
            return
        async with rpc.channel(self._health_address, self._certificates) as channel:
            try:
                answer = await StatusServiceStub(channel).GetStatus(
                    GetStatusRequest(), timeout=store.TIMEOUT_S, metadata=rpc.metadata()
                )
            except grpc.aio.AioRpcError:
                return
        self._take(answer.status.SerializeToString(), heard=True)

    def _up(self, up: bool) -> None:
        self.redis_up = up
        telemetry.redis_up.set(int(up))

    def _take(self, data: bytes, heard: bool) -> None:
        status = Status.FromString(data)
        if heard:
            self._heard_at_s = time.monotonic()
        # A wiped Redis or a restarted publisher may begin anew: time decides, not the version.
        if status.at_s < self._at_s:
            return
        self._at_s = status.at_s
        if self.current is not None and status.version == self.current.version:
            return
        self.current = status
        self._known.set()
        if self._on_change is not None:
            self._on_change(status)
