"""JSON Schema as vendors take it: references inlined, what they refuse taken out.

`strict` is Anthropic's structured output (anthropic 2.12.0, lib/_parse/_transform.py); `native` is
Gemini's, `simple` its older subset (google-genai 3.4.0, types.Schema). All 2026-11-23. What is
taken out is kept as words in the description, so that the model may heed it.
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
_CHOICES = ("allOf", "anyOf", "oneOf")
_SIMPLE_FORMATS = ("enum", "date-time", "int32", "int64", "float", "double")


def strict(given: Json) -> Json:
    """Return a schema for Anthropic's output format: closed objects, supported keywords only."""
    return _strict(_Inliner(given).inline(given))


def closed(given: Json) -> bool:
    """Tell whether `strict` leaves nothing out: no object is open, nothing of any type, no loop."""
    return _closed(_Inliner(given).inline(given))


def simple(given: Json) -> Json:
    """Return a schema for Gemini's function parameters; {} when the object has no properties."""
    made = _simple(_as_object(_Inliner(given).inline(given)))
    return made if made.get("type") != "object" or made.get("properties") else {}


def native(given: Json) -> Json:
    """Return a schema for Gemini's responseJsonSchema: the keywords that it documents."""
    return _native(_Inliner(given).inline(given))


def whole(given: Json) -> Json:
    """Return parameters that say what they are at their root: OpenAI refuses them otherwise.

    ("object schema missing properties", github.com/github/github-mcp-server/issues/1548, 2025-12)
    """
    if ("type" in given and "properties" in given) or given.get("type", "object") != "object":
        return given
    if "$ref" in given or any(name in given for name in _CHOICES):
        return given
    return {"type": "object", "properties": {}, **given}


def lacks_items(encoded: bytes) -> bool:
    """Tell whether encoded schemas may have arrays without items; who has none pays little."""
    return encoded.count(b'"type":"array"') > encoded.count(b'"items"')


def with_items(node: Any) -> Any:
    """Return schemas in which every array says what it holds: OpenAI refuses them otherwise.

    ("array schema missing items", github.com/spacelift-io/spacectl/issues/402, 2026-03)
    """
    if isinstance(node, list):
        return [with_items(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: with_items(one) for name, one in node.items()}
    if made.get("type") == "array" and "prefixItems" not in made:
        made.setdefault("items", {})
    return made


def rooted(given: Json) -> Json:
    """Return parameters without a choice at their root, which Anthropic refuses there alone.

    What any choice has is offered, and what all of them require is required; the choice itself
    is told in the description. (github.com/dearlordylord/huly-mcp/issues/66, 2026-05)
    """
    if not any(name in given for name in _CHOICES):
        return given
    node = _merged(_Inliner(given).inline(given))
    variants = [one for one in _variants(node) if isinstance(one, dict)]
    tables = [_properties(one) for one in (*variants, node)]
    properties = {name: one for table in tables for name, one in table.items()}
    wanted = [_required(one) for one in variants]
    always = [name for name in properties if wanted and all(name in names for names in wanted)]
    required = list(dict.fromkeys([*_known(node, properties), *always]))
    made = {name: value for name, value in node.items() if name not in _CHOICES}
    if any(wanted):
        words = " or ".join(", ".join(map(str, names)) or "none" for names in wanted)
        said = f"Required besides: {words}."
        _describe(made, said, " ")
    return {**made, "type": "object", "properties": properties, "required": required}


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


def _closed(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    node = _merged(node)
    if variants := _variants(node):
        return all(_closed(one) for one in variants)
    if "enum" in node or "const" in node:
        return True
    kinds = node.get("type")
    known = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    properties = _properties(node)
    if "object" in known or properties:
        more = node.get("additionalProperties")
        named = bool(properties) and more in (None, False)
        return (named or more is False) and all(_closed(one) for one in properties.values())
    if "array" in known:
        return _closed(node.get("items"))
    return bool(known)


def _strict(node: Any) -> Json:
    if not isinstance(node, dict):
        return {"type": "object", "properties": {}, "additionalProperties": False}
    rest = _merged(node)
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
        _describe(made, words, "\n\n")
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
        properties = _properties(rest)
        rest.pop("properties", None)
        rest.pop("additionalProperties", None)
        made["properties"] = {name: _strict(one) for name, one in properties.items()}
        made["required"] = _known(rest, properties)
        rest.pop("required", None)
        made["additionalProperties"] = False
    elif made["type"] == "array":
        made["items"] = _strict(rest.pop("items", {"type": "string"}))
        if rest.get("minItems") in (0, 1):
            made["minItems"] = rest.pop("minItems")
    elif made["type"] == "string" and rest.get("format") in _STRING_FORMATS:
        made["format"] = rest.pop("format")


def _native(node: Any) -> Json:
    if not isinstance(node, dict):
        return {}
    node = _merged(node)
    made = {name: node[name] for name in _NATIVE_KEYS if node.get(name) is not None}
    if "const" in node:
        made["enum"] = [node["const"]]
    if variants := _variants(node):
        made["anyOf"] = [_native(one) for one in variants]
    made |= _native_parts(node, made.get("type"))
    words = {name: node[name] for name in _WORDS if name in node}
    if words:
        said = msgspec.json.encode(words).decode()
        _describe(made, said, "\n\n")
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
        if required := _known(node, properties):
            made["required"] = required
    return made


def _known(node: Json, properties: Json) -> list[str]:
    """Return the required properties that there are."""
    return [name for name in _required(node) if name in properties]


def _describe(made: Json, words: str, between: str) -> None:
    """Add words to the description."""
    known = made.get("description")
    made["description"] = f"{known}{between}{words}" if known and isinstance(known, str) else words


def _required(node: Json) -> list[str]:
    required = node.get("required")
    names = required if isinstance(required, list) else []
    return [name for name in names if isinstance(name, str)]


def _properties(node: Json) -> Json:
    """Return the properties; what is no table of them is none."""
    properties = node.get("properties")
    return properties if isinstance(properties, dict) else {}


def _enumerated(made: Json) -> Json:
    """Give an enum its type, and say by another that a value may be null: no enum may hold it."""
    values = made.get("enum")
    if not isinstance(values, list):
        return made
    made = {"type": _kind_of([one for one in values if one is not None]), **made}
    if None not in values:
        return made
    kinds = made.get("type")
    own = {**made, "enum": [value for value in values if value is not None]}
    if isinstance(kinds, list):
        own["type"] = next((kind for kind in kinds if kind != "null"), "string")
    return {"anyOf": [own, {"type": "null"}]}


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
        return _any_of(variants, made)
    return _simple_type(kinds, node, made)


def _any_of(variants: list[Any], made: Json) -> Json:
    """Return a choice of schemas: what is said of all is said of each, anyOf must stand alone.

    (github.com/BerriAI/litellm/issues/11164, 2025)
    """
    return {"anyOf": [{**made, **_simple(one)} for one in variants]}


def _variants(node: Json) -> list[Any]:
    for name in ("anyOf", "oneOf"):
        if isinstance(node.get(name), list):
            return list(node[name])
    return []


def _as_object(given: Json) -> Json:
    """Return one object for a choice of objects: parameters are an object by themselves."""
    objects = [one for one in _variants(given) if isinstance(one, dict) and _properties(one)]
    if not objects or _properties(given):
        return given
    kept = {name: value for name, value in given.items() if name not in ("anyOf", "oneOf")}
    properties = {name: one for each in objects for name, one in each["properties"].items()}
    always = [name for name in properties if all(name in _known(o, properties) for o in objects)]
    return {**kept, "type": "object", "properties": properties, "required": always}


def _merged(given: Json) -> Json:
    """Return a schema with the parts of its allOf in it."""
    node = given
    parts = given.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            own = _merged(part)
            properties = {**_properties(node), **_properties(own)}
            required = [*_required(node), *_required(own)]
            node = {
                **own,
                **node,
                **({"properties": properties} if properties else {}),
                **({"required": required} if required else {}),
            }
    return {name: value for name, value in node.items() if name != "allOf"}


def _simple_type(kind: Any, node: Json, made: Json) -> Json:
    values = made.pop("enum", None)
    if isinstance(values, list):
        real = [value for value in values if value is not None and value != ""]
        if all(isinstance(value, str) for value in real):
            return {**made, "type": "string", **({"enum": real} if real else {})}
        # Gemini's enums are strings alone; as words the others keep their type.
        words = f"One of: {msgspec.json.encode(real).decode()}."
        _describe(made, words, " ")
        kind = kind or _kind_of(real)
    made["type"] = kind or ("array" if "items" in node else "object" if _open(node) else "string")
    if made["type"] == "array":
        made["items"] = _simple(node.get("items") or {"type": "string"})
    properties = node.get("properties")
    if made["type"] == "object" and isinstance(properties, dict) and properties:
        made["properties"] = {name: _simple(one) for name, one in properties.items()}
        if required := _known(node, properties):
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
