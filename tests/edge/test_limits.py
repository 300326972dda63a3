"""What keys may spend, and how fast."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from routor.v1 import providers_pb2, types_pb2
from services import store
from services.edge import keys, limits
from services.edge.terms import Terms
from services.errors import Kind
from services.settings import Secret
from tests.edge.fakes import FIRST, completion, error, finish, opened, served, text_chunks

COST_USD = 0.001


@asynccontextmanager
async def bounded(client, redis_server, **terms):
    """A house whose client holds a key with limits; one answer costs COST_USD and 7 tokens."""
    key, record = await keys.create(client, "bounded", Terms(**terms))
    async with opened(redis_url=Secret(redis_server.url)) as house:
        house.client.headers["Authorization"] = f"Bearer {key}"
        house.owner = record.digest
        house.router.cost_usd = COST_USD
        spent = served(cost_usd=COST_USD)
        spent.usage.input_tokens, spent.usage.output_tokens = 5, 2
        house.providers.answer = providers_pb2.CompleteResponse(body=completion(), served=spent)
        yield house


async def account(house, client):
    await house.edge._ledgers.limits.close()
    kept = await client.hgetall(store.spend_name(house.owner))
    return {name.decode(): float(value) for name, value in kept.items()}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_is_counted_as_what_it_cost(client, redis_server, stream):
    async with bounded(client, redis_server, budget_usd=1.0) as house:
        house.providers.events = [*text_chunks("Hi"), finish(cost_usd=COST_USD)]
        assert (await house.chat(stream=stream)).status_code == 200
        spent = await account(house, client)
    assert spent["spent_usd"] == pytest.approx(COST_USD)
    assert spent["reserved_usd"] == pytest.approx(0.0)


async def test_200_at_once_overspend_by_one_request_at_most(client, redis_server):
    budget_usd = 20.5 * COST_USD
    async with bounded(client, redis_server, budget_usd=budget_usd) as house:
        answers = await asyncio.gather(*(house.chat() for _ in range(200)))
        statuses = [answer.status_code for answer in answers]
        # How many depends on who waits when; never more than there is money for.
        assert 1 <= (let_in := statuses.count(200)) <= 21
        assert statuses.count(402) == 200 - let_in
        refused = next(answer for answer in answers if answer.status_code == 402)
        fault = refused.json()["error"]
        assert (fault["type"], fault["code"]) == ("insufficient_quota", "insufficient_quota")
        assert refused.headers["x-should-retry"] == "false"
        assert len(house.providers.requests) == let_in
        spent = await account(house, client)
        assert spent["spent_usd"] == pytest.approx(let_in * COST_USD)
        assert spent["spent_usd"] <= budget_usd + COST_USD


async def test_what_others_hold_is_waited_for(client, redis_server):
    async with bounded(client, redis_server, budget_usd=1.5 * COST_USD) as house:
        house.router.cost_usd = 10 * COST_USD
        first, second = await asyncio.gather(house.chat(), house.chat())
        # The first has reserved all there is, and settles less: enough is left for the second.
        assert [first.status_code, second.status_code] == [200, 200]


async def test_a_reservation_that_lasts_turns_others_down(client, redis_server):
    async with bounded(client, redis_server, budget_usd=COST_USD) as house:
        gate, answer = asyncio.Event(), house.providers.answer
        house.providers.answer = [gate, answer]
        first = asyncio.create_task(house.chat())
        await house.providers.started.wait()
        second = await house.chat()
        assert second.status_code == 402
        assert "reserved" in second.json()["error"]["message"]
        gate.set()
        assert (await first).status_code == 200


@pytest.mark.parametrize(("attempted_usd"), [0.0, 0.0004])
async def test_a_failure_costs_what_its_attempts_did(client, redis_server, attempted_usd):
    async with bounded(client, redis_server, budget_usd=1.0) as house:
        attempt = types_pb2.Attempt(provider="openai", model=FIRST, cost_usd=attempted_usd)
        house.providers.answer = error(Kind.PROVIDER_UNAVAILABLE, attempts=[attempt])
        assert (await house.chat()).status_code == 502
        spent = await account(house, client)
    assert spent["spent_usd"] == pytest.approx(attempted_usd)
    assert spent["reserved_usd"] == pytest.approx(0.0)


async def test_a_client_that_leaves_is_charged_as_usual(client, redis_server):
    async with bounded(client, redis_server, budget_usd=1.0) as house:
        house.providers.answer = [asyncio.Event(), house.providers.answer]
        asked = asyncio.create_task(house.chat())
        await house.providers.started.wait()
        asked.cancel()
        await house.providers.cancelled.wait()
        await house.edge._traffic.quiet(5)
        assert (await account(house, client))["spent_usd"] == pytest.approx(COST_USD)


async def test_a_budget_of_nothing_buys_nothing(client, redis_server):
    async with bounded(client, redis_server, budget_usd=0.0) as house:
        assert (await house.chat()).status_code == 402
        assert not house.providers.requests


@pytest.mark.parametrize(
    ("terms", "passing", "word"),
    [
        ({"requests_per_minute": 3}, 3, "3 requests"),
        # 5 of 5 + 7 + 7 are there before the third.
        ({"tokens_per_minute": 14}, 2, "14 tokens"),
    ],
)
async def test_a_minute_has_its_limit(client, redis_server, terms, passing, word):
    async with bounded(client, redis_server, **terms) as house:
        for _ in range(passing):
            assert (await house.chat()).status_code == 200
            await house.edge._ledgers.limits.close()
        refused = await house.chat()
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert word in refused.json()["error"]["message"]
        # The truth: exactly then the minute is over.
        began_ms = (await account(house, client))["minute_ms"]
        seconds, micros = await client.time()
        left_s = began_ms / 1000 + 60 - (seconds + micros / 1e6)
        assert 0 <= int(refused.headers["Retry-After"]) - left_s <= 2
        await client.hset(store.spend_name(house.owner), "minute_ms", int(began_ms) - 60_000)
        assert (await house.chat()).status_code == 200


async def test_many_at_once_share_one_minute(client, redis_server):
    async with bounded(client, redis_server, requests_per_minute=20) as house:
        answers = await asyncio.gather(*(house.chat() for _ in range(100)))
        assert [answer.status_code for answer in answers].count(200) == 20


async def test_a_key_without_limits_asks_redis_nothing(client, redis_server):
    async with bounded(client, redis_server) as house:
        await house.chat()
        before = [await calls(client, name) for name in ("evalsha", "hmget", "hget")]
        for _ in range(5):
            await house.chat()
        assert [await calls(client, name) for name in ("evalsha", "hmget", "hget")] == before


async def test_a_key_with_limits_asks_once_a_request(client, redis_server):
    async with bounded(client, redis_server, budget_usd=1.0, requests_per_minute=100) as house:
        await house.chat()
        before = await calls(client, "evalsha")
        await house.chat()
        await house.edge._ledgers.limits.close()
        assert await calls(client, "evalsha") - before == 2  # the second comes after the answer


async def test_without_redis_budgets_close_and_minutes_open(client, redis_server):
    for terms, status in (({"budget_usd": 1.0}, 503), ({"requests_per_minute": 1}, 200)):
        async with bounded(client, redis_server, **terms) as house:
            assert (await house.client.get("/v1/models")).status_code == 200  # the key is known
            await house.edge._ledgers.limits.close()
            async with store.connect("redis://127.0.0.1:1/0") as dead:
                house.edge._ledgers.limits._reserve = dead.register_script(limits.RESERVE)
                for _ in range(2):
                    answer = await house.chat()
                    assert answer.status_code == status
        assert status == 200 or answer.headers["Retry-After"] == "1"


async def test_what_could_not_be_settled_is_settled_later(client, redis_server, monkeypatch):
    monkeypatch.setattr(limits, "REST_S", 0.001)
    async with bounded(client, redis_server, budget_usd=1.0) as house:
        desk, tries = house.edge._ledgers.limits, []
        settle = desk._settle

        async def failing(names, values):
            tries.append(values)
            if len(tries) < 3:
                raise ConnectionError
            return await settle(names, values)

        desk._settle = failing
        assert (await house.chat()).status_code == 200
        assert (await account(house, client))["spent_usd"] == pytest.approx(COST_USD)
        assert len(tries) == 3


async def calls(client, name):
    return (await client.info("commandstats")).get(f"cmdstat_{name}", {"calls": 0})["calls"]
