"""JSON Schema as Gemini takes it: all of what it documents, or its older subset.

`native` is for answers, `simple` for the parameters of functions (google-genai 3.4.0, types.Schema,
2026-11-23). What is taken out is kept as words in the description, so that the model may heed it.
"""

from typing import Any

import msgspec

from services.providers.dialects import schema
from services.providers.dialects.contract import Json

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
# https://ai.google.dev/api/generate-content, responseJsonSchema (2026-11-23)
_NATIVE_KEYS = (
    "description",
    "enum",
    "format",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "propertyOrdering",
    "title",
    "type",
)
# What is not taken there, and is told in the description.
_WORDS = (
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "multipleOf",
    "not",
    "pattern",
    "patternProperties",
    "uniqueItems",
)


def simple(given: Json) -> Json:
    """Return a schema for Gemini's function parameters; {} when the object has no properties."""
    made = _simple(_as_object(schema.inlined(given)))
    return made if made.get("type") != "object" or made.get("properties") else {}


def native(given: Json) -> Json:
    """Return a schema for Gemini's responseJsonSchema: the keywords that it documents."""
    return _native(schema.inlined(given))


def _simple(node: Any) -> Json:
    if not isinstance(node, dict):
        return {"type": "object"}
    node = _gathered(schema.merged(node))
    made = {name: node[name] for name in _SIMPLE_KEYS if node.get(name) is not None}
    if "const" in node:
        made["enum"] = [node["const"]]
    if made.get("format") not in _SIMPLE_FORMATS:
        made.pop("format", None)
    kinds = node.get("type")
    variants = [one for one in schema.variants(node) if one != {"type": "null"}]
    if len(variants) < len(schema.variants(node)) or (isinstance(kinds, list) and "null" in kinds):
        made["nullable"] = True
    if isinstance(kinds, list):
        real = [one for one in kinds if one != "null"]
        apart = [one for one in schema.kinds(node) if one["type"] != "null"]
        variants = apart if len(real) > 1 else variants
        kinds = real[0] if len(real) == 1 else None
    if len(variants) == 1:
        rest = {name: one for name, one in node.items() if name not in ("anyOf", "oneOf")}
        only = _simple({**rest, "allOf": variants})
        return {**only, "nullable": True} if "nullable" in made else only
    if variants:
        return _any_of(variants, made)
    return _simple_type(kinds, node, made)


def _simple_type(kind: Any, node: Json, made: Json) -> Json:
    values = made.pop("enum", None)
    if isinstance(values, list):
        real = [value for value in values if value is not None and value != ""]
        if all(isinstance(value, str) for value in real):
            return {**made, "type": "string", **({"enum": real} if real else {})}
        # Gemini's enums are strings alone; as words the others keep their type.
        words = f"One of: {msgspec.json.encode(real).decode()}."
        schema.describe(made, words, " ")
        kind = kind or _kind_of(real)
    made["type"] = kind or ("array" if "items" in node else "object" if _open(node) else "string")
    if made["type"] == "array":
        made["items"] = _simple(schema.item(node))
    properties = node.get("properties")
    if made["type"] == "object" and isinstance(properties, dict) and properties:
        made["properties"] = {name: _simple(one) for name, one in properties.items()}
        if required := schema.known_required(node, properties):
            made["required"] = required
    return made


def _any_of(variants: list[Any], made: Json) -> Json:
    """Return a choice of schemas: what is said of all is said of each, anyOf must stand alone.

    (github.com/BerriAI/litellm/issues/11164, 2025) Of an enum each has what is of its type.
    """
    values = {"enum": made.pop("enum")} if "enum" in made else {}
    told = ({**values, **one} if isinstance(one, dict) else one for one in variants)
    return {"anyOf": [{**made, **_simple(one)} for one in told]}


def _gathered(node: Json) -> Json:
    """Return an object with a choice beside its properties as one without: anyOf stands alone.

    "One of these two is required" is most often said so.
    """
    if not (schema.properties(node) and schema.variants(node)):
        return node
    return {**schema.rooted(node), "type": node.get("type", "object")}


def _as_object(given: Json) -> Json:
    """Return one object for a choice of objects: parameters are an object by themselves."""
    objects = [
        one for one in schema.variants(given) if isinstance(one, dict) and schema.properties(one)
    ]
    if not objects or schema.properties(given):
        return given
    kept = {name: value for name, value in given.items() if name not in ("anyOf", "oneOf")}
    properties = {name: one for each in objects for name, one in each["properties"].items()}
    always = [
        name
        for name in properties
        if all(name in schema.known_required(o, properties) for o in objects)
    ]
    return {**kept, "type": "object", "properties": properties, "required": always}


def _open(node: Json) -> bool:
    return "properties" in node or not any(name in node for name in _SIMPLE_KEYS)


def _native(node: Any) -> Json:
    if not isinstance(node, dict):
        return {}
    node = schema.merged(node)
    # A list of types is a choice of them.
    kinds = [] if "enum" in node or "const" in node else schema.kinds(node)
    if kinds:
        node = {**{name: node[name] for name in schema.WORDS if name in node}, "anyOf": kinds}
    made = {name: node[name] for name in _NATIVE_KEYS if node.get(name) is not None}
    if "const" in node:
        made["enum"] = [node["const"]]
    choices = [_native(one) for one in schema.variants(node)]
    # Of "one of these is required" nothing is left that Gemini takes.
    if any(choices):
        made["anyOf"] = choices
    made |= _native_parts(node, made.get("type"))
    words = {name: node[name] for name in _WORDS if name in node}
    if words:
        said = msgspec.json.encode(words).decode()
        schema.describe(made, said, "\n\n")
    return _enumerated(made)


def _native_parts(node: Json, kind: Any) -> Json:
    """Return what the node says of its members."""
    made: Json = {}
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), dict):
            made[name] = _native(node[name])
    if node.get("additionalProperties") is False:
        made["additionalProperties"] = False
    if isinstance(node.get("prefixItems"), list):
        made["prefixItems"] = [_native(one) for one in node["prefixItems"]]
    elif kind == "array" and not made.get("items"):
        made["items"] = {"type": "string"}
    properties = node.get("properties")
    if isinstance(properties, dict) and properties:
        made["properties"] = {name: _native(one) for name, one in properties.items()}
        if required := schema.known_required(node, properties):
            made["required"] = required
    return made


def _enumerated(made: Json) -> Json:
    """Give an enum its type; it holds texts and numbers alone, so others become types beside it."""
    values = made.get("enum")
    if not isinstance(values, list):
        return made
    told = [value for value in values if isinstance(value, str | int | float)]
    plain = [value for value in told if not isinstance(value, bool)]
    rest = {name: value for name, value in made.items() if name not in ("enum", "type")}
    variants: list[Json] = []
    if plain:
        kinds = made.get("type")
        if isinstance(kinds, list):
            kinds = next((kind for kind in kinds if kind != "null"), None)
        variants.append({**rest, "type": kinds or _kind_of(plain), "enum": plain})
    if len(plain) < len(told):
        variants.append(_boolean(rest, [value for value in told if isinstance(value, bool)]))
    if None in values:
        variants.append({"type": "null"})
    if len(variants) > 1:
        return {"anyOf": variants}
    return variants[0] if variants else rest


def _boolean(rest: Json, values: list[bool]) -> Json:
    """Return a truth value's schema, in which words say which one it has to be."""
    made: Json = {**rest, "type": "boolean"}
    if len(set(values)) == 1:
        schema.describe(made, f"Always {msgspec.json.encode(values[0]).decode()}.", " ")
    return made


def _kind_of(values: list[Any]) -> str:
    """Return the type of an enum's values."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int, float}:
        return "integer" if kinds == {int} else "number"
    return "string"
