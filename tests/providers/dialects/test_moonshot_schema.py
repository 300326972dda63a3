"""Schemas of functions and answers, as Moonshot takes them."""

from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from services.providers.dialects import DIALECTS
from services.providers.dialects.moonshot_schema import answer, parameters
from tests.providers.dialects.targets import ask, sent, target, tool
from tests.providers.dialects.test_schema import SCHEMAS

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


def listed(**node: Any) -> dict[str, Any]:
    """A list of nodes, each with a value and perhaps another one."""
    following = {"anyOf": [{"$ref": "#/$defs/N"}, NULL]}
    table = {"value": {"type": "integer"}, "next": following}
    return {"type": "object", "properties": table, "required": ["value", "next"], **node}


def references(node: Any) -> list[dict[str, Any]]:
    """The nodes that are references."""
    if isinstance(node, list):
        return [found for one in node for found in references(one)]
    if not isinstance(node, dict):
        return []
    tables = [node[name] for name in ("properties", "$defs") if name in node]
    others = [one for name, one in node.items() if name not in ("properties", "$defs")]
    inside = references([*others, *(list(table.values()) for table in tables)])
    return [node, *inside] if "$ref" in node else inside


def checked(made: dict[str, Any]) -> dict[str, Any]:
    """Return what Moonshot takes: references alone in their place, to $defs that are there."""
    links = ["#", *(f"#/$defs/{name}" for name in made.get("$defs", ()))]
    for one in references(made):
        assert one["$ref"] in links
        assert list(one) == ["$ref"]
    return made


VALUE = {"value": 1, "next": {"value": 2, "next": {"value": 3, "next": None}}}
WRONG = {"value": 1, "next": {"value": 2, "next": {"value": "x", "next": None}}}


@pytest.mark.parametrize(
    "root",
    [
        {"$ref": "#/$defs/N", "$defs": {"N": listed()}},
        {"$ref": "#/definitions/N", "definitions": {"N": listed(properties={
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/definitions/N"}, NULL]},
        })}},
        listed(properties={"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, NULL]}}),
    ],
)  # fmt: skip
def test_what_leads_back_to_itself_stays_a_reference(root: Any) -> None:
    for made in (parameters(root), answer(root)):
        assert made["type"] == "object"
        valid = Draft202012Validator(checked(made)).is_valid
        assert valid(VALUE)
        assert not valid(WRONG)


def test_only_what_leads_back_is_a_reference() -> None:
    table = {"a": {"$ref": "#/$defs/E"}, "b": {"$ref": "#/$defs/N", "description": "first"}}
    root = {"type": "object", "properties": table, "$defs": {"E": TEXT, "N": listed()}}
    made = checked(parameters(root))
    assert made["properties"] == {
        "a": TEXT,
        "b": {"description": "first", "anyOf": [{"$ref": "#/$defs/N"}]},
    }
    assert list(made["$defs"]) == ["N"]


def test_two_that_lead_to_each_other_both_stay() -> None:
    one = {"type": "object", "properties": {"b": {"$ref": "#/$defs/B b"}}}
    two = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
    made = checked(answer({"$ref": "#/$defs/A", "$defs": {"A": one, "B b": two}}))
    assert len(made["$defs"]) == 2


TREE = {"type": "array", "items": {"$ref": "#/$defs/T"}}


@pytest.mark.parametrize(
    ("node", "stays"),
    [
        ({"properties": {"name": TEXT, "children": TREE}, "required": ["name", "children"]}, True),
        ({"properties": {"children": TREE}}, True),
        # Taken by no counting but that of empty lists, which Moonshot leaves out.
        ({"properties": {"children": TREE}, "required": ["children"]}, False),
        # Nothing ends that holds itself, though Moonshot would take it for its name.
        ({"properties": {"name": TEXT, "next": {"$ref": "#/$defs/T"}},
          "required": ["name", "next"]}, False),
    ],
)  # fmt: skip
def test_a_reference_without_an_end_becomes_an_open_object(node: Any, stays: bool) -> None:
    root = {"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", **node}}}
    made = checked(parameters(root))
    assert bool(references(made)) is stays
    assert ("$defs" in made) is stays


def test_references_in_a_circle_of_nothing_end() -> None:
    defs = {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}
    made = parameters({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": defs})
    assert made["properties"]["a"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize("many", [31, 200])
def test_more_references_than_are_looked_through_end_as_open_objects(many: int) -> None:
    defs = {f"N{n}": {"properties": {"next": {"$ref": f"#/$defs/N{n}"}}} for n in range(many)}
    table = {name: {"$ref": f"#/$defs/{name}"} for name in defs}
    made = checked(parameters({"properties": table, "$defs": defs}))
    assert len(made.get("$defs", ())) == (many if many < 32 else 0)


@given(given_=SCHEMAS)
def test_whatever_leads_back_is_taken(given_: dict[str, Any]) -> None:
    checked(parameters(given_))
    checked(answer(given_))


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
