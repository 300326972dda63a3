import asyncio

from redis.asyncio import Redis

from routor.v1.types_pb2 import Attempt, Attempts
from services import store, telemetry
from services.providers.record import Recorder
from services.providers.sandbox import environment
from tests.providers.conftest import CHAIN, request, running


async def written(client: Redis) -> list[Attempt]:
    entries = await client.xrange(store.ATTEMPTS)
    return [each for _, fields in entries for each in Attempts.FromString(fields[b"b"]).attempts]


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
        seen += [attempt.model for attempt in Attempts.FromString(fields[b"b"]).attempts]
    task.cancel()
    assert seen == ["a/0", "a/1", "a/2"]


async def test_attempts_that_end_together_cost_one_command(redis):
    recorder = Recorder(redis, capacity=1_000)
    for number in range(300):
        recorder.note(Attempt(model=f"a/{number}"))
    await recorder.flush()
    assert await redis.xlen(store.ATTEMPTS) == 1
    assert [attempt.model for attempt in await written(redis)] == [f"a/{n}" for n in range(300)]


async def test_the_stream_stays_bounded(redis, monkeypatch):
    monkeypatch.setattr(store, "ATTEMPTS_LENGTH", 100)
    recorder = Recorder(redis, capacity=10)
    for number in range(600):
        recorder.note(Attempt(model=f"a/{number}"))
        await recorder.flush()
    # Redis trims whole nodes of 100 entries.
    assert await redis.xlen(store.ATTEMPTS) <= 300


async def test_attempts_are_measured_by_model_and_kind():
    recorder = Recorder(None, capacity=1)
    recorder.note(Attempt(provider="xai", model="xai/m", kind="PROVIDER_AUTH", latency_ms=20))
    for _ in range(2):
        recorder.note(
            Attempt(
                provider="xai",
                model="xai/m",
                latency_ms=300,
                first_token_ms=150,
                input_tokens=7,
                output_tokens=2,
                cost_usd=0.25,
            )
        )
    labels = {"provider": "xai", "model": "xai/m"}
    assert telemetry.attempts.bind({**labels, "kind": "PROVIDER_AUTH"}).value == 1
    assert telemetry.attempts.bind({**labels, "kind": "OK"}).value == 2
    assert telemetry.token_usage.bind({**labels, "direction": "input"}).value == 14
    assert telemetry.token_usage.bind({**labels, "direction": "output"}).value == 4
    assert telemetry.spend.bind(labels).value == 0.5
    named = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "x_ai",
        "gen_ai.request.model": "xai/m",
    }
    assert telemetry.operation_duration.bind(named).total == 0.6
    assert telemetry.first_chunk.bind(named).total == 0.3
    failed = {**named, "error.type": "PROVIDER_AUTH"}
    assert telemetry.operation_duration.bind(failed).total == 0.02


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
