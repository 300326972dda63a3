"""OpenAI's response object as a chat answer: what whole answers and streams share.

Shapes: openai 3.54.0, types/responses/response.py and its items (2026-11-23).
"""

from typing import Any

from services.providers.dialects import (
    completion,
    faults,
    history,
    openai_answer,
    openai_native,
    typed,
)
from services.providers.dialects.completion import Call, Turn, count
from services.providers.dialects.contract import Answer, Json, Target, Usage

# Stands between two parts of a summary.
PARAGRAPH = "\n\n"
CALLS = ("function_call", "custom_tool_call")
_OURS = ("message", "reasoning", *CALLS)


def decode(content: bytes, target: Target) -> Answer:
    """Translate a whole answer; raises RoutorError for an error or nonsense inside it."""
    body = openai_answer.parsed(content, target)
    if not isinstance(body.get("output"), list):
        raise faults.bad_answer(target, "JSON that is not a response")
    reason = finish_reason(body, target)
    turn, output = Turn(), _distinct(typed.rows(body, "output"), target)
    for item in output:
        gather(turn, item, target)
    if target.items and not target.edits:
        turn.own[openai_native.OUTPUT] = [_alone(item, target) for item in _told(output, target)]
    choice = completion.choice(0, turn, reason)
    return completion.answer(target, head(body), [choice], usage_of(body), content)


def _distinct(output: list[Any], target: Target) -> list[Any]:
    """Return the items, each call by an id of its own wherever it is told."""
    taken = set(target.calls)
    return [
        {**item, "call_id": completion.distinct(item["call_id"], taken, target)}
        if isinstance(item, dict) and isinstance(item.get("call_id"), str) and not hosted(item)
        else item
        for item in output
    ]


def head(body: Json) -> Json:
    """Return what OpenAI says of the answer as a whole."""
    return {
        "id": body.get("id"),
        "created": body.get("created_at"),
        "service_tier": body.get("service_tier"),
    }


def finish_reason(body: Json, target: Target) -> str:
    """Return OpenAI's chat word; raises RoutorError for a response that did not finish."""
    status = typed.text(body, "status")
    if status == "incomplete":
        details = body.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return "content_filter" if reason == "content_filter" else "length"
    if status in ("failed", "cancelled", "in_progress", "queued"):
        raise faults.bad_answer(target, f"a response that is {status}")
    return "stop"


def gather(turn: Turn, item: Any, target: Target) -> None:
    """Add an output item to the turn, unless it is of OpenAI's own tools."""
    if not isinstance(item, dict):
        raise faults.bad_answer(target, "an output item that is not an object")
    kind = typed.text(item, "type")
    if kind == "message":
        for part in typed.tables(item, "content"):
            _said(turn, part)
    elif kind in CALLS:
        turn.calls.append(call(item, target))
    elif kind == "reasoning":
        turn.reasoning += thoughts(item)
        turn.thinking_blocks += sealed(item)


def _told(output: list[Any], target: Target) -> list[Any]:
    """Return the items that the caller gets: of calls the first, where it wants one at a time."""
    calls = [item for item in output if item.get("type") in CALLS]
    beyond = calls[1:] if target.one_call else []
    return [item for item in output if not any(item is one for one in beyond)]


def _alone(item: Json, target: Target) -> Json:
    """Return what one item says, as a message; what OpenAI's own tools did stays as it is."""
    if hosted(item):
        return {"item": item}
    turn = Turn()
    gather(turn, item, target)
    phase = item.get("phase")
    return {**turn.piece(target), openai_native.PHASE: phase if isinstance(phase, str) else None}


def hosted(item: Any) -> bool:
    """Tell whether an item is of a tool of OpenAI's own."""
    kind = item.get("type") if isinstance(item, dict) else None
    return isinstance(kind, str) and kind not in _OURS


def _said(turn: Turn, part: Json) -> None:
    if text := typed.text(part, "text"):
        before = sum(map(len, turn.text))
        cited = [one for one in openai_answer.rows(part, "annotations") if isinstance(one, dict)]
        if cited:
            told = [annotation(one, before) for one in cited]
            turn.own.setdefault("annotations", []).extend(told)
        turn.text.append(text)
    elif refusal := typed.text(part, "refusal"):
        turn.refusal.append(refusal)


def annotation(given: Json, before: int = 0) -> Json:
    """Return a citation, by so many characters further on; chat nests that of an address."""
    places = {
        name: given[name] + before
        for name in ("start_index", "end_index")
        if isinstance(given.get(name), int)
    }
    moved = {**given, **places}
    if given.get("type") != "url_citation":
        return moved
    return {"type": moved.pop("type"), "url_citation": moved}


def call(item: Json, target: Target) -> Call:
    """Return the call of a finished item."""
    own = item.get("call_id") or item.get("id")
    if not isinstance(own, str) or not isinstance(item.get("name"), str):
        raise faults.bad_answer(target, "a tool call without id or name")
    if item.get("type") == "custom_tool_call":
        return Call(own, item["name"], typed.text(item, "input"), custom=True)
    cut = item.get("status") == "incomplete"
    name = item["name"]
    return Call(own, name, completion.arguments(item.get("arguments"), name, target, cut=cut))


def thoughts(item: Json) -> list[str]:
    """Return what a reasoning item tells of its thoughts; parts of a summary are paragraphs."""
    summary = _texts(item, "summary")
    return [*([PARAGRAPH.join(summary)] if summary else ()), *_texts(item, "content")]


def _texts(item: Json, name: str) -> list[str]:
    pieces = (one for one in openai_answer.rows(item, name) if isinstance(one, dict))
    texts = (piece.get("text") for piece in pieces)
    return [text for text in texts if isinstance(text, str) and text]


def sealed(item: Json) -> list[Json]:
    """Return the thoughts that have to come back, in a form that every client returns.

    It is Anthropic's: signed where they can be read, else for the provider alone.
    """
    parcel = item.get("encrypted_content")
    if not isinstance(parcel, str) or not parcel:
        return []
    own = f"{history.OPENAI_PARCEL}{item.get('id') or ''}.{parcel}"
    if told := PARAGRAPH.join(thoughts(item)):
        return [{"type": "thinking", "thinking": told, "signature": own}]
    return [{"type": "redacted_thinking", "data": own}]


def usage_of(body: Json) -> Usage:
    """Return the counters of a response."""
    told = body.get("usage")
    counters = told if isinstance(told, dict) else {}
    read, wrote = counters.get("input_tokens_details"), counters.get("output_tokens_details")
    return Usage(
        input_tokens=count(counters.get("input_tokens")),
        output_tokens=count(counters.get("output_tokens")),
        cached_input_tokens=count(read.get("cached_tokens")) if isinstance(read, dict) else 0,
        cache_write_tokens=count(read.get("cache_write_tokens")) if isinstance(read, dict) else 0,
        runs=_runs(body),
        reasoning_tokens=count(wrote.get("reasoning_tokens")) if isinstance(wrote, dict) else 0,
    )


def _runs(body: Json) -> Json:
    """Return how often the tools ran that OpenAI bills by the call.

    Searches are told as they are billed, where they are told (openai 3.54.0,
    types/responses/response.py, `tool_usage`, 2026-11-29); else they are counted.
    """
    items = openai_answer.rows(body, "output")
    told = body.get("tool_usage")
    web = told.get("web_search") if isinstance(told, dict) else None
    billed = web.get("num_requests") if isinstance(web, dict) else None
    searches = sum(map(_searched, items)) if billed is None else count(billed)
    kinds = [item.get("type") for item in items if isinstance(item, dict)]
    return {"web_search": searches, "file_search": kinds.count("file_search_call")}


def _searched(item: Any) -> bool:
    """Tell whether an item is a search of the web; to open what was found is free."""
    if not isinstance(item, dict) or item.get("type") != "web_search_call":
        return False
    action = item.get("action")
    return not isinstance(action, dict) or action.get("type") == "search"
