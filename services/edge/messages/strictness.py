"""Whether OpenAI could hold a model to a schema that Anthropic holds its own to.

Both close every object. OpenAI wants all of its members, too, and knows fewer words
(developers.openai.com/api/docs/guides/structured-outputs, 2026-11-30); it refuses the rest as
strict, and follows it as well as it can when it is not.
"""

from collections.abc import Iterator
from typing import Any

_UNKNOWN = frozenset({"allOf", "dependentRequired", "dependentSchemas", "if", "not", "oneOf"})
_SAYING = frozenset({"$ref", "anyOf", "const", "enum", "type"})


def is_exact(schema: Any) -> bool:
    """Tell whether a schema leaves nothing open, wherever in it; one that is none leaves it all."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if not _is_exact(node):
            return False
        waiting += _inner(node)
    return True


def _is_exact(node: Any) -> bool:
    if not isinstance(node, dict) or not node.keys() & _SAYING or node.keys() & _UNKNOWN:
        return False
    if "properties" not in node and node.get("type") != "object":
        return True
    members, required = node.get("properties") or {}, node.get("required") or []
    if not isinstance(members, dict) or not isinstance(required, list):
        return False
    whole = len(required) == len(members) and all(name in required for name in members)
    return whole and node.get("additionalProperties") is False


def _inner(node: dict[str, Any]) -> Iterator[Any]:
    for name in ("properties", "$defs", "definitions"):
        table = node.get(name) or {}
        yield from table.values() if isinstance(table, dict) else (table,)
    choices = node.get("anyOf") or []
    yield from choices if isinstance(choices, list) else (choices,)
    if "items" in node:
        yield node["items"]
