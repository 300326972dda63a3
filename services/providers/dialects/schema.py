"""JSON Schema as callers write it, read: references inlined, parts found whatever they are.

What a vendor takes of it is in the `*_schema` beside its dialect.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from services.providers.dialects.contract import Json

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_OLDER = re.compile(rb'"items":\[|"type":"[A-Z]')
CHOICES = ("allOf", "anyOf", "oneOf")
_DEPTH = 24  # references that lead back to themselves stop here
# And so does a schema whose references unfold without end in breadth.
_MOST_NODES = 10_000
# What a reader is told of a schema, whatever its type.
WORDS = ("title", "description")
# Keywords that say something of one type alone.
_IS_OF = {
    **dict.fromkeys(("properties", "required", "additionalProperties"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems"), "array"),
}
# What may hold any JSON, and no schema.
VALUES = ("const", "default", "enum", "example", "examples")


def inlined(root: Json) -> Json:
    """Return a schema without $ref and $defs; what leads back to itself ends as an open object."""
    root = modern(root)
    made: Json = Inliner(root).inline(root)
    return made


def named(root: Json, ref: str) -> Json:
    """Return what a reference names in a schema; an open object when it is nothing there."""
    node: Any = root
    for step in unquote(ref.removeprefix("#")).strip("/").split("/"):
        if step:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {"type": "object"}


def modern(root: Json) -> Json:
    """Return a schema of draft 7 as one of 2020-12: `items` that is a list is `prefixItems`.

    (json-schema.org/draft/2020-12/release-notes; clients of zod write the older form.) Types in
    capitals, as clients of Gemini write them, are those of JSON Schema (ai.google.dev/api/caching).
    """
    # Looked for first: who has none pays little.
    if not _OLDER.search(msgspec.json.encode(root)):
        return root
    made: Json = _modern(root)
    return made


def item(node: Json) -> Any:
    """Return the schema of an array's members, which one schema says: any of a tuple's."""
    first = node.get("prefixItems")
    if node.get("items") or not isinstance(first, list) or not first:
        return node.get("items") or {"type": "string"}
    return first[0] if all(one == first[0] for one in first) else {"anyOf": first}


def _modern(node: Any) -> Any:
    if isinstance(node, list):
        return [_modern(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: one if name in VALUES else _modern(one) for name, one in node.items()}
    kind = made.get("type")
    if isinstance(kind, str) and kind.lower() in _TYPES:
        made["type"] = kind.lower()
    if isinstance(made.get("items"), list):
        made["prefixItems"] = made.pop("items")
        more = made.pop("additionalItems", None)
        if more is not None:
            made["items"] = more
    return made


def merged(given: Json) -> Json:
    """Return a schema with the parts of its allOf in it."""
    node = given
    parts = given.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            own = merged(part)
            table = {**properties(node), **properties(own)}
            names = [*required(node), *required(own)]
            node = {
                **own,
                **node,
                **({"properties": table} if table else {}),
                **({"required": names} if names else {}),
            }
    return {name: value for name, value in node.items() if name != "allOf"}


def rooted(given: Json) -> Json:
    """Return parameters of draft 2020-12 that are an object at their root, without a choice there.

    Others are refused. What any choice has is offered, and what all of them require is required;
    the choice itself is told in the description.
    (github.com/dearlordylord/huly-mcp/issues/66, 2026-05)
    """
    given = _led(modern(given))
    if not any(name in given for name in CHOICES):
        return given if isinstance(given.get("type"), str) else {**given, "type": "object"}
    node = merged(inlined(given))
    choices = [one for one in variants(node) if isinstance(one, dict)]
    tables = [properties(one) for one in (*choices, node)]
    table = {name: one for known in tables for name, one in known.items()}
    wanted = [required(one) for one in choices]
    always = [name for name in table if wanted and all(name in names for names in wanted)]
    names = list(dict.fromkeys([*known_required(node, table), *always]))
    made = {name: value for name, value in node.items() if name not in CHOICES}
    if any(wanted):
        words = " or ".join(", ".join(map(str, names)) or "none" for names in wanted)
        describe(made, f"Required besides: {words}.", " ")
    return {**made, "type": "object", "properties": table, "required": names}


def _led(root: Json) -> Json:
    """Return a schema whose root is what its reference leads to, and no reference."""
    node = root
    for _ in range(_DEPTH):
        if not isinstance(node.get("$ref"), str):
            break
        beside = {name: value for name, value in node.items() if name != "$ref"}
        node = {**named(root, node["$ref"]), **beside}
    return node


def variants(node: Json) -> list[Any]:
    """Return the schemas of which a value is one; [] when the node is no such choice."""
    for name in ("anyOf", "oneOf"):
        if isinstance(node.get(name), list):
            return list(node[name])
    return []


def kinds(node: Json) -> list[Json]:
    """Return one schema for each type of a list of them, with what is said of it; [] without."""
    given = node.get("type")
    if not isinstance(given, list):
        return []
    rest = {name: value for name, value in node.items() if name not in ("type", *WORDS)}
    return [
        {
            **{name: value for name, value in rest.items() if _IS_OF.get(name, one) == one},
            "type": one,
        }
        if one != "null"
        else {"type": one}
        for one in given
    ]


def properties(node: Json) -> Json:
    """Return the properties; what is no table of them is none."""
    table = node.get("properties")
    return table if isinstance(table, dict) else {}


def required(node: Json) -> list[str]:
    """Return the names that are required; what is no name is left out."""
    given = node.get("required")
    names = given if isinstance(given, list) else []
    return [name for name in names if isinstance(name, str)]


def known_required(node: Json, table: Json) -> list[str]:
    """Return the required properties that are in the table of them."""
    return [name for name in required(node) if name in table]


def describe(made: Json, words: str, between: str) -> None:
    """Add words to the description of `made`, in place."""
    known = made.get("description")
    made["description"] = f"{known}{between}{words}" if known and isinstance(known, str) else words


class Inliner:
    """Replaces local references by what they name; a recursive one ends as an open object.

    Those of `links` stay references, but at the root: by what they are called there.
    """

    def __init__(self, root: Json, links: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._links = links or {}
        self._nodes = 0

    def inline(self, node: Any, open_refs: tuple[str, ...] = (), depth: int = 0) -> Any:
        """Return `node` without $ref and $defs."""
        if isinstance(node, list):
            return [self.inline(one, open_refs, depth) for one in node]
        if not isinstance(node, dict):
            return node
        self._nodes += 1
        ref = node.get("$ref")
        if isinstance(ref, str):
            beside = {key: value for key, value in node.items() if key != "$ref"}
            if ref in self._links and node is not self._root:
                return {**self.inline(beside, open_refs, depth), "$ref": self._links[ref]}
            if ref in open_refs or depth >= _DEPTH or self._nodes > _MOST_NODES:
                return {"type": "object"}
            target = named(self._root, ref)
            return self.inline({**target, **beside}, (*open_refs, ref), depth + 1)
        return {
            key: self._members(value, open_refs, depth)
            if key == "properties"
            else self.inline(value, open_refs, depth)
            for key, value in node.items()
            if key not in ("$defs", "definitions", "$schema", "$id")
        }

    def _members(self, given: Any, open_refs: tuple[str, ...], depth: int) -> Any:
        """Inline the properties of an object, which may have the name of a keyword."""
        if not isinstance(given, dict):
            return given
        return {name: self.inline(one, open_refs, depth) for name, one in given.items()}
