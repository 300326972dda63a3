"""Schemas that callers write: whatever stands in them, they are made into something or left."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.dialects import (
    anthropic_schema,
    google_schema,
    moonshot_schema,
    openai_schema,
    schema,
)

KEYS = (
    *("type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "enum", "const"),
    *("$ref", "$defs", "additionalProperties", "description", "format", "prefixItems", "pattern"),
)
PLAIN = st.sampled_from(
    [None, 1, 1.5, "x", "object", "array", "#", "#/$defs/a", True, [], {}, ["a"]]
)
NODES = st.recursive(
    PLAIN,
    lambda inner: (
        st.dictionaries(st.sampled_from((*KEYS, "a", "b")), inner, max_size=5)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)
SCHEMAS = st.dictionaries(st.sampled_from(KEYS), NODES, max_size=6)
STEPS = (
    *(anthropic_schema.strict, anthropic_schema.closed, schema.rooted),
    *(google_schema.simple, google_schema.native),
    *(openai_schema.whole, openai_schema.with_items, schema.modern),
    *(moonshot_schema.parameters, moonshot_schema.answer),
)


@pytest.mark.parametrize("step", STEPS)
@given(given_=SCHEMAS)
def test_no_schema_is_too_odd(step: Any, given_: dict[str, Any]) -> None:
    before = msgspec.json.encode(given_)
    msgspec.json.encode(step(given_))
    assert msgspec.json.encode(given_) == before


def test_a_tuple_of_draft_7_is_told_in_the_newer_words() -> None:
    pair = {"type": "array", "items": [{"type": "string"}, {"items": [{}]}]}
    more = {**pair, "additionalItems": {"type": "integer"}, "default": {"items": ["as it is"]}}
    assert schema.modern({"properties": {"items": more}})["properties"]["items"] == {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"prefixItems": [{}]}],
        "items": {"type": "integer"},
        "default": {"items": ["as it is"]},
    }
    plain = {"type": "array", "items": {"type": "string"}}
    assert schema.modern(plain) is plain
    assert "prefixItems" in schema.rooted({"properties": {"a": pair}})["properties"]["a"]


def test_types_in_capitals_are_those_of_json_schema() -> None:
    given = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "default": {"type": "STRING"}}},
    }
    made = {
        "type": "object",
        "properties": {"type": {"type": "string", "default": {"type": "STRING"}}},
    }
    assert schema.rooted(given) == made
    assert openai_schema.whole(given) == made
    assert google_schema.simple(given)["properties"]["type"]["type"] == "string"
    assert moonshot_schema.parameters(given)["properties"]["type"]["type"] == "string"


@pytest.mark.parametrize(
    ("ref", "name"), [("#/$defs/List%5Bint%5D", "List[int]"), ("#/$defs/a~1b", "a/b")]
)
def test_a_reference_is_read_as_the_fragment_that_it_is(ref: str, name: str) -> None:
    root = {"properties": {"a": {"$ref": ref}}, "$defs": {name: {"type": "integer"}}}
    assert schema.inlined(root) == {"properties": {"a": {"type": "integer"}}}
