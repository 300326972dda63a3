"""References of a JSON Schema that lead back to themselves, for vendors that take them. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from services.providers.dialects import schema
from services.providers.dialects.contract import Json

# Larger schemas, and more references, are not looked through: all ends as `schema.inlined` has it.
_MOST_BYTES = 1 << 16
_MOST_REFS = 32
_PASSED = ("$defs", "definitions", *schema.VALUES)
_DEFS = "#/$defs/"


def found(root: Json) -> list[str]:
    """Return the references that lead back to themselves."""
    encoded = msgspec.json.encode(root)
    if b'"$ref"' not in encoded or len(encoded) > _MOST_BYTES:
        return []
    after: dict[str, set[str]] = {}
    waiting = [*dict.fromkeys(_refs(root))]
    while waiting:
        ref = waiting.pop(0)
        if ref in after:
            continue
        if len(after) >= _MOST_REFS:
            return []
        after[ref] = set(_refs(schema.named(root, ref)))
        waiting += sorted(after[ref])
    return [ref for ref in after if ref in _reached(ref, after)]


def links(kept: Collection[str]) -> dict[str, str]:
    """Return new references by the old: "#", or $defs of names that differ and fit everywhere."""
    made: dict[str, str] = {}
    for number, ref in enumerate(kept):
        name = ref.rpartition("/")[2]
        if not (name.isascii() and name.replace("_", "").isalnum()):
            name = f"part_{number}"
        while _DEFS + name in made.values():
            name += "_"
        made[ref] = _DEFS + name if ref.strip("#/") else "#"
    return made


def linked(root: Json, kept: Collection[str]) -> tuple[Json, dict[str, Json]]:
    """Return the schema in which only references of `kept` are left, and what these name.

    They are "#" or lead into $defs of its root, which are to be added to it: all but "#".
    """
    called = links(kept)
    inliner = schema.Inliner(root, called)
    made = inliner.inline(root)
    return made, {
        link: made if link == "#" else inliner.inline(schema.named(root, ref))
        for ref, link in called.items()
    }


def defs(named: Mapping[str, Json]) -> Json:
    """Return the members of a root that hold what is named in it."""
    table = {link.removeprefix(_DEFS): node for link, node in named.items() if link != "#"}
    return {"$defs": table} if table else {}


def endless(named: Mapping[str, Json], *, lists: bool) -> set[str]:
    """Return the references that no value can be of, as each holds another one.

    `lists`: as Moonshot counts, where a list holds something, and of the members that an object
    must have only one has to end.
    """
    ended: set[str] = set()
    while more := {ref for ref in named.keys() - ended if _ends(named[ref], ended, lists)}:
        ended |= more
    return named.keys() - ended


def _ends(node: Any, ended: set[str], lists: bool) -> bool:
    if not isinstance(node, dict):
        return True
    if "$ref" in node:
        return node["$ref"] in ended
    if variants := schema.variants(node):
        return any(_ends(one, ended, lists) for one in variants)
    if node.get("type") == "array":
        return not lists or _ends(node.get("items"), ended, lists)
    table = schema.properties(node)
    inside = [_ends(table[name], ended, lists) for name in schema.known_required(node, table)]
    return all(inside) or (lists and any(inside))


def _refs(node: Any) -> Iterator[str]:
    """Return the references in a schema; not in its definitions, unless they are referred to."""
    if isinstance(node, list):
        for one in node:
            yield from _refs(one)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for name, one in node.items():
            if name == "properties" and isinstance(one, dict):
                yield from _refs(list(one.values()))
            elif name not in _PASSED:
                yield from _refs(one)


def _reached(ref: str, after: Mapping[str, set[str]]) -> set[str]:
    """Return all that a reference leads to."""
    reached: set[str] = set()
    waiting = [*after[ref]]
    while waiting:
        one = waiting.pop()
        if one not in reached:
            reached.add(one)
            waiting += after[one]
    return reached
