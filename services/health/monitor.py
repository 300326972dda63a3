"""Follows the stream of attempts: what live traffic tells about the providers."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import redis.asyncio as redis
from google.protobuf.message import DecodeError

from routor.v1.types_pb2 import Attempt, Attempts
from services import store
from services.health.window import WINDOW_S

logger = logging.getLogger(__name__)

# Shorter than the connection's own timeout.
BLOCK_MS = 1000
BATCH = 200
# New entries are gathered for so long: dense traffic costs no more reads than this.
GATHER_S = 0.3
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
                gathered = await self._read()
                if self.caught_up.is_set() and gathered:
                    await asyncio.sleep(GATHER_S)
            except (redis.RedisError, OSError, TimeoutError):
                # The publisher says in the log that Redis is lost.
                self.caught_up.set()
                await asyncio.sleep(RETRY_S)

    async def _read(self) -> bool:
        """Take what is new; False when there was nothing."""
        block = BLOCK_MS if self.caught_up.is_set() else None
        answer: Any = await self._client.xread({store.ATTEMPTS: self._last}, BATCH, block)
        entries = _entries(answer)
        if entries:
            self._last = entries[-1][0].decode()
            self._take([attempt for _, fields in entries for attempt in _attempts(fields)])
        if len(entries) < BATCH:
            self.caught_up.set()
        return bool(entries)


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return (id, fields) of XREAD's answer, which is a list (RESP2) or a mapping (RESP3)."""
    if not answer:
        return []
    if isinstance(answer, dict):
        (batches,) = answer.values()
        return [entry for batch in batches for entry in batch]
    ((_, entries),) = answer
    return list(entries)


def _attempts(fields: dict[bytes, bytes]) -> Iterable[Attempt]:
    try:
        return Attempts.FromString(fields[b"b"]).attempts
    except (KeyError, DecodeError):
        logger.warning("an entry of %s is not a batch of attempts; skipped", store.ATTEMPTS)
        return ()
