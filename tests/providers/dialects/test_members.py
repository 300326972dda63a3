"""Names of parameters: what Anthropic does not take is sent as another, and told as it was."""

import json
import re
from typing import Any

import pytest

from services.providers.dialects import chosen
from tests.providers.dialects.targets import (
    ask,
    called,
    event,
    parameters,
    result,
    run,
    sent,
    target,
    tool,
    tool_calls,
    user,
)

KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
TABLE = {
    "$filter": {"type": "string"},
    "Account Number": {"type": "integer", "description": "Ten digits."},
    "k" * 70: {"type": "object", "properties": {"$in": {"type": "string"}}},
    "page.size": {"type": "integer"},
}
SCHEMA = {"type": "object", "properties": TABLE, "required": ["$filter", "page.size"]}
FIND = tool("find", parameters=SCHEMA)


def prepared(provider: str, **fields: Any) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    dialect, aim, body = chosen(target(provider), ask(**{"tools": [FIND], **fields}))
    return dialect, aim, body, sent(dialect.encode(body, aim))


def names() -> list[str]:
    """Names as they are sent, in the order of TABLE."""
    return list(prepared("anthropic")[3]["tools"][0]["input_schema"]["properties"])


def test_all_names_fit_and_what_is_required_goes_by_them() -> None:
    schema = prepared("anthropic")[3]["tools"][0]["input_schema"]
    assert all(map(KEY.fullmatch, schema["properties"]))
    assert list(schema["properties"].values()) == list(TABLE.values())
    assert schema["required"] == [names()[0], "page.size"]
    assert names()[3] == "page.size"


def test_names_behind_a_reference_or_a_choice_are_found() -> None:
    parameters = {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [SCHEMA, {"type": "object"}]}}}
    made = prepared("anthropic", tools=[tool("find", parameters=parameters)])[3]
    assert list(made["tools"][0]["input_schema"]["properties"]) == names()


@pytest.mark.parametrize("provider", ["openai", "mistral", "google"])
def test_others_get_them_as_they_are(provider: str) -> None:
    assert "$filter" in json.dumps(prepared(provider)[3])


def test_two_names_of_one_spelling_stay_two() -> None:
    parameters = {"type": "object", "properties": {"a b": {}, "a$b": {}, "a_b": {}}}
    made = prepared("anthropic", tools=[tool("f", parameters=parameters)])[3]
    assert len(made["tools"][0]["input_schema"]["properties"]) == 3


def test_a_call_of_the_history_has_the_names_that_its_tool_has() -> None:
    arguments = '{"$filter": "a", "Account Number": 12345678901234567890123, "x": 1.0}'
    history = (user("hi"), called(("toolu_1", "find", arguments)), result("toolu_1", "ok"))
    dialect, aim, body = chosen(target("anthropic"), ask(*history, tools=[FIND]))
    told = json.loads(body["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert told == {names()[0]: "a", names()[1]: 12345678901234567890123, "x": 1.0}
    assert history[1]["tool_calls"][0]["function"]["arguments"] == arguments
    assert dialect.encode(body, aim)


@pytest.mark.parametrize("arguments", ["", "[1]", '{"$filter": ', '"a"'])
def test_arguments_that_are_no_object_stay_as_they_are(arguments: str) -> None:
    history = (user("hi"), called(("toolu_1", "find", arguments)), result("toolu_1", "ok"))
    _, _, body = chosen(target("anthropic"), ask(*history, tools=[FIND]))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == arguments


def test_a_call_comes_back_by_the_callers_names() -> None:
    dialect, aim, _, _ = prepared("anthropic")
    given = {names()[0]: "a", names()[2]: {"$in": "b"}, "page.size": 2}
    block = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": given}
    usage = {"input_tokens": 1, "output_tokens": 1}
    answer = {"id": "m", "type": "message", "role": "assistant", "content": [block]}
    whole = json.dumps({**answer, "stop_reason": "tool_use", "usage": usage}).encode()
    message = dialect.decode(whole, aim).body["choices"][0]["message"]
    arguments = json.loads(message["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"$filter": "a", "k" * 70: {"$in": "b"}, "page.size": 2}


def test_a_streamed_call_does_too() -> None:
    dialect, aim, body, _ = prepared("anthropic", stream=True)
    start = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
    part = {"type": "input_json_delta", "partial_json": json.dumps({names()[1]: 7})}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": part},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
        {"type": "message_stop"},
    ]
    stream = b"".join(event(one, one["type"]) for one in events)
    (call,) = tool_calls(run(dialect.decoder(aim, body), stream, 7)[0])
    assert call["function"]["name"] == "find"
    assert json.loads(call["function"]["arguments"]) == {"Account Number": 7}


def test_blocks_that_anthropics_clients_get_whole_have_the_callers_names() -> None:
    dialect, aim, _, _ = prepared("anthropic", anthropic={"beta": "x"})
    call = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {names()[0]: "a"}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    content = [thought, {"type": "text", "text": "a"}, thought, call]
    usage = {"input_tokens": 1, "output_tokens": 1}
    answer = {"id": "m", "type": "message", "role": "assistant", "content": content}
    whole = json.dumps({**answer, "stop_reason": "tool_use", "usage": usage}).encode()
    told = dialect.decode(whole, aim).body["choices"][0]["message"]["anthropic_content"]
    assert told == [*content[:3], {**call, "input": {"$filter": "a"}}]


def test_an_open_schema_of_an_answer_is_a_tool_of_names_that_fit() -> None:
    schema = {**SCHEMA, "additionalProperties": True}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    given = ask(response_format=form)
    dialect, aim, body = chosen(target("anthropic", parameters=parameters()), given)
    (made,) = sent(dialect.encode(body, aim))["tools"]
    assert list(made["input_schema"]["properties"]) == names()
    call = {"type": "tool_use", "id": "toolu_1", "name": made["name"], "input": {names()[1]: 7}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    answer = {"id": "m", "type": "message", "role": "assistant", "content": [call]}
    whole = json.dumps({**answer, "stop_reason": "tool_use", "usage": usage}).encode()
    message = dialect.decode(whole, aim).body["choices"][0]["message"]
    assert json.loads(message["content"]) == {"Account Number": 7}
    assert form["json_schema"]["schema"] == schema
