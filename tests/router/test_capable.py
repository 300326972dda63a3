"""The capability contract holds for every member of every chain, and every drop has a reason."""

import os
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routor.v1 import router_pb2, status_pb2, types_pb2
from services.catalog import Catalog, Category, Model, Tier
from services.errors import Kind, RoutorError
from services.router.decide import decide
from services.router.explain import explain
from services.tokens import input_tokens
from tests.router.brains import (
    BUILT_IN,
    NOON,
    Judge,
    brain,
    catalog,
    keys,
    model,
    request,
    status,
    up,
)

PROVIDERS = ("a", "b", "c", "d")
MODALITIES = {
    types_pb2.MODALITY_IMAGE: "image",
    types_pb2.MODALITY_FILE: "file",
    types_pb2.MODALITY_AUDIO: "audio",
    types_pb2.MODALITY_VIDEO: "video",
    types_pb2.MODALITY_IMAGE_URL: "image_urls",
}
CHOICES = {0: "auto", 1: "auto", 2: "none", 3: "required", 4: "named"}
REASONS = {
    *("lifecycle", "provider_list", "not_connected", "down", "modality", "tools", "tool_choice"),
    *("parallel_tools", "structured_outputs", "parameters", "reasoning_effort", "context"),
    *("max_output", "max_cost", "max_latency", "bfcl", "quality"),
}


def some(values: Any) -> Any:
    return st.lists(st.sampled_from(sorted(values)), unique=True).map(tuple)


reasonings = st.sampled_from(
    [
        {},
        {"switch": "always", "default": "high", "can_disable": False},
        {"switch": "thinking_type", "efforts": ("none", "high"), "default": "high"},
        {"switch": "reasoning_effort", "efforts": ("none", "low", "medium", "high")},
        {
            "switch": "google_level",
            "efforts": ("minimal", "low", "high"),
            "default": "low",
            "can_disable": False,
        },
    ]
)
lifecycles = st.sampled_from(
    [{"status": "active"}] * 5
    + [
        {"status": "retired"},
        {"status": "alias", "replacement": "a/m0"},
        {"status": "deprecated", "retires": date(2026, 11, 23)},
        {"status": "deprecated", "retires": date(2027, 1, 1)},
    ]
)


@st.composite
def catalogs(draw: Any) -> Catalog:
    models = [
        model(
            f"{draw(st.sampled_from(PROVIDERS))}/m{number}",
            price=(draw(st.floats(0, 10)), draw(st.floats(0, 50))),
            intelligence=draw(st.none() | st.floats(1, 60)),
            context_window=draw(st.sampled_from([2_000, 20_000, 1_000_000])),
            max_output_tokens=draw(st.sampled_from([1_000, 64_000])),
            input_modalities=("text", *draw(some({"image", "file", "audio", "video"}))),
            image_urls=draw(st.booleans()),
            tools=draw(st.booleans()),
            parallel_tools=draw(st.booleans()),
            structured_outputs=draw(st.sampled_from(["none", "json_object", "json_schema"])),
            reasoning=draw(reasonings),
            lifecycle=draw(lifecycles),
            parameters={
                "logprobs": draw(st.booleans()),
                "n": draw(st.booleans()),
                "stop": draw(st.booleans()),
                "parallel_tool_calls": draw(st.booleans()),
                "tools_with_reasoning": draw(st.booleans()),
                "tool_choice": draw(some({"auto", "none", "required", "named"})),
            },
        )
        for number in range(draw(st.integers(1, 8)))
    ]
    return catalog(*models)


@st.composite
def requests(draw: Any, providers: tuple[str, ...]) -> router_pb2.RouteRequest:
    rarely = st.sampled_from([False, False, False, True])
    asked = request("hello " * draw(st.sampled_from([1, 2_000, 20_000])))
    if draw(rarely):
        asked.model = draw(st.sampled_from(["a/m0", "m1", "b/unlisted"]))
    if draw(rarely):
        asked.messages[0].attachments.extend(draw(some(MODALITIES)))
    if draw(rarely):
        asked.messages.add(role=router_pb2.ROLE_TOOL, text="21 degrees")
    if draw(st.booleans()):
        asked.tools.add(name="weather", description="Tell the weather.")
        asked.needs.tool_choice = draw(st.sampled_from(sorted(CHOICES)))
        if draw(rarely):
            asked.needs.parallel_tool_calls = draw(st.booleans())
    if draw(rarely):
        asked.needs.response_format = draw(st.sampled_from([1, 2, 3]))
    asked.needs.max_output_tokens = draw(st.sampled_from([0, 0, 500, 5_000]))
    asked.needs.reasoning_effort = draw(st.sampled_from(["", "", "", "none", "low", "xhigh"]))
    if draw(rarely):
        asked.needs.parameters.extend(draw(some({"logprobs", "n", "stop", "seed", "user"})))
    draw_preferences(draw, asked.preferences, providers)
    return asked


def draw_preferences(
    draw: Any, preferences: router_pb2.Preferences, providers: tuple[str, ...]
) -> None:
    rarely = st.sampled_from([False, False, False, True])
    if draw(rarely):
        preferences.only_providers.extend(draw(some(providers)))
    if draw(rarely):
        preferences.ignore_providers.extend(draw(some(providers)))
    if draw(rarely):
        preferences.max_cost_usd = draw(st.floats(0, 0.1))
    if draw(rarely):
        preferences.max_latency_ms = draw(st.floats(500, 20_000))


retirements = st.sampled_from(
    [{}, {}, {}, {}, {"retired": True}, {"retired": True, "unlisted": True}]
)
healths = st.sampled_from([1, 1, 1, status_pb2.HEALTH_DEGRADED, status_pb2.HEALTH_DOWN])


@st.composite
def statuses(draw: Any, of: Catalog) -> status_pb2.Status | None:
    if draw(st.integers(0, 3)) == 0:
        return None
    return status(
        *(
            up(
                provider,
                connected=draw(st.sampled_from([True, True, True, False])),
                health=draw(healths),
                refused=draw(st.booleans()),
                resting_until_s=draw(st.sampled_from([0, NOON.timestamp() + 9])),
                models=[
                    status_pb2.ModelStatus(
                        model=key,
                        health=draw(healths),
                        **draw(retirements),
                    )
                    for key in of.models
                    if key.startswith(f"{provider}/")
                ],
            )
            for provider in draw(some(of.providers))
        )
    )


@st.composite
def cases(draw: Any) -> tuple[Catalog, Judge, router_pb2.RouteRequest, status_pb2.Status | None]:
    of = draw(catalogs())
    judge = Judge(draw(st.sampled_from(list(Tier))), draw(st.sampled_from(list(Category))))
    return of, judge, draw(requests(tuple(of.providers))), draw(statuses(of))


def violations(
    one: Model, member: types_pb2.ChainMember, asked: router_pb2.RouteRequest, direct: bool
) -> list[str]:
    """Return what the model cannot do of the request; written apart from the code under test."""
    needs, parameters = asked.needs, one.parameters
    attached = {kind for message in asked.messages for kind in message.attachments}
    history = any(m.tool_calls or m.role == router_pb2.ROLE_TOOL for m in asked.messages)
    reserved = needs.max_output_tokens
    effort = member.effort or one.reasoning.default
    thinks = one.reasoning.switch == "always" or effort != "none"
    fetched = ["image_urls"] if one.image_urls else []
    checks = {
        "modality": all(MODALITIES[kind] in (*one.input_modalities, *fetched) for kind in attached),
        "tools": one.tools or not (asked.tools or history),
        # What a named model has no word for is said by other means, or refused, later on.
        "tool_choice": not asked.tools
        or (direct and CHOICES[needs.tool_choice] != "auto")
        or CHOICES[needs.tool_choice] in parameters.tool_choice,
        "parallel": direct
        or not asked.tools
        or not needs.parallel_tool_calls
        or one.parallel_tools,
        "json": direct
        or needs.response_format < 2
        or one.structured_outputs == "json_schema"
        or (needs.response_format == 2 and one.structured_outputs == "json_object"),
        "context": input_tokens(asked) + reserved <= one.context_window,
        "max_output": reserved <= one.max_output_tokens,
        "logprobs": direct or "logprobs" not in needs.parameters or parameters.logprobs,
        "n": direct or "n" not in needs.parameters or parameters.n,
        "stop": direct or "stop" not in needs.parameters or parameters.stop,
        "alias": direct or one.lifecycle.status != "alias",
        "retired": one.lifecycle.status != "retired"
        and (one.lifecycle.retires is None or one.lifecycle.retires > NOON.date()),
        "effort": not member.effort or member.effort in one.reasoning.efforts,
        "thinking_with_tools": not asked.tools
        or parameters.thinks_with_tools
        or not thinks
        or not one.reasoning.can_disable,
        "no_thinking": direct or needs.reasoning_effort != "none" or not thinks,
        "thinking": direct
        or needs.reasoning_effort in ("", "none")
        or (thinks and one.reasoning.switch != "always"),
    }
    return [name for name, holds in checks.items() if not holds]


def out(member: types_pb2.ChainMember, known: status_pb2.Status | None, named: bool) -> str:
    """Return "hard" of one that must not be called, "soft" of one that may be as the last.

    "refused" of one that may be when there is not even such a one.
    """
    if known is None:
        return ""
    provider = next((p for p in known.providers if p.provider == member.provider), None)
    if provider is None or not provider.connected:
        return "hard"
    own = [one for one in provider.models if one.model == member.model]
    down = provider.health == status_pb2.HEALTH_DOWN
    if any(one.unlisted or (one.retired and not named) for one in own):
        return "hard"
    if down and provider.refused:
        return "refused"
    return "soft" if down or any(one.health == status_pb2.HEALTH_DOWN for one in own) else ""


@settings(max_examples=int(os.environ.get("EXAMPLES", "300")), deadline=None)
@given(cases())
def test_no_chain_member_violates_a_need(
    case: tuple[Catalog, Judge, router_pb2.RouteRequest, status_pb2.Status | None],
) -> None:
    of, judge, asked, known = case
    one = brain(of, judge)
    try:
        answer = explain(asked, one, known, NOON)
    except RoutorError as error:
        assert error.kind in (
            Kind.NO_CAPABLE_MODEL,
            Kind.CONTEXT_TOO_LONG,
            Kind.PROVIDER_UNAVAILABLE,
            Kind.UNKNOWN_MODEL,
            Kind.INVALID_REQUEST,
        )
        assert error.message
        return
    decision = answer.decision
    preferences = asked.preferences
    direct = decision.method == "direct"
    # An answer is as long as the chain can give it, where nobody gives all of it.
    members = [of.models[one.model] for one in decision.chain if one.model in of.models]
    longest = max((one.max_output_tokens for one in members), default=5_000)
    meant = router_pb2.RouteRequest()
    meant.CopyFrom(asked)
    meant.needs.max_output_tokens = min(asked.needs.max_output_tokens, longest)
    assert 1 <= len(decision.chain) <= 5
    # Who is Down is called only where nobody else could be, and who refuses us after those.
    outs = {out(member, known, direct) for member in decision.chain}
    assert outs in ({""}, {"soft"}, {"refused"})
    for member in decision.chain:
        assert member.provider not in preferences.ignore_providers
        assert not preferences.only_providers or member.provider in preferences.only_providers
        if member.model in of.models:
            assert violations(of.models[member.model], member, meant, direct) == []
        if preferences.HasField("max_cost_usd"):
            assert member.expected_cost_usd <= preferences.max_cost_usd
    if not direct:
        told = [c.member.model for c in answer.candidates] + [d.model for d in answer.drops]
        assert sorted(told) == sorted(of.models)
        assert all(drop.reason in REASONS and drop.detail for drop in answer.drops)
    assert decide(asked, one, known, NOON) == decision


@pytest.mark.parametrize(
    ("needs", "missing"),
    [
        ({"response_format": router_pb2.RESPONSE_FORMAT_JSON_SCHEMA}, "JSON output by a schema"),
        ({"parameters": ["logprobs"]}, "logprobs"),
        ({"parameters": ["n"]}, "n above 1"),
        ({"input_tokens": 9_000_000}, "9000000 input tokens"),
    ],
)
def test_refusal_says_what_was_missing(needs: dict[str, Any], missing: str) -> None:
    one = brain(catalog(model("a/plain"), model("b/plain")))
    asked = request()
    asked.needs.CopyFrom(router_pb2.Needs(**needs))
    with pytest.raises(RoutorError) as caught:
        decide(asked, one, None, NOON)
    # By this kind, and by its words, clients know that a shorter conversation will do.
    long = Kind.CONTEXT_TOO_LONG if "input_tokens" in needs else Kind.NO_CAPABLE_MODEL
    assert caught.value.kind is long
    assert ("Prompt is too long" in caught.value.message) == ("input_tokens" in needs)
    assert missing in caught.value.message
    assert "(2)" in caught.value.message
    assert len(caught.value.message) < 300


def test_whoever_gives_the_whole_answer_comes_before_those_who_cannot() -> None:
    of = catalog(model("a/short", max_output_tokens=1_000), model("b/long", price=(9, 9)))
    one, asked = brain(of), request()
    asked.needs.max_output_tokens = 5_000
    assert keys(decide(asked, one, None, NOON)) == ["b/long"]
    # More than anybody gives is as much as somebody gives.
    asked.needs.max_output_tokens = 50_000
    assert keys(decide(asked, one, None, NOON)) == ["b/long"]


def test_a_limit_beyond_all_models_does_not_hide_what_else_is_missing() -> None:
    one, asked = brain(catalog(model("a/plain"))), request()
    asked.needs.max_output_tokens = 2_000_000
    asked.needs.parameters.append("logprobs")
    with pytest.raises(RoutorError, match="logprobs, 2000000 output tokens"):
        decide(asked, one, None, NOON)


def test_harmless_parameters_drop_no_model() -> None:
    one = brain(catalog(model("a/plain", parameters={"seed": False, "penalties": False})))
    asked = request()
    asked.needs.parameters.extend(["seed", "presence_penalty", "temperature", "user"])
    assert keys(decide(asked, one, None, NOON)) == ["a/plain"]


def test_context_reserves_the_expected_answer() -> None:
    one = brain(catalog(model("a/small", context_window=1_000), model("b/large")))
    asked = request()
    asked.needs.input_tokens = 900
    assert keys(decide(asked, one, None, NOON)) == ["b/large"]
    asked.needs.max_output_tokens = 50
    assert "a/small" in keys(decide(asked, one, None, NOON))


@pytest.mark.parametrize(("owner", "other"), [("anthropic", "openai"), ("openai", "anthropic")])
def test_tools_of_a_vendors_own_are_its_models_alone(owner: str, other: str) -> None:
    asked = request()
    asked.needs.parameters.append(f"{owner}_tools")
    everybody = status(*(up(name) for name in BUILT_IN.providers))
    chain = keys(decide(asked, brain(), everybody, NOON))
    assert chain and all(key.startswith(f"{owner}/") for key in chain)
    with pytest.raises(RoutorError) as caught:
        decide(asked, brain(), status(up(other)), NOON)
    assert caught.value.kind is Kind.NO_CAPABLE_MODEL
    # Callers know them by these names.
    assert "web_search" in caught.value.message
