"""Anthropic's answers: what whole messages and streams share.

Shapes: anthropic 2.12.0, types/message.py, usage.py, stop_reason.py (2026-11-23).
"""

from typing import Any

import msgspec

from services.providers.dialects import completion, faults, halves, members, typed
from services.providers.dialects.anthropic_native import CONTENT, ENDING
from services.providers.dialects.beside import citation
from services.providers.dialects.completion import Call, Turn, count
from services.providers.dialects.contract import Answer, Json, Target, Usage
from services.providers.dialects.openai_native import OUTPUT as PIECES

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "pause_turn": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
# Told beside "length": where they are known, there is something to do about them.
_OWN_ENDINGS = ("pause_turn", "model_context_window_exceeded")
# Counters that OpenAI's shape has no place for.
_COUNTED = ("cache_creation", "inference_geo", "server_tool_use", "service_tier", "speed")
# What OpenAI's shape has a place for, as it follows there.
_ORDER = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}


def decode(content: bytes, target: Target) -> Answer:
    """Translate a whole message; raises RoutorError for an error or nonsense inside it."""
    body = parsed(content, target)
    if body.get("type") != "message" or not isinstance(body.get("content"), list):
        raise faults.bad_answer(target, "JSON that is not a message")
    blocks = typed.tables(body, "content")
    turn = Turn()
    reason = finish_reason(body.get("stop_reason"))
    for block in blocks:
        _gather(turn, block, target, reason)
    if not (target.items or any(turn.text)) and (why := refusal(body)):
        turn.refusal.append(why)
    usage = usage_of(body.get("usage"))
    choice = completion.choice(0, turn, reason, stopped_at=stopped_at(body))
    mixed = _mixed(blocks) and not (target.stop or target.one_call)
    if target.items and (mixed or any(map(is_beyond, blocks))):
        choice["message"][CONTENT] = [members.own(block, target.members) for block in blocks]
    if target.items and mixed:
        choice["message"][PIECES] = [_piece(block, target, reason) for block in blocks]
    if target.items and (ended := ending(body, counted(body.get("usage")))):
        choice[ENDING] = ended
    return completion.answer(target, head(body), [choice], usage, content)


def parsed(content: bytes | str, target: Target) -> Json:
    """Return the JSON object that was sent; raises RoutorError when it is an error or none."""
    try:
        body = halves.read(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise faults.bad_answer(target, "an answer that is not JSON") from error
    fault = faults.in_body(body, target)
    if fault is not None:
        raise fault
    if not isinstance(body, dict):
        raise faults.bad_answer(target, "JSON that is not an answer")
    return body


def kind_of(part: Json, target: Target) -> str:
    """Return the type of a block or a delta; raises for one that has none."""
    kind = typed.text(part, "type")
    if not kind:
        raise faults.bad_answer(target, "a part of an answer without a type")
    return kind


def head(message: Json) -> Json:
    """Return what Anthropic says of the message as a whole."""
    return {"id": message.get("id")}


def finish_reason(word: object) -> str:
    """Return OpenAI's word; one that nobody knows ends the answer with "stop"."""
    return _FINISH.get(str(word), "stop")


def is_beyond(block: Json) -> bool:
    """Tell whether OpenAI's shape has no place for a block: what Anthropic's own tools did."""
    kind, cited = block.get("type"), block.get("citations")
    return isinstance(kind, str) and (
        kind not in _ORDER or (isinstance(cited, list) and bool(cited))
    )


def _mixed(blocks: list[Json]) -> bool:
    """Tell whether OpenAI's shape has no place for the blocks in their order."""
    order = [_ORDER[block["type"]] for block in blocks if block["type"] in _ORDER]
    return order != sorted(order)


def _piece(block: Json, target: Target, reason: str) -> Json:
    """Return what one block says, as a message."""
    turn = Turn()
    _gather(turn, block, target, reason)
    return turn.piece(target)


def stopped_at(message: Json) -> str:
    """Return the stop sequence that ended a message, or an ending of Anthropic's own, or ""."""
    if message.get("stop_reason") in _OWN_ENDINGS:
        return str(message["stop_reason"])
    word = message.get("stop_sequence")
    told = message.get("stop_reason") == "stop_sequence" and isinstance(word, str)
    return str(word) if told else ""


def refusal(message: Json) -> str:
    """Return why the model refuses, as its vendor puts it (types/refusal_stop_details.py)."""
    details = message.get("stop_details") if message.get("stop_reason") == "refusal" else None
    told = details.get("explanation") if isinstance(details, dict) else None
    return told if isinstance(told, str) else ""


def cited(block: Json, start: int, end: int) -> list[Json]:
    """Return OpenAI's citations of a text from `start` to `end`: those that have an address."""
    given, place = block.get("citations"), {"start_index": start, "end_index": end}
    made = (
        citation({"url": one.get("url"), "title": one.get("title"), **place})
        for one in (given if isinstance(given, list) else ())
        if isinstance(one, dict)
    )
    return [one for one in made if one]


def ending(message: Json, usage: Json) -> Json:
    """Return what only Anthropic's callers read of an ending: details of its stop, and counters.

    And what became of their context and container (types/beta/beta_message.py).
    """
    names = ("stop_details", "container", "context_management", "diagnostics")
    told = {name: value for name in names if isinstance(value := message.get(name), dict)}
    return {name: value for name, value in {**told, "usage": usage}.items() if value}


def counted(told: Any) -> Json:
    """Return the counters that only Anthropic has."""
    counters = told if isinstance(told, dict) else {}
    return {name: value for name in _COUNTED if (value := counters.get(name)) is not None}


def usage_of(told: Any) -> Usage:
    """Return the tokens. Anthropic's input_tokens exclude what was read from or put into caches."""
    counters = told if isinstance(told, dict) else {}
    read = count(counters.get("cache_read_input_tokens"))
    written = count(counters.get("cache_creation_input_tokens"))
    kept = counters.get("cache_creation")
    hour = kept.get("ephemeral_1h_input_tokens") if isinstance(kept, dict) else 0
    details = counters.get("output_tokens_details")
    details = details if isinstance(details, dict) else {}
    thoughts = details.get("thinking_tokens") or details.get("reasoning_tokens")
    ran = counters.get("server_tool_use")
    searches = count(ran.get("web_search_requests")) if isinstance(ran, dict) else 0
    return Usage(
        input_tokens=count(counters.get("input_tokens")) + read + written,
        output_tokens=count(counters.get("output_tokens")),
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_hour_tokens=min(count(hour), written),
        reasoning_tokens=count(thoughts),
        runs={"web_search": searches},
    )


def call(block: Json, arguments: object, target: Target, reason: str) -> Call:
    """Return the tool call of a tool_use block; `reason` is what ended the answer."""
    name, own = block.get("name"), block.get("id")
    if not isinstance(name, str) or not name or not isinstance(own, str) or not own:
        raise faults.bad_answer(target, "a tool call without id or name")
    given = completion.arguments(arguments, name, target, cut=reason == "length")
    return Call(id=own, name=name, arguments=members.told(given, name, target.members))


def _gather(turn: Turn, block: Json, target: Target, reason: str) -> None:
    kind = kind_of(block, target)
    if kind == "text":
        start = sum(map(len, turn.text))
        turn.text.append(typed.text(block, "text"))
        if not target.items and (told := cited(block, start, start + len(turn.text[-1]))):
            turn.own.setdefault("annotations", []).extend(told)
    elif kind == "thinking":
        if isinstance(block.get("thinking"), str) and block["thinking"]:
            turn.reasoning.append(block["thinking"])
        turn.thinking_blocks.append(block)
    elif kind == "redacted_thinking":
        turn.thinking_blocks.append(block)
    elif kind == "tool_use":
        turn.calls.append(call(block, block.get("input"), target, reason))
