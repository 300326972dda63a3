"""The lease: of all health processes of a cluster, one works; the others wait."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, cast

import redis.asyncio as redis

from services import store

logger = logging.getLogger(__name__)

# Take it when it is free, renew it when it is ours; one key, so it runs in a cluster, too.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Lease:
    """A key that expires after `lease_s` unless it is renewed by its holder."""

    def __init__(self, client: "redis.Redis", lease_s: float) -> None:
        self._client = client
        self._lease_ms = round(lease_s * 1000)
        self._id = secrets.token_hex(16)
        self.renew_s = lease_s / 4

    async def hold(self) -> bool:
        """Take or renew it; True when it is ours. Raises redis.RedisError."""
        return bool(await self._run(_HOLD, self._id, self._lease_ms))

    async def release(self) -> None:
        """Give it back, so that another process need not wait until it expires."""
        try:
            await self._run(_RELEASE, self._id)
        except (redis.RedisError, OSError, TimeoutError):
            logger.info("the lease was not given back; it expires by itself")

    async def _run(self, script: str, *arguments: object) -> int:
        answer = self._client.eval(script, 1, store.HEALTH_LEASE, *arguments)  # type: ignore[arg-type]
        return int(await cast("Coroutine[Any, Any, Any]", answer))


async def while_held(lease: Lease | None, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` whenever the lease is ours, until cancelled; without one, always.

    When Redis does not answer nobody can tell whose it is: then every process works, which
    costs a few free probes and keeps a lone process useful. A failure of `work` is raised.
    """
    running: asyncio.Task[None] | None = None
    try:
        while not store.cancelled():
            ours = await _ours(lease)
            if ours and running is None:
                running = asyncio.create_task(work())
            elif not ours and running is not None:
                logger.info("another health process took the lease")
                await _end(running)
                running = None
            pause_s = lease.renew_s if lease is not None else None
            if running is None:
                await asyncio.sleep(pause_s or 0)
            elif (await asyncio.wait({running}, timeout=pause_s))[0]:
                await running
                running = None
    finally:
        if running is not None:
            await _end(running)
        if lease is not None:
            await lease.release()


async def _ours(lease: Lease | None) -> bool:
    if lease is None:
        return True
    try:
        return await lease.hold()
    except (redis.RedisError, OSError, TimeoutError):
        return True


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
