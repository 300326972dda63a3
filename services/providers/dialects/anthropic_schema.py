"""JSON Schema as Anthropic takes it: closed objects for answers, no choice at a tool's root.

(anthropic 2.12.0, lib/_parse/_transform.py, 2026-11-23.) What is taken out is kept as words in the
description, so that the model may heed it.
"""

from typing import Any

import msgspec

from services.providers.dialects import schema
from services.providers.dialects.contract import Json

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


def strict(given: Json) -> Json:
    """Return a schema for Anthropic's output format: closed objects, supported keywords only."""
    return _strict(schema.inlined(given))


def closed(given: Json) -> bool:
    """Tell whether `strict` leaves nothing out: no object is open, nothing of any type, no loop."""
    return _closed(schema.inlined(given))


def _closed(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    node = schema.merged(node)
    if variants := schema.variants(node):
        return all(_closed(one) for one in variants)
    if "enum" in node or "const" in node:
        return True
    kinds = node.get("type")
    known = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    properties = schema.properties(node)
    if "object" in known or properties:
        more = node.get("additionalProperties")
        named = bool(properties) and more in (None, False)
        return (named or more is False) and all(_closed(one) for one in properties.values())
    if "array" in known:
        return ("items" in node or "prefixItems" in node) and _closed(schema.item(node))
    return bool(known)


def _strict(node: Any) -> Json:
    if not isinstance(node, dict):
        return {"type": "object", "properties": {}, "additionalProperties": False}
    rest = schema.merged(node)
    made: Json = {}
    for name in ("title", "description", "enum", "const"):
        if name in rest:
            made[name] = rest.pop(name)
    variants = rest.pop("anyOf", None) or rest.pop("oneOf", None)
    if isinstance(variants, list):
        made["anyOf"] = [_strict(one) for one in variants]
        rest.pop("type", None)
    else:
        _strict_type(rest, made)
    if rest:
        words = msgspec.json.encode(rest).decode()
        schema.describe(made, words, "\n\n")
    return made


def _strict_type(rest: Json, made: Json) -> None:
    if kinds := schema.kinds(rest):
        made["anyOf"] = [_strict(one) for one in kinds]
        rest.clear()
        return
    kind = rest.pop("type", None)
    if kind is None and ("enum" in made or "const" in made):
        return
    made["type"] = kind or ("object" if "properties" in rest or "items" not in rest else "array")
    if made["type"] == "object":
        properties = schema.properties(rest)
        rest.pop("properties", None)
        rest.pop("additionalProperties", None)
        made["properties"] = {name: _strict(one) for name, one in properties.items()}
        made["required"] = schema.known_required(rest, properties)
        rest.pop("required", None)
        made["additionalProperties"] = False
    elif made["type"] == "array":
        made["items"] = _strict(schema.item(rest))
        rest.pop("items", None)
        if rest.get("minItems") in (0, 1):
            made["minItems"] = rest.pop("minItems")
    elif made["type"] == "string" and rest.get("format") in _STRING_FORMATS:
        made["format"] = rest.pop("format")
