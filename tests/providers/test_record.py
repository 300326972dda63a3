import asyncio

from redis.asyncio import Redis

from routor.v1.types_pb2 import Attempt
from services import store, telemetry
from services.providers.record import Recorder
from services.providers.sandbox import environment
from tests.providers.conftest import CHAIN, request, running


async def written(client: Redis) -> list[Attempt]:
    entries = await client.xrange(store.ATTEMPTS)
    return [Attempt.FromString(fields[b"a"]) for _, fields in entries]


async def test_every_attempt_of_a_request_reaches_redis(sandbox, redis):
    await sandbox.fault("openai", "status", status=503)
    async with running(environment(sandbox.base), client=redis) as service:
        served = (await service.complete(request())).served
        await service.parts.recorder.flush()
    assert await written(redis) == list(served.attempts)
    assert [attempt.model for attempt in served.attempts] == list(CHAIN)


async def test_the_writer_follows_in_the_background(redis):
    recorder = Recorder(redis, capacity=10)
    task = asyncio.create_task(recorder.run())
    seen, after = [], b"0"
    for number in range(3):
        recorder.note(Attempt(model=f"a/{number}"))
        [[_, [[after, fields]]]] = await redis.xread({store.ATTEMPTS: after}, block=1500)
        seen.append(Attempt.FromString(fields[b"a"]).model)
    task.cancel()
    assert seen == ["a/0", "a/1", "a/2"]


async def test_the_stream_stays_bounded(redis, monkeypatch):
    monkeypatch.setattr(store, "ATTEMPTS_LENGTH", 100)
    recorder = Recorder(redis, capacity=10_000)
    for number in range(2_000):
        recorder.note(Attempt(model=f"a/{number}"))
    await recorder.flush()
    # Redis trims whole nodes of 100 entries.
    assert await redis.xlen(store.ATTEMPTS) <= 300


class Counted:
    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> None:
        self.total += amount


async def test_without_redis_requests_go_on_and_drops_are_counted(sandbox, monkeypatch):
    dropped = Counted()
    monkeypatch.setattr(telemetry, "attempts_dropped", dropped)
    nobody = store.connect("redis://127.0.0.1:1/0")
    async with running(environment(sandbox.base), client=nobody) as service:
        for _ in range(3):
            assert (await service.complete(request())).body
        await service.parts.recorder.flush()
    assert dropped.total == 3
    await nobody.aclose()


async def test_the_queue_is_bounded(monkeypatch):
    dropped = Counted()
    monkeypatch.setattr(telemetry, "attempts_dropped", dropped)
    nobody = store.connect("redis://127.0.0.1:1/0")
    recorder = Recorder(nobody, capacity=5)
    for _ in range(8):
        recorder.note(Attempt(model="a/one"))
    assert dropped.total == 3
    await nobody.aclose()
