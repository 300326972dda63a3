"""What becomes of every attempt: metrics, and the stream in Redis that the health service reads.

Redis is written in the background, in batches, from a bounded queue. Without it attempts are
dropped and counted; no request ever waits for it or fails through it.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import cast

import redis.asyncio as redis

from routor.v1.types_pb2 import Attempt
from services import store, telemetry

logger = logging.getLogger(__name__)

BATCH = 500
RETRY_S = 1.0
FLUSH_S = 2.0


class Recorder:
    """Takes attempts as they end. Without a client only the metrics are kept."""

    def __init__(self, client: "redis.Redis | None", capacity: int) -> None:
        self._client = client
        self._capacity = capacity
        self._waiting: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._writing = asyncio.Lock()

    def note(self, attempt: Attempt) -> None:
        """Take one attempt that has ended. Never waits."""
        _measure(attempt)
        if attempt.kind:
            logger.info("attempt failed", extra={"fields": _facts(attempt)})
        if self._client is None:
            return
        if len(self._waiting) >= self._capacity:
            telemetry.attempts_dropped.add(1)
            return
        self._waiting.append(attempt.SerializeToString())
        self._woken.set()

    async def run(self) -> None:
        """Write to Redis until cancelled, through every outage."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                if not await self._write():
                    await asyncio.sleep(RETRY_S)

    async def flush(self) -> None:
        """Write what waits, once, before the process ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                # Also waits for the batch that `run` may be writing.
                while await self._write() and self._waiting:
                    pass

    async def _write(self) -> bool:
        """Write one batch; a batch that Redis did not take is dropped."""
        async with self._writing:
            return await self._write_batch()

    async def _write_batch(self) -> bool:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not batch:
            return True
        client = cast("redis.Redis", self._client)
        try:
            async with client.pipeline(transaction=False) as pipeline:
                for attempt in batch:
                    pipeline.xadd(
                        store.ATTEMPTS,
                        {"a": attempt},
                        maxlen=store.ATTEMPTS_LENGTH,
                        approximate=True,
                    )
                await pipeline.execute()
        except (redis.RedisError, OSError, TimeoutError):
            telemetry.attempts_dropped.add(len(batch))
            return False
        return True


def _facts(attempt: Attempt) -> dict[str, object]:
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "kind": attempt.kind,
        "http_status": attempt.http_status,
        "latency_ms": round(attempt.latency_ms, 1),
    }


def _measure(attempt: Attempt) -> None:
    labels = {"provider": attempt.provider, "model": attempt.model}
    telemetry.attempts.add(1, {**labels, "kind": attempt.kind or "OK"})
    provider = telemetry.PROVIDER_NAMES.get(attempt.provider, attempt.provider)
    named = {
        telemetry.OPERATION: "chat",
        telemetry.PROVIDER: provider,
        telemetry.REQUEST_MODEL: attempt.model,
    }
    failure = {telemetry.ERROR_TYPE: attempt.kind} if attempt.kind else {}
    telemetry.operation_duration.record(attempt.latency_ms / 1000, {**named, **failure})
    if attempt.first_token_ms:
        telemetry.first_chunk.record(attempt.first_token_ms / 1000, named)
    if attempt.input_tokens or attempt.output_tokens:
        telemetry.token_usage.add(attempt.input_tokens, {**labels, "direction": "input"})
        telemetry.token_usage.add(attempt.output_tokens, {**labels, "direction": "output"})
    if attempt.cost_usd:
        telemetry.spend.add(attempt.cost_usd, labels)
