"""Schemas of answers and of tools, as Anthropic takes them."""

from typing import Any

import pytest

from services.providers.dialects import chosen
from tests.providers.dialects.targets import ask, reasoning, sent, target, tool, user

OPEN = {"type": "object", "properties": {"any": {"type": "object"}, "n": {"type": "integer"}}}


def encode(body: dict[str, Any], **facts: Any) -> dict[str, Any]:
    dialect, one, body = chosen(target("anthropic", **facts), body)
    return sent(dialect.encode(body, one))


def form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}


@pytest.mark.parametrize(
    ("schema", "names", "required"),
    [
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {}},
                "required": ["c"],
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            {"a", "b", "c"},
            ["c"],
        ),
        (
            {
                "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
                "$defs": {
                    "A": {"type": "object", "properties": {"k": {}, "a": {}}, "required": ["k"]},
                    "B": {"type": "object", "properties": {"k": {}, "b": {}}, "required": ["k"]},
                },
            },
            {"k", "a", "b"},
            ["k"],
        ),
        ({"allOf": [{"properties": {"a": {}}, "required": ["a"]}]}, {"a"}, ["a"]),
    ],
)
def test_no_choice_stands_at_the_root_of_parameters(
    schema: dict[str, Any], names: set[str], required: list[str]
) -> None:
    (made,) = encode(ask(user("hi"), tools=[tool(parameters=schema)]))["tools"]
    given = made["input_schema"]
    assert not {"allOf", "anyOf", "oneOf", "$defs"} & given.keys()
    assert (given["type"], given["properties"].keys(), given["required"]) == (
        "object",
        names,
        required,
    )


def test_schema_is_native_and_clean() -> None:
    schema = {
        "$defs": {"P": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}},
        "type": "object",
        "properties": {
            "p": {"$ref": "#/$defs/P"},
            "q": {"type": ["array", "null"], "items": {"type": "string"}},
        },
        "required": ["p"],
    }
    strict = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    made = encode(ask(response_format=strict))["output_config"]["format"]
    assert made["type"] == "json_schema"
    inner = made["schema"]["properties"]["p"]
    assert inner["additionalProperties"] is False
    choice = [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]
    assert made["schema"]["properties"]["q"] == {"anyOf": choice}
    assert "minimum" not in inner["properties"]["n"]
    assert "minimum" in inner["properties"]["n"]["description"]
    plain = encode(ask(response_format={"type": "json_object"}))
    assert "JSON" in plain["system"][0]["text"]


@pytest.mark.parametrize(
    "open_part",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
        {"type": "array"},
        {"anyOf": [{"type": "object"}, {"type": "null"}]},
        {"$ref": "#"},
        {},
    ],
)
def test_a_schema_with_open_parts_is_a_forced_tool(open_part: dict[str, Any]) -> None:
    """The output format would close them: the answer could never hold what they are for."""
    schema = {"type": "object", "properties": {"part": open_part}}
    body = encode(ask(response_format=form(schema)))
    assert "output_config" not in body
    assert body["tool_choice"]["name"] == body["tools"][0]["name"]
    assert body["tools"][0]["input_schema"] == schema


def test_a_closed_schema_or_one_with_thoughts_is_the_output_format() -> None:
    part = {"type": "object", "properties": {"a": {"enum": [1, 2]}}}
    part["properties"]["b"] = {"type": ["string", "null"]}
    schema = {"type": "object", "properties": {"part": part, "rows": {"type": "array"}}}
    schema["properties"]["rows"]["items"] = part
    assert "output_config" in encode(ask(response_format=form(schema)))
    adaptive = reasoning(switch="anthropic_adaptive", efforts=("none", "high"))
    asked = ask(response_format=form(OPEN), reasoning_effort="high")
    assert "format" in encode(asked, reasoning=adaptive)["output_config"]


def test_how_an_answer_comes_is_known_by_what_reads_it() -> None:
    """Effort asks for no thoughts, so that the tool is forced; text before it is not the answer."""
    adaptive = reasoning(switch="anthropic_adaptive", efforts=("none", "low", "high"))
    search = {"type": "web_search_20250305", "name": "web_search"}
    for native, word, expected in (
        ({"effort": "low"}, "low", True),
        ({"effort": "low", "thinking": {"type": "disabled"}}, "none", True),
        ({"effort": "low", "thinking": {"type": "adaptive"}}, "low", False),
        ({"tools": [search], "places": [0]}, None, False),
    ):
        asked = ask(response_format=form(OPEN), anthropic=native, reasoning_effort=word)
        dialect, one, body = chosen(target("anthropic", reasoning=adaptive), asked)
        made = sent(dialect.encode(body, one))
        forced = made.get("tool_choice", {}).get("type") == "tool"
        native_form = "format" in made.get("output_config", {})
        assert (one.by_tool, forced, native_form) == (expected, expected, not expected)
