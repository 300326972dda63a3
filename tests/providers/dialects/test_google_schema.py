"""Schemas of answers and of functions, as Gemini takes them."""

from typing import Any

import msgspec
import pytest

from services.providers.dialects import DIALECTS
from services.providers.dialects.google_schema import native, simple
from tests.providers.dialects.targets import ask, sent, target, tool

DIALECT = DIALECTS["google_generate"]
EVERYTHING = {
    "$schema": "x",
    "type": "object",
    "properties": {
        "node": {"$ref": "#/$defs/N", "description": "A node."},
        "maybe": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]},
        "either": {"type": ["string", "integer", "null"]},
        "fixed": {"const": "x"},
        "few": {"enum": ["a", "", None]},
        "list": {"type": "array"},
        "whole": {"allOf": [{"type": "object", "properties": {"q": {"type": "string"}}}]},
        "small": {"type": "integer", "exclusiveMaximum": 5, "default": 1},
        "nothing": {"type": "object", "properties": {}},
    },
    "$defs": {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}},
    "required": ["node", "gone"],
    "additionalProperties": False,
}


def encode(body: dict[str, Any]) -> dict[str, Any]:
    return sent(DIALECT.encode(body, target("google")))


def test_response_schema() -> None:
    schema = {"$schema": "x", "type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    config = encode(ask(response_format=form))["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
    }


@pytest.mark.parametrize(
    ("given_schema", "made"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "nullable": True}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"enum": [1, None, 2]}, {"type": "integer", "description": "One of: [1,2]."}),
        ({"enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (
            {"type": "string", "format": "uuid", "default": "x", "examples": ["y"]},
            {"type": "string"},
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "object"}),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        (
            {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number"}]}},
        ),
        ({"$ref": "#/$defs/E"}, {"type": "string", "enum": ["e"]}),
        (
            {"allOf": [{"$ref": "#/$defs/E"}], "description": "d"},
            {"description": "d", "type": "string", "enum": ["e"]},
        ),
    ],
)
def test_schemas_of_functions(given_schema: Any, made: Any) -> None:
    root = {
        "type": "object",
        "properties": {"a": given_schema},
        "$defs": {"E": {"enum": ["e"]}},
        "required": ["a", "gone"],
        "additionalProperties": False,
    }
    result = simple(root)
    assert result["required"] == ["a"]
    assert set(result) == {"type", "properties", "required"}
    if "allOf" not in given_schema:
        assert result["properties"]["a"] == made


def test_recursive_schemas_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    made = simple({"$ref": "#/$defs/N", "$defs": {"N": node}})
    assert made["properties"]["next"] == {"type": "object"}
    assert b"$ref" not in msgspec.json.encode(made)


def keys_in(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(keys_in, node))
    if not isinstance(node, dict):
        return set()
    inside = {n: v for n, v in node.items() if n != "properties"}
    return {*inside, *keys_in([*inside.values(), *node.get("properties", {}).values()])}


def test_a_response_schema_has_documented_keywords_alone() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": EVERYTHING}}
    schema = encode(ask(response_format=form))["generationConfig"]["responseJsonSchema"]
    assert keys_in(schema) <= {
        "additionalProperties",
        "anyOf",
        "description",
        "enum",
        "items",
        "required",
        "type",
    }
    properties = schema["properties"]
    assert schema["required"] == ["node"]
    assert properties["node"]["properties"]["next"] == {"type": "object"}
    assert properties["fixed"] == {"type": "string", "enum": ["x"]}
    assert properties["few"]["anyOf"][1] == {"type": "null"}
    assert "exclusiveMaximum" in properties["small"]["description"]
    assert properties["nothing"] == {"type": "object"}


@pytest.mark.parametrize(
    ("given_schema", "made"),
    [
        ({"const": None}, {"type": "null"}),
        ({"const": True}, {"type": "boolean", "description": "Always true."}),
        ({"enum": [True, False], "title": "t"}, {"type": "boolean", "title": "t"}),
        ({"const": 3}, {"type": "integer", "enum": [3]}),
        (
            {"enum": ["x", True, None]},
            {
                "anyOf": [
                    {"type": "string", "enum": ["x"]},
                    {"type": "boolean", "description": "Always true."},
                    {"type": "null"},
                ]
            },
        ),
        (
            {"type": ["string", "null"], "enum": ["x", None]},
            {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "null"}]},
        ),
        (
            {"type": "array", "items": [{"type": "string"}], "additionalItems": False},
            {"type": "array", "prefixItems": [{"type": "string"}]},
        ),
    ],
)
def test_enums_of_answers_hold_texts_and_numbers_alone(given_schema: Any, made: Any) -> None:
    assert native({"type": "object", "properties": {"a": given_schema}})["properties"]["a"] == made


# What each type is, and what is said of it, stands with it alone.
TEXT_OR_LIST: dict[str, Any] = {
    "description": "d",
    "type": ["string", "array", "null"],
    "items": {"type": "integer"},
}


def test_a_list_of_types_is_a_choice_of_them_in_an_answer() -> None:
    assert native(TEXT_OR_LIST) == {
        "description": "d",
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "integer"}},
            {"type": "null"},
        ],
    }


def test_a_list_of_types_keeps_their_members_in_a_functions_schema() -> None:
    listed = simple({"type": "object", "properties": {"a": TEXT_OR_LIST}})["properties"]["a"]
    assert [one["type"] for one in listed["anyOf"]] == ["string", "array"]
    assert listed["anyOf"][1]["items"] == {"type": "integer"}
    assert "items" not in listed["anyOf"][0]
    assert all(one["nullable"] and one["description"] == "d" for one in listed["anyOf"])


def test_an_enum_beside_a_choice_is_of_strings_alone() -> None:
    given_schema = {"enum": ["x", None], "anyOf": [{"type": "string"}, {"minLength": 1}]}
    made = simple({"type": "object", "properties": {"a": given_schema}})["properties"]["a"]
    assert [one["enum"] for one in made["anyOf"]] == [["x"], ["x"]]


def test_a_choice_of_types_stands_alone_in_a_functions_schema() -> None:
    function = tool("f", parameters=EVERYTHING)
    declared = encode(ask(tools=[function]))["tools"][0]["functionDeclarations"][0]
    properties = declared["parameters"]["properties"]
    assert properties["either"] == {
        "anyOf": [{"nullable": True, "type": "string"}, {"nullable": True, "type": "integer"}]
    }
    assert properties["few"]["enum"] == ["a"]


def test_a_choice_of_objects_becomes_one_object_of_parameters() -> None:
    one = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    two = {"type": "object", "properties": {"b": {"type": "string"}}}
    function = tool("f", parameters={"anyOf": [one, two]})
    declared = encode(ask(tools=[function]))["tools"][0]["functionDeclarations"][0]
    assert set(declared["parameters"]["properties"]) == {"a", "b"}
    assert "required" not in declared["parameters"]


EITHER = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
    "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
}
GATHERED = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
    "description": "Required besides: id or name.",
}


@pytest.mark.parametrize(
    ("given_schema", "made"),
    [
        (EITHER, GATHERED),
        ({**EITHER, "type": ["object", "null"]}, {**GATHERED, "nullable": True}),
        (
            {**EITHER, "anyOf": [{"required": ["id"]}]},
            {**GATHERED, "required": ["id"], "description": "Required besides: id."},
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "null"}], "enum": [1, None]},
            {"type": "integer", "description": "One of: [1].", "nullable": True},
        ),
        (
            {"oneOf": [{"type": "string", "description": "in"}], "description": "out"},
            {"type": "string", "description": "out"},
        ),
    ],
)
def test_what_stands_beside_a_choice(given_schema: dict[str, Any], made: dict[str, Any]) -> None:
    parameters = {"type": "object", "properties": {"a": given_schema}}
    assert simple(parameters)["properties"]["a"] == made


def test_parameters_of_which_one_is_required() -> None:
    assert simple(EITHER) == GATHERED
    assert native(EITHER) == {"type": "object", "properties": GATHERED["properties"]}
