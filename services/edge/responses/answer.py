"""OpenAI's chat answer as a response object.

Source: openai 3.54.0, types/responses/response.py and the items it names (2026-11-23).
"""

from typing import Any

import msgspec
from msgspec import Struct

from services.edge.responses import sealed
from services.edge.responses.request import View

Json = dict[str, Any]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Function(Struct, frozen=True):
    """A function with its arguments, JSON in a string."""

    name: str = ""
    arguments: str = ""


class Custom(Struct, frozen=True):
    """A custom tool with its input."""

    name: str = ""
    input: str = ""


class Call(Struct, frozen=True):
    """A complete tool call."""

    id: str = ""
    function: Function | None = None
    custom: Custom | None = None


class Said(Struct, frozen=True):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[Json] | None = None
    tool_calls: list[Call] | None = None
    annotations: list[Json] | None = None


class Logprobs(Struct, frozen=True):
    """Log probabilities of the text."""

    content: list[Json] | None = None


class _InputDetails(Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct, frozen=True):
    reasoning_tokens: int | None = None


class Usage(Struct, frozen=True):
    """OpenAI's counters of chat completions."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None

    def json(self) -> Json:
        """Return the counters by their names in responses."""
        read = self.prompt_tokens_details or _InputDetails()
        wrote = self.completion_tokens_details or _OutputDetails()
        return {
            "input_tokens": self.prompt_tokens,
            "input_tokens_details": {
                "cached_tokens": read.cached_tokens or 0,
                "cache_write_tokens": read.cache_write_tokens or 0,
            },
            "output_tokens": self.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": wrote.reasoning_tokens or 0},
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


class _Choice(Struct, frozen=True):
    message: Said = Said()
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Completion(Struct, frozen=True):
    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[_Choice] = []
    usage: Usage | None = None
    service_tier: str | None = None


_completion = msgspec.json.Decoder(_Completion)


def encode(body: bytes, routor: bytes, view: View) -> bytes:
    """Return the response object of a chat completion."""
    completion = _completion.decode(body)
    choice = completion.choices[0]
    own = own_id(completion.id)
    ending = end(choice.finish_reason)
    logprobs = (choice.logprobs.content if choice.logprobs else None) or []
    response = {
        **head(own, completion.model, completion.created, view),
        **ending,
        "output": _items(choice.message, own, view, logprobs, ending["status"]),
        "usage": (completion.usage or Usage()).json(),
        "service_tier": completion.service_tier,
        "routor": msgspec.Raw(routor),
    }
    if ending["status"] == "completed":
        response["completed_at"] = completion.created
    return msgspec.json.encode(response)


def own_id(completion_id: str) -> str:
    """Return an id without its vendor's prefix."""
    return completion_id.removeprefix("chatcmpl-").removeprefix("resp_")


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
        "metadata": request.metadata or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **(echo["reasoning"] or {})},
        "store": False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": {"type": "text"}, **(echo["text"] or {})},
        "tool_choice": echo["tool_choice"] or "auto",
        "tools": echo["tools"] or [],
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
    flat = [_annotation(one) for one in annotations]
    return {"type": "output_text", "text": text, "annotations": flat, "logprobs": logprobs}


def refusal_part(text: str) -> Json:
    """Return a refusal."""
    return {"type": "refusal", "refusal": text}


def message(item_id: str, content: list[Json], status: str) -> Json:
    """Return what the model said, as an item."""
    return {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def call(own: str, place: int, made: Call) -> Json:
    """Return a call, as a finished item."""
    if made.custom is not None:
        return {
            "id": f"ctc_{own}_{place}",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": made.id,
            "name": made.custom.name,
            "input": made.custom.input,
        }
    function = made.function or Function()
    return {
        "id": f"fc_{own}_{place}",
        "type": "function_call",
        "status": "completed",
        "call_id": made.id,
        "name": function.name,
        "arguments": function.arguments or "{}",
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


def _items(said: Said, own: str, view: View, logprobs: list[Json], status: str) -> list[Json]:
    items: list[Json] = []
    if thought(said, view):
        items.append(reasoning(f"rs_{own}", said, view))
    content: list[Json] = []
    if said.content:
        content.append(text_part(said.content, said.annotations or [], logprobs))
    if said.refusal:
        content.append(refusal_part(said.refusal))
    if content or not said.tool_calls:
        parts = content or [text_part("", [], [])]
        items.append(message(f"msg_{own}", parts, status))
    return [*items, *(call(own, place, made) for place, made in enumerate(said.tool_calls or ()))]


def _annotation(given: Json) -> Json:
    """Return a citation as responses have it: flat."""
    inner = given.get(str(given.get("type")))
    return {"type": given.get("type"), **inner} if isinstance(inner, dict) else given
