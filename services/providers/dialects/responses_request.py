"""OpenAI chat request to a request of OpenAI's Responses: for tools together with reasoning.

Field lists: openai 3.54.0, types/responses/response_create_params.py and its items (2026-11-23).
Nothing is stored at OpenAI: thoughts travel encrypted, inside the conversation.
"""

from itertools import islice
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import anthropic_native, conversation, history, openai_native
from services.providers.dialects.contract import Encoded, Json, Target
from services.providers.dialects.openai_schema import encoded, known, whole
from services.providers.dialects.parameters import Settled, drop, settle, tool_choice_kind
from services.providers.dialects.structured import wanted

_SAME = (
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "temperature",
    "top_p",
    "user",
)
# Responses have no such thing, and the caller would miss it; the value that asks for nothing.
_MISSED: Json = {
    "n": 1,
    "logprobs": False,
    "logit_bias": {},
    "modalities": ["text"],
    "audio": None,
    "web_search_options": None,
}
# They have no such thing either, and no answer gets worse without it.
_HARMLESS = (
    "frequency_penalty",
    "prediction",
    "presence_penalty",
    "seed",
    "store",
    "stop",  # looked for by us (`stopping`)
    "stream_options",
    "top_logprobs",
)


def encode(body: Json, target: Target) -> Encoded:
    """Translate a request. Raises RoutorError naming the field."""
    body = {**conversation.spelled(body)}
    native = openai_native.take(body)
    settled = settle(body, target)
    tools, unknown = known(settled.values.get("tools") or [])
    values, dropped = {**settled.values, "tools": tools}, [*settled.dropped, *unknown]
    request: Json = {
        "model": target.upstream_model,
        "input": _input(body["messages"]),
        "store": False,
        "include": ["reasoning.encrypted_content"],
        **_shape(body, values),
        **_tools(values),
    }
    _hosted(native, request)
    if settled.effort:
        request["reasoning"] = {"effort": settled.effort}
    if native.summary and settled.effort != "none":
        request["reasoning"] = {**request.get("reasoning", {}), "summary": native.summary}
    dropped += native.withheld
    if (limit := values.pop("max_tokens", None)) is not None:
        # The least that is taken (openai 3.54.0 has no such note; the API says so with 400).
        request["max_output_tokens"] = max(limit, 16)
    if values.pop("stream", False):
        request |= {"stream": True, "stream_options": {"include_obfuscation": False}}
    for name in _SAME:
        if name in values:
            request[name] = values.pop(name)
    _rest(values, settled, target, dropped)
    dropped += history.names_of(body["messages"])
    return Encoded("/responses", encoded(request), dropped=tuple(dropped))


def _hosted(native: openai_native.Native, request: Json) -> None:
    """Offer tools that OpenAI runs, beside the caller's."""
    if native.tools:
        request["tools"] = [*request.get("tools", ()), *native.tools]
        request |= native.fields
    request["include"] += native.include


def _rest(values: Json, settled: Settled, target: Target, dropped: list[str]) -> None:
    """Leave out what is harmless, and refuse what the caller would miss."""
    values.pop("stream_options", None)
    if values.pop("store", False):
        dropped.append("store")
    drop(values, _HARMLESS, dropped)
    for name, nothing in _MISSED.items():
        if values.pop(name, nothing) != nothing:
            raise RoutorError(
                Kind.UNSUPPORTED_PARAMETER,
                f"{target.key} does not take {name} while it thinks with tools; leave it out or "
                'set reasoning_effort to "none".',
                param=name,
            )
    drop(values, tuple(values), dropped)


def _shape(body: Json, values: Json) -> Json:
    """Return how the text shall be."""
    text: Json = {}
    kind, _ = wanted(body)
    values.pop("response_format", None)
    if kind == "json_object":
        text["format"] = {"type": "json_object"}
    elif kind == "json_schema":
        text["format"] = {"type": "json_schema", **body["response_format"]["json_schema"]}
    if (verbosity := values.pop("verbosity", None)) is not None:
        text["verbosity"] = verbosity
    return {"text": text} if text else {}


def _tools(values: Json) -> Json:
    given, choice = values.pop("tools", None), values.pop("tool_choice", None)
    if not given:
        return {}
    made: Json = {"tools": [_tool(tool, place) for place, tool in enumerate(given)]}
    if choice is not None:
        made["tool_choice"] = _choice(choice, tool_choice_kind(choice))
    return made


def _choice(choice: Any, kind: str) -> Any:
    """Return a tool_choice, flat as responses have it."""
    if isinstance(choice, str):
        return kind
    if kind == "named":
        return _flat(choice)
    allowed = choice["allowed_tools"]
    tools = [_flat(tool) for tool in allowed.get("tools") or ()]
    return {"type": "allowed_tools", "mode": kind, "tools": tools}


def _flat(tool: Json) -> Json:
    kind = tool.get("type") or "function"
    return {"type": kind, "name": (tool.get(kind) or {}).get("name", "")}


def _tool(tool: Any, place: int) -> Json:
    kind = tool.get("type") if isinstance(tool, dict) else None
    declared = tool.get(kind) if kind in ("function", "custom") else None
    if not isinstance(declared, dict) or not isinstance(declared.get("name"), str):
        path = f"tools[{place}].function"
        raise history.invalid(f"{path} must be a function with a name.", path)
    made = {"type": kind, **{name: value for name, value in declared.items() if value is not None}}
    if kind == "function":
        # Left out, strict would be on, where chat completions have it off.
        made.setdefault("strict", False)
        made["parameters"] = whole(made.get("parameters") or {})
    elif isinstance(form := made.get("format"), dict) and isinstance(form.get("grammar"), dict):
        made["format"] = {"type": "grammar", **form["grammar"]}
    return made


def _input(messages: list[Any]) -> list[Json]:
    items: list[Json] = []
    custom: set[str] = set()
    fitted = history.results_follow(history.with_ids(messages, history.short_id))
    for path, message in fitted:
        role = message.get("role")
        if role == "assistant":
            items += _assistant(message, path)
            calls = message.get("tool_calls") or ()
            custom |= {call["id"] for call in calls if isinstance(call.get("custom"), dict)}
        elif role == "tool":
            items.append(_result(message, path, custom))
        else:
            parts = history.parts_of(message.get("content"), f"{path}.content")
            content = [_part(part, where) for where, part in parts]
            if content:
                word = "developer" if role == "system" else role
                items.append({"type": "message", "role": word, "content": content})
    # Of a list without items it says that the input is missing; chat completions take an empty
    # message.
    return _led_on(items) or [{"type": "message", "role": "user", "content": ""}]


def _led_on(items: list[Json]) -> list[Json]:
    """Return the items without thoughts that led to nothing, which OpenAI refuses.

    "Item 'rs_…' of type 'reasoning' was provided without its required following item" (400,
    github.com/continuedev/continue/issues/8933, 2025-11).
    """
    kept: list[Json] = []
    after: Json = {"role": "user"}
    for item in reversed(items):
        others = item["type"] != "reasoning"
        if others or (after.get("role", "assistant") == "assistant" and not _answers(after)):
            kept.append(item)
            after = item
    return kept[::-1]


def _answers(item: Json) -> bool:
    return str(item.get("type")).endswith("_output")


def _in_order(message: Json, whole: list[Any]) -> list[Json]:
    """Return a turn as Anthropic's clients wrote it: thoughts before what they led to."""
    calls = iter(message.get("tool_calls") or ())
    items: list[Json] = []
    for block in whole:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "tool_use":
            items += map(_call, islice(calls, 1))
        elif kind == "text" and str(block.get("text")).strip():
            items.append({"type": "message", "role": "assistant", "content": block["text"]})
        elif kind is not None:
            items += _thoughts({"thinking_blocks": [block]})
    return [*items, *map(_call, calls)]


def _assistant(message: Json, path: str) -> list[Json]:
    if isinstance(whole := message.get(anthropic_native.CONTENT), list):
        return _in_order(message, whole)
    items = [*_thoughts(message), *openai_native.items(message)]
    text = message.get("content") or message.get("refusal")
    said = history.said_of(text, f"{path}.content") if text else ""
    if said.strip():
        phase = message.get(openai_native.PHASE)
        told = {"type": "message", "role": "assistant", "content": said}
        items.append({**told, "phase": phase} if isinstance(phase, str) else told)
    calls = message.get("tool_calls") or ()
    return [*items, *(_call(call) for call in calls)]


def _thoughts(message: Json) -> list[Json]:
    """Return the thoughts that OpenAI sealed itself; those of others mean nothing to it."""
    items = []
    for mark in history.marks_of(message):
        if mark.startswith(history.OPENAI_PARCEL):
            own_id, _, parcel = mark.removeprefix(history.OPENAI_PARCEL).partition(".")
            items.append(
                {"type": "reasoning", "id": own_id, "summary": [], "encrypted_content": parcel}
            )
    return items


def _call(call: Json) -> Json:
    custom = call.get("custom")
    if isinstance(custom, dict):
        named = {"name": custom.get("name", ""), "input": custom.get("input", "")}
        return {"type": "custom_tool_call", "call_id": call["id"], **named}
    return {
        "type": "function_call",
        "call_id": call["id"],
        "name": call.get("function", {}).get("name", ""),
        "arguments": msgspec.json.encode(history.arguments_of(call)).decode(),
    }


def _result(message: Json, path: str, custom: set[str]) -> Json:
    call_id = message["tool_call_id"]
    kind = "custom_tool_call_output" if call_id in custom else "function_call_output"
    told: Any
    told, shown = history.result_of(message, path)
    if shown:
        # Here results are more than text: each part as it is, in its place.
        given = history.parts_of(message.get("content"), f"{path}.content")
        told = [_part(part, where) for where, part in given]
        if message.get("is_error"):
            told.insert(0, {"type": "input_text", "text": "Error:"})
    return {"type": kind, "call_id": call_id, "output": told}


def _file(given: Json) -> Json:
    if history.is_fetched(given):
        # A name is for what is sent along.
        return {"file_url": given["file_data"]}
    names, file = ("filename", "file_data", "file_id"), history.attached(given)
    return {name: file[name] for name in names if name in file}


def _part(part: Json, path: str) -> Json:
    kind = part.get("type")
    if kind == "text":
        return {"type": "input_text", "text": part["text"]}
    if kind == "image_url":
        given = part.get("image_url")
        image = given if isinstance(given, dict) else {"url": given}
        detail = image.get("detail") or "auto"
        return {"type": "input_image", "image_url": image.get("url"), "detail": detail}
    if kind == "file" and isinstance(part.get("file"), dict):
        if isinstance(seen := part.get(openai_native.IMAGE), dict):
            stored = {"file_id": part["file"].get("file_id")}
            return {"type": "input_image", **stored, "detail": seen.get("detail") or "auto"}
        return {"type": "input_file", **_file(part["file"])}
    raise RoutorError(
        Kind.UNSUPPORTED_PARAMETER,
        f"{path}.type: {str(kind)[:32]!r} cannot go together with tools and reasoning at OpenAI.",
        param=f"{path}.type",
    )
