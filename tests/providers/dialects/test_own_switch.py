from typing import Any

import pytest

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import ask, parameters, reasoning, sent, target, tool, user

DIALECT = DIALECTS["openai_chat"]
SWITCHES = {
    "deepseek": "thinking_type_effort",
    "moonshot": "thinking_type",
    "zai": "thinking_type_effort",
    "xiaomi": "thinking_type",
    "minimax": "thinking_adaptive",
}
ON = {"enabled": "enabled", "adaptive": "enabled", "disabled": "disabled"}


def made(provider: str, switch: str = "", **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    facts = reasoning(switch=switch or SWITCHES[provider], efforts=("none", "high"), default="high")
    encoded = DIALECT.encode(ask(**fields), target(provider, reasoning=facts))
    return sent(encoded), encoded.dropped


@pytest.mark.parametrize("provider", SWITCHES)
@pytest.mark.parametrize("word", ON)
def test_thinking_is_told_in_the_vendors_word(provider: str, word: str) -> None:
    body, dropped = made(provider, thinking={"type": word})
    own = {"enabled": "adaptive"} if provider == "minimax" else {}
    assert body["thinking"] == {"type": own.get(ON[word], ON[word])}
    assert dropped == ()


def test_a_budget_is_left_out_and_named() -> None:
    body, dropped = made("minimax", thinking={"type": "enabled", "budget_tokens": 2048})
    assert body["thinking"] == {"type": "adaptive"}
    assert dropped == ("thinking.budget_tokens",)


def test_what_the_vendor_itself_knows_there_stays() -> None:
    body, dropped = made("zai", thinking={"clear_thinking": False}, reasoning_effort="high")
    assert body["thinking"] == {"type": "enabled", "clear_thinking": False}
    assert (body["reasoning_effort"], dropped) == ("high", ())


def test_what_says_otherwise_than_the_effort_is_named() -> None:
    body, dropped = made("moonshot", thinking={"type": "disabled"}, reasoning_effort="high")
    assert body["thinking"] == {"type": "enabled"}
    assert dropped == ("thinking",)


def test_a_model_that_is_told_not_to_think_takes_a_named_tool() -> None:
    choice = {"type": "function", "function": {"name": "f"}}
    rules = parameters(tool_choice=("auto",), tool_choice_without_reasoning=("named",))
    facts = reasoning(switch="thinking_type", efforts=("none", "high"), default="high")
    aim = target("moonshot", reasoning=facts, parameters=rules)
    asked = ask(tools=[tool()], tool_choice=choice, thinking={"type": "disabled"})
    encoded = DIALECT.encode(asked, aim)
    assert sent(encoded)["tool_choice"] == choice
    assert encoded.dropped == ()


@pytest.mark.parametrize(
    ("given", "param"), [("high", "thinking"), ({"type": "loud"}, "thinking.type")]
)
def test_what_is_no_switch_is_refused_by_name(given: Any, param: str) -> None:
    with pytest.raises(RoutorError) as caught:
        made("zai", thinking=given)
    assert (caught.value.kind, caught.value.param) == (Kind.INVALID_REQUEST, param)


def test_thinking_is_named_where_the_vendor_has_none() -> None:
    body, dropped = made("alibaba", "enable_thinking", thinking={"type": "adaptive"})
    assert "thinking" not in body
    assert dropped == ("thinking",)


# --- JSON from models that do not think about it ---


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({}, ()),
        ({"reasoning_effort": "high"}, ("reasoning_effort",)),
        ({"enable_thinking": False, "thinking_budget": 99}, ("thinking_budget",)),
        ({"enable_thinking": True}, ("enable_thinking",)),
    ],
)
def test_json_is_asked_without_thinking(fields: dict[str, Any], dropped: tuple[str, ...]) -> None:
    facts = reasoning(switch="enable_thinking", efforts=("none", "high"), default="high")
    aim = target("alibaba", reasoning=facts, parameters=parameters(json_with_reasoning=False))
    form = {"response_format": {"type": "json_object"}}
    encoded = DIALECT.encode(ask(user("JSON, please"), **form, **fields), aim)
    assert sent(encoded)["enable_thinking"] is False
    assert sent(encoded)["response_format"] == {"type": "json_object"}
    assert encoded.dropped == dropped
    thinking = DIALECT.encode(ask(user("Hi"), response_format={"type": "text"}), aim)
    assert "enable_thinking" not in sent(thinking)


@pytest.mark.parametrize("kind", ["input_audio", "video_url"])
def test_sound_and_film_are_asked_about_without_thinking(kind: str) -> None:
    facts = reasoning(switch="chat_template_kwargs", efforts=("none", "high"), default="high")
    aim = target("nvidia", reasoning=facts, parameters=parameters(media_with_reasoning=False))
    given = user([{"type": "text", "text": "a"}, {"type": kind, kind: {}}])
    encoded = DIALECT.encode(ask(given, reasoning_effort="high"), aim)
    assert sent(encoded)["chat_template_kwargs"] == {"enable_thinking": False}
    assert encoded.dropped == ("reasoning_effort",)
    assert "chat_template_kwargs" not in sent(DIALECT.encode(ask(user("a")), aim))
