"""Who may come in."""

import asyncio
import logging

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from services import store
from services.edge import gate as gates
from services.edge import keys
from services.edge.gate import Gate
from services.errors import Kind, RoutorError
from services.settings import Secret
from tests.edge.fakes import AUTO, KEY, SECOND_KEY, opened


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def headers(*pairs):
    return CIMultiDictProxy(CIMultiDict(pairs))


def bearer(key):
    return headers(("Authorization", f"Bearer {key}"))


async def refused(gate, given):
    with pytest.raises(RoutorError) as caught:
        await gate.check(given)
    assert caught.value.kind is Kind.UNAUTHENTICATED
    return caught.value.message


async def raw_get(house, *lines):
    """Send a head that no decent client would send; return the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.edge.port)
    head = "\r\n".join(["GET /v1/models HTTP/1.1", "Host: x", *lines, "", ""])
    writer.write(head.encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
@pytest.mark.parametrize("name", ["Authorization", "x-api-key"])
async def test_each_key_of_the_environment_opens(house, key, name):
    value = f"bearer {key}" if name == "Authorization" else key
    del house.client.headers["Authorization"]
    answer = await house.client.get("/v1/models", headers={name: value})
    assert answer.status_code == 200


async def test_a_token_counts_beside_a_key_of_another_house(house):
    foreign = {"x-api-key": "sk-ant-api03-of-somebody"}
    assert (await house.client.get("/v1/models", headers=foreign)).status_code == 200


BAD = {
    "missing": {},
    "wrong": {"Authorization": "Bearer sk-routor-wrong"},
    "near miss": {"Authorization": f"Bearer {KEY}x"},
    "prefix": {"Authorization": f"Bearer {KEY[:-1]}"},
    "both of two": {"Authorization": f"Bearer {KEY}, {SECOND_KEY}"},
    "empty": {"Authorization": b"Bearer"},
    "basic": {"Authorization": f"Basic {KEY}"},
    "bare": {"Authorization": KEY},
    "injection": {"Authorization": "Bearer ' OR 1=1 --"},
    "redis name": {"Authorization": "Bearer {routor:keys}:all"},
    "cookie": {"Cookie": f"key={KEY}"},
    "wrong beside a good one": {"Authorization": "Bearer sk-routor-wrong", "x-api-key": KEY},
    "empty beside a good one": {"Authorization": b"Bearer", "x-api-key": KEY},
    "not ASCII": {"Authorization": b"Bearer \xff\xfe"},
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD.keys())
async def test_everything_else_is_401_in_shape(house, given):
    del house.client.headers["Authorization"]
    for path, method in (
        ("/v1/models", "GET"),
        ("/v1/chat/completions", "POST"),
        ("/v1/routing/debug", "POST"),
    ):
        answer = await house.client.request(
            method, path, headers=given, params={"api_key": KEY, "key": KEY}, json=AUTO
        )
        assert answer.status_code == 401
        fault = answer.json()["error"]
        assert fault["code"] == "invalid_api_key"
        assert fault["type"] == "invalid_request_error"
        assert KEY not in answer.text
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not house.router.requests


async def test_a_header_sent_twice_is_401(house):
    once = f"Authorization: Bearer {KEY}"
    assert await raw_get(house, once) == 200
    assert await raw_get(house, once, once) in (400, 401)
    assert await raw_get(house, f"x-api-key: {KEY}", f"x-api-key: {KEY}") == 401


async def test_the_key_is_checked_before_the_body_is_read(house):
    assert await raw_get(house, "Content-Length: 1000000") == 401


async def test_an_expectation_that_cannot_be_met_is_417(house):
    assert await raw_get(house, f"x-api-key: {KEY}", "Expect: wonders") == 417


async def test_nobody_comes_in_where_no_key_is_configured():
    async with opened(api_key=Secret("")) as closed:
        for given in ("", "Bearer", "Bearer x"):
            answer = await closed.client.get("/v1/models", headers={"Authorization": given})
            assert answer.status_code == 401
        assert (await closed.client.get("/healthz")).status_code == 200


async def test_keys_made_in_redis_open_until_revoked(client):
    clock = Clock()
    gate = Gate("", client, clock)
    key, _ = await keys.create(client, "laptop")
    assert await gate.check(bearer(key)) == (keys.digest(key), None)
    assert await keys.revoke(client, key)
    clock.now_s += gates.ACCEPTED_TTL_S
    await refused(gate, bearer(key))


async def test_a_wrong_key_asks_redis_once(client):
    clock = Clock()
    gate = Gate("", client, clock)
    for _ in range(5):
        await refused(gate, bearer("sk-routor-wrong"))
    stats = await client.info("commandstats")
    assert stats["cmdstat_hmget"]["calls"] >= 1
    before = stats["cmdstat_hmget"]["calls"]
    await refused(gate, bearer("sk-routor-wrong"))
    assert (await client.info("commandstats"))["cmdstat_hmget"]["calls"] == before


async def test_the_memory_of_wrong_keys_is_bounded(client, monkeypatch):
    monkeypatch.setattr(gates, "CACHE_SIZE", 3)
    gate = Gate("", client)
    for number in range(10):
        await refused(gate, bearer(f"sk-routor-{number}"))
    assert len(gate._cache) == 3


async def test_without_redis_known_keys_still_open(client, caplog):
    clock = Clock()
    key, _ = await keys.create(client, "laptop")
    gate = Gate(KEY, client, clock)
    await gate.check(bearer(key))
    async with store.connect("redis://127.0.0.1:1/0") as dead:
        gate._client = dead
        clock.now_s += 10 * gates.ACCEPTED_TTL_S
        with caplog.at_level(logging.WARNING):
            await gate.check(bearer(key))
            await gate.check(bearer(KEY))
            await refused(gate, bearer("sk-routor-never-seen"))
    assert len([line for line in caplog.records if "Redis" in line.message]) == 1


async def test_records_hold_no_key(client):
    key, _ = await keys.create(client, "laptop")
    assert key.startswith("sk-routor-")
    assert len(key) == len("sk-routor-") + 43  # 256 bits
    (record,) = await keys.list_keys(client)
    assert record.name == "laptop"
    assert record.preview == f"{key[:18]}..."
    assert record.created_at_s > 1_700_000_000
    names = [name async for name in client.scan_iter()]
    stored = [await client.hgetall(name) for name in names if name != store.KEYS.encode()]
    assert key.encode() not in b"".join([*names, *stored[0].values()])


async def test_revoking_by_preview(client):
    first, second = [(await keys.create(client, name))[0] for name in ("a", "b")]
    assert await keys.revoke(client, keys.preview(first))
    assert [record.preview for record in await keys.list_keys(client)] == [keys.preview(second)]
    assert not await keys.revoke(client, keys.preview(first))
    assert not await keys.revoke(client, "sk-routor-")
    assert await keys.revoke(client, second[:18])
    assert await keys.list_keys(client) == []


async def test_the_edge_takes_keys_from_redis(client, redis_server):
    key, _ = await keys.create(client, "laptop")
    async with opened(redis_url=Secret(redis_server.url)) as connected:
        answer = await connected.client.get(
            "/v1/models", headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 200


def test_keys_are_never_the_same():
    made = {keys.generate("x", 0)[0] for _ in range(100)}
    assert len(made) == 100
