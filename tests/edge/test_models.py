"""GET /v1/models and POST /v1/routing/debug."""

import pytest

from routor.v1 import types_pb2
from tests.edge.fakes import AUTO, FIRST, SECOND, VECTORS


async def test_the_list_holds_what_can_be_called(house):
    body = (await house.client.get("/v1/models")).json()
    assert body["object"] == "list"
    assert [model["id"] for model in body["data"]] == ["auto", FIRST]
    assert all({"id", "object", "created", "owned_by"} <= set(model) for model in body["data"])
    everything = (await house.client.get("/v1/models?all=true")).json()["data"]
    ids = ["auto", FIRST, "openai/old", "openai/off", VECTORS]
    assert [model["id"] for model in everything] == ids


async def test_an_embedding_model_is_found_and_tells_its_dimensions(house):
    model = (await house.client.get(f"/v1/models/{VECTORS}")).json()
    assert (model["id"], model["dimensions"]) == (VECTORS, 1536)
    assert "dimensions" not in (await house.client.get(f"/v1/models/{FIRST}")).json()


@pytest.mark.parametrize("name", [FIRST, "gpt-5.5", "openai%2Fgpt-5.5"])
async def test_one_model(house, name):
    model = (await house.client.get(f"/v1/models/{name}")).json()
    assert model["id"] == FIRST
    assert model["owned_by"] == "openai"
    assert model["created"] == 1_700_000_000
    assert model["context_window"] == 400_000
    assert model["input_modalities"] == ["text", "image"]
    assert model["capabilities"]["tools"] is True
    assert model["price_usd_per_mtok"] == {
        "input": 1.25,
        "output": 10,
        "cached_input": 0.125,
        "cache_write": None,
    }
    assert model["status"] == "healthy"


async def test_auto_is_a_model(house):
    assert (await house.client.get("/v1/models/auto")).json()["id"] == "auto"


async def test_an_unknown_model_is_404_with_near_matches(house):
    answer = await house.client.get("/v1/models/openai/gpt-5.6")
    assert answer.status_code == 404
    fault = answer.json()["error"]
    assert fault["code"] == "model_not_found"
    assert FIRST in fault["message"]


async def test_debug_takes_a_chat_request(house):
    answer = await house.client.post(
        "/v1/routing/debug", json={**AUTO, "routor_tier_floor": "LIGHT"}
    )
    assert answer.status_code == 200
    told = answer.json()["decision"]
    assert told["model"] == FIRST
    assert told["tier"] == "LIGHT"
    assert told["category"] == "coding"
    assert told["profile"] == "auto"
    assert told["method"] == "learned"
    assert told["reasoning"] == "because"
    assert told["costEstimate"] == 0.002
    assert told["baselineCost"] == 0.01
    assert told["savings"] == 0.8
    assert told["filteredChain"] == [FIRST, SECOND]
    assert told["historyFloor"] is None
    assert told["toolScenario"] is None
    assert told["bfclScore"] is None
    assert told["candidates"][0]["model"] == FIRST
    assert told["candidates"][0]["chainPosition"] == 1
    assert told["drops"] == [{"model": "xai/grok-4.3", "reason": "down", "detail": "provider down"}]
    assert told["signals"][0]["name"] == "code"
    assert told["tierProbabilities"] == {"LIGHT": 0.9}
    assert not house.providers.requests


async def test_debug_takes_the_short_form(house):
    short = {
        "prompt": "Prove it.",
        "system_prompt": "Be terse.",
        "max_output_tokens": 500,
        "profile": "tier",
        "routor_tier": "COMPLEX",
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    assert (await house.client.post("/v1/routing/debug", json=short)).status_code == 200
    (asked,) = house.router.requests
    assert [message.text for message in asked.messages] == ["Be terse.", "Prove it."]
    assert asked.needs.max_output_tokens == 500
    assert asked.preferences.profile == types_pb2.PROFILE_TIER
    assert [tool.name for tool in asked.tools] == ["f"]


async def test_debug_prefers_messages_over_the_prompt(house):
    body = {"prompt": "x", "messages": [{"role": "user", "content": "y"}]}
    await house.client.post("/v1/routing/debug", json=body)
    assert [message.text for message in house.router.requests[0].messages] == ["y"]


async def test_debug_needs_something_to_route(house):
    answer = await house.client.post("/v1/routing/debug", json={})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "prompt"
