"""A small value that is valid against a JSON Schema. Pure and deterministic."""

from collections.abc import Mapping
from typing import Any

_FORMATS: Mapping[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "sandbox@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEEP = 12  # a schema that refers to itself is followed this far


def instance(schema: Any, text: str, *, strings: bool = False) -> Any:
    """Return a minimal value valid against `schema`; plain strings are filled with `text`.

    Understands type, enum, const, default types of OpenAPI (upper case), properties, required,
    items, bounds, format, anyOf/oneOf/allOf and local $ref. `pattern` is not followed. With
    `strings` the optional string properties of the outermost object are filled, too.
    """
    value = _value(schema, text, schema if isinstance(schema, Mapping) else {}, 0)
    if strings and isinstance(value, dict) and isinstance(schema, Mapping):
        for name, part in (schema.get("properties") or {}).items():
            if name not in value and isinstance(part, Mapping) and _type(part) == "string":
                value[name] = _value(part, text, schema, 1)
    return value


def _value(schema: Any, text: str, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return text
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _value(_simplest(schema[word], depth), text, root, depth + 1)
    match _type(schema):
        case "object":
            return _object(schema, text, root, depth)
        case "array":
            count = 0 if depth > _DEEP else int(schema.get("minItems", 0))
            return [_value(schema.get("items", {}), text, root, depth + 1) for _ in range(count)]
        case kind:
            return _scalar(schema, kind, text)


def _scalar(schema: Mapping[str, Any], kind: str, text: str) -> Any:
    match kind:
        case "integer" | "number":
            return _number(schema, kind)
        case "boolean":
            return False
        case "null":
            return None
    return _string(schema, text)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow $ref and join allOf into one schema."""
    for _ in range(_DEEP):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        found: Any = root
        for step in filter(None, reference[1:].split("/")):
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        schema = found if isinstance(found, Mapping) else {}
    joined = dict(schema)
    for raw in schema.get("allOf") or ():
        part = _resolved(raw, root)
        properties = {**joined.get("properties", {}), **part.get("properties", {})}
        required = [*joined.get("required", ()), *part.get("required", ())]
        joined |= part
        joined |= {"properties": properties, "required": required} if properties else {}
    return joined


def _simplest(options: list[Any], depth: int) -> Any:
    """Return the first option; deep inside, null when it is allowed, so that recursion ends."""
    if depth > 3:
        for option in options:
            if isinstance(option, Mapping) and _type(option) == "null":
                return option
    return options[0]


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if isinstance(kind, str):
        return kind.lower()
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _object(
    schema: Mapping[str, Any], text: str, root: Mapping[str, Any], depth: int
) -> dict[str, Any]:
    if depth > _DEEP:
        return {}
    properties = schema.get("properties") or {}
    names = [name for name in schema.get("required") or () if isinstance(name, str)]
    return {name: _value(properties.get(name, {}), text, root, depth + 1) for name in names}


def _number(schema: Mapping[str, Any], kind: str) -> int | float:
    step = schema.get("multipleOf", 1)
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    value = 0
    if above is not None and value <= above:
        value = (above // step + 1) * step
    if low is not None and value < low:
        value = -(-low // step) * step
    if below is not None and value >= below:
        value = -(-below // step) * step - step
    if high is not None and value > high:
        value = high // step * step
    return int(value) if kind == "integer" else value


def _string(schema: Mapping[str, Any], text: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
    return (text.ljust(low, "."))[: int(high) if high is not None else None]
