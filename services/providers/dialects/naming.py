"""Names of tools as a vendor takes them, and back. Pure.

Callers' tools may have longer names than a vendor takes, and models call what nobody has declared
("functions.read"), which stays in the history. OpenAI: 64 characters (openai 3.54.0,
types/shared_params/function_definition.py); Anthropic: 128; Gemini: 128, and a letter first
(google-genai 3.4.0, types.FunctionDeclaration); 2026-11-23.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from services.providers.dialects import conversation, free_text
from services.providers.dialects.contract import Json, Target

_SHORT = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FITTING = {
    "openai_chat": _SHORT,
    "openai_responses": _SHORT,
    "anthropic_messages": re.compile(r"[a-zA-Z0-9_-]{1,128}"),
    "google_generate": re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}"),
}
_LETTERED = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_KEPT_CHARS = 54


def fit(body: Json, dialect: str, *, lettered: bool = False) -> tuple[Json, Mapping[str, str]]:
    """Return the request with names that fit, and the caller's names by them; both often as is.

    `lettered` ones begin with a letter or an underscore.
    """
    if conversation.turns(body) and not body.get("tools"):
        return body, {}
    fits = (_LETTERED if lettered else _FITTING[dialect]).fullmatch
    odd = {name for name in _names(body) if not fits(name)}
    if not odd:
        return body, {}
    new = {name: _fitted(name) for name in odd}
    return _renamed(body, new), {fitted: name for name, fitted in new.items()}


def restore(told: Json, target: Target) -> Json:
    """Return a tool call by the name and of the kind that the caller has declared."""
    if target.free:
        told = free_text.restore(told, target.free)
    if not target.names:
        return told
    kind = "custom" if told.get("type") == "custom" else "function"
    named = told[kind]
    return {**told, kind: {**named, "name": target.names.get(named["name"], named["name"])}}


def _fitted(name: str) -> str:
    """Return a name that fits everywhere and that no other name is given."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"t_{_FOREIGN.sub('_', name)[:_KEPT_CHARS]}_{digest[:6]}"


def _names(body: Json) -> Iterable[str]:
    calls = [call for one in _dicts(body.get("messages")) for call in _dicts(one.get("tool_calls"))]
    for tool in (*_dicts(body.get("tools")), *calls):
        named = tool.get(tool.get("type") or "function")
        name = named.get("name") if isinstance(named, dict) else None
        if isinstance(name, str) and name:
            yield name


def _dicts(given: Any) -> list[Json]:
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _renamed(body: Json, new: Mapping[str, str]) -> Json:
    """Return the request with other names in tools, in the choice of one, and in the history."""
    made = {**body}
    if isinstance(body.get("tools"), list):
        made["tools"] = [_with(tool, new) for tool in body["tools"]]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        made["tool_choice"] = _with(choice, new)
        allowed = choice.get("allowed_tools")
        if isinstance(allowed, dict) and isinstance(allowed.get("tools"), list):
            tools = [_with(tool, new) for tool in allowed["tools"]]
            made["tool_choice"] = {**choice, "allowed_tools": {**allowed, "tools": tools}}
    made["messages"] = [
        {**one, "tool_calls": [_with(call, new) for call in one["tool_calls"]]}
        if isinstance(one, dict) and isinstance(one.get("tool_calls"), list)
        else one
        for one in body["messages"]
    ]
    return made


def _with(tool: Any, new: Mapping[str, str]) -> Any:
    """Return a tool, a choice of one or a call with its name replaced."""
    kind = (tool.get("type") or "function") if isinstance(tool, dict) else ""
    named = tool.get(kind) if kind else None
    if not isinstance(named, dict) or named.get("name") not in new:
        return tool
    return {**tool, kind: {**named, "name": new[named["name"]]}}
