"""The work of the one health process that holds the lease: watch, judge, probe, publish."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import redis.asyncio as redis

from routor.v1.status_pb2 import Status
from routor.v1.types_pb2 import Attempt
from services import store
from services.catalog import Catalog
from services.health.judge import Judge
from services.health.monitor import Monitor
from services.health.probe import Access, Prober
from services.health.publish import HEARTBEAT_S, Publisher

# News are gathered for so long before they are judged.
GATHER_S = 0.05


class Lead:
    """Everything between the evidence and the published status. `client` is None without Redis."""

    def __init__(
        self,
        client: "redis.Redis | None",
        access: Access,
        catalog: Catalog,
        publisher: Publisher,
        clock: Callable[[], float],
    ) -> None:
        models: dict[str, list[str]] = {name: [] for name in catalog.providers}
        for key, model in catalog.models.items():
            models[model.provider].append(key)
        self.judge = Judge(models)
        self._client = client
        self._publisher = publisher
        self._clock = clock
        self._news = asyncio.Event()
        # Whether the news are more than calls.
        self._probed = False
        self._monitor = Monitor(client, self._take, clock) if client is not None else None
        self._prober = Prober(access, self.judge, catalog, clock, self._hear)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._inherit()
        async with asyncio.TaskGroup() as tasks:
            if self._monitor is not None:
                tasks.create_task(self._monitor.run())
            tasks.create_task(self._prober.run())
            tasks.create_task(self._publisher.run())
            tasks.create_task(self._judge())

    def reset(self) -> None:
        """Forget all evidence; probes bring the first of the new."""
        self.judge.reset(self._clock())
        self._hear()

    async def _inherit(self) -> None:
        """Learn what the predecessor has published; its versions go on."""
        if self._client is None:
            return
        try:
            snapshot = cast("bytes | None", await self._client.get(store.STATUS_SNAPSHOT))
        except (redis.RedisError, OSError, TimeoutError):
            return
        if snapshot:
            self._publisher.inherit(status := Status.FromString(snapshot))
            self.judge.adopt(status)

    def _take(self, attempts: list[Attempt]) -> None:
        now_s = self._clock()
        for attempt in attempts:
            self.judge.observe(attempt, now_s)
        self._news.set()

    def _hear(self) -> None:
        self._probed = True
        self._news.set()

    async def _judge(self) -> None:
        """Draw conclusions at news, at least once a second.

        News of calls alone are told at once only when they change what others act upon.
        """
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while True:
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it may swallow a cancellation.
                async with asyncio.timeout_at(beat_at):
                    await self._news.wait()
            self._news.clear()
            heartbeat = loop.time() >= beat_at
            if heartbeat:
                beat_at = loop.time() + HEARTBEAT_S
            now_s = self._clock()
            if heartbeat or self._probed:
                self._probed = False
                self.judge.advance(now_s)
                told = self._complete(now_s)
            else:
                told = self.judge.react(now_s) and self._complete(now_s)
            if told:
                self._publisher.offer(self.judge.statuses(now_s), heartbeat=heartbeat)
            await asyncio.sleep(GATHER_S)

    def _complete(self, now_s: float) -> bool:
        """Tell whether enough is known to publish: nobody should use what is not validated."""
        caught_up = self._monitor is None or self._monitor.caught_up.is_set()
        return self._prober.listed and caught_up and self.judge.settled(now_s)
