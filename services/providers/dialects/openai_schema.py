"""JSON Schema as OpenAI takes it: parameters and arrays that say what they hold."""

from typing import Any

import msgspec

from services.providers.dialects import schema
from services.providers.dialects.contract import Json

# openai 3.57.0, types/shared_params/function_definition.py and types/chat/*_tool_param.py
_DECLARED = {
    "function": ("name", "description", "parameters", "strict"),
    "custom": ("name", "description", "format"),
}


def known(tools: list[Any]) -> tuple[list[Any], list[str]]:
    """Return tools without what OpenAI's have not, and what to call that.

    Frameworks say more there, and Anthropic's mark of a cache; both are refused.
    """
    found: set[str] = set()
    made = [_known(tool, found) for tool in tools]
    return made, sorted(name for name in found if not name.endswith(".cache_control"))


def _known(tool: Any, found: set[str]) -> Any:
    kind = tool.get("type") if isinstance(tool, dict) else None
    declared = tool.get(kind) if kind in _DECLARED else None
    if not isinstance(declared, dict):
        return tool
    taken = _DECLARED[str(kind)]
    found |= {f"tools[].{name}" for name in tool if name not in ("type", kind)}
    found |= {f"tools[].{kind}.{name}" for name in declared if name not in taken}
    return {"type": kind, kind: {name: declared[name] for name in declared if name in taken}}


def whole(given: Json) -> Json:
    """Return parameters that are an object at their root: OpenAI refuses them otherwise.

    ("object schema missing properties", github.com/github/github-mcp-server/issues/1548, 2025-12;
    "must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'",
    github.com/langchain-ai/langchainjs/issues/9804, 2026-01)
    """
    return {"properties": {}, **schema.rooted(given)}


def encoded(request: Json) -> bytes:
    """Return the request as JSON in which the schemas of its tools are `with_items`."""
    body = msgspec.json.encode(request)
    # Counted first: who has no array without items pays little.
    if request.get("tools") and body.count(b'"type":"array"') > body.count(b'"items"'):
        return msgspec.json.encode({**request, "tools": with_items(request["tools"])})
    return body


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
