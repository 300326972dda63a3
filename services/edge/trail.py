"""What was decided for recent requests, kept for the feedback that may come.

No text of a request is in it. Written in batches, apart from the requests.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import redis.asyncio as redis

from routor.v1 import router_pb2
from routor.v1.router_pb2 import RecordOutcomeRequest as Outcome
from services import store

logger = logging.getLogger(__name__)

# Feedback may come so much later.
HOURS = 24
HOUR_S = 3600
# Decisions of so long a time go to Redis together.
WRITE_S = 0.25
# With 24 full hours about 150 MB; an hour that is full takes no more.
KEPT_AN_HOUR = 50_000
UNWRITTEN = 10_000
OWNER_CHARS = 16


class Trail:
    """Remembers decisions by key and request; without Redis none."""

    def __init__(self, client: "redis.Redis | None", wall: Callable[[], float] = time.time) -> None:
        self._client = client
        self._wall = wall
        self._unwritten: dict[str, tuple[router_pb2.Decision, str]] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, owner: str, decision: router_pb2.Decision, model: str) -> None:
        """Keep what was decided for a key's request, and who answered."""
        if self._client is None or len(self._unwritten) >= UNWRITTEN:
            return
        self._unwritten[_name(owner, decision.request_id)] = (decision, model)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(self._client))

    async def take(self, owner: str, request_id: str) -> Outcome | None:
        """Return the decision, yet without a score, and forget it; None when it is not known.

        Raises redis.RedisError.
        """
        if self._client is None:
            return None
        if self._writing is not None:
            await self._writing
        name, now = _name(owner, request_id), int(self._wall()) // HOUR_S
        async with self._client.pipeline(transaction=False) as pipeline:
            for hour in range(now, now - HOURS, -1):
                pipeline.hget(store.decisions_name(hour), name)
            found = await pipeline.execute()
        for hour, packed in zip(range(now, now - HOURS, -1), found, strict=True):
            if packed is not None:
                gone = self._client.hdel(store.decisions_name(hour), name)
                # Of two that come at once, one has it.
                return Outcome.FromString(packed) if await gone else None
        return None

    async def put_back(self, owner: str, step: Outcome) -> None:
        """Keep again what was taken in vain. Raises redis.RedisError."""
        if self._client is not None:
            hour = store.decisions_name(int(self._wall()) // HOUR_S)
            await self._client.hset(hour, _name(owner, step.request_id), step.SerializeToString())

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._writing is not None:
            await self._writing

    async def _write(self, client: "redis.Redis") -> None:
        await asyncio.sleep(WRITE_S)
        self._writing, unwritten, self._unwritten = None, self._unwritten, {}
        kept: dict[Any, Any] = {name: _packed(*noted) for name, noted in unwritten.items()}
        hour = store.decisions_name(int(self._wall()) // HOUR_S)
        try:
            if await client.hlen(hour) >= KEPT_AN_HOUR:
                return
            async with client.pipeline(transaction=False) as pipeline:
                pipeline.hset(hour, mapping=kept)
                pipeline.expire(hour, (HOURS + 1) * HOUR_S)
                await pipeline.execute()
        except (redis.RedisError, OSError, TimeoutError) as failure:
            logger.warning("decisions cannot be written to Redis: %s", type(failure).__name__)


def _packed(decision: router_pb2.Decision, model: str) -> bytes:
    return Outcome(
        request_id=decision.request_id,
        model=model,
        tier=decision.tier,
        category=decision.category,
        difficulty=decision.difficulty,
    ).SerializeToString()


def _name(owner: str, request_id: str) -> str:
    return f"{owner[:OWNER_CHARS]}:{request_id}"
