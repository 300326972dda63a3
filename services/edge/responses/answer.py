"""OpenAI's chat answer as a response object.

Source: openai 3.54.0, types/responses/response.py and the items it names (2026-11-23).
"""

from typing import Any

import msgspec

from services.edge import completion
from services.edge.completion import Call, Choice, Said, Usage
from services.edge.responses import sealed
from services.edge.responses.request import View

Json = dict[str, Any]

# How a request was served whose model does not tell.
SERVED = "default"
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def encode(body: bytes, routor: bytes, view: View) -> bytes:
    """Return the response object of a chat completion."""
    whole = completion.read(body)
    choice = whole.choices[0]
    own = whole.bare_id
    ending = end(choice.finish_reason)
    response = {
        **head(own, whole.model, whole.created, view),
        **ending,
        "output": _items(choice.message, own, view, probable(choice), ending["status"]),
        "usage": counters(whole.usage or Usage()),
        "service_tier": whole.service_tier or SERVED,
        "routor": msgspec.Raw(routor),
    }
    if ending["status"] == "completed":
        response["completed_at"] = whole.created
    return msgspec.json.encode(response)


def counters(usage: Usage) -> Json:
    """Return the counters by their names in responses."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_written,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def head(own: str, model: str, created: int, view: View) -> Json:
    """Return what every response says, finished or not."""
    request, echo = view.request, view.echo
    return {
        "id": f"resp_{own}",
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {"effort": None, "summary": None, **(echo["reasoning"] or {})},
        "safety_identifier": request.safety_identifier,
        "service_tier": request.service_tier or "auto",
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": {"type": "text"}, **(echo["text"] or {})},
        "tool_choice": echo["tool_choice"] or "auto",
        "tools": echo["tools"] or [],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": request.truncation or "disabled",
        "usage": None,
        "user": request.user,
    }


def end(finish_reason: str | None) -> Json:
    """Return how a response ended."""
    reason = _INCOMPLETE.get(finish_reason or "")
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def text_part(text: str, annotations: list[Json], logprobs: list[Json]) -> Json:
    """Return the text of a message."""
    flat = [annotation(one) for one in annotations]
    return {"type": "output_text", "text": text, "annotations": flat, "logprobs": logprobs}


def refusal_part(text: str) -> Json:
    """Return a refusal."""
    return {"type": "refusal", "refusal": text}


def message(item_id: str, content: list[Json], status: str, phase: str | None = None) -> Json:
    """Return what the model said, as an item."""
    return {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
        **({"phase": phase} if phase else {}),
    }


def call(own: str, place: int, made: Call, view: View) -> Json:
    """Return a call, as a finished item."""
    known = made.custom.name if made.custom is not None else made.called.name
    space, name = view.namespaces.get(known, ("", known))
    spaced = {"namespace": space} if space else {}
    if made.custom is not None:
        return {
            "id": f"ctc_{own}_{place}",
            "type": "custom_tool_call",
            # OpenAI's API tells it, though the package's type lacks it.
            "status": "completed",
            "call_id": made.id,
            "name": name,
            **spaced,
            "input": made.custom.input,
        }
    return {
        "id": f"fc_{own}_{place}",
        "type": "function_call",
        "status": "completed",
        "call_id": made.id,
        "name": name,
        **spaced,
        "arguments": made.called.arguments or "{}",
    }


def reasoning(item_id: str, said: Said, view: View) -> Json:
    """Return the model's thoughts, as an item; told and sealed as the caller asked."""
    told = said.reasoning_content if view.thoughts else None
    item: Json = {
        "id": item_id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": told}] if told else [],
    }
    if view.sealed:
        thoughts = {name: value for name in sealed.NAMES if (value := getattr(said, name))}
        item["encrypted_content"] = sealed.seal(thoughts)
    return item


def thought(said: Said, view: View) -> bool:
    """Tell whether there are thoughts, and the caller wants any of them."""
    there = bool(said.reasoning_content or said.thinking_blocks)
    return there and (view.sealed or (view.thoughts and bool(said.reasoning_content)))


def probable(choice: Choice) -> list[Json]:
    """Return log probabilities by Responses' type: bytes of every token, which chat may lack."""
    told = []
    for one in choice.probabilities:
        most = [_in_bytes(other) for other in one.get("top_logprobs") or ()]
        told.append({**_in_bytes(one), "top_logprobs": most})
    return told


def _in_bytes(token: Json) -> Json:
    if token.get("bytes") is not None:
        return token
    return {**token, "bytes": list(str(token.get("token") or "").encode())}


def _items(said: Said, own: str, view: View, logprobs: list[Json], status: str) -> list[Json]:
    """Return all items: in OpenAI's order where it is told, else thoughts, words and calls."""
    items: list[Json] = []
    for piece in said.openai_output or [said]:
        items += _piece(piece, own, len(items), view, logprobs)
    if not items:
        items.append(message(f"msg_{own}_0", [text_part("", [], [])], status))
    elif items[-1]["type"] == "message":
        items[-1]["status"] = status
    return items


def _piece(said: Said, own: str, place: int, view: View, logprobs: list[Json]) -> list[Json]:
    """Return the items of what was said, of which the first has a place among others."""
    if said.item is not None:
        return [said.item]
    items: list[Json] = []
    if thought(said, view):
        items.append(reasoning(f"rs_{own}_{place}", said, view))
    content: list[Json] = []
    if said.content:
        content.append(text_part(said.content, said.annotations or [], logprobs))
    if said.refusal:
        content.append(refusal_part(said.refusal))
    if content:
        name = f"msg_{own}_{place + len(items)}"
        items.append(message(name, content, "completed", said.phase))
    first = place + len(items)
    made = enumerate(said.tool_calls or (), first)
    return [*items, *(call(own, number, one, view) for number, one in made)]


def annotation(given: Json) -> Json:
    """Return a citation as responses have it: flat."""
    inner = given.get(str(given.get("type")))
    return {"type": given.get("type"), **inner} if isinstance(inner, dict) else given
