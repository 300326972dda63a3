"""Thinking and effort at Anthropic's models: as its own clients say it, or in OpenAI's word."""

from typing import Any

import pytest

from services.errors import Kind, RoutorError
from services.providers.dialects import chosen
from services.providers.dialects.contract import Encoded
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

EFFORTS = ("none", "low", "medium", "high", "max")
HAIKU = reasoning(switch="anthropic_budget", efforts=("none", "low", "medium", "high"))
SONNET = reasoning(switch="anthropic_adaptive", efforts=EFFORTS, budgets=True)
OPUS = reasoning(switch="anthropic_adaptive", efforts=EFFORTS)
SOBER = parameters(temperature="without_reasoning")
BUDGET = {"type": "enabled", "budget_tokens": 3000}
ADAPTIVE = {"type": "adaptive"}
LOOP = [user("a"), called(("c", "f", "{}")), result("c", "r")]
CLEARING = {"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]}


def encoded(facts: Any, *messages: Any, native: Any, word: str = "high", **fields: Any) -> Encoded:
    asked = ask(*messages, reasoning_effort=word, anthropic=native, **fields)
    one = target("anthropic", reasoning=facts, parameters=SOBER)
    dialect, one, asked = chosen(one, asked)
    return dialect.encode(asked, one)


def in_chat(facts: Any, thinking: Any, **fields: Any) -> Encoded:
    dialect, one, asked = chosen(
        target("anthropic", reasoning=facts, parameters=SOBER), ask(thinking=thinking, **fields)
    )
    assert not one.items
    return dialect.encode(asked, one)


@pytest.mark.parametrize("facts", [HAIKU, SONNET])
def test_the_chat_doors_thinking_is_the_models(facts: Any) -> None:
    given = in_chat(facts, BUDGET, max_tokens=9000)
    assert (sent(given)["thinking"], given.dropped) == (BUDGET, ())
    assert sent(in_chat(facts, {"type": "disabled"}))["thinking"] == {"type": "disabled"}


def test_the_chat_doors_thinking_is_told_to_the_caller() -> None:
    for given in (BUDGET, ADAPTIVE):
        assert sent(in_chat(OPUS, given))["thinking"] == {**ADAPTIVE, "display": "summarized"}
    quiet = {**ADAPTIVE, "display": "omitted"}
    assert sent(in_chat(OPUS, quiet))["thinking"] == quiet


def test_an_effort_counts_before_the_chat_doors_thinking() -> None:
    both = in_chat(SONNET, BUDGET, reasoning_effort="none")
    assert (sent(both)["thinking"], both.dropped) == ({"type": "disabled"}, ("thinking",))


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("on", "thinking"),
        ({"type": "loud"}, "thinking.type"),
        ({"type": "enabled", "budget_tokens": "many"}, "thinking.budget_tokens"),
    ],
)
def test_what_is_no_thinking_is_refused_by_name(given: Any, param: str) -> None:
    with pytest.raises(RoutorError) as caught:
        in_chat(SONNET, given)
    assert (caught.value.kind, caught.value.param) == (Kind.INVALID_REQUEST, param)


@pytest.mark.parametrize("facts", [SONNET, OPUS])
def test_effort_alone_turns_no_thinking_on(facts: Any) -> None:
    body = sent(encoded(facts, native={"effort": "low"}, word="low", temperature=0.3))
    assert body["output_config"] == {"effort": "low"}
    assert "thinking" not in body
    assert body["temperature"] == 0.3


def test_effort_stays_beside_a_forced_tool() -> None:
    body = sent(encoded(SONNET, native={"effort": "low"}, tools=[tool()], tool_choice="required"))
    assert (body["output_config"], body["tool_choice"]) == ({"effort": "low"}, {"type": "any"})


def test_effort_is_left_out_where_a_model_has_none() -> None:
    plain = encoded(HAIKU, native={"effort": "low"})
    assert "thinking" not in sent(plain) and "output_config" not in sent(plain)
    assert plain.dropped == ("output_config.effort",)
    both = encoded(HAIKU, native={"effort": "low", "thinking": BUDGET})
    assert (sent(both)["thinking"], both.dropped) == (BUDGET, ("output_config.effort",))


@pytest.mark.parametrize("facts", [HAIKU, SONNET])
def test_a_budget_goes_as_it_is_to_models_that_take_one(facts: Any) -> None:
    body = sent(encoded(facts, native={"thinking": BUDGET}, max_tokens=9000))
    assert body["thinking"] == BUDGET
    assert "output_config" not in body


def test_a_budget_is_an_effort_where_budgets_are_refused() -> None:
    body = sent(encoded(OPUS, native={"thinking": BUDGET}, word="low"))
    assert (body["thinking"], body["output_config"]) == (ADAPTIVE, {"effort": "low"})


def test_a_budget_stays_below_a_limit_that_was_brought_down() -> None:
    large = {**BUDGET, "budget_tokens": 100_000}
    brought = encoded(SONNET, native={"thinking": large}, max_completion_tokens=128_000)
    assert sent(brought)["max_tokens"] == 64_000
    assert sent(brought)["thinking"]["budget_tokens"] == 63_999
    assert brought.dropped == ("max_completion_tokens",)
    # Then it is of all thoughts of a turn.
    native = {"thinking": large, "beta": "interleaved-thinking-2025-05-14"}
    body = sent(encoded(SONNET, native=native, max_completion_tokens=64_000))
    assert body["thinking"] == large


def test_adaptive_thinking_goes_with_the_effort_that_was_given() -> None:
    body = sent(encoded(SONNET, native={"thinking": ADAPTIVE}))
    assert body["thinking"] == ADAPTIVE and "output_config" not in body
    body = sent(encoded(SONNET, native={"thinking": ADAPTIVE, "effort": "max"}))
    assert (body["thinking"], body["output_config"]) == (ADAPTIVE, {"effort": "max"})


def test_effort_may_be_given_without_thinking() -> None:
    native = {"thinking": {"type": "disabled"}, "effort": "max"}
    body = sent(encoded(OPUS, native=native, word="none"))
    assert body["thinking"] == {"type": "disabled"}
    assert body["output_config"] == {"effort": "max"}


@pytest.mark.parametrize("after", [[], [user("hint")], [user("hint"), user("more")]])
def test_calls_without_thoughts_have_none_whatever_follows_their_results(after: Any) -> None:
    body = sent(encoded(HAIKU, *LOOP, *after, native={"thinking": BUDGET}, tools=[tool()]))
    assert body["thinking"] == {"type": "disabled"}
    # Adaptive thinking asks for no blocks.
    body = sent(encoded(SONNET, *LOOP, *after, native={"thinking": BUDGET}, tools=[tool()]))
    assert body["thinking"] == ADAPTIVE
    done = [*LOOP, {"role": "assistant", "content": "So."}, user("And now?")]
    body = sent(encoded(HAIKU, *done, native={"thinking": BUDGET}, tools=[tool()]))
    assert body["thinking"] == BUDGET


@pytest.mark.parametrize("blank", ["", " \n", None, [{"type": "text", "text": ""}]])
def test_a_blank_message_of_the_model_does_not_end_its_turn(blank: Any) -> None:
    said = [*LOOP, {"role": "assistant", "content": blank}, user("And now?")]
    body = sent(encoded(HAIKU, *said, native={"thinking": BUDGET}, tools=[tool()]))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["thinking"] == {"type": "disabled"}


def test_messages_that_follow_each_other_are_one_turn() -> None:
    signed = {"type": "thinking", "thinking": "t", "signature": "s"}
    said = {"role": "assistant", "content": "Well."}
    loop = [LOOP[0], said, {**LOOP[1], "thinking_blocks": [signed]}, LOOP[2]]
    body = sent(encoded(HAIKU, *loop, native={"thinking": BUDGET}, tools=[tool()]))
    assert body["thinking"] == {"type": "disabled"}


def test_every_turn_of_a_loop_has_thoughts_or_none_has() -> None:
    signed = {"type": "thinking", "thinking": "t", "signature": "s"}
    thought = {**LOOP[1], "thinking_blocks": [signed]}
    for first, word in ((LOOP[1], "disabled"), (thought, "enabled")):
        loop = [LOOP[0], first, LOOP[2], thought, LOOP[2]]
        body = sent(encoded(HAIKU, *loop, native={"thinking": BUDGET}, tools=[tool()]))
        assert body["thinking"]["type"] == word


def test_thoughts_of_others_are_none() -> None:
    theirs = {"type": "thinking", "thinking": "t", "signature": "openai.rs_1.parcel"}
    loop = [LOOP[0], {**LOOP[1], "thinking_blocks": [theirs]}, LOOP[2]]
    body = sent(encoded(HAIKU, *loop, native={"thinking": BUDGET}, tools=[tool()]))
    assert body["thinking"] == {"type": "disabled"}
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]


def test_fields_of_anthropics_own_go_along() -> None:
    native = {
        "fields": {"inference_geo": "us", "context_management": CLEARING},
        "output": {"task_budget": {"type": "tokens", "total": 50_000}},
        "names": ["inference_geo"],
        "only": ["inference_geo"],
    }
    whole = encoded(SONNET, native=native, word="none")
    body = sent(whole)
    assert (body["inference_geo"], body["context_management"]) == ("us", CLEARING)
    assert body["output_config"] == native["output"]
    assert whole.dropped == ()


def test_thoughts_that_are_left_off_are_not_cleared() -> None:
    native = {"thinking": BUDGET, "fields": {"context_management": CLEARING}}
    loop = encoded(HAIKU, *LOOP, native=native, tools=[tool()])
    assert sent(loop)["context_management"] == {"edits": CLEARING["edits"][1:]}
    assert set(loop.dropped) == {"reasoning_effort", "context_management.edits"}
    assert sent(encoded(HAIKU, native=native))["context_management"] == CLEARING
