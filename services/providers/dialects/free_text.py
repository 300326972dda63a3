"""Tools that take free text, at vendors whose tools take objects: functions of one string. Pure.

OpenAI's custom tools (openai 3.54.0, types/chat/chat_completion_custom_tool_param.py, 2026-11-23)
may bear a grammar; elsewhere nobody enforces it, so the model reads it in the description.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from services.providers.dialects.contract import Json

FIELD = "input"


def fit(body: Json) -> tuple[Json, frozenset[str]]:
    """Return the request without custom tools, and the names of those that became functions."""
    names = frozenset(tool["custom"]["name"] for tool in _list(body.get("tools")) if _is_free(tool))
    if not names:
        return body, names
    made = {**body, "tools": [_function(tool) for tool in body["tools"]]}
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        made["tool_choice"] = _named(choice)
        allowed = choice.get("allowed_tools")
        if isinstance(allowed, dict):
            tools = [_named(tool) for tool in _list(allowed.get("tools"))]
            made["tool_choice"] = {**choice, "allowed_tools": {**allowed, "tools": tools}}
    return made, names


def restore(call: Json, names: Collection[str]) -> Json:
    """Return a call as the custom tool's, if it is one."""
    called = call.get("function") or {}
    if called.get("name") not in names:
        return call
    kept = {name: value for name, value in call.items() if name != "function"}
    custom = {"name": called["name"], "input": _text(called["arguments"])}
    return {**kept, "type": "custom", "custom": custom}


def _text(arguments: str) -> str:
    """Return the text inside arguments; what is no such object is the text itself."""
    try:
        given = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    text = given.get(FIELD) if isinstance(given, dict) else given
    return text if isinstance(text, str) else "" if given == {} else arguments


def _is_free(tool: Any) -> bool:
    declared = tool.get("custom") if isinstance(tool, dict) else None
    return isinstance(declared, dict) and isinstance(declared.get("name"), str)


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _named(choice: Any) -> Any:
    """Return the choice of a tool as that of a function."""
    if not _is_free(choice):
        return choice
    return {"type": "function", "function": {"name": choice["custom"]["name"]}}


def _function(tool: Any) -> Any:
    if not _is_free(tool):
        return tool
    declared = tool["custom"]
    text = {"type": "string", "description": "The whole input of the tool, as plain text."}
    told = (declared.get("description"), _grammar(declared.get("format")))
    function = {
        "name": declared["name"],
        "description": "\n\n".join(piece for piece in told if piece),
        "parameters": {
            "type": "object",
            "properties": {FIELD: text},
            "required": [FIELD],
            "additionalProperties": False,
        },
    }
    return {"type": "function", "function": function}


def _grammar(given: Any) -> str:
    """Return what a grammar asks for."""
    form = given.get("grammar") if isinstance(given, dict) else None
    if not isinstance(form, dict) or not form.get("definition"):
        return ""
    return f"The input must match this {form.get('syntax') or ''} grammar:\n{form['definition']}"
