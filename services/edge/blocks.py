"""Anthropic's blocks in messages of OpenAI's format: what other gateways take, too. Pure.

Clients that were written for Claude send images and documents by their source, and thoughts, calls
and results as parts of a content (github.com/BerriAI/litellm/issues/25669, 2026-04). A conversation
that has some is told anew in OpenAI's own words.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from services.edge import document, schema
from services.edge.spelling import Place

Json = dict[str, Any]
Told = tuple[Any, Place]

_SHOWN = ("image", "document")
# By the role of who says them.
_KINDS = {
    "user": (*_SHOWN, "tool_result"),
    "tool": _SHOWN,
    "assistant": ("thinking", "redacted_thinking", "tool_use"),
}


class Source(Struct):
    """Where an image or a document is: in the request, as base64 or as text, or on the web."""

    type: str
    media_type: str = "text/plain"
    data: str = ""
    url: str = ""


class Shown(Struct):
    """An image or a document."""

    source: Source
    title: str | None = None
    cache_control: Any = None


class Use(Struct):
    """A call."""

    id: schema.CallId
    name: schema.Word
    input: Json


class Result(Struct):
    """What a tool answered."""

    tool_use_id: schema.CallId
    content: str | list[Json] | None = None
    is_error: bool | None = None
    cache_control: Any = None


def spoken(messages: object) -> bool:
    """Tell whether a conversation has such blocks."""
    return isinstance(messages, list) and any(map(_has_blocks, messages))


def retell(messages: list[Any]) -> tuple[list[Any], list[Place]]:
    """Return the conversation without them, and where its messages stand in the one given.

    Raises INVALID_REQUEST naming what is faulty in a block. All else is left to who checks types.
    """
    told: list[Told] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        if not _has_blocks(message):
            told.append((message, _place(message, path)))
        elif message["role"] == "assistant":
            told.append(_turn(message, path))
        else:
            told += _said(message, path)
    return [message for message, _ in told], [place for _, place in told]


def _has_blocks(message: object) -> bool:
    return isinstance(message, dict) and any(_kind(part, message) for part in _parts(message))


def _parts(message: object) -> list[Any]:
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, list) else []


def _kind(part: object, message: Json) -> str:
    """Return what block a part is; "" for a part of OpenAI's."""
    role, kind = message.get("role"), part.get("type") if isinstance(part, dict) else None
    known = _KINDS.get(role, ()) if isinstance(role, str) else ()
    return kind if isinstance(kind, str) and kind in known else ""


def _place(message: object, path: str) -> Place:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    parts = [f"{path}.content[{number}]" for number in range(len(_parts(message)))]
    made = range(len(calls) if isinstance(calls, list) else 0)
    return Place(path, f"{path}.content", parts, [f"{path}.tool_calls[{at}]" for at in made])


def _said(message: Json, path: str) -> Iterator[Told]:
    """Give the results of tools, each a message, then what else is said."""
    parts: list[Any] = []
    place = Place(path, f"{path}.content", [], [])
    for number, part in enumerate(message["content"]):
        where = f"{place.content}[{number}]"
        kind = _kind(part, message)
        if kind == "tool_result":
            yield _result(document.within(part, Result, where), where)
        else:
            parts.append(_shown(part, kind, where) if kind else part)
            place.parts.append(where)
    if parts:
        yield {**message, "content": parts}, place


def _result(block: Result, path: str) -> Told:
    given = block.content if isinstance(block.content, list) else []
    inner = {"role": "tool", "content": given}
    kinds = [_kind(part, inner) for part in given]
    paths = [f"{path}.content[{number}]" for number in range(len(given))]
    parts = [
        _shown(part, kind, where) if kind else part
        for part, kind, where in zip(given, kinds, paths, strict=True)
    ]
    content = block.content if isinstance(block.content, str) else parts or ""
    message: Json = {"role": "tool", "tool_call_id": block.tool_use_id, "content": content}
    if block.is_error:
        message["is_error"] = True
    return _marked(message, block.cache_control), Place(path, f"{path}.content", paths, [])


def _turn(message: Json, path: str) -> Told:
    """Return a turn of the model with its calls and thoughts beside what it says."""
    given = _place(message, path)
    place = given._replace(parts=[])
    calls = list(message.get("tool_calls") or ())
    # Some clients say both of the same call.
    known = {call.get("id") for call in calls if isinstance(call, dict)}
    parts, blocks = [], []
    for part, where in zip(message["content"], given.parts, strict=True):
        kind = _kind(part, message)
        if kind == "tool_use":
            if (use := document.within(part, Use, where)).id not in known:
                calls.append(_call(use))
                place.calls.append(where)
        elif kind:
            blocks.append(part)
        else:
            parts.append(part)
            place.parts.append(where)
    told = {**message, "content": parts or None, **({"tool_calls": calls} if calls else {})}
    return {**_thoughts(blocks), **{name: told[name] for name in told if told[name]}}, place


def _call(block: Use) -> Json:
    arguments = msgspec.json.encode(block.input).decode()
    function = {"name": block.name, "arguments": arguments}
    return {"id": block.id, "type": "function", "function": function}


def _thoughts(blocks: list[Json]) -> Json:
    """Return what is signed as it is, and other thoughts as text."""
    signed = [one for one in blocks if one.get("signature") or one.get("data")]
    others = [one.get("thinking") for one in blocks if one not in signed]
    text = "\n".join(one for one in others if isinstance(one, str))
    made: Json = {"thinking_blocks": signed} if signed else {}
    return {**made, "reasoning_content": text} if text else made


def _shown(part: Json, kind: str, path: str) -> Json:
    """Return an image or a document as a part of OpenAI's."""
    block = document.within(part, Shown, path)
    source = block.source
    if source.type not in ("base64", "url", *(("text",) if kind == "document" else ())):
        raise document.invalid(f"{path}.source.type", "must be base64 or url")
    url = source.url or f"data:{source.media_type};base64,{source.data}"
    made: Json = {"type": "image_url", "image_url": {"url": url}}
    if source.type == "text":
        made = {"type": "text", "text": source.data}
    elif kind == "document":
        file = {"file_data": url, "filename": block.title or "document.pdf"}
        made = {"type": "file", "file": file}
    return _marked(made, block.cache_control)


def _marked(told: Json, mark: Any) -> Json:
    """Return a message or a part with the mark of a cache that its block had."""
    return told if mark is None else {**told, "cache_control": mark}
