"""The Anthropic Messages API: requests read, answers worded. Pure.

Shapes after anthropic 2.12.0 (types of Message, Usage and the stream events), read 2026-11-23.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from services.providers.sandbox import turns
from services.providers.sandbox.answer import Ask, Said, Tool, answer, digest, tokens
from services.providers.sandbox.frames import Frame, pieces

Json = dict[str, Any]


def signature(thinking: str) -> str:
    """Return the signature that proves a thinking block to be the sandbox's own."""
    return "sandbox" + hashlib.sha256(thinking.encode()).hexdigest()


def blocks(content: Any) -> list[Json]:
    """Return a message's content as blocks."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: Any) -> str:
    return " ".join(str(b.get("text", "")) for b in blocks(content or []) if b["type"] == "text")


def thinks(body: Json) -> bool:
    """Tell whether the request asks for thinking; without a word there is none."""
    return bool((body.get("thinking") or {}).get("type", "disabled") != "disabled")


def read(body: Json) -> Ask:
    """Read a request that the checks have let pass."""
    messages = body["messages"]
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
    said = [(m["role"], _text(m["content"])) for m in messages]
    ending = blocks(messages[-1]["content"]) if messages[-1]["role"] == "user" else []
    choice = body.get("tool_choice") or {"type": "auto"}
    form = (body.get("output_config") or {}).get("format") or {}
    tools = [Tool(t["name"], t.get("input_schema") or {}) for t in body.get("tools") or ()]
    prompt = [body.get("system"), messages, body.get("tools")]
    return Ask(
        provider="anthropic",
        model=body["model"],
        digest=digest(body),
        turns=turns.read(said, prefills=True),
        results=[_text(b.get("content")) for b in ending if b["type"] == "tool_result"],
        tools=tools,
        choice={"any": "required", "tool": f"={choice.get('name')}"}.get(
            choice["type"], choice["type"]
        ),
        one_call=bool(choice.get("disable_parallel_tool_use")),
        json=form.get("type") == "json_schema" or "JSON object" in _text(body.get("system")),
        schema=form.get("schema"),
        max_tokens=body["max_tokens"],
        stops=body.get("stop_sequences") or (),
        thinking=thinks(body),
        prompt_tokens=tokens(msgspec.json.encode(prompt).decode()),
        prefix_tokens=tokens(msgspec.json.encode([prompt[0], messages[:last]]).decode()),
    )


def _usage(body: Json, said: Said) -> Json:
    """Return the counts: input_tokens leaves out what was read from or written to the cache.

    Nothing is cached unless a block asks for it; an earlier assistant turn means that the
    prefix was written by the request before.
    """
    cached = said.cached_tokens if b'"cache_control"' in msgspec.json.encode(body) else 0
    warm = any(message["role"] == "assistant" for message in body["messages"])
    return {
        "input_tokens": said.prompt_tokens - min(cached, said.prompt_tokens),
        "cache_creation_input_tokens": 0 if warm else cached,
        "cache_read_input_tokens": cached if warm else 0,
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"thinking_tokens": said.reasoning_tokens},
        "service_tier": "standard",
    }


def _stop(said: Said) -> Json:
    reasons = {"tools": "tool_use", "length": "max_tokens", "sequence": "stop_sequence"}
    return {"stop_reason": reasons.get(said.ending, "end_turn"), "stop_sequence": said.stop}


def _content(said: Said) -> list[Json]:
    content: list[Json] = []
    if said.reasoning:
        proof = signature(said.reasoning)
        content.append({"type": "thinking", "thinking": said.reasoning, "signature": proof})
    if said.texts[0]:
        content.append({"type": "text", "text": said.texts[0]})
    for call in said.calls:
        name, value = call.name, call.arguments
        identity = f"toolu_{call.id[:24]}"
        content.append({"type": "tool_use", "id": identity, "name": name, "input": value})
    return content


def whole(body: Json) -> bytes:
    """Return the JSON answer."""
    ask = read(body)
    said = answer(ask)
    message = _envelope(ask) | {"content": _content(said), **_stop(said)}
    return msgspec.json.encode(message | {"usage": _usage(body, said)})


def _envelope(ask: Ask) -> Json:
    head = {"id": f"msg_{ask.digest[:24]}", "type": "message", "role": "assistant"}
    empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None}
    return {**head, "model": ask.model, **empty}


def stream(body: Json) -> Iterator[Frame]:
    """Yield the named events from message_start to message_stop; there is no [DONE]."""
    ask = read(body)
    said = answer(ask)
    count = _usage(body, said)
    start = count | {"output_tokens": 1}
    yield _event({"type": "message_start", "message": _envelope(ask) | {"usage": start}})
    for index, block in enumerate(_content(said)):
        opened, deltas = _opened(block)
        yield _event({"type": "content_block_start", "index": index, "content_block": opened})
        if index == 0:
            yield _event({"type": "ping"})
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    final = {"output_tokens": count["output_tokens"]}
    final["output_tokens_details"] = count["output_tokens_details"]
    yield _event({"type": "message_delta", "delta": _stop(said), "usage": final}, ending=True)
    yield _event({"type": "message_stop"}, ending=True)


def _opened(block: Json) -> tuple[Json, list[Json]]:
    """Return a block as it opens, and the deltas that fill it."""
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        return {"type": "text", "text": ""}, deltas
    if block["type"] == "thinking":
        parts = pieces(block["thinking"])
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in parts]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {"type": "thinking", "thinking": "", "signature": ""}, deltas
    text = msgspec.json.encode(block["input"]).decode()
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(text)]
    return {**block, "input": {}}, deltas


def _event(event: Json, *, ending: bool = False) -> Frame:
    name = str(event["type"]).encode()
    return Frame(b"event: " + name + b"\ndata: " + msgspec.json.encode(event) + b"\n\n", ending)
