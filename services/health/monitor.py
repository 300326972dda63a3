"""Follows the stream of attempts: what live traffic tells about the providers."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import redis.asyncio as redis
from google.protobuf.message import DecodeError

from routor.v1.types_pb2 import Attempt
from services import store
from services.health.window import WINDOW_S

logger = logging.getLogger(__name__)

# Shorter than the connection's own timeout.
BLOCK_MS = 1000
BATCH = 1000
RETRY_S = 0.25


class Monitor:
    """Reads every attempt once, from five minutes before the start; `take` gets each batch."""

    def __init__(
        self,
        client: "redis.Redis",
        take: Callable[[list[Attempt]], None],
        clock: Callable[[], float],
    ) -> None:
        # The past has been read, or Redis cannot tell it.
        self.caught_up = asyncio.Event()
        self._client = client
        self._take = take
        # Stream ids are milliseconds since the epoch.
        self._last = f"{int((clock() - WINDOW_S) * 1000)}-0"

    async def run(self) -> None:
        """Follow the stream until cancelled, through every outage of Redis."""
        while not store.cancelled():
            try:
                await self._read()
            except (redis.RedisError, OSError, TimeoutError):
                # The publisher says in the log that Redis is lost.
                self.caught_up.set()
                await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        block = BLOCK_MS if self.caught_up.is_set() else None
        answer: Any = await self._client.xread({store.ATTEMPTS: self._last}, BATCH, block)
        entries = _entries(answer)
        if entries:
            self._last = entries[-1][0].decode()
            self._take([each for _, fields in entries if (each := _attempt(fields)) is not None])
        if len(entries) < BATCH:
            self.caught_up.set()


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return (id, fields) of XREAD's answer, which is a list (RESP2) or a mapping (RESP3)."""
    if not answer:
        return []
    if isinstance(answer, dict):
        (batches,) = answer.values()
        return [entry for batch in batches for entry in batch]
    ((_, entries),) = answer
    return list(entries)


def _attempt(fields: dict[bytes, bytes]) -> Attempt | None:
    try:
        return Attempt.FromString(fields[b"a"])
    except (KeyError, DecodeError):
        logger.warning("an entry of %s is not an attempt; skipped", store.ATTEMPTS)
        return None
