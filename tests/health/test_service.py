"""The service between a real Redis and a providers service: evidence in, published status out."""

import asyncio
import contextlib
import os
import signal
import sys
import time

import grpc
import pytest
import redis.asyncio as redis

from routor.v1.providers_pb2_grpc import ProvidersServiceStub
from routor.v1.status_pb2 import (
    HEALTH_DOWN,
    HEALTH_HEALTHY,
    HEALTH_UNSPECIFIED,
    GetStatusRequest,
    Status,
    WatchStatusRequest,
)
from routor.v1.status_pb2_grpc import StatusServiceStub, add_StatusServiceServicer_to_server
from routor.v1.types_pb2 import Attempt, Attempts
from services import catalog, rpc, store
from services.errors import Kind
from services.health.lead import Lead
from services.health.lease import Lease, while_held
from services.health.probe import Access
from services.health.publish import Publisher
from services.health.server import NAME, StatusServicer
from services.status import StatusBoard
from tests.health.fake_providers import TOKEN, FakeProviders

CATALOG = catalog.read()
TIMEOUT_S = 10.0


@pytest.fixture
async def providers():
    fake = FakeProviders("openai", "anthropic")
    await fake.start()
    yield fake
    await fake.stop()


class Follower:
    """Somebody who hears what is published."""

    def __init__(self, client):
        self._client = client
        self.heard = []

    async def __aenter__(self):
        self._channel = self._client.pubsub()
        await self._channel.subscribe(store.STATUS_CHANGES)
        return self

    async def __aexit__(self, *_):
        await self._channel.aclose()

    async def next(self):
        while True:
            message = await self._channel.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                self.heard.append(Status.FromString(message["data"]))
                return self.heard[-1]

    async def until(self, condition):
        async with asyncio.timeout(TIMEOUT_S):
            while not condition(status := await self.next()):
                pass
        return status


@contextlib.asynccontextmanager
async def leading(client, fake):
    """A working service; yields its publisher."""
    async with rpc.channel(fake.address) as channel:
        access = Access(ProvidersServiceStub(channel), TOKEN, list_every_s=0.1)
        publisher = Publisher(client, time.time)
        task = asyncio.create_task(Lead(client, access, CATALOG, publisher, time.time).run())
        try:
            yield publisher
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def record(client, provider, kind="", count=1, model="", **facts):
    made = Attempt(
        provider=provider, model=model, kind=kind, latency_ms=5, ended_at_s=time.time(), **facts
    )
    await client.xadd(store.ATTEMPTS, {"b": Attempts(attempts=[made] * count).SerializeToString()})


def of(status, provider):
    return next(each for each in status.providers if each.provider == provider)


def health(provider, wanted):
    return lambda status: of(status, provider).health == wanted


async def test_the_first_status_is_published_only_after_validation(redis_client, providers):
    providers.kinds["anthropic"] = Kind.PROVIDER_AUTH.name
    providers.slow["openai"] = asyncio.Event()
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        async with asyncio.timeout(TIMEOUT_S):
            await providers.probed.wait()
        assert await redis_client.get(store.STATUS_SNAPSHOT) is None
        providers.slow["openai"].set()
        status = await follower.until(lambda _: True)
    assert of(status, "openai").health == HEALTH_HEALTHY
    assert of(status, "openai").connected
    assert of(status, "anthropic").health == HEALTH_DOWN
    assert of(status, "anthropic").reason == "probe failed: PROVIDER_AUTH"
    assert not of(status, "xai").connected
    assert status.version > 0
    assert await redis_client.get(store.STATUS_SNAPSHOT)


async def test_a_slow_provider_does_not_hold_up_the_others(redis_client, providers):
    providers.slow["openai"] = asyncio.Event()
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
        assert of(first, "anthropic").health == HEALTH_HEALTHY
        assert of(first, "openai").health == HEALTH_UNSPECIFIED
        providers.slow["openai"].set()
        await follower.until(health("openai", HEALTH_HEALTHY))


async def test_failing_traffic_takes_a_provider_out_at_once(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
        await record(redis_client, "openai", Kind.PROVIDER_UNAVAILABLE.name, count=5)
        down = await follower.until(health("openai", HEALTH_DOWN))
        assert down.version > first.version
        assert of(down, "anthropic").health == HEALTH_HEALTHY
        # It comes back through a probe, then through calls that succeed.
        await follower.until(lambda status: of(status, "openai").half_open)
        await asyncio.sleep(0.01)  # the calls of the trial begin after it does
        await record(redis_client, "openai", count=3)
        await follower.until(health("openai", HEALTH_HEALTHY))
    versions = [status.version for status in follower.heard]
    assert versions == sorted(versions)


async def test_a_down_is_published_within_a_second_of_its_evidence(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        await follower.until(lambda _: True)
        await record(redis_client, "openai", Kind.PROVIDER_QUOTA.name)
        down = await follower.until(health("openai", HEALTH_DOWN))
        entry = (await redis_client.xrevrange(store.ATTEMPTS, count=1))[0][1][b"b"]
        assert down.at_s - Attempts.FromString(entry).attempts[0].ended_at_s < 1.0


async def test_heartbeats_repeat_the_version_and_heal_a_wiped_redis(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
        again = await follower.until(lambda status: status.at_s > first.at_s)
        assert again.version == first.version
        await redis_client.flushall()
        await follower.until(lambda status: status.at_s > again.at_s)
        snapshot = Status.FromString(await redis_client.get(store.STATUS_SNAPSHOT))
        assert snapshot.version == first.version


async def test_a_late_joiner_knows_the_status_at_once(redis_client, providers, background):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
        board = StatusBoard(redis_client)
        background(board.run())
        assert await board.known(TIMEOUT_S)
        assert board.current.version == first.version


async def test_a_successor_goes_on_from_the_stream_and_the_versions(redis_client, providers):
    await record(redis_client, "openai", Kind.PROVIDER_UNAVAILABLE.name, count=5)
    future = Status(version=int(time.time() * 1000) + 1_000_000)
    await redis_client.set(store.STATUS_SNAPSHOT, future.SerializeToString())
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
    assert first.version > future.version
    assert of(first, "openai").health == HEALTH_DOWN


async def test_strange_entries_in_the_stream_are_skipped(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        await follower.until(lambda _: True)
        await redis_client.xadd(store.ATTEMPTS, {"b": b"\xff\xff\xff"})
        await redis_client.xadd(store.ATTEMPTS, {"other": b""})
        await record(redis_client, "openai", Kind.PROVIDER_AUTH.name)
        await follower.until(health("openai", HEALTH_DOWN))


async def test_new_and_lost_providers_are_noticed(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        await follower.until(lambda _: True)
        providers.connected = ["anthropic", "mistral"]
        status = await follower.until(
            lambda status: (
                any(each.provider == "mistral" for each in status.providers)
                and of(status, "mistral").health == HEALTH_HEALTHY
            )
        )
    assert [each.provider for each in status.providers if each.connected] == [
        "anthropic",
        "mistral",
    ]


async def test_models_that_left_the_list_are_retired(redis_client, providers):
    providers.models["openai"] = ["gpt-5.5", "gpt-5.4"]
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        status = await follower.until(lambda _: True)
    retired = {each.model for each in of(status, "openai").models if each.retired}
    assert "openai/gpt-5.4-mini" in retired
    assert not retired & {"openai/gpt-5.5", "openai/gpt-5.4"}


async def test_healthy_providers_are_probed_once_and_never_paid_for(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
        await follower.until(lambda status: status.at_s > first.at_s + 1)
    assert sorted(providers.probes) == ["anthropic", "openai"]


async def test_redis_killed_and_restarted(mortal_redis, providers):
    client = store.connect(mortal_redis.url)
    async with leading(client, providers) as publisher:
        async with asyncio.timeout(TIMEOUT_S):
            await publisher.known.wait()
        mortal_redis.kill()
        # Probes go on meanwhile, and what they find is known to who asks.
        providers.connected.append("mistral")
        providers.kinds["mistral"] = Kind.PROVIDER_AUTH.name
        async with asyncio.timeout(TIMEOUT_S):
            async for status in publisher.watch():
                if any(each.provider == "mistral" and each.connected for each in status.providers):
                    break
        mortal_redis.start()
        async with Follower(client) as follower:
            back = await follower.until(lambda _: True)
            assert of(back, "mistral").health == HEALTH_DOWN
            await record(client, "openai", Kind.PROVIDER_AUTH.name)
            await follower.until(health("openai", HEALTH_DOWN))
    await client.aclose()


async def test_without_redis_it_probes_and_answers(providers):
    async with leading(None, providers) as publisher, asyncio.timeout(TIMEOUT_S):
        await publisher.known.wait()
        assert of(publisher.current, "openai").health == HEALTH_HEALTHY


async def test_a_providers_service_that_is_away_is_no_evidence(redis_client, providers):
    async with Follower(redis_client) as follower, leading(redis_client, providers):
        first = await follower.until(lambda _: True)
        await providers.stop()
        later = await follower.until(lambda status: status.at_s > first.at_s + 1)
        assert of(later, "openai").health == HEALTH_HEALTHY


@pytest.fixture
async def stub():
    """StatusService over gRPC, and the publisher behind it."""
    publisher = Publisher(None, time.time)
    server = rpc.Server("127.0.0.1:0")
    server.add(add_StatusServiceServicer_to_server, StatusServicer(publisher), NAME)
    await server.start()
    async with rpc.channel(f"127.0.0.1:{server.port}") as channel:
        yield StatusServiceStub(channel), publisher
    await server.stop(0)


async def test_get_status_says_when_nothing_is_known_yet(stub):
    status, publisher = stub
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await status.GetStatus(GetStatusRequest())
    error = rpc.error_of(raised.value, "health")
    assert (error.kind, error.retry_after_s) == (Kind.OVERLOADED, 1)
    publisher.adopt(Status(version=7))
    assert (await status.GetStatus(GetStatusRequest())).status.version == 7


async def test_watch_status_tells_the_current_one_then_every_change(stub):
    status, publisher = stub
    call = status.WatchStatus(WatchStatusRequest(), timeout=TIMEOUT_S)
    for version in (1, 2, 3):
        publisher.adopt(Status(version=version))
        assert (await call.read()).status.version == version
    publisher.adopt(Status(version=3, at_s=1))
    publisher.adopt(Status(version=4))
    assert (await call.read()).status.version == 4
    call.cancel()


async def test_one_of_two_holds_the_lease_and_gives_it_back(redis_client, background):
    working = asyncio.Queue()
    forever = asyncio.Event()

    async def work(name):
        working.put_nowait(name)
        await forever.wait()

    first = asyncio.create_task(while_held(Lease(redis_client, 60), lambda: work("first")))
    async with asyncio.timeout(TIMEOUT_S):
        assert await working.get() == "first"
    other = Lease(redis_client, 60)
    assert not await other.hold()
    other.renew_s = 0.01
    background(while_held(other, lambda: work("second")))
    first.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        assert await working.get() == "second"
    await asyncio.gather(first, return_exceptions=True)


async def test_a_lease_that_is_not_renewed_expires(redis_client):
    assert await Lease(redis_client, 60).hold()
    assert 0 < await redis_client.pttl(store.HEALTH_LEASE) <= 60_000
    await redis_client.pexpire(store.HEALTH_LEASE, 1)
    other = Lease(redis_client, 60)
    async with asyncio.timeout(TIMEOUT_S):
        while not await other.hold():
            await redis_client.ping()


async def test_who_loses_the_lease_stops_working(redis_client, background):
    states = asyncio.Queue()

    async def work():
        states.put_nowait("working")
        try:
            await asyncio.Event().wait()
        finally:
            states.put_nowait("stopped")

    lease = Lease(redis_client, 60)
    lease.renew_s = 0.01
    background(while_held(lease, work))
    async with asyncio.timeout(TIMEOUT_S):
        assert await states.get() == "working"
        await redis_client.set(store.HEALTH_LEASE, "another process")
        assert await states.get() == "stopped"


async def test_without_redis_everybody_works(mortal_redis, background):
    mortal_redis.kill()
    client = store.connect(mortal_redis.url)
    working = asyncio.Event()

    async def work():
        working.set()
        await asyncio.Event().wait()

    background(while_held(Lease(client, 1), work))
    async with asyncio.timeout(TIMEOUT_S):
        await working.wait()


async def test_a_failure_of_the_work_is_not_hidden():
    async def work():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await while_held(None, work)


class Process:
    """`python -m services.health` as it runs in production."""

    def __init__(self, redis_url, providers):
        self.environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((".", "protos")),
            "ROUTOR_HEALTH_LISTEN": "127.0.0.1:0",
            "ROUTOR_HEALTH_METRICS_LISTEN": "127.0.0.1:0",
            "ROUTOR_HEALTH_LEASE_S": "1",
            "ROUTOR_PROVIDERS_ADDRESS": providers.address,
            "ROUTOR_INTERNAL_TOKEN": TOKEN,
            "REDIS_URL": redis_url,
        }

    async def __aenter__(self):
        command = (sys.executable, "-m", "services.health")
        self.running = await asyncio.create_subprocess_exec(*command, env=self.environ)
        return self

    async def __aexit__(self, *_):
        if self.running.returncode is None:
            self.running.kill()
        await self.running.wait()

    async def end(self, number):
        self.running.send_signal(number)
        return await asyncio.wait_for(self.running.wait(), TIMEOUT_S)


async def test_two_processes_one_prober_and_takeover_after_a_kill(redis_url, providers):
    async with (
        redis.from_url(redis_url) as client,
        Follower(client) as follower,
        Process(redis_url, providers) as first,
    ):
        await follower.until(lambda _: True)
        async with Process(redis_url, providers) as second:
            holder = await client.get(store.HEALTH_LEASE)
            assert len(providers.probes) == 2
            assert await first.end(signal.SIGKILL) == -signal.SIGKILL
            # Published again, by somebody else, who validates anew.
            await follower.until(lambda _: len(providers.probes) == 4)
            after = await follower.until(lambda _: True)
            assert await client.get(store.HEALTH_LEASE) not in (None, holder)
            assert of(after, "openai").health == HEALTH_HEALTHY
            assert await second.end(signal.SIGTERM) == 0
            assert await client.get(store.HEALTH_LEASE) is None
    versions = [status.version for status in follower.heard]
    assert versions == sorted(versions)
