"""POST /v1/chat/completions, JSON: from the HTTP request to the answer."""

import asyncio

import msgspec
import pytest

from routor.v1 import providers_pb2, router_pb2, types_pb2
from services.errors import Kind
from tests.edge.fakes import (
    AUTO,
    FIRST,
    HELLO,
    SECOND,
    completion,
    error,
    failed,
    opened,
    served,
)


async def test_answer_carries_the_routor_object_and_the_decision_headers(house):
    answer = await house.chat()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    routor = body.pop("routor")
    assert body == msgspec.json.decode(completion())
    assert routor == {
        "request_id": answer.headers["X-Request-Id"],
        "model": FIRST,
        "tier": "LIGHT",
        "category": "coding",
        "profile": "auto",
        "confidence": 0.8765,
        "method": "learned",
        "savingsPct": 80.0,
        "costUsd": 0.001,
        "fallback": False,
        "attempts": 1,
    }
    told = {name: answer.headers[f"X-Routor-{name}"] for name in (
        "Model", "Tier", "Category", "Confidence", "Profile", "Savings", "Fallback", "Attempts"
    )}  # fmt: skip
    assert told == {
        "Model": FIRST,
        "Tier": "LIGHT",
        "Category": "coding",
        "Confidence": "0.8765",
        "Profile": "auto",
        "Savings": "80",
        "Fallback": "false",
        "Attempts": "1",
    }


async def test_decision_headers_can_be_switched_off():
    async with opened(decision_headers=False) as quiet:
        for stream in (False, True):
            answer = await quiet.chat(stream=stream)
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("x-routor")]
            assert answer.headers["X-Request-Id"]


async def test_failover_shows_in_the_answer(house):
    house.providers.answer = providers_pb2.CompleteResponse(
        body=completion(SECOND), served=served(SECOND, failed=[failed(FIRST)])
    )
    answer = await house.chat()
    assert answer.headers["X-Routor-Model"] == SECOND
    assert answer.headers["X-Routor-Fallback"] == "true"
    assert answer.json()["routor"]["attempts"] == 2


async def test_an_unknown_price_is_not_called_free(house):
    house.router.cost_usd = 0
    house.providers.answer = providers_pb2.CompleteResponse(
        body=completion(), served=served(cost_usd=0)
    )
    named = await house.chat(model="openai/unlisted")
    assert named.json()["routor"]["costUsd"] is None
    assert named.json()["routor"]["savingsPct"] is None
    assert "X-Routor-Savings" not in named.headers
    free = await house.chat()
    assert free.json()["routor"]["costUsd"] == 0
    assert free.json()["routor"]["savingsPct"] == 100


async def test_savings_do_not_depend_on_how_long_the_answer_was(house):
    for cost_usd in (0.0001, 0.5):
        house.providers.answer = providers_pb2.CompleteResponse(
            body=completion(), served=served(cost_usd=cost_usd)
        )
        routor = (await house.chat()).json()["routor"]
        assert routor["costUsd"] == cost_usd
        assert routor["savingsPct"] == 80.0


async def test_providers_get_the_body_without_routor_fields(house):
    fields = {"routor_tier_floor": "light", "routor_max_cost": 0.05, "routor_session": "s"}
    await house.chat(temperature=0.5, my_extra={"a": 1}, api_base="http://x", **fields)
    (request,) = house.providers.requests
    sent = msgspec.json.decode(request.body)
    assert sent == {**AUTO, "temperature": 0.5, "my_extra": {"a": 1}}
    assert [member.model for member in request.chain] == [FIRST, SECOND]
    assert request.envelope.max_cost_usd == 0.05
    assert 0 < house.providers.deadlines[0] <= 600


async def test_providers_get_a_whole_number_without_its_point(house):
    answer = await house.chat(max_tokens=100.0, temperature=1.0)
    assert answer.status_code == 200
    body = house.providers.requests[-1].body
    assert b'"max_tokens":100,' in body and b'"temperature":1.0' in body


async def test_a_body_with_nothing_to_take_out_is_forwarded_byte_for_byte(house):
    raw = b'{ "model":"auto",\n "messages":[{"role":"user","content":"\\u0041"}] }'
    headers = {"Content-Type": "application/json"}
    answer = await house.client.post("/v1/chat/completions", content=raw, headers=headers)
    assert answer.status_code == 200
    assert house.providers.requests[0].body == raw


@pytest.mark.parametrize(
    ("fields", "profile", "model"),
    [
        ({"model": "auto"}, types_pb2.PROFILE_AUTO, "auto"),
        ({"model": "", "routor_profile": "auto"}, types_pb2.PROFILE_AUTO, "auto"),
        ({"model": None, "routor_tier": "NANO"}, types_pb2.PROFILE_TIER, "auto"),
        ({"model": "gpt-5.5"}, types_pb2.PROFILE_DIRECT, "gpt-5.5"),
        ({"model": "mistral/tuned"}, types_pb2.PROFILE_DIRECT, "mistral/tuned"),
        ({"model": FIRST, "routor_profile": "auto"}, types_pb2.PROFILE_AUTO, "auto"),
        ({"model": FIRST, "routor_profile": "direct"}, types_pb2.PROFILE_DIRECT, FIRST),
        (
            {"model": FIRST, "routor_profile": "tier", "routor_tier": "NANO"},
            types_pb2.PROFILE_TIER,
            "auto",
        ),
        ({"model": "auto", "routor_tier": "NANO"}, types_pb2.PROFILE_TIER, "auto"),
    ],
)
async def test_who_chooses_the_model(house, fields, profile, model):
    assert (await house.chat(**fields)).status_code == 200
    (request,) = house.router.requests
    assert request.preferences.profile == profile
    assert request.model == model


async def test_a_decision_may_be_asked_for_without_a_model(house):
    answer = await house.client.post("/v1/routing/debug", json={"messages": HELLO})
    assert answer.status_code == 200
    assert house.router.requests[0].model == "auto"


async def test_all_preferences_reach_the_router(house):
    await house.chat(
        routor_profile="TIER".lower(),
        routor_tier="complex",
        routor_tier_floor="Nano",
        routor_tier_ceiling="COMPLEX",
        routor_max_cost=1,
        routor_quality_weight=0,
        routor_bfcl_min=0.8,
        routor_code_quality=0,
        routor_chat_quality=2,
        routor_max_latency_ms=900,
        routor_providers={"only": ["OpenAI"], "ignore": ["xai"]},
        routor_session="conversation-1",
    )
    assert house.router.requests[0].preferences == router_pb2.Preferences(
        profile=types_pb2.PROFILE_TIER,
        tier=types_pb2.TIER_COMPLEX,
        tier_floor=types_pb2.TIER_NANO,
        tier_ceiling=types_pb2.TIER_COMPLEX,
        max_cost_usd=1,
        quality_weight=0,
        bfcl_min=0.8,
        code_quality=0,
        chat_quality=2,
        max_latency_ms=900,
        only_providers=["openai"],
        ignore_providers=["xai"],
        session="conversation-1",
    )


async def test_request_id_of_the_caller_is_kept_when_harmless(house):
    kept = await house.chat(headers={"X-Request-Id": "my.id-1_2"})
    assert kept.headers["X-Request-Id"] == "my.id-1_2"
    assert kept.json()["routor"]["request_id"] == "my.id-1_2"
    assert house.router.requests[0].request_id == "my.id-1_2"
    for harmful in ("a b", "x" * 129, "<script>"):
        fresh = await house.chat(headers={"X-Request-Id": harmful})
        assert fresh.headers["X-Request-Id"].startswith("req_")


def limited(retry_after_s):
    return error(Kind.PROVIDER_RATE_LIMITED, retry_after_s=retry_after_s)


SPENT = {"x-should-retry": "false", "Retry-After": "30"}


@pytest.mark.parametrize(
    ("raised", "status", "code", "headers"),
    [
        (limited(2.2), 429, "rate_limit_exceeded", {"Retry-After": "3"}),
        (limited(9999), 429, "rate_limit_exceeded", {"Retry-After": "600"}),
        (error(Kind.OVERLOADED), 503, "overloaded", {"Retry-After": "1"}),
        (error(Kind.PROVIDER_UNAVAILABLE), 502, "provider_unavailable", {}),
        (error(Kind.PROVIDER_TIMEOUT), 504, "provider_timeout", {"x-should-retry": "false"}),
        (error(Kind.PROVIDER_QUOTA, retry_after_s=30), 429, "insufficient_quota", SPENT),
        (error(Kind.CONTEXT_TOO_LONG), 400, "context_length_exceeded", {"x-should-retry": "false"}),
        (error(Kind.CONTENT_REFUSED), 400, "content_filter", {"x-should-retry": "false"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_of_the_providers(house, raised, status, code, headers, stream):
    raised.attempts = (failed(FIRST), failed(SECOND, Kind.PROVIDER_TIMEOUT, 0))
    house.providers.answer = raised
    house.providers.events = [raised]
    answer = await house.chat(stream=stream)
    assert answer.status_code == status
    fault = answer.json()["error"]
    assert fault["code"] == code
    assert fault["message"] == "It failed."
    assert fault["routor"]["request_id"] == answer.headers["X-Request-Id"]
    assert fault["routor"]["attempts"][0] == {
        "provider": "openai",
        "model": FIRST,
        "kind": "PROVIDER_UNAVAILABLE",
        "http_status": 500,
        "latency_ms": 12.3,
    }
    for name, value in headers.items():
        assert answer.headers[name] == value
    if "Retry-After" not in headers:
        assert "Retry-After" not in answer.headers


async def test_unknown_model_comes_from_the_router(house):
    house.router.error = error(Kind.UNKNOWN_MODEL, "No such model; near: a, b.", param="model")
    answer = await house.chat(model="gpt-99")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "message": "No such model; near: a, b.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }
    assert not house.providers.requests


async def test_a_decision_without_a_chain_is_422(house):
    house.router.empty = True
    answer = await house.chat()
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "no_capable_model"


async def test_a_bug_behind_the_edge_is_500_without_details(house):
    house.providers.answer = ValueError("secret detail")
    answer = await house.chat()
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret detail" not in answer.text


async def test_a_wrong_internal_token_is_not_the_callers_401():
    async with opened(internal_token="wrong") as misconfigured:
        answer = await misconfigured.chat()
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal_error"


@pytest.mark.parametrize("service", ["router", "providers"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_service_that_is_away_is_503(service, stream, monkeypatch):
    monkeypatch.setattr("services.edge.peers.REACH_TIMEOUT_S", 0.2)
    async with opened(router_timeout_s=0.2) as broken:
        await broken.servers[service].stop(0)
        answer = await broken.chat(stream=stream)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert service in answer.json()["error"]["message"]


async def test_other_paths_and_methods_are_errors_in_shape(house):
    missing = await house.client.get("/v1/nothing")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "not_found"
    wrong = await house.client.get("/v1/chat/completions")
    assert wrong.status_code == 405
    assert wrong.headers["Allow"] == "POST"
    assert wrong.json()["error"]["code"] == "method_not_allowed"
    for answer in (missing, wrong):
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert answer.headers["X-Request-Id"]


MALFORMED = {
    "bad header": b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-mine\x00\r\n\r\n",
    "two hosts": b"GET /v1/models HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00",
    "version": b"GET / HTTP/9.9\r\n\r\n",
    "smuggling": (
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "huge header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"sk-mine" * 10_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_http_is_400_in_shape_without_an_echo(house, raw, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", house.edge.port)
    writer.write(raw)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert msgspec.json.decode(body)["error"]["type"] == "invalid_request_error"
    assert b"sk-mine" not in answer
    assert "sk-mine" not in caplog.text
    assert b"aiohttp" not in answer
