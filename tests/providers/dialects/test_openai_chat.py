import copy
from typing import Any

import pytest

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import (
    ask,
    called,
    parameters,
    reasoning,
    result,
    sent,
    target,
    tool,
    user,
)

DIALECT = DIALECTS["openai_chat"]


def encode(body: dict[str, Any], provider: str = "openai", **facts: Any) -> dict[str, Any]:
    return sent(DIALECT.encode(body, target(provider, **facts)))


def test_token_limit_goes_into_the_models_field() -> None:
    rules = parameters(max_tokens_field="max_completion_tokens")
    body = encode(ask(max_tokens=50), parameters=rules)
    assert body["max_completion_tokens"] == 50
    assert "max_tokens" not in body
    assert encode(ask(max_completion_tokens=50), "mistral")["max_tokens"] == 50


def test_token_limit_is_kept_within_the_model() -> None:
    assert encode(ask(max_tokens=10**6), max_output_tokens=100)["max_tokens"] == 100
    for name in ("max_tokens", "max_completion_tokens"):
        long = DIALECT.encode(ask(**{name: 101}), target(max_output_tokens=100))
        assert long.dropped == (name,)


def test_unknown_models_get_what_was_sent() -> None:
    body = encode(ask(max_completion_tokens=9, temperature=0, n=2, seed=0), known=False)
    assert (body["max_completion_tokens"], body["temperature"], body["n"]) == (9, 0, 2)
    assert body["seed"] == 0


@pytest.mark.parametrize("name", ["user", "safety_identifier", "prompt_cache_key"])
def test_a_longer_name_than_openai_takes_is_told_by_its_digest(name: str) -> None:
    given = "user_" + "a" * 150
    sent = encode(ask(**{name: given}))[name]
    assert len(sent) == 64
    assert encode(ask(**{name: given}))[name] == sent
    assert encode(ask(**{name: given + "b"}))[name] != sent
    assert encode(ask(**{name: "u" * 64}))[name] == "u" * 64


def test_a_file_by_web_address_is_for_those_who_fetch() -> None:
    file = {"type": "file", "file": {"file_data": "https://example.org/a.pdf"}}
    with pytest.raises(RoutorError) as caught:
        encode({"messages": [{"role": "user", "content": [file]}]})
    assert caught.value.kind is Kind.UNSUPPORTED_PARAMETER
    assert caught.value.param == "messages[0].content[0].file.file_data"


def test_streams_ask_for_usage() -> None:
    assert encode(ask(stream=True))["stream_options"] == {"include_usage": True}
    assert "stream_options" not in encode(ask(stream=True, stream_options={}), "mistral")
    assert "stream_options" not in encode(ask())


def test_sampling_is_dropped_while_reasoning_and_named() -> None:
    facts = {
        "parameters": parameters(temperature="without_reasoning", top_p="without_reasoning"),
        "reasoning": reasoning(
            switch="reasoning_effort", efforts=("none", "low", "high"), default="low"
        ),
    }
    encoded = DIALECT.encode(ask(temperature=0, top_p=0.5), target(**facts))
    assert encoded.dropped == ("temperature", "top_p")
    assert "temperature" not in sent(encoded)
    body = encode(ask(temperature=0, reasoning_effort="none"), **facts)
    assert (body["temperature"], body["reasoning_effort"]) == (0, "none")


def test_temperature_is_clamped() -> None:
    rules = parameters(temperature_min=0.01, temperature_max=1.0)
    assert encode(ask(temperature=0), "zai", parameters=rules)["temperature"] == 0.01
    assert encode(ask(temperature=1.7), "zai", parameters=rules)["temperature"] == 1.0


def test_a_temperature_is_named_that_is_brought_down() -> None:
    known = target("zai", parameters=parameters(temperature_min=0.01, temperature_max=1.0))
    assert DIALECT.encode(ask(temperature=1.7), known).dropped == ("temperature",)
    assert DIALECT.encode(ask(temperature=0), known).dropped == ()


@pytest.mark.parametrize(
    ("field", "value", "rules"),
    [
        ("n", 2, {}),
        ("logprobs", True, {}),
        ("tool_choice", "required", {"tool_choice": ("auto",)}),
    ],
)
def test_what_the_caller_relies_on_is_refused_by_name(field: str, value: Any, rules: Any) -> None:
    body = ask(tools=[tool()], **{field: value})
    with pytest.raises(RoutorError) as caught:
        DIALECT.encode(body, target(parameters=parameters(**rules)))
    assert caught.value.kind is Kind.UNSUPPORTED_PARAMETER
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("switch", "efforts", "asked", "fields"),
    [
        ("reasoning_effort", ("none", "low", "high"), "minimal", {"reasoning_effort": "low"}),
        ("reasoning_effort", ("low", "high"), "xhigh", {"reasoning_effort": "high"}),
        ("thinking_type", (), "none", {"thinking": {"type": "disabled"}}),
        ("thinking_type", (), "high", {"thinking": {"type": "enabled"}}),
        (
            "thinking_type_effort",
            ("high", "max"),
            "medium",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
        (
            "thinking_type_effort",
            ("high", "max"),
            "xhigh",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
        ("thinking_adaptive", (), "low", {"thinking": {"type": "adaptive"}}),
        ("enable_thinking", (), "none", {"enable_thinking": False}),
        ("enable_thinking", (), "low", {"enable_thinking": True, "thinking_budget": 2048}),
        (
            "chat_template_kwargs",
            (),
            "low",
            {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_budget": 2048},
        ),
        ("always", (), "high", {}),
        ("none", (), "high", {}),
    ],
)
def test_effort_becomes_the_vendors_switch(
    switch: str, efforts: Any, asked: str, fields: dict[str, Any]
) -> None:
    facts = reasoning(switch=switch, efforts=efforts, default="high")
    body = encode(ask(reasoning_effort=asked), "alibaba", reasoning=facts)
    names = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget")
    names += ("chat_template_kwargs", "reasoning_budget")
    assert {name: body[name] for name in names if name in body} == fields


@pytest.mark.parametrize(
    ("switch", "field"),
    [("enable_thinking", "thinking_budget"), ("chat_template_kwargs", "reasoning_budget")],
)
def test_a_budget_of_anthropics_clients_is_kept_where_the_vendor_has_one(
    switch: str, field: str
) -> None:
    own = {"thinking": {"type": "enabled", "budget_tokens": 5000}, "names": []}
    named = switch == "chat_template_kwargs"  # by effort at most half of the limit
    given = ask(reasoning_effort="low", max_tokens=9000, anthropic=own)
    facts = reasoning(switch=switch, default="high")
    for effort, budget in (("", 5000), ("low", 5000), ("medium", 4500 if named else 8192)):
        aim = target("alibaba", effort=effort, reasoning=facts)
        assert sent(DIALECT.encode(given, aim))[field] == budget


def test_decided_effort_comes_before_the_requests() -> None:
    facts = reasoning(switch="reasoning_effort", efforts=("low", "high"))
    body = sent(DIALECT.encode(ask(reasoning_effort="low"), target(effort="high", reasoning=facts)))
    assert body["reasoning_effort"] == "high"


def test_tools_put_reasoning_off_where_they_exclude_each_other() -> None:
    facts = {
        "parameters": parameters(tools_with_reasoning=False),
        "reasoning": reasoning(
            switch="reasoning_effort", efforts=("none", "low", "high"), default="low"
        ),
    }
    encoded = DIALECT.encode(ask(tools=[tool()], reasoning_effort="high"), target(**facts))
    assert sent(encoded)["reasoning_effort"] == "none"
    assert encoded.dropped == ("reasoning_effort",)


def test_named_tool_where_only_required_is_known() -> None:
    named = {"type": "function", "function": {"name": "g"}}
    body = encode(
        ask(tools=[tool("f"), tool("g")], tool_choice=named),
        "mistral",
        parameters=parameters(tool_choice=("auto", "required")),
    )
    assert body["tool_choice"] == "any"
    assert [one["function"]["name"] for one in body["tools"]] == ["g"]


def test_tool_choice_none_without_the_word_sends_no_tools() -> None:
    rules = parameters(tool_choice=("auto",))
    body = encode(ask(tools=[tool()], tool_choice="none"), "zai", parameters=rules)
    assert "tools" not in body
    assert "tool_choice" not in body


def test_vendor_quirks_of_messages() -> None:
    body = ask(
        {"role": "developer", "content": [{"type": "text", "text": "a"}], "name": "boss"},
        user([{"type": "text", "text": "b"}, {"type": "text", "text": " "}]),
        tools=[tool(strict=True)],
        user="u1",
        metadata={"a": "b"},
    )
    ours = encode(body, "nvidia")
    assert ours["messages"] == [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "b"},
    ]
    assert "strict" not in ours["tools"][0]["function"]
    assert "user" not in ours
    theirs = encode(body, "openai")
    assert theirs["messages"][0]["role"] == "developer"
    assert theirs["metadata"] == {"a": "b"}
    assert set(DIALECT.encode(body, target("nvidia")).dropped) == {
        "metadata",
        "user",
        "tools[].function.strict",
        "messages[].name",
    }


def test_history_of_any_vendor_is_made_fit() -> None:
    history = [
        user("go"),
        called(("toolu_1", "f", ""), ("toolu_1", "g", "{oops"), routor={"x": 1}, annotations=[]),
        result("toolu_1", "1"),
        result("toolu_1", "2"),
    ]
    messages = encode(ask(*history), "mistral")["messages"]
    calls = messages[1]["tool_calls"]
    ids = [one["id"] for one in calls]
    assert all(len(one) == 9 and one.isalnum() for one in ids)
    assert len(set(ids)) == 2
    assert [message["tool_call_id"] for message in messages[2:]] == ids
    assert calls[0]["function"]["arguments"] == "{}"
    assert "oops" in calls[1]["function"]["arguments"]
    assert set(messages[1]) == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("provider", ["openai", "nvidia", "mistral"])
def test_results_stand_in_the_order_of_their_calls(provider: str) -> None:
    calls = called(("c1", "f", "{}"), ("c2", "f", "{}"), ("c3", "f", "{}"))
    given = [result("c3", "3"), result("c1", "1"), user("between"), result("c2", "2")]
    told = encode(ask(user("go"), calls, *given), provider)["messages"]
    assert [one["content"] for one in told if one["role"] == "tool"] == ["1", "2", "3"]
    assert told[-1] == user("between")


@pytest.mark.parametrize(
    ("history", "param"),
    [
        ([user("a"), called(("c1", "f", "{}"))], "messages[1].tool_calls[0]"),
        ([user("a"), result("c1", "x")], "messages[1].tool_call_id"),
        (
            [user("a"), called(("c1", "f", "{}"), ("c2", "f", "{}")), result("c1", "x")],
            "messages[1].tool_calls[1]",
        ),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_calls_and_results_must_match(history: Any, param: str, provider: str) -> None:
    aim = target(provider)
    with pytest.raises(RoutorError) as caught:
        DIALECTS[aim.vendor.dialect].encode(ask(*history), aim)
    assert (caught.value.kind, caught.value.param) == (Kind.INVALID_REQUEST, param)


def test_thoughts_are_replayed_where_the_model_demands_it() -> None:
    history = [
        user("a"),
        {"role": "assistant", "content": "b", "reasoning_content": "mine"},
        user("c"),
        {"role": "assistant", "content": "d"},
        user("e"),
    ]
    replaying = reasoning(switch="thinking_type", default="high", replay=True)
    messages = encode(ask(*history), "deepseek", reasoning=replaying)["messages"]
    assert [one.get("reasoning_content") for one in messages] == [None, "mine", None, " ", None]
    off = encode(ask(*history, reasoning_effort="none"), "deepseek", reasoning=replaying)
    assert all("reasoning_content" not in one for one in off["messages"])
    assert all("reasoning_content" not in one for one in encode(ask(*history))["messages"])


def test_a_turn_to_be_continued_bears_the_vendors_flag() -> None:
    turns = [user("a"), {"role": "assistant", "content": "The answer"}]
    rules = parameters(prefill=True)
    assert encode(ask(*turns), "mistral", parameters=rules)["messages"][-1]["prefix"] is True
    assert "prefix" not in encode(ask(*turns), "openai", parameters=rules)["messages"][-1]
    assert "prefix" not in encode(ask(*turns), "mistral")["messages"][-1]


@pytest.mark.parametrize("provider", ["zai", "mistral", "deepseek", "alibaba"])
def test_needs_a_user_message(provider: str) -> None:
    body = encode(ask({"role": "system", "content": "only"}), provider)
    assert body["messages"] == [{"role": "user", "content": "only"}]


def test_a_system_message_at_the_end_is_the_users_where_a_template_wants_that() -> None:
    last = {"role": "system", "content": "be brief"}
    told = {"role": "user", "content": "<system>\nbe brief\n</system>"}
    for provider in ("mistral", "deepseek"):
        assert encode(ask(user("hi"), last), provider)["messages"] == [user("hi"), told]
    assert encode(ask(last, user("hi")), "mistral")["messages"] == [last, user("hi")]
    talk = [last, user("hi"), {"role": "assistant", "content": "b"}]
    for end, kept in (([last], [told]), ([last, user("c")], [last, user("c")])):
        assert encode(ask(*talk, *end), "deepseek")["messages"] == [*talk, *kept]
    assert encode(ask(user("hi"), last), "nvidia")["messages"] == [user("hi"), last]


def test_system_messages_are_one_where_the_vendor_takes_one() -> None:
    one, two = ({"role": "system", "content": text} for text in ("a", "b"))
    parts = {"role": "developer", "content": [{"type": "text", "text": "c"}]}
    joined = {"role": "system", "content": "a\n\nb\n\nc"}
    assert encode(ask(one, two, parts, user("hi")), "minimax")["messages"] == [joined, user("hi")]
    late = encode(ask(one, user("hi"), two), "minimax")["messages"]
    assert late == [one, user("hi"), user("<system>\nb\n</system>")]
    assert encode(ask(one, two, user("hi")), "nvidia")["messages"] == [one, two, user("hi")]
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    told = encode(ask(one, user("hi"), response_format=form), "minimax",
                  structured_outputs="json_object")["messages"]  # fmt: skip
    assert [message["role"] for message in told] == ["system", "user"]
    assert told[0]["content"].startswith("a\n\nAnswer with one JSON object")


def test_temperature_zero_stands_alone_where_the_vendor_wants_that() -> None:
    body = ask(temperature=0, top_p=0.5)
    ours = encode(body, "mistral")
    assert (ours["temperature"], ours["top_p"]) == (0, 1)
    assert DIALECT.encode(body, target("mistral")).dropped == ("top_p",)
    assert DIALECT.encode(ask(temperature=0), target("mistral")).dropped == ()
    assert "top_p" not in encode(ask(temperature=0.1), "mistral")
    assert encode(body, "nvidia")["top_p"] == 0.5


def test_only_openai_hears_of_padded_chunks() -> None:
    body = ask(stream=True, stream_options={"include_usage": False, "include_obfuscation": False})
    both = {"include_usage": True, "include_obfuscation": False}
    assert encode(body, "openai")["stream_options"] == both
    assert encode(body, "deepseek")["stream_options"] == {"include_usage": True}
    assert "stream_options" not in encode(body, "mistral")


def test_stop_sequences_are_a_list_where_the_vendor_wants_one() -> None:
    assert encode(ask(stop="END"), "zai")["stop"] == ["END"]
    assert encode(ask(stop=["A", "B"]), "zai")["stop"] == ["A"]
    assert DIALECT.encode(ask(stop=["A", "B"]), target("zai")).dropped == ("stop",)
    assert encode(ask(stop="END"), "nvidia")["stop"] == "END"
    assert encode(ask(stop=["x" * 33, "B"]), "moonshot")["stop"] == ["B"]
    assert "stop" not in encode(ask(stop="x" * 33), "moonshot")


def test_a_share_of_zero_is_the_least_that_is_taken() -> None:
    assert encode(ask(top_p=0), "zai", parameters=parameters(top_p_min=0.01))["top_p"] == 0.01
    assert encode(ask(top_p=0))["top_p"] == 0


@pytest.mark.parametrize(("seed", "told"), [(7, 7), (-1, 2**31 - 1), (2**40 + 5, 5)])
def test_seeds_are_within_what_imitators_take(seed: int, told: int) -> None:
    assert encode(ask(seed=seed), "mistral")["random_seed"] == told
    assert encode(ask(seed=seed), "openai")["seed"] == seed


@pytest.mark.parametrize("nothing", ["", " \n", [], [{"type": "text", "text": ""}], None])
def test_nothing_from_a_tool_is_said_in_words(nothing: Any) -> None:
    turns = [user("go"), called(("c1", "f", "{}")), result("c1", nothing)]
    assert "gave nothing back" in encode(ask(*turns), "moonshot")["messages"][2]["content"]
    assert not encode(ask(*turns), "openai")["messages"][2]["content"].strip()


def test_members_that_clients_add_to_messages_are_left_out_and_named() -> None:
    given = ask({"role": "system", "content": "s", "id": "1"}, {**user("a"), "timestamp": 1})
    for provider in ("openai", "zai", "nvidia"):
        made = DIALECT.encode(given, target(provider))
        assert sent(made)["messages"] == [{"role": "system", "content": "s"}, user("a")]
        assert made.dropped == ("messages[].id", "messages[].timestamp")
    unlisted = DIALECT.encode(given, target("openai", known=False))
    assert sent(unlisted)["messages"] == given["messages"]
    assert unlisted.dropped == ()


def test_members_of_parts_are_left_out_and_named() -> None:
    text, mark = {"type": "text", "text": "a"}, {"mode": "explicit"}
    image = {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}}
    odd = {**text, "prompt_cache_breakpoint": mark, "cache_control": {"type": "ephemeral"}}
    own = {"type": "document_url", "document_url": "https://x/a.pdf", "document_name": "a"}
    given = ask(user([odd, {**image, "meta": None}, {"type": "new", "new": 1}, own]))
    made = DIALECT.encode(given, target("mistral"))
    assert sent(made)["messages"] == [user([text, image, {"type": "new", "new": 1}, own])]
    assert made.dropped == ("messages[].content[].prompt_cache_breakpoint",)
    given = ask(user([{**odd, "index": 0}]))
    theirs = DIALECT.encode(given, target("openai"))
    assert sent(theirs)["messages"][0]["content"][0] == {**text, "prompt_cache_breakpoint": mark}
    assert theirs.dropped == ("messages[].content[].index",)
    # LiteLLM's clients say the type of an image there; no mark of a cache comes of that.
    said = {**image, "image_url": {**image["image_url"], "format": "image/png"}}
    for provider in ("openai", "mistral", "alibaba"):
        made = DIALECT.encode(ask(user([text, said])), target(provider))
        assert sent(made)["messages"] == [user([text, image])]
        assert made.dropped == ("messages[].content[].image_url.format",)


def test_mistral_has_words_of_its_own_for_openais_services() -> None:
    parts = [{"type": "text", "text": text} for text in ("a", " b")]
    predicted = {"type": "content", "content": parts}
    body = encode(ask(user("hi"), service_tier="default", prediction=predicted), "mistral")
    assert body["service_tier"] == "standard_only"
    assert body["prediction"] == {"type": "content", "content": "a b"}
    made = DIALECT.encode(ask(user("hi"), service_tier="flex"), target("mistral"))
    assert "service_tier" not in sent(made)
    assert made.dropped == ("service_tier",)


@pytest.mark.parametrize("provider", ["mistral", "deepseek", "nvidia", "moonshot", "alibaba"])
def test_the_limit_of_an_unlisted_model_has_the_vendors_name(provider: str) -> None:
    body = encode(ask(user("hi"), max_completion_tokens=9), provider, known=False)
    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body


def test_model_list() -> None:
    assert DIALECT.models(b'{"data":[{"id":"a"},{"id":"b"},7]}') == ["a", "b"]
    assert DIALECT.models(b'{"object":"list","data":[]}') == []
    assert DIALECT.models(b"<html>") is None
    assert DIALECT.models(b'{"error":{}}') is None


def test_encode_leaves_the_request_alone() -> None:
    body = ask(
        {"role": "developer", "content": "x"},
        user([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
        called(("toolu_1!", "f", "")),
        result("toolu_1!", [{"type": "text", "text": "r"}]),
        tools=[tool(strict=True)],
        max_tokens=5,
        temperature=0,
        stop="x",
        stream=True,
        reasoning_effort="high",
    )
    before = copy.deepcopy(body)
    for provider in ("openai", "mistral", "zai", "anthropic", "google"):
        aim = target(provider, parameters=parameters(prefill=True))
        DIALECTS[aim.vendor.dialect].encode(body, aim)
        assert body == before


@pytest.mark.parametrize(
    "provider", ["deepseek", "moonshot", "minimax", "zai", "alibaba", "xiaomi", "mistral", "xai"]
)
@pytest.mark.parametrize("known", [True, False])
def test_a_bias_is_named_where_nobody_reads_it(provider: str, known: bool) -> None:
    made = DIALECT.encode(ask(logit_bias={"50256": -100}), target(provider, known=known))
    assert "logit_bias" not in sent(made)
    assert made.dropped == ("logit_bias",)
    assert "logit_bias" not in sent(DIALECT.encode(ask(logit_bias={}), target(provider)))
    assert sent(DIALECT.encode(ask(logit_bias={"1": 1}), target("openai")))["logit_bias"]
