"""What becomes of every attempt: metrics, and the stream in Redis that the health service reads.

Redis is written in the background, in batches, from a bounded queue. Without it attempts are
dropped and counted; no request ever waits for it or fails through it.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import cached_property
from typing import cast

import redis.asyncio as redis

from routor.v1.types_pb2 import Attempt, Attempts
from services import store, telemetry
from services.instruments import LIMIT, Distribution, Number

logger = logging.getLogger(__name__)

BATCH = 2000
# Attempts are gathered for so long, so that dense traffic costs one command, not one a call.
GATHER_S = 0.2
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
        self._meters: dict[tuple[str, str, str], _Meter] = {}

    def note(self, attempt: Attempt) -> None:
        """Take one attempt that has ended. Never waits."""
        self._measure(attempt)
        if attempt.kind:
            logger.info("attempt failed", extra={"fields": _facts(attempt)})
        if self._client is None:
            return
        if len(self._waiting) >= self._capacity:
            telemetry.attempts_dropped.add(1)
            return
        # A batch is the batches of one in it, joined: so protobuf merges messages.
        self._waiting.append(Attempts(attempts=(attempt,)).SerializeToString())
        self._woken.set()

    def _measure(self, attempt: Attempt) -> None:
        key = (attempt.provider, attempt.model, attempt.kind)
        meter = self._meters.get(key)
        if meter is None:
            if len(self._meters) >= LIMIT:
                self._meters.clear()
            meter = self._meters[key] = _Meter(*key)
        meter.measure(attempt)

    async def run(self) -> None:
        """Write to Redis until cancelled, through every outage."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                written = await self._write()
                await asyncio.sleep(GATHER_S if written else RETRY_S)

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
            await client.xadd(store.ATTEMPTS, {"b": b"".join(batch)}, maxlen=store.ATTEMPTS_LENGTH)
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


class _Meter:
    """The metrics of one model's attempts that end alike, each looked up once."""

    def __init__(self, provider: str, model: str, kind: str) -> None:
        self._labels = {"provider": provider, "model": model}
        self._named = {
            telemetry.OPERATION: "chat",
            telemetry.PROVIDER: telemetry.PROVIDER_NAMES.get(provider, provider),
            telemetry.REQUEST_MODEL: model,
        }
        failure = {telemetry.ERROR_TYPE: kind} if kind else {}
        self._count = telemetry.attempts.bind({**self._labels, "kind": kind or "OK"})
        self._duration = telemetry.operation_duration.bind({**self._named, **failure})

    @cached_property
    def _first_chunk(self) -> Distribution:
        return telemetry.first_chunk.bind(self._named)

    @cached_property
    def _tokens(self) -> tuple[Number, Number]:
        bind = telemetry.token_usage.bind
        return (
            bind({**self._labels, "direction": "input"}),
            bind({**self._labels, "direction": "output"}),
        )

    @cached_property
    def _spend(self) -> Number:
        return telemetry.spend.bind(self._labels)

    def measure(self, attempt: Attempt) -> None:
        """Take in one attempt."""
        self._count.value += 1
        self._duration.record(attempt.latency_ms / 1000)
        if first_token_ms := attempt.first_token_ms:
            self._first_chunk.record(first_token_ms / 1000)
        read, written = attempt.input_tokens, attempt.output_tokens
        if read or written:
            asked, answered = self._tokens
            asked.value += read
            answered.value += written
        if cost_usd := attempt.cost_usd:
            self._spend.value += cost_usd
