"""Functions, OpenAI's older words for tools: `functions`, `function_call`, role function. Pure.

Deprecated, and still what some clients speak. A request that has them is rewritten in tools, and
its answer comes back in the older words.

Source: openai 3.54.0, types/chat/completion_create_params.py and the messages (2026-11-23).
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from services.edge import document, schema

Json = dict[str, Any]

NAMES = ("functions", "function_call")


class _Asked(Struct):
    functions: Annotated[list[schema.Function], Meta(min_length=1)] | None = None
    function_call: Literal["none", "auto"] | schema.Named | None = None


def rewrite(tree: Json) -> bool:
    """Put tools in the place of functions; tell whether the request offers any.

    Raises INVALID_REQUEST naming the faulty field. The history is rewritten by `retell`.
    """
    given = {name: tree.pop(name) for name in NAMES if name in tree}
    asked = document.convert(given, _Asked)
    if asked.functions is None:
        if asked.function_call is not None:
            raise document.invalid("function_call", "needs functions to choose from")
        return False
    if tree.get("tools"):
        raise document.invalid("functions", "cannot go together with tools")
    tree["tools"] = [{"type": "function", "function": one} for one in given["functions"]]
    choice = asked.function_call
    if isinstance(choice, schema.Named):
        if choice.name not in [one.name for one in asked.functions]:
            raise document.invalid("function_call.name", "is not the name of one of the functions")
        tree["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice is not None:
        tree["tool_choice"] = choice
    # A message holds one function_call at most.
    tree["parallel_tool_calls"] = False
    return True


def spoken(messages: object) -> bool:
    """Tell whether a conversation answers calls in the older words."""
    listed = messages if isinstance(messages, list) else ()
    return any(isinstance(one, dict) and one.get("role") == "function" for one in listed)


def retell(messages: list[Any]) -> list[Any]:
    """Return the conversation with tool calls and their results.

    Raises INVALID_REQUEST for a function's answer that nobody asked for. What is no message is
    left to who checks the types.
    """
    told: list[Any] = []
    called: dict[str, str] = {}
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        path = f"messages[{index}]"
        if role == "assistant" and isinstance(message.get("function_call"), dict):
            call = _called(message["function_call"], path)
            called[call.name] = f"call_function_{index}"
            told.append(_calling(message, call, called[call.name]))
        elif role == "function":
            told.append(_result(message, called, path))
        else:
            told.append(message)
    return told


def _called(call: Json, path: str) -> schema.Called:
    for name in schema.Called.__struct_fields__:
        if not isinstance(call.get(name), str):
            raise document.invalid(f"{path}.function_call.{name}", "must be a string")
    return document.convert(call, schema.Called)


def _calling(message: Json, call: schema.Called, known: str) -> Json:
    own = {key: value for key, value in message.items() if key != "function_call"}
    function = {"name": call.name, "arguments": call.arguments}
    return {**own, "tool_calls": [{"id": known, "type": "function", "function": function}]}


def _result(message: Json, called: dict[str, str], path: str) -> Json:
    name, content = message.get("name"), message.get("content")
    if not isinstance(name, str) or name not in called:
        raise document.invalid(f"{path}.name", "answers no function_call of an earlier message")
    if not isinstance(content, str | None):
        raise document.invalid(f"{path}.content", "must be a string or null")
    return {"role": "tool", "tool_call_id": called[name], "content": content or ""}


def answer(body: bytes) -> bytes:
    """Return a completion, or a chunk of one, in the older words."""
    if b"tool_calls" not in body:
        return body
    tree = msgspec.json.decode(body)
    for choice in tree["choices"]:
        for said in (choice.get("message"), choice.get("delta")):
            calls = said.pop("tool_calls", None) if said else None
            if calls:
                said["function_call"] = calls[0]["function"]
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "function_call"
    return msgspec.json.encode(tree)
