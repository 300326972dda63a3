"""A model that the caller names."""

from typing import Any

import pytest

from routor.v1 import router_pb2, status_pb2, types_pb2
from services.errors import Kind, RoutorError
from services.router.decide import decide
from tests.router.brains import BUILT_IN, NOON, brain, keys, request, status, up

BRAIN = brain()


def named(name: str, **preferences: object) -> router_pb2.RouteRequest:
    asked = request(**preferences)
    asked.model = name
    return asked


def refusal(asked: router_pb2.RouteRequest, known: status_pb2.Status | None = None) -> RoutorError:
    with pytest.raises(RoutorError) as caught:
        decide(asked, BRAIN, known, NOON)
    return caught.value


@pytest.mark.parametrize(
    "name", ["openai/gpt-5.5", "gpt-5.5", "GPT-5.5", "gpt-5.5-2026-04-23", "openai/GPT-5.5"]
)
def test_a_known_name_goes_to_that_model_alone(name: str) -> None:
    decision = decide(named(name), BRAIN, None, NOON)
    assert keys(decision) == ["openai/gpt-5.5"]
    assert (decision.method, decision.profile) == ("direct", types_pb2.PROFILE_DIRECT)
    assert decision.chain[0].effort == ""
    assert decision.cost_usd > 0


def test_auto_profile_with_a_model_routes() -> None:
    decision = decide(named("openai/gpt-5.5", profile=types_pb2.PROFILE_AUTO), BRAIN, None, NOON)
    assert decision.method == "learned" and len(decision.chain) > 1


@pytest.mark.parametrize("name", ["", "auto"])
def test_no_name_routes(name: str) -> None:
    assert decide(named(name), BRAIN, None, NOON).method == "learned"


def test_alias_entries_are_for_direct_use_only() -> None:
    aliases = [one.key for one in BUILT_IN.models.values() if one.lifecycle.status == "alias"]
    assert aliases
    for key in aliases:
        assert keys(decide(named(key), BRAIN, None, NOON)) == [key]
        routed = decide(request(only_providers=[key.split("/")[0]]), BRAIN, None, NOON)
        assert key not in keys(routed)


@pytest.mark.parametrize(
    ("name", "near"),
    [("openai/gpt-5.6x", "openai/gpt-5."), ("claude-opus-48", "anthropic/claude-opus-4.8")],
)
def test_unknown_name_tells_near_matches(name: str, near: str) -> None:
    # Standalone, every provider is connected and "provider/anything" would be passed on.
    known = status(up("anthropic"), up("openai"))
    bare = name.removeprefix("openai/")
    error = refusal(named(bare), known)
    assert (error.kind, error.param) == (Kind.UNKNOWN_MODEL, "model")
    assert near in error.message


def test_unknown_name_like_nothing_points_to_the_list() -> None:
    assert "/v1/models" in refusal(named("zzzzzzzzzzzz")).message


def test_retired_name_tells_its_replacement() -> None:
    error = refusal(named("mimo-v2.5-pro"))
    assert error.kind is Kind.UNKNOWN_MODEL
    assert "xiaomi/mimo-v2.6-pro" in error.message


@pytest.mark.parametrize("name", ["gpt-5.5", "openai/gpt-9"])
def test_a_model_that_its_provider_has_no_more_does_not_exist(name: str) -> None:
    key = name if "/" in name else f"openai/{name}"
    unlisted = status_pb2.ModelStatus(model=key, retired=True, unlisted=True)
    error = refusal(named(name), status(up("openai", models=[unlisted])))
    assert (error.kind, error.param, error.model) == (Kind.UNKNOWN_MODEL, "model", key)
    assert "no longer" in error.message


@pytest.mark.parametrize("name", ["gpt-5.5", "openai/gpt-9"])
def test_a_model_that_was_once_said_to_be_gone_is_asked_again(name: str) -> None:
    key = name if "/" in name else f"openai/{name}"
    gone = status_pb2.ModelStatus(model=key, retired=True)
    known = status(up("openai", models=[gone]))
    assert keys(decide(named(name), BRAIN, known, NOON)) == [key]
    assert key not in keys(decide(request(), BRAIN, known, NOON))


def test_unlisted_model_of_a_connected_provider_is_passed_on() -> None:
    known = status(up("openai"), up("my-vllm"))
    decision = decide(named("openai/gpt-9/preview"), BRAIN, known, NOON)
    member = decision.chain[0]
    assert len(decision.chain) == 1
    assert (member.model, member.provider) == ("openai/gpt-9/preview", "openai")
    assert member.upstream_model == "gpt-9/preview"
    assert member.expected_cost_usd == decision.cost_usd == decision.savings == 0
    assert keys(decide(named("my-vllm/llama"), BRAIN, known, NOON)) == ["my-vllm/llama"]
    assert refusal(named("mistral/new-one"), known).kind is Kind.UNKNOWN_MODEL


@pytest.mark.parametrize("name", ["openai/text-embedding-3-small", "text-embedding-3-small"])
def test_a_model_that_makes_vectors_does_not_chat(name: str) -> None:
    error = refusal(named(name))
    assert (error.kind, error.param) == (Kind.UNKNOWN_MODEL, "model")
    assert "/v1/embeddings" in error.message


def test_cost_cap_refuses_an_unknown_price() -> None:
    error = refusal(named("openai/gpt-9", max_cost_usd=1.0))
    assert error.kind is Kind.NO_CAPABLE_MODEL
    assert "price is unknown" in error.message


def test_named_model_must_be_able_to_take_the_request() -> None:
    asked = named("zai/glm-5.2")
    asked.messages[0].attachments.append(types_pb2.MODALITY_IMAGE)
    error = refusal(asked)
    assert error.kind is Kind.NO_CAPABLE_MODEL
    assert "zai/glm-5.2" in error.message and "image input" in error.message


def test_a_named_model_answers_as_long_as_it_can() -> None:
    asked = named("anthropic/claude-haiku-4.5")
    asked.needs.max_output_tokens = 128_000
    (member,) = decide(asked, BRAIN, None, NOON).chain
    assert member.model == "anthropic/claude-haiku-4.5"
    # The limit that counts against the window is the model's own.
    asked.needs.input_tokens = 120_000
    assert keys(decide(asked, BRAIN, None, NOON)) == ["anthropic/claude-haiku-4.5"]


def test_a_limit_of_the_whole_window_is_what_the_input_leaves_of_it() -> None:
    asked = named("moonshot/kimi-k2.6")
    asked.needs.max_output_tokens = 262_144
    asked.needs.input_tokens = 200_000
    assert keys(decide(asked, BRAIN, None, NOON)) == ["moonshot/kimi-k2.6"]
    asked.needs.input_tokens = 262_100
    assert refusal(asked).kind is Kind.CONTEXT_TOO_LONG


def test_an_image_by_web_address_goes_only_to_who_fetches_it() -> None:
    asked = named("moonshot/kimi-k2.6")
    asked.messages[0].attachments.append(types_pb2.MODALITY_IMAGE)
    assert keys(decide(asked, BRAIN, None, NOON)) == ["moonshot/kimi-k2.6"]
    asked.messages[0].attachments.append(types_pb2.MODALITY_IMAGE_URL)
    error = refusal(asked)
    assert error.kind is Kind.NO_CAPABLE_MODEL and "images by web address" in error.message
    asked.model = "auto"
    assert "moonshot/kimi-k2.6" not in keys(decide(asked, BRAIN, None, NOON))


def test_a_prompt_longer_than_the_window_of_the_named_model_is_told_as_such() -> None:
    asked = named("openai/gpt-5.5")
    asked.needs.input_tokens = 2_000_000
    error = refusal(asked)
    assert error.kind is Kind.CONTEXT_TOO_LONG
    assert error.message.startswith("Prompt is too long for openai/gpt-5.5: 20")
    assert error.message.endswith("> 1050000 maximum.")


@pytest.mark.parametrize(
    "need",
    [
        {"response_format": router_pb2.RESPONSE_FORMAT_JSON_SCHEMA},
        {"tool_choice": router_pb2.TOOL_CHOICE_NONE},
        {"tool_choice": router_pb2.TOOL_CHOICE_REQUIRED},
        {"parallel_tool_calls": True},
        {"parameters": ["stop", "n", "logprobs"]},
    ],
)
def test_what_a_named_model_is_told_by_other_means_is_left_to_those_who_tell_it(
    need: dict[str, Any],
) -> None:
    asked = named("zai/glm-5.2")
    asked.needs.CopyFrom(router_pb2.Needs(**need))
    asked.tools.add(name="f")
    assert keys(decide(asked, BRAIN, None, NOON)) == ["zai/glm-5.2"]


def test_named_model_of_a_provider_that_is_out() -> None:
    out = {"health": status_pb2.HEALTH_DOWN, "refused": True, "reason": "quota"}
    known = status(up("openai", **out), up("mistral"))
    # It may have passed by now, and if not, it says itself what is wrong: there is nobody else.
    assert keys(decide(named("gpt-5.5"), BRAIN, known, NOON)) == ["openai/gpt-5.5"]
    assert keys(decide(named("openai/gpt-9"), BRAIN, known, NOON)) == ["openai/gpt-9"]
    absent = refusal(named("xai/grok-4.5"), known)
    assert absent.kind is Kind.NO_CAPABLE_MODEL
    assert "not connected" in absent.message
