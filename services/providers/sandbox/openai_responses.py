"""OpenAI's Responses as OpenAI and Azure answer it. Pure.

A request is read as the chat request it stands for, so that both doors of the sandbox say the
same; fields: openai 3.54.0, types/responses/response_create_params.py (2026-11-23).
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.providers.sandbox import openai_chat
from services.providers.sandbox.answer import Said, answer
from services.providers.sandbox.errors import Trouble, names
from services.providers.sandbox.frames import Frame, pieces
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]

_FIELDS = names(
    "background context_management conversation include input instructions max_output_tokens "
    "max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier "
    "service_tier store stream stream_options temperature text tool_choice tools top_logprobs "
    "top_p truncation user"
)
_ITEMS = names(
    "message reasoning function_call function_call_output custom_tool_call custom_tool_call_output "
    "apply_patch_call apply_patch_call_output code_interpreter_call compaction computer_call "
    "computer_call_output file_search_call image_generation_call local_shell_call "
    "local_shell_call_output mcp_approval_request mcp_approval_response mcp_call mcp_list_tools "
    "shell_call shell_call_output web_search_call"
)
_DECLARED = ("function", "custom")
_SEALED = "sealed-by-the-sandbox"


def check(body: Json) -> None:
    """Raise Trouble for what OpenAI refuses in this request."""
    for field in body.keys() - _FIELDS:
        raise Trouble("invalid", f"Unknown parameter: '{field}'.", field, "unknown_parameter")
    given = body.get("input")
    if not isinstance(given, str | list) or not given:
        raise Trouble("invalid", "Missing required parameter: 'input'.", param="input")
    called: set[str] = set()
    for number, item in enumerate(given if isinstance(given, list) else ()):
        called |= _item(item, f"input[{number}]", called)
    for number, tool in enumerate(body.get("tools") or ()):
        if "function" in tool or (tool.get("type") in _DECLARED and not tool.get("name")):
            field = f"tools[{number}].name"
            raise Trouble("invalid", f"Missing required parameter: '{field}'.", param=field)
    if (body.get("max_output_tokens") or 16) < 16:
        text = "Invalid 'max_output_tokens': must be at least 16."
        raise Trouble("invalid", text, param="max_output_tokens")


def _item(item: Json, where: str, called: set[str]) -> set[str]:
    kind = item.get("type", "message")
    if kind not in _ITEMS:
        raise Trouble("invalid", f"Invalid value: '{kind}'.", param=f"{where}.type")
    if kind == "reasoning" and not str(item.get("encrypted_content", "")).startswith(_SEALED):
        text = "The encrypted content could not be verified."
        raise Trouble("invalid", text, param=where, code="invalid_encrypted_content")
    if kind == "function_call_output" and item.get("call_id") not in called:
        text = f"No tool call found for function call output with call_id {item.get('call_id')}."
        raise Trouble("invalid", text, param="input")
    return {str(item["call_id"])} if kind == "function_call" else set()


def chat(body: Json) -> Json:
    """Return the chat request that this one stands for."""
    form = (body.get("text") or {}).get("format") or {"type": "text"}
    shape = {key: value for key, value in form.items() if key != "type"}
    wanted = {"type": form["type"], **({"json_schema": shape} if shape else {})}
    declared = [tool for tool in body.get("tools") or () if tool.get("type") in _DECLARED]
    tools = [{"type": "function", "function": tool} for tool in declared]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        choice = {"type": "function", "function": {"name": choice.get("name", "")}}
    return {
        "model": body["model"],
        "messages": _messages(body),
        "tools": tools,
        "tool_choice": choice,
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "response_format": wanted,
        "max_completion_tokens": body.get("max_output_tokens"),
        "reasoning_effort": (body.get("reasoning") or {}).get("effort"),
    }


def _messages(body: Json) -> list[Json]:
    messages: list[Json] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    given = body["input"]
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    for item in given:
        kind = item.get("type", "message")
        if kind == "message":
            messages.append({"role": item["role"], "content": item["content"]})
        elif kind == "function_call":
            call = {"id": item["call_id"], "function": {"name": item["name"]}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            told = {"tool_call_id": item["call_id"], "content": item["output"]}
            messages.append({"role": "tool", **told})
    return messages


def whole(vendor: Vendor, body: Json) -> bytes:
    """Return the JSON answer."""
    said, head = _said(vendor, body)
    return msgspec.json.encode(_ended(head, said, list(_items(said, body))))


def stream(vendor: Vendor, body: Json) -> Iterator[Frame]:
    """Yield the named events from response.created to response.completed."""
    said, head = _said(vendor, body)
    items = list(_items(said, body))
    begun = ("response.created", "response.in_progress")
    told: list[tuple[str, Json, bool]] = [(kind, {"response": head}, False) for kind in begun]
    for index, item in enumerate(items):
        told += [(kind, event, False) for kind, event in _told(index, item)]
    ended = _ended(head, said, items)
    told.append((f"response.{ended['status']}", {"response": ended}, True))
    for number, (kind, event, ending) in enumerate(told):
        data = msgspec.json.encode({"type": kind, "sequence_number": number, **event})
        yield Frame(f"event: {kind}\ndata: ".encode() + data + b"\n\n", ending)


def _said(vendor: Vendor, body: Json) -> tuple[Said, Json]:
    ask = openai_chat.read(vendor, chat(body))
    head: Json = {
        "id": f"resp_{ask.digest[:24]}",
        "object": "response",
        "created_at": openai_chat.CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": ask.model,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
    }
    return answer(ask), head


def _items(said: Said, body: Json) -> Iterator[Json]:
    if said.reasoning:
        sealed = {"encrypted_content": f"{_SEALED}-{len(said.reasoning)}"}
        told = [{"type": "summary_text", "text": said.reasoning}]
        asked = (body.get("reasoning") or {}).get("summary")
        yield {"id": "rs_1", "type": "reasoning", "summary": told if asked else [], **sealed}
    text = said.texts[0] if said.texts else ""
    if text or not said.calls:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
        yield {**message, "content": [part]}
    for call in said.calls:
        own = {"id": f"fc_{call.id[:24]}", "call_id": f"call_{call.id[:24]}"}
        given = {"name": call.name, "arguments": call.text, "status": "completed"}
        yield {"type": "function_call", **own, **given}


def _told(index: int, item: Json) -> Iterator[tuple[str, Json]]:
    at = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress"} if "status" in item else dict(item)
    if item["type"] == "message":
        begun["content"] = []
    elif item["type"] == "function_call":
        begun["arguments"] = ""
    else:
        begun["summary"] = []
    yield "response.output_item.added", {"output_index": index, "item": begun}
    if item["type"] == "message":
        yield from _text(at, item["content"][0])
    elif item["type"] == "reasoning":
        for number, part in enumerate(item["summary"]):
            yield from _summary({**at, "summary_index": number}, part)
    elif item["type"] == "function_call":
        kind = "response.function_call_arguments"
        for piece in pieces(item["arguments"]):
            yield f"{kind}.delta", {**at, "delta": piece}
        yield f"{kind}.done", {**at, "arguments": item["arguments"], "name": item["name"]}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _summary(at: Json, part: Json) -> Iterator[tuple[str, Json]]:
    kind = "response.reasoning_summary"
    yield f"{kind}_part.added", {**at, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield f"{kind}_text.delta", {**at, "delta": piece}
    yield f"{kind}_text.done", {**at, "text": part["text"]}
    yield f"{kind}_part.done", {**at, "part": part}


def _text(at: Json, part: Json) -> Iterator[tuple[str, Json]]:
    place = {**at, "content_index": 0}
    yield "response.content_part.added", {**place, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": part["text"], "logprobs": []}
    yield "response.content_part.done", {**place, "part": part}


def _ended(head: Json, said: Said, items: list[Json]) -> Json:
    short = said.ending == "length"
    usage = {
        "input_tokens": said.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": min(said.cached_tokens, said.prompt_tokens),
            "cache_write_tokens": 0,
        },
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
        "total_tokens": said.prompt_tokens + said.output_tokens,
    }
    return {
        **head,
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "output": items,
        "usage": usage,
    }
