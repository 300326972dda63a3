"""JSON Schema as Moonshot takes it: every node has one type, or is a choice and nothing else.

(github.com/MoonshotAI/walle, docs/mfjs-spec.md and walle.md, 2026: "Moonshot Flavored JSON
Schema".) What is taken out is kept as words in the description, so that the model may heed it.
References that lead back to themselves stay: "#", or into $defs of the root, with nothing but
words beside them. One that has no end is refused there (validator.go, CheckRefTermination): it ends
as an open object, as all others do that cannot be told.
"""

from typing import Any

import msgspec

from services.providers.dialects import loops, schema
from services.providers.dialects.contract import Json

_WORDS = ("title", "description")
# Said of a choice as a whole, or said otherwise in each of its members.
_OF_CHOICE = (*_WORDS, "anyOf", "oneOf", "default", "examples")
_SAID = (*_WORDS, "type", "properties", "required", "additionalProperties", "items", "nullable")
_ENUMS = ("string", "integer", "number")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


def parameters(given: Json) -> Json:
    """Return the parameters of a function: an object at their root, and no choice."""
    return {**_whole({"type": "object", **schema.rooted(given)}), "type": "object"}


def answer(given: Json) -> Json:
    """Return the schema of an answer."""
    return _whole(schema.modern(given))


def _whole(root: Json) -> Json:
    kept = loops.found(root)
    made, named = _linked(root, kept)
    lost = loops.endless(named, lists=False) | loops.endless(named, lists=True)
    if lost:
        links = loops.links(kept)
        made, named = _linked(root, [ref for ref in kept if links[ref] not in lost])
    return {**made, **loops.defs(named)}


def _linked(root: Json, kept: list[str]) -> tuple[Json, dict[str, Json]]:
    """Return the root and what `kept` references name in it, both as Moonshot takes them."""
    made, named = loops.linked(root, kept)
    return _flavored(made), {link: _flavored(node) for link, node in named.items()}


def _flavored(node: Any) -> Json:
    if not isinstance(node, dict):
        return {"type": "object"}
    node = schema.merged(node)
    said = {name: node[name] for name in _WORDS if isinstance(node.get(name), str)}
    if isinstance(node.get("$ref"), str):
        return _reference(node, said)
    rest = {name: value for name, value in node.items() if name not in _OF_CHOICE}
    variants = [one for one in schema.variants(node) if isinstance(one, dict)]
    if variants:
        return _choice([_flavored({**rest, **one}) for one in variants], said)
    kinds = node.get("type")
    if isinstance(kinds, list) and kinds:
        return _choice([_flavored({**rest, "type": kind}) for kind in kinds], said)
    values = [node["const"]] if "const" in node else node.get("enum")
    if isinstance(values, list) and values:
        own = [_TYPES.get(type(one), "object" if one else "null") for one in values]
        kinds = [kinds] if isinstance(kinds, str) else list(dict.fromkeys(own))
        return _choice([_enum(kind, values, own) for kind in kinds], said)
    return _typed(node, said)


def _reference(node: Json, said: Json) -> Json:
    """Return a reference, the only one of a choice where something is said of it."""
    made = {"$ref": node["$ref"]}
    rest = {name: one for name, one in node.items() if name not in (*_WORDS, "$ref", "type")}
    if rest:
        schema.describe(said, msgspec.json.encode(rest).decode(), "\n\n")
    return {**said, "anyOf": [made]} if said else made


def _choice(made: list[Json], said: Json) -> Json:
    """Return a node that is one of some."""
    different = [one for place, one in enumerate(made) if one not in made[:place]]
    return {**different[0], **said} if len(different) == 1 else {**said, "anyOf": different}


def _enum(kind: str, values: list[Any], kinds: list[str]) -> Json:
    """Return the values of one type; only texts and numbers are told one by one."""
    fits = ("integer", "number") if kind == "number" else (kind,)
    own = [value for value, one in zip(values, kinds, strict=True) if one in fits]
    if kind in _ENUMS and own:
        return {"type": kind, "enum": own}
    made: Json = {"type": kind}
    if own and kind != "null":
        schema.describe(made, f"One of: {msgspec.json.encode(own).decode()}.", " ")
    return made


def _typed(node: Json, said: Json) -> Json:
    made: Json = {**said, "type": _kind(node)}
    if made["type"] == "object":
        properties = schema.properties(node)
        made["properties"] = {name: _flavored(one) for name, one in properties.items()}
        if required := schema.known_required(node, properties):
            made["required"] = required
        more = node.get("additionalProperties")
        if isinstance(more, bool | dict):
            made["additionalProperties"] = _flavored(more) if isinstance(more, dict) else more
    elif made["type"] == "array":
        made["items"] = _flavored(schema.item(node))
    rest = {name: value for name, value in node.items() if name not in _SAID}
    if rest:
        schema.describe(made, msgspec.json.encode(rest).decode(), "\n\n")
    return made


def _kind(node: Json) -> str:
    """Return the type that a node has, or that its keywords speak of."""
    kind = node.get("type")
    if isinstance(kind, str):
        return kind
    if "items" in node or "prefixItems" in node:
        return "array"
    return "object" if not node or "properties" in node else "string"
