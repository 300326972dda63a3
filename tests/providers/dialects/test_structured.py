"""What is said of an answer's form reaches every vendor."""

import json
from typing import Any

import pytest

from services.errors import RoutorError
from services.providers.dialects import DIALECTS, chosen
from services.providers.dialects.completion import ANSWER_TOOL
from tests.providers.dialects.targets import (
    ask,
    call_delta,
    called,
    chunk,
    decode,
    event,
    parameters,
    run,
    sent,
    target,
    text,
    tool,
    user,
)

DIALECT = DIALECTS["openai_chat"]

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def encode(body: dict[str, Any], provider: str = "openai", **facts: Any) -> dict[str, Any]:
    return sent(DIALECT.encode(body, target(provider, **facts)))


@pytest.mark.parametrize("outputs", ["json_schema", "json_object", "none"])
@pytest.mark.parametrize("provider", ["openai", "mistral", "moonshot", "anthropic", "google"])
def test_the_description_of_a_schema_is_told(provider: str, outputs: str) -> None:
    named = {"name": "n", "description": "Whole years.", "schema": SCHEMA}
    form = {"type": "json_schema", "json_schema": named}
    dialect, aim, body = chosen(
        target(provider, structured_outputs=outputs), ask(response_format=form)
    )
    assert b"Whole years." in dialect.encode(body, aim).body


def test_a_schemas_own_description_stays() -> None:
    schema = {**SCHEMA, "description": "Months."}
    form = {"type": "json_schema", "json_schema": {"description": "Years.", "schema": schema}}
    dialect, aim, body = chosen(target("anthropic"), ask(response_format=form))
    told = json.loads(dialect.encode(body, aim).body)["output_config"]["format"]["schema"]
    assert told["description"] == "Months."


def test_schema_is_an_instruction_where_only_json_mode_exists() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    body = encode(ask(response_format=form), "deepseek", structured_outputs="json_object")
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["role"] == "system"
    assert '{"type":"object"}' in body["messages"][0]["content"]
    assert encode(ask(response_format=form))["response_format"] == form


def test_who_asks_for_json_without_the_word_has_it_said() -> None:
    form = {"type": "json_object"}
    body = encode(ask(response_format=form), "alibaba")
    assert body["response_format"] == form
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    spoken = ask(user("as Json"), response_format=form)
    assert encode(spoken, "alibaba")["messages"] == spoken["messages"]
    assert len(encode(ask(response_format=form))["messages"]) == 1


def test_schema_is_a_forced_tool_where_nothing_exists_and_comes_back_as_content() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    aim = target("nvidia", structured_outputs="none")
    body = sent(DIALECT.encode(ask(response_format=form), aim))
    name = body["tools"][0]["function"]["name"]
    assert body["tool_choice"]["function"]["name"] == name
    assert "response_format" not in body
    answer = {
        "choices": [
            {"index": 0, "message": called(("c", name, '{"a":1}')), "finish_reason": "tool_calls"}
        ]
    }
    choice = decode(answer, "nvidia").body["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in choice["message"]
    data = event(chunk(call_delta(0, '{"a":1}', "c", name))) + event(chunk({}, "tool_calls"))
    chunks, ending = run(DIALECT.decoder(aim, {}), data)
    assert (text(chunks), ending.finish_reason) == ('{"a":1}', "stop")


def test_the_tool_of_the_answer_stands_beside_the_callers() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    both = ask(response_format=form, tools=[tool()])
    aim, made = chosen(target("nvidia", structured_outputs="none"), both)[1:]
    body = sent(DIALECT.encode(made, aim))
    names = [one["function"]["name"] for one in body["tools"]]
    assert (names, body["tool_choice"]) == (["f", ANSWER_TOOL], "required")
    for name, arguments, finish in (("f", "{}", "tool_calls"), (ANSWER_TOOL, '{"a":1}', "stop")):
        called = chunk(call_delta(0, arguments, "c", name))
        data = event(chunk({"content": "So: "})) + event(called)
        chunks, ending = run(DIALECT.decoder(aim, made), data + event(chunk({}, "tool_calls")))
        assert ending.finish_reason == finish
        assert text(chunks) == ("So: " if name == "f" else '{"a":1}')


@pytest.mark.parametrize(
    ("choice", "takes"),
    [("none", ("auto", "none", "required")), ("auto", ("auto", "none"))],
)
def test_both_are_refused_where_no_call_can_be_demanded(
    choice: str, takes: tuple[str, ...]
) -> None:
    form = {"type": "json_object"}
    rules = parameters(tool_choice=takes)
    aim = target("nvidia", structured_outputs="none", parameters=rules)
    with pytest.raises(RoutorError) as caught:
        DIALECT.encode(ask(response_format=form, tools=[tool()], tool_choice=choice), aim)
    assert caught.value.param == "response_format"
    assert "beside tools" in caught.value.message


def test_a_forced_tool_without_a_schema_is_open_and_told_in_words() -> None:
    form = {"type": "json_object"}
    body = encode(ask(response_format=form), "nvidia", structured_outputs="none")
    assert body["tools"][0]["function"]["parameters"]["additionalProperties"] is True
    assert "JSON" in body["messages"][0]["content"]
