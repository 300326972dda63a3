"""What OpenAI's two dialects say of tools' schemas."""

from typing import Any

import msgspec
import pytest

from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import ask, target, tool, user


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses"])
def test_schemas_say_what_openai_wants_to_know(name: str) -> None:
    """Servers of tools leave out what Anthropic and Google do without."""
    tools = [
        tool("a", parameters={"type": "object"}),
        tool("b", parameters={}),
        tool("c", parameters={"type": "object", "properties": {"x": {"type": "array"}}}),
    ]
    body = DIALECTS[name].encode(ask(user("hi"), tools=tools), target("openai")).body
    made = [one.get("function", one)["parameters"] for one in msgspec.json.decode(body)["tools"]]
    assert made[:2] == [{"type": "object", "properties": {}}] * 2
    assert made[2]["properties"] == {"x": {"type": "array", "items": {}}}


ROOTS = [
    {"anyOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]}, {"type": "object"}]},
    {"type": ["object", "null"], "properties": {"a": {}}},
    {"$ref": "#/$defs/M", "$defs": {"M": {"type": "object", "properties": {"a": {}}}}},
    {"type": "object", "allOf": [{"properties": {"a": {}}}, {"required": ["a"]}]},
]


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses", "anthropic_messages"])
@pytest.mark.parametrize("given", ROOTS)
def test_parameters_are_an_object_without_a_choice_at_their_root(
    name: str, given: dict[str, Any]
) -> None:
    """All three refuse another root; servers of tools write them."""
    provider = "anthropic" if name == "anthropic_messages" else "openai"
    asked = ask(user("hi"), tools=[tool("a", parameters=given)])
    [made] = msgspec.json.decode(DIALECTS[name].encode(asked, target(provider)).body)["tools"]
    parameters = made.get("input_schema") or made.get("function", made)["parameters"]
    assert parameters["type"] == "object"
    assert parameters["properties"] == {"a": {}}
    assert not parameters.keys() & {"anyOf", "oneOf", "allOf", "$ref"}


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses"])
def test_members_of_tools_that_openai_has_not_are_left_out_and_named(name: str) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    given = [{**tool("f", returns={"type": "string"}, **mark), "eager": True, **mark}]
    made = DIALECTS[name].encode(ask(user("hi"), tools=given), target("openai"))
    [declared] = msgspec.json.decode(made.body)["tools"]
    function = declared.get("function", declared)
    assert function.keys() <= {"type", "name", "description", "parameters", "strict"}
    assert {"tools[].eager", "tools[].function.returns"} <= set(made.dropped)
    assert not any("cache_control" in one for one in made.dropped)
