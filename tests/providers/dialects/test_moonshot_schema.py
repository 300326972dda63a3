"""Schemas of functions and answers, as Moonshot takes them."""

from typing import Any

import pytest

from services.providers.dialects import DIALECTS
from services.providers.dialects.moonshot_schema import answer, parameters
from tests.providers.dialects.targets import ask, sent, target, tool

DIALECT = DIALECTS["openai_chat"]
TEXT = {"type": "string"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (TEXT, TEXT),
        ({"description": "any"}, {"description": "any", "type": "string"}),
        ({}, {"type": "object", "properties": {}}),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"const": 3}, {"type": "integer", "enum": [3]}),
        ({"const": True}, {"type": "boolean", "description": "One of: [true]."}),
        ({"enum": ["a", 1, None]}, {"anyOf": [
            {"type": "string", "enum": ["a"]}, {"type": "integer", "enum": [1]}, NULL,
        ]}),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"anyOf": [
            {"type": "string", "enum": ["a"]}, NULL,
        ]}),
        ({"type": "number", "enum": [1, 2.5]}, {"type": "number", "enum": [1, 2.5]}),
        ({"type": ["string", "null"], "description": "d"},
         {"description": "d", "anyOf": [TEXT, NULL]}),
        ({"type": "string", "anyOf": [{"enum": ["a"]}, {"pattern": "^b"}]}, {"anyOf": [
            {"type": "string", "enum": ["a"]},
            {"type": "string", "description": '{"pattern":"^b"}'},
        ]}),
        ({"oneOf": [TEXT, {"type": "integer"}]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"anyOf": [TEXT], "title": "t"}, {"type": "string", "title": "t"}),
        ({"type": "array"}, {"type": "array", "items": TEXT}),
        ({"type": "array", "items": [TEXT, TEXT]},
         {"type": "array", "items": TEXT,
          "description": '{"prefixItems":[{"type":"string"},{"type":"string"}]}'}),
        ({"type": "integer", "minimum": 1, "description": "d"},
         {"type": "integer", "description": 'd\n\n{"minimum":1}'}),
        ({"$ref": "#/$defs/E", "description": "own"},
         {"description": "own", "type": "string", "enum": ["e"]}),
        ({"type": "object", "additionalProperties": {"enum": ["x"]}},
         {"type": "object", "properties": {},
          "additionalProperties": {"type": "string", "enum": ["x"]}}),
    ],
)  # fmt: skip
def test_every_node_has_a_type_or_is_a_choice(given: Any, made: Any) -> None:
    root = {"type": "object", "properties": {"a": given}, "$defs": {"E": {"enum": ["e"]}}}
    assert parameters(root)["properties"]["a"] == made
    assert answer(root)["properties"]["a"] == made


def test_parameters_are_an_object_without_a_choice() -> None:
    one = {"properties": {"a": TEXT}, "required": ["a"]}
    made = parameters({"type": "object", "anyOf": [one, {"properties": {"b": TEXT}}]})
    assert made["type"] == "object"
    assert set(made["properties"]) == {"a", "b"}
    assert "anyOf" not in made


def test_a_choice_of_objects_shares_what_is_said_of_all() -> None:
    tasks = {"type": "object", "properties": {"a": TEXT, "b": TEXT}}
    made = answer({**tasks, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})
    assert made == {"anyOf": [{**tasks, "required": ["a"]}, {**tasks, "required": ["b"]}]}


def test_recursion_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    made = parameters({"$ref": "#/$defs/N", "$defs": {"N": node}})
    assert made["properties"]["next"] == {"type": "object", "properties": {}}


def test_tools_and_formats_are_sent_so_to_moonshot_alone() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x"]}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    body = ask(tools=[tool("f", parameters=schema)], response_format=form)
    ours = sent(DIALECT.encode(body, target("moonshot")))
    made = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}}
    assert ours["tools"][0]["function"]["parameters"] == made
    assert ours["response_format"]["json_schema"] == {"name": "n", "schema": made, "strict": True}
    theirs = sent(DIALECT.encode(body, target("nvidia")))
    assert theirs["tools"][0]["function"]["parameters"] == schema
    assert theirs["response_format"] == form
