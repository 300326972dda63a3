"""StatusBoard: the last known status, through every outage of Redis."""

import asyncio
import time

import pytest

from routor.v1.status_pb2 import GetStatusResponse, Status
from routor.v1.status_pb2_grpc import add_StatusServiceServicer_to_server
from services import rpc, status, store
from services.status import StatusBoard

TIMEOUT_S = 10.0


def made(version, at_s=None):
    return Status(version=version, at_s=time.time() if at_s is None else at_s)


async def publish(client, published):
    data = published.SerializeToString()
    await client.set(store.STATUS_SNAPSHOT, data)
    return await client.publish(store.STATUS_CHANGES, data)


async def next_of(changes):
    async with asyncio.timeout(TIMEOUT_S):
        return (await changes.get()).version


async def publish_until_heard(client, published):
    """Publish as the health service does, again and again, until somebody listens."""
    async with asyncio.timeout(TIMEOUT_S):
        while not await publish(client, published):
            await client.ping()


@pytest.fixture
def changes():
    return asyncio.Queue()


async def test_a_late_joiner_reads_the_snapshot(redis_client, background, changes):
    await publish(redis_client, made(7))
    board = StatusBoard(redis_client, on_change=changes.put_nowait)
    assert not await board.known(0)
    background(board.run())
    assert await board.known(TIMEOUT_S)
    assert await next_of(changes) == 7
    assert board.redis_up
    # A snapshot does not show that its publisher lives.
    assert board.stale


async def test_changes_are_told_and_heartbeats_are_not(redis_client, background, changes):
    board = StatusBoard(redis_client, on_change=changes.put_nowait)
    background(board.run())
    await publish_until_heard(redis_client, made(1))
    assert await next_of(changes) == 1
    first = board.current
    await publish(redis_client, made(1))
    await publish(redis_client, made(2))
    assert await next_of(changes) == 2
    assert not board.stale
    assert board.current is not first and first.version == 1
    assert changes.empty()


async def test_a_heartbeat_leaves_the_status_the_same_object(redis_client, background, changes):
    board = StatusBoard(redis_client, on_change=changes.put_nowait)
    background(board.run())
    await publish_until_heard(redis_client, made(1, at_s=100))
    assert await next_of(changes) == 1
    first = board.current
    await publish(redis_client, made(1, at_s=102))
    # What is older than the heartbeat is not news.
    await publish(redis_client, made(2, at_s=101))
    await publish(redis_client, made(1, at_s=103))
    await publish(redis_client, made(3, at_s=104))
    assert await next_of(changes) == 3
    assert first.at_s == 100


async def test_an_older_status_never_replaces_a_newer_one(redis_client, background, changes):
    board = StatusBoard(redis_client, on_change=changes.put_nowait)
    background(board.run())
    await publish_until_heard(redis_client, made(5, at_s=100))
    assert await next_of(changes) == 5
    await publish(redis_client, made(4, at_s=99))
    # A publisher that began anew counts from 1: time decides.
    await publish(redis_client, made(1, at_s=101))
    assert await next_of(changes) == 1
    assert board.current.version == 1


async def test_redis_killed_wiped_and_restarted(mortal_redis, background, changes, tmp_path):
    client, publisher = store.connect(mortal_redis.url), store.connect(mortal_redis.url)
    board = StatusBoard(client, on_change=changes.put_nowait)
    background(board.run())
    await publish_until_heard(publisher, made(1))
    assert await next_of(changes) == 1
    mortal_redis.kill()
    for file in (tmp_path / "redis").rglob("*"):
        if file.is_file():
            file.unlink()
    # The last known status stays.
    assert board.current.version == 1
    mortal_redis.start()
    assert await publisher.get(store.STATUS_SNAPSHOT) is None
    await publish_until_heard(publisher, made(2))
    assert await next_of(changes) == 2
    assert board.redis_up
    await client.aclose()
    await publisher.aclose()


class Health:
    async def GetStatus(self, _, __):
        return GetStatusResponse(status=made(9))

    WatchStatus = None


async def test_without_redis_the_health_service_is_asked(mortal_redis, background, changes):
    mortal_redis.kill()
    server = rpc.Server("127.0.0.1:0")
    server.add(add_StatusServiceServicer_to_server, Health(), "routor.v1.StatusService")
    await server.start()
    client = store.connect(mortal_redis.url)
    board = StatusBoard(client, f"127.0.0.1:{server.port}", changes.put_nowait)
    background(board.run())
    assert await next_of(changes) == 9
    assert not board.redis_up
    await server.stop(0)
    await client.aclose()


async def test_with_neither_it_goes_on_trying(mortal_redis, background, monkeypatch, changes):
    monkeypatch.setattr(status, "RETRY_S", 0.01)
    mortal_redis.kill()
    client = store.connect(mortal_redis.url)
    board = StatusBoard(client, "127.0.0.1:1", changes.put_nowait)
    background(board.run())
    assert not await board.known(0.1)
    mortal_redis.start()
    await publish_until_heard(store.connect(mortal_redis.url), made(3))
    assert await next_of(changes) == 3
    await client.aclose()
