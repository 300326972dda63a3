"""Custom tools: native at OpenAI, functions of one string elsewhere, told as custom again."""

import json
from typing import Any

import pytest

from services.providers.dialects import chosen
from tests.providers.dialects.targets import ask, chunk, event, run, sent, target, tool_calls, user

GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "*** Begin"'}}
PATCH = {"type": "custom", "custom": {"name": "patch", "description": "Edits.", "format": GRAMMAR}}
CHOICE = {"type": "custom", "custom": {"name": "patch"}}
TEXT = '*** Begin "Ünïcode"\n'


def made_by_anthropic(arguments: Any) -> bytes:
    block = {"type": "tool_use", "id": "toolu_1", "name": "patch", "input": arguments}
    usage = {"input_tokens": 1, "output_tokens": 1}
    said = {"type": "message", "role": "assistant", "content": [block]}
    return json.dumps({"id": "m", **said, "stop_reason": "tool_use", "usage": usage}).encode()


@pytest.mark.parametrize("provider", ["deepseek", "mistral", "anthropic", "google"])
def test_elsewhere_it_is_a_function_whose_description_tells_the_grammar(provider: str) -> None:
    given = ask(user("hi"), tools=[PATCH])
    dialect, aim, body = chosen(target(provider), given)
    written = dialect.encode(body, aim).body.decode()
    assert '"custom"' not in written
    assert "lark grammar" in written
    assert "Begin" in written
    assert given["tools"] == [PATCH]


def test_the_choice_of_one_is_the_choice_of_that_function() -> None:
    dialect, aim, body = chosen(target("anthropic"), ask(tools=[PATCH], tool_choice=CHOICE))
    assert sent(dialect.encode(body, aim))["tool_choice"] == {"type": "tool", "name": "patch"}


def test_openai_is_given_the_custom_tool_itself() -> None:
    dialect, aim, body = chosen(target("openai"), ask(tools=[PATCH], tool_choice=CHOICE))
    assert sent(dialect.encode(body, aim))["tools"] == [PATCH]
    assert not aim.free


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"input": TEXT}, TEXT),
        ({"input": ""}, ""),
        ({}, ""),
        ({"patch": "a"}, '{"patch":"a"}'),
        (json.dumps(TEXT), TEXT),
    ],
)
def test_a_call_comes_back_as_the_custom_tools(arguments: Any, text: str) -> None:
    dialect, aim, _ = chosen(target("anthropic"), ask(tools=[PATCH]))
    message = dialect.decode(made_by_anthropic(arguments), aim).body["choices"][0]["message"]
    custom = {"name": "patch", "input": text}
    assert message["tool_calls"] == [{"id": "toolu_1", "type": "custom", "custom": custom}]


def test_a_streamed_call_does_too() -> None:
    dialect, aim, body = chosen(target("deepseek"), ask(tools=[PATCH]))
    arguments = json.dumps({"input": TEXT})
    function = {"name": "patch", "arguments": arguments}
    delta = {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]}
    stream = event(chunk(delta)) + event(chunk({}, "tool_calls"))
    chunks, ending = run(dialect.decoder(aim, body), stream, 5)
    (call,) = tool_calls(chunks)
    assert call == {
        "index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": TEXT},
    }  # fmt: skip
    assert ending.finish_reason == "tool_calls"
