"""OpenAI's answer as Anthropic's message.

Source: anthropic 2.12.0, types/message.py and types/usage.py (2026-11-23).
"""

from typing import Any

import msgspec

from services.edge import completion
from services.edge.completion import Call, Choice, Said, Usage
from services.edge.messages import ids

Json = dict[str, Any]

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
# Told beside "length" by Anthropic's dialect.
_OWN_ENDINGS = ("pause_turn", "model_context_window_exceeded")


def encode(body: bytes, routor: bytes, *, thoughts: bool) -> bytes:
    """Return the message; `thoughts` says whether its reader asked the model to think."""
    whole = completion.read(body)
    choice = whole.choices[0]
    message = {
        **head(whole.bare_id, whole.model),
        "content": _blocks(choice.message, thoughts),
        **ending(choice, refused=bool(choice.message.refusal)),
        **beside(choice),
        "usage": {**counters(whole.usage or Usage()), **counted(choice)},
        "routor": msgspec.Raw(routor),
    }
    return msgspec.json.encode(message)


def counters(usage: Usage) -> Json:
    """Return Anthropic's counters, where input excludes what the cache had to do with."""
    return {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached - usage.cache_written),
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def head(bare_id: str, model: str) -> Json:
    """Return how every message begins."""
    return {"id": f"msg_{bare_id}", "type": "message", "role": "assistant", "model": model}


def stop(finish_reason: str | None, stopped_at: object) -> Json:
    """Return why a message ended; `stopped_at` is the stop sequence, where the model told it."""
    if finish_reason == "stop" and isinstance(stopped_at, str):
        return {"stop_reason": "stop_sequence", "stop_sequence": stopped_at}
    if finish_reason == "length" and stopped_at in _OWN_ENDINGS:
        return {"stop_reason": stopped_at, "stop_sequence": None}
    reason = STOP_REASONS.get(finish_reason or "", "end_turn")
    return {"stop_reason": reason, "stop_sequence": None}


def ending(choice: Choice, *, refused: bool) -> Json:
    """Return why a message ended, with the details that Anthropic tells.

    OpenAI ends with "stop" what a model has `refused` in a member of its own.
    """
    told = choice.anthropic_ending or {}
    details: Json = {name: told[name] for name in ("stop_details", "container") if name in told}
    reason = choice.finish_reason
    if refused and reason == "stop":
        reason = "content_filter"
    return {**stop(reason, choice.stop_reason), **details}


def beside(choice: Choice) -> Json:
    """Return what Anthropic tells of the context, which stands beside the ending."""
    told = choice.anthropic_ending or {}
    return {name: told[name] for name in ("context_management", "diagnostics") if name in told}


def counted(choice: Choice) -> Json:
    """Return the counters that only Anthropic has."""
    return (choice.anthropic_ending or {}).get("usage") or {}


def signed(block: Json) -> Json:
    """Return a thinking block as Anthropic has it."""
    return {key: value for key, value in block.items() if key != "index"}


def _blocks(said: Said, thoughts: bool) -> list[Json]:
    if said.anthropic_content:
        # As it came, with what tools of Anthropic's own did.
        given = said.anthropic_content
        return [one for one in given if thoughts or not str(one.get("type")).endswith("thinking")]
    # Item by item where OpenAI tells it so, in its order.
    return [block for one in said.openai_output or [said] for block in _piece(one, thoughts)]


def _piece(said: Said, thoughts: bool) -> list[Json]:
    blocks: list[Json] = []
    if thoughts:
        blocks += [signed(block) for block in said.thinking_blocks or ()]
        told = any(block.get("type") == "thinking" for block in blocks)
        if said.reasoning_content and not told:
            unsigned = {"type": "thinking", "thinking": said.reasoning_content, "signature": ""}
            blocks.insert(0, unsigned)
    text = (said.content or "") + (said.refusal or "")
    if text:
        blocks.append({"type": "text", "text": text})
    return [*blocks, *(_tool_use(call) for call in said.tool_calls or ())]


def _tool_use(call: Call) -> Json:
    return {
        "type": "tool_use",
        "id": ids.shown(call.id),
        "name": call.called.name,
        "input": _input(call.called.arguments or "{}"),
    }


def _input(arguments: str) -> Json:
    """Return a call's arguments as an object; the limit may have cut them anywhere."""
    try:
        given = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return {"raw_arguments": arguments}
    return given if isinstance(given, dict) else {"value": given}
