"""Names of a tool's parameters as Anthropic takes them, and back. Pure.

One other name at the root of any tool's schema, and it refuses the whole request: "Property keys
should match pattern '^[a-zA-Z0-9_.-]{1,64}$'" (github.com/anthropics/claude-code/issues/79418,
2026-07). Below the root it looks at none (github.com/decocms/studio/pull/6874, 2026-09). Tools
made of OData or of forms have such names: "$filter", "Account Number".
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from services.providers.dialects import schema, structured
from services.providers.dialects.completion import ANSWER_TOOL
from services.providers.dialects.contract import Json

Names = Mapping[str, str]
_fits = re.compile(r"[a-zA-Z0-9_.-]{1,64}").fullmatch
_FOREIGN = re.compile(r"[^a-zA-Z0-9_.-]")
_KEPT_CHARS = 57
# Values stay as they were written: nobody reads a number that nobody has to.
_read = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def fit(body: Json, *, by_tool: bool = False) -> tuple[Json, dict[str, Names]]:
    """Return the request with names that fit, and by its tool the caller's by each of them.

    `by_tool`: the schema of the answer will be a tool's, too (`structured`).
    """
    tools = body.get("tools")
    given = [(tool, *_declared(tool)) for tool in tools] if isinstance(tools, list) else []
    odd = {name: new for _, name, root in given if (new := _odd(root))}
    made = body
    if odd:
        fitted = [_with(tool, root, odd.get(name)) for tool, name, root in given]
        turns = [_turn(one, odd) for one in body["messages"]]
        made = {**body, "tools": fitted, "messages": turns}
    if by_tool and (new := _odd(structured.wanted(body)[1])):
        form = body["response_format"]
        named = form["json_schema"]
        answer = {**named, "schema": _by(named["schema"], new)}
        made = {**made, "response_format": {**form, "json_schema": answer}}
        odd[ANSWER_TOOL] = new
    return made, {name: {sent: own for own, sent in new.items()} for name, new in odd.items()}


def told(arguments: str, tool: str, names: Mapping[str, Names]) -> str:
    """Return a call's arguments by the names that `names` has for its tool."""
    if not (known := names.get(tool)):
        return arguments
    try:
        given = _read(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments  # what is no object has no names
    renamed = {known.get(name, name): value for name, value in given.items()}
    return msgspec.json.encode(renamed).decode()


def own(block: Json, names: Mapping[str, Names]) -> Json:
    """Return a block of Anthropic's, whose input is by those names if it is a call."""
    known, given = names.get(str(block.get("name"))), block.get("input")
    if block.get("type") != "tool_use" or not known or not isinstance(given, dict):
        return block
    return {**block, "input": {known.get(name, name): value for name, value in given.items()}}


def _declared(tool: Any) -> tuple[str, Json]:
    """Return a function's name and the root of its parameters; nothing for anything else."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("parameters"), dict):
        return "", {}
    parameters = function["parameters"]
    plain = not {"$ref", *schema.CHOICES} & parameters.keys()
    return str(function.get("name")), parameters if plain else schema.rooted(parameters)


def _odd(root: Json) -> dict[str, str]:
    return {name: _fitted(name) for name in schema.properties(root) if not _fits(name)}


def _fitted(name: str) -> str:
    """Return a name that fits, and that no other name is given."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{_FOREIGN.sub('_', name)[:_KEPT_CHARS]}_{digest[:6]}"


def _with(tool: Any, root: Json, new: Names | None) -> Any:
    """Return a tool with other names of its parameters."""
    if not new:
        return tool
    return {**tool, "function": {**tool["function"], "parameters": _by(root, new)}}


def _by(root: Json, new: Names) -> Json:
    """Return a schema with other names at its root."""
    table = {new.get(name, name): one for name, one in schema.properties(root).items()}
    wanted = [new.get(name, name) for name in schema.required(root)]
    return {**root, "properties": table, **({"required": wanted} if wanted else {})}


def _turn(message: Any, new: Mapping[str, Names]) -> Any:
    """Return a message whose calls have the names that their tools have."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_call(call, new) for call in calls]}


def _call(call: Any, new: Mapping[str, Names]) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    arguments = told(function["arguments"], str(function.get("name")), new)
    return {**call, "function": {**function, "arguments": arguments}}
