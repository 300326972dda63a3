"""JSON Schema as vendors take it: references inlined, what they refuse taken out.

`strict` is Anthropic's structured output (anthropic 2.12.0, lib/_parse/_transform.py); `simple` is
Gemini's older subset (google-genai 3.4.0, types.Schema). Both 2026-11-23. What is taken
out of a strict schema is kept as words in its description, so that the model may heed it.
"""

from typing import Any

import msgspec

from services.providers.dialects.contract import Json

_DEPTH = 24  # references that lead back to themselves stop here
# And so does a schema whose references unfold without end in breadth.
_MOST_NODES = 10_000
_STRING_FORMATS = (
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
)
_SIMPLE_KEYS = (
    "description",
    "enum",
    "format",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "title",
)
_SIMPLE_FORMATS = ("enum", "date-time", "int32", "int64", "float", "double")


def strict(given: Json) -> Json:
    """Return a schema for Anthropic's output format: closed objects, supported keywords only."""
    return _strict(_Inliner(given).inline(given))


def simple(given: Json) -> Json:
    """Return a schema for Gemini's function parameters; {} when the object has no properties."""
    made = _simple(_Inliner(given).inline(given))
    return made if made.get("type") != "object" or made.get("properties") else {}


class _Inliner:
    """Replaces local references by what they name; a recursive one ends as an open object."""

    def __init__(self, root: Json) -> None:
        self._root = root
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
            if ref in open_refs or depth >= _DEPTH or self._nodes > _MOST_NODES:
                return {"type": "object"}
            named = self._find(ref)
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return self.inline({**named, **beside}, (*open_refs, ref), depth + 1)
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

    def _find(self, ref: str) -> Json:
        node: Any = self._root
        for step in ref.removeprefix("#").strip("/").split("/"):
            if step:
                name = step.replace("~1", "/").replace("~0", "~")
                node = node.get(name) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {"type": "object"}


def _strict(node: Any) -> Json:
    if not isinstance(node, dict):
        return {"type": "object", "properties": {}, "additionalProperties": False}
    rest = dict(node)
    made: Json = {}
    for name in ("title", "description", "enum", "const"):
        if name in rest:
            made[name] = rest.pop(name)
    variants = rest.pop("anyOf", None) or rest.pop("oneOf", None)
    if isinstance(variants, list):
        made["anyOf"] = [_strict(one) for one in variants]
        rest.pop("type", None)
    elif isinstance(rest.get("allOf"), list):
        made["allOf"] = [_strict(one) for one in rest.pop("allOf")]
        rest.pop("type", None)
    else:
        _strict_type(rest, made)
    if rest:
        words = msgspec.json.encode(rest).decode()
        made["description"] = "\n\n".join(filter(None, (made.get("description"), words)))
    return made


def _strict_type(rest: Json, made: Json) -> None:
    kind = rest.pop("type", None)
    if isinstance(kind, list):
        made["anyOf"] = [_strict({**rest, "type": one}) for one in kind]
        rest.clear()
        return
    if kind is None and ("enum" in made or "const" in made):
        return
    made["type"] = kind or ("object" if "properties" in rest or "items" not in rest else "array")
    if made["type"] == "object":
        properties = rest.pop("properties", None) or {}
        rest.pop("additionalProperties", None)
        made["properties"] = {name: _strict(one) for name, one in properties.items()}
        made["required"] = list(rest.pop("required", None) or [])
        made["additionalProperties"] = False
    elif made["type"] == "array":
        made["items"] = _strict(rest.pop("items", {"type": "string"}))
        if rest.get("minItems") in (0, 1):
            made["minItems"] = rest.pop("minItems")
    elif made["type"] == "string" and rest.get("format") in _STRING_FORMATS:
        made["format"] = rest.pop("format")


def _simple(node: Any) -> Json:
    if not isinstance(node, dict):
        return {"type": "object"}
    node = _merged(node)
    made = {name: node[name] for name in _SIMPLE_KEYS if node.get(name) is not None}
    if "const" in node:
        made["enum"] = [node["const"]]
    if made.get("format") not in _SIMPLE_FORMATS:
        made.pop("format", None)
    kinds = node.get("type")
    variants = [one for one in _variants(node) if one != {"type": "null"}]
    if len(variants) < len(_variants(node)) or (isinstance(kinds, list) and "null" in kinds):
        made["nullable"] = True
    if isinstance(kinds, list):
        real = [one for one in kinds if one != "null"]
        variants = [{"type": one} for one in real] if len(real) > 1 else variants
        kinds = real[0] if len(real) == 1 else None
    if len(variants) == 1:
        return {**_simple(variants[0]), **made}
    if variants:
        return {**made, "anyOf": [_simple(one) for one in variants]}
    return _simple_type(kinds, node, made)


def _variants(node: Json) -> list[Any]:
    for name in ("anyOf", "oneOf"):
        if isinstance(node.get(name), list):
            return list(node[name])
    return []


def _merged(given: Json) -> Json:
    """Return a schema with the parts of its allOf in it."""
    node = given
    for part in given.get("allOf") or ():
        if isinstance(part, dict):
            own = _merged(part)
            properties = {**(node.get("properties") or {}), **(own.get("properties") or {})}
            required = [*(node.get("required") or ()), *(own.get("required") or ())]
            node = {
                **own,
                **node,
                **({"properties": properties} if properties else {}),
                **({"required": required} if required else {}),
            }
    return node


def _simple_type(kind: Any, node: Json, made: Json) -> Json:
    values = made.pop("enum", None)
    if isinstance(values, list):
        real = [value for value in values if value is not None]
        if all(isinstance(value, str) for value in real):
            return {**made, "type": "string", **({"enum": real} if real else {})}
        # Gemini's enums are strings alone; as words the others keep their type.
        words = f"One of: {msgspec.json.encode(real).decode()}."
        made["description"] = " ".join(filter(None, (made.get("description"), words)))
        kind = kind or _kind_of(real)
    made["type"] = kind or ("array" if "items" in node else "object" if _open(node) else "string")
    if made["type"] == "array":
        made["items"] = _simple(node.get("items") or {"type": "string"})
    properties = node.get("properties")
    if made["type"] == "object" and isinstance(properties, dict) and properties:
        made["properties"] = {name: _simple(one) for name, one in properties.items()}
        required = [name for name in node.get("required") or () if name in properties]
        if required:
            made["required"] = required
    return made


def _kind_of(values: list[Any]) -> str:
    """Return the type of an enum's values."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int, float}:
        return "integer" if kinds == {int} else "number"
    return "string"


def _open(node: Json) -> bool:
    return "properties" in node or not any(name in node for name in _SIMPLE_KEYS)
