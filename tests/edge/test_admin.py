"""The owner's paths: keys, profiles, providers; and feedback."""

import asyncio

import pytest

from routor.v1 import providers_pb2, status_pb2, types_pb2
from services import store
from services.edge import keys, profiles
from services.edge.gate import ACCEPTED_TTL_S
from services.edge.terms import Rules
from services.errors import Kind
from services.settings import Secret
from tests.edge.fakes import FIRST, KEY, SECOND, error, opened

ADMIN = {"Authorization": "Bearer admin-secret"}
PATHS = (
    ("POST", "/admin/keys"),
    ("GET", "/admin/keys"),
    ("DELETE", "/admin/keys/x"),
    ("POST", "/admin/profiles"),
    ("GET", "/admin/profiles"),
    ("DELETE", "/admin/profiles/x"),
    ("GET", "/admin/providers"),
    ("POST", "/admin/providers/reset"),
)


@pytest.fixture
async def owned(client, redis_server):
    async with opened(
        redis_url=Secret(redis_server.url), admin_key=Secret("admin-secret")
    ) as house:
        yield house


async def made(house, **wanted):
    answer = await house.client.post("/admin/keys", json={"name": "app", **wanted}, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def profiled(house, **wanted):
    answer = await house.client.post("/admin/profiles", json=wanted, headers=ADMIN)
    assert answer.status_code == 201, answer.text


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_only_the_admin_key_opens(owned, method, path):
    for given in ({}, bearer(KEY), bearer("admin-secret2"), {"x-api-key": KEY}):
        owned.client.headers.pop("Authorization", None)
        answer = await owned.client.request(method, path, headers=given, json={})
        assert answer.status_code == 401
    answer = await owned.client.request(method, path, headers=ADMIN, json={"name": "a b"})
    assert answer.status_code != 401


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_all_is_closed_where_no_admin_key_is_set(house, method, path):
    for given in ({}, {"x-api-key": ""}, bearer(KEY), ADMIN):
        answer = await house.client.request(method, path, headers=given, json={})
        assert answer.status_code == 403
        assert "ROUTOR_ADMIN_KEY" in answer.json()["error"]["message"]


async def test_the_admin_key_opens_nothing_else(owned):
    assert (await owned.chat(headers=ADMIN)).status_code == 401


async def test_the_way_of_a_key(owned, client):
    told = await made(owned, budget_usd=2.5, models=["openai/*"], tiers=["LIGHT", "STANDARD"])
    key = told["key"]
    assert key.startswith("sk-routor-")
    assert told["preview"] == f"{key[:18]}..."
    assert (await owned.chat(headers=bearer(key))).status_code == 200
    await owned.edge._ledgers.limits.close()
    listed = await owned.client.get("/admin/keys", headers=ADMIN)
    assert key not in listed.text
    assert listed.headers["Cache-Control"] == "no-store"
    (seen,) = listed.json()["data"]
    assert seen["spent_usd"] == pytest.approx(0.001)
    assert seen["reserved_usd"] == pytest.approx(0.0)
    assert (seen["budget_usd"], seen["models"]) == (2.5, ["openai/*"])
    gone = await owned.client.delete(f"/admin/keys/{seen['id']}", headers=ADMIN)
    assert gone.json() == {"id": seen["id"], "deleted": True}
    again = await owned.client.delete(f"/admin/keys/{seen['id']}", headers=ADMIN)
    assert again.status_code == 404
    assert [name async for name in client.scan_iter("{routor:spend}*")] == []
    assert (await owned.client.get("/admin/keys", headers=ADMIN)).json()["data"] == []
    async with asyncio.timeout(ACCEPTED_TTL_S / 2):
        # Every edge hears of it, long before it would look again.
        while (await owned.chat(headers=bearer(key))).status_code != 401:
            pass


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a", "budget_usd": -1}, "budget_usd"),
        ({"name": "a", "budget_usd": "1"}, "budget_usd"),
        ({"name": "a", "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "a", "tokens_per_minute": 1.5}, "tokens_per_minute"),
        ({"name": "a", "tiers": ["HUGE"]}, "tiers[0]"),
        ({"name": "a", "tiers": ["NANO", "COMPLEX"]}, "tiers"),
        ({"name": "a", "models": ["a b"]}, "models[0]"),
        ({"name": "a", "profile": "nobody"}, "profile"),
        ({"name": "a", "unknown": 1}, None),
    ],
)
async def test_a_faulty_wish_is_named(owned, wanted, param):
    answer = await owned.client.post("/admin/keys", json=wanted, headers=ADMIN)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_without_redis_nothing_is_managed():
    async with opened(admin_key=Secret("admin-secret")) as house:
        for method, path in PATHS:
            answer = await house.client.request(method, path, headers=ADMIN, json={"name": "x"})
            assert answer.status_code == 503
            assert "REDIS_URL" in answer.json()["error"]["message"]
        refused = await house.chat(routor_profile="cheap")
        assert refused.json()["error"]["param"] == "routor_profile"
        assert refused.status_code == 400


async def test_models_of_a_key(owned):
    key = (await made(owned, models=[SECOND]))["key"]
    assert (await owned.chat(headers=bearer(key))).status_code == 200
    asked = owned.router.requests[-1]
    assert list(asked.preferences.only_models) == [SECOND]
    # Whatever the router says, nobody else is called.
    assert [one.model for one in owned.providers.requests[-1].chain] == [SECOND]
    assert (await owned.chat(headers=bearer(key), model=SECOND)).status_code == 200
    refused = await owned.chat(headers=bearer(key), model=FIRST)
    assert refused.status_code == 403
    assert refused.json()["error"]["param"] == "model"
    vectors = {"model": FIRST, "input": "x"}
    refused = await owned.client.post("/v1/embeddings", json=vectors, headers=bearer(key))
    assert refused.status_code == 403


async def test_tiers_of_a_key(owned):
    key = (await made(owned, tiers=["LIGHT", "SIMPLE"]))["key"]
    assert (await owned.chat(headers=bearer(key))).status_code == 200
    preferences = owned.router.requests[-1].preferences
    assert preferences.tier_floor == types_pb2.TIER_SIMPLE
    assert preferences.tier_ceiling == types_pb2.TIER_LIGHT
    for name, tier in (
        ("routor_tier", "NANO"),
        ("routor_tier_floor", "COMPLEX"),
        ("routor_tier_ceiling", "NANO"),
    ):
        refused = await owned.chat(headers=bearer(key), **{name: tier})
        assert (refused.status_code, refused.json()["error"]["param"]) == (403, name)
    assert (await owned.chat(headers=bearer(key), routor_tier="LIGHT")).status_code == 200
    # A named model has no tier: it would be a way around.
    assert (await owned.chat(headers=bearer(key), model=FIRST)).status_code == 403


RULES = {
    "tier_floor": "LIGHT",
    "max_cost": 0.5,
    "quality_weight": 0.9,
    "bfcl_min": 0.3,
    "max_latency_ms": 900,
    "providers": {"only": ["openai", "xai"], "ignore": ["google"]},
}


@pytest.mark.parametrize("bound", [True, False])
async def test_a_profile_binds(owned, bound):
    await profiled(owned, name="careful", **RULES)
    key = (await made(owned, profile="careful"))["key"] if bound else KEY
    named = {} if bound else {"routor_profile": "careful"}
    own = {"routor_max_cost": 0.2, "routor_quality_weight": 0.1, "routor_bfcl_min": 0.1}
    answer = await owned.chat(
        headers=bearer(key), routor_providers={"only": ["OpenAI"]}, **own, **named
    )
    assert answer.status_code == 200
    asked = owned.router.requests[-1].preferences
    assert asked.tier_floor == types_pb2.TIER_LIGHT
    assert asked.profile == types_pb2.PROFILE_AUTO
    assert (asked.max_cost_usd, asked.quality_weight) == (0.2, 0.9)
    assert (asked.bfcl_min, asked.max_latency_ms) == (0.3, 900)
    assert list(asked.only_providers) == ["openai"]
    assert list(asked.ignore_providers) == ["google"]
    assert b"routor" not in owned.providers.requests[-1].body
    outside = await owned.chat(headers=bearer(key), routor_providers={"only": ["mistral"]}, **named)
    assert outside.status_code == 403
    debug = {"prompt": "x", **named}
    await owned.client.post("/v1/routing/debug", json=debug, headers=bearer(key))
    assert owned.router.requests[-1].preferences.tier_floor == types_pb2.TIER_LIGHT


async def test_the_way_of_a_profile(owned, client):
    await profiled(owned, name="cheap", tier_ceiling="SIMPLE")
    await profiled(owned, name="cheap", tier_ceiling="LIGHT")
    listed = (await owned.client.get("/admin/profiles", headers=ADMIN)).json()["data"]
    assert listed == [{"name": "cheap", "object": "profile", "tier_ceiling": "LIGHT"}]
    key = await made(owned, profile="cheap")
    bound = await owned.client.delete("/admin/profiles/cheap", headers=ADMIN)
    assert bound.status_code == 400
    assert key["preview"] in bound.json()["error"]["message"]
    # Even if it goes: without its rules the key opens nothing.
    assert await profiles.delete(client, "cheap")
    assert (await owned.chat(headers=bearer(key["key"]))).status_code == 403
    assert (await owned.chat(routor_profile="cheap")).status_code == 400
    assert await keys.revoke(client, key["id"])
    gone = await owned.client.delete("/admin/profiles/cheap", headers=ADMIN)
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"name": "auto"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x", "tier_floor": "COMPLEX", "tier_ceiling": "NANO"}, "tier_floor"),
        ({"name": "x", "quality_weight": 2}, "quality_weight"),
        ({"name": "x", "providers": {"all": []}}, "providers"),
    ],
)
async def test_a_faulty_profile_is_named(owned, wanted, param):
    answer = await owned.client.post("/admin/profiles", json=wanted, headers=ADMIN)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_a_profile_holds_while_redis_is_away(owned, client):
    await profiles.put(client, "cheap", Rules(tier_ceiling="LIGHT"))
    assert (await owned.chat(routor_profile="cheap")).status_code == 200
    kept = profiles.Profiles(client, lambda: 0.0)
    assert (await kept._find("cheap")).tier_ceiling == "LIGHT"
    async with store.connect("redis://127.0.0.1:1/0") as dead:
        kept._client, kept._clock = dead, lambda: 60.0
        assert (await kept._find("cheap")).tier_ceiling == "LIGHT"


async def test_the_state_of_the_providers(owned, client):
    none_yet = await owned.client.get("/admin/providers", headers=ADMIN)
    assert none_yet.status_code == 503
    model = status_pb2.ModelStatus(model=FIRST, health=status_pb2.HEALTH_DEGRADED, samples=4)
    provider = status_pb2.ProviderStatus(
        provider="openai", connected=True, health=status_pb2.HEALTH_DOWN, reason="r", models=[model]
    )
    status = status_pb2.Status(version=7, at_s=1.0, providers=[provider])
    heard = 0
    while not heard:
        heard = await client.publish(store.STATUS_CHANGES, status.SerializeToString())
    assert await owned.edge._board.known(5)
    told = (await owned.client.get("/admin/providers", headers=ADMIN)).json()
    assert (told["version"], told["stale"]) == (7, False)
    (seen,) = told["data"]
    assert (seen["provider"], seen["health"], seen["reason"]) == ("openai", "down", "r")
    assert (seen["models"][0]["model"], seen["models"][0]["health"]) == (FIRST, "degraded")


async def test_a_reset_reaches_everybody(owned, client):
    await client.xadd(store.ATTEMPTS, {"b": b""})
    async with client.pubsub() as channel:
        await channel.subscribe(store.STATUS_RESETS)
        await channel.get_message(timeout=5)
        answer = await owned.client.post("/admin/providers/reset", headers=ADMIN)
        assert answer.status_code == 202
        assert answer.json()["processes"] >= 1
        message = await channel.get_message(ignore_subscribe_messages=True, timeout=5)
    assert message["channel"] == store.STATUS_RESETS.encode()
    assert await client.xlen(store.ATTEMPTS) == 0


async def asked(house, request_id, **headers):
    answer = await house.chat(headers={"X-Request-Id": request_id, **headers})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("given", "score"), [({"score": 0.25}, 0.25), ({"verdict": "good"}, 1), ({"verdict": "bad"}, 0)]
)
async def test_feedback_tells_the_router_what_it_was_about(owned, given, score):
    await asked(owned, "one")
    answer = await owned.client.post("/v1/feedback", json={"request_id": "one", **given})
    assert answer.status_code == 200
    (told,) = owned.router.outcomes
    assert (told.request_id, told.model, told.source) == ("one", FIRST, "feedback")
    assert (told.tier, told.category) == (types_pb2.TIER_LIGHT, types_pb2.CATEGORY_CODING)
    assert told.score == score
    again = await owned.client.post("/v1/feedback", json={"request_id": "one", **given})
    assert again.status_code == 404


async def test_feedback_of_others_is_refused(owned):
    await asked(owned, "one")
    key = (await made(owned))["key"]
    opinion = {"request_id": "one", "score": 0}
    other = await owned.client.post("/v1/feedback", json=opinion, headers=bearer(key))
    assert other.status_code == 404
    assert not owned.router.outcomes
    assert (await owned.client.post("/v1/feedback", json=opinion)).status_code == 200


async def test_of_feedback_that_comes_twice_at_once_one_counts(owned):
    await asked(owned, "one")
    opinion = {"request_id": "one", "score": 1}
    both = await asyncio.gather(
        *(owned.client.post("/v1/feedback", json=opinion) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in both) == [200, 404]
    assert len(owned.router.outcomes) == 1


async def test_feedback_that_could_not_be_kept_may_be_given_again(owned):
    await asked(owned, "one")
    owned.router.outcome_error = error(Kind.OVERLOADED)
    opinion = {"request_id": "one", "score": 1}
    assert (await owned.client.post("/v1/feedback", json=opinion)).status_code == 503
    owned.router.outcome_error = None
    assert (await owned.client.post("/v1/feedback", json=opinion)).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"request_id": "one"},
        {"request_id": "one", "score": 2},
        {"request_id": "one", "score": 1, "verdict": "good"},
        {"request_id": "one", "verdict": "fine"},
        {"score": 1},
        {"request_id": "one", "score": 1, "comment": "secret"},
    ],
)
async def test_faulty_feedback_is_400(owned, given):
    assert (await owned.client.post("/v1/feedback", json=given)).status_code == 400


async def test_the_trail_holds_no_text_and_ends(owned, client):
    await asked(owned, "one")
    await owned.edge._ledgers.trail.close()
    (name,) = [name async for name in client.scan_iter("{routor:decisions}*")]
    kept = await client.hgetall(name)
    assert b"Hello" not in b"".join(kept.values())
    assert 24 * 3600 < await client.ttl(name) <= 25 * 3600


async def test_a_stream_leaves_a_trail_too(owned):
    owned.providers.events[-1].finish.served.CopyFrom(
        providers_pb2.Served(model=SECOND, provider="anthropic")
    )
    answer = await owned.chat(headers={"X-Request-Id": "two"}, stream=True)
    assert answer.status_code == 200
    opinion = {"request_id": "two", "verdict": "good"}
    assert (await owned.client.post("/v1/feedback", json=opinion)).status_code == 200
    assert owned.router.outcomes[0].model == SECOND
