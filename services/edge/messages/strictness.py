"""Whether OpenAI could hold a model to a schema that Anthropic holds its own to.

Both close every object. OpenAI wants all of its members, too, and knows fewer words
(developers.openai.com/api/docs/guides/structured-outputs, 2026-11-30); it refuses the rest as
strict, and follows it as well as it can when it is not.
"""

from collections.abc import Iterable
from typing import Any

_UNKNOWN = frozenset({"allOf", "dependentRequired", "dependentSchemas", "if", "not", "oneOf"})
_SAYING = frozenset({"$ref", "anyOf", "const", "enum", "type"})


def is_exact(schema: Any) -> bool:
    """Tell whether a schema leaves nothing open, wherever in it."""
    if not isinstance(schema, dict) or not schema.keys() & _SAYING or schema.keys() & _UNKNOWN:
        return False
    if "properties" in schema or schema.get("type") == "object":
        members = schema.get("properties") or {}
        if schema.get("additionalProperties") is not False:
            return False
        if set(schema.get("required") or ()) != set(members):
            return False
    return all(map(is_exact, _inner(schema)))


def _inner(schema: dict[str, Any]) -> Iterable[Any]:
    for name in ("properties", "$defs", "definitions"):
        yield from (schema.get(name) or {}).values()
    yield from schema.get("anyOf") or ()
    if "items" in schema:
        yield schema["items"]
