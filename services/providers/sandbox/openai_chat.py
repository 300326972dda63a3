"""OpenAI chat completions as the eleven OpenAI-style vendors answer it. Pure.

Reads a request into an Ask and words the Said as JSON or as stream frames, with each vendor's
departures: where reasoning stands, how tokens are counted, what the last chunks hold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from services.providers.sandbox import turns
from services.providers.sandbox.answer import Ask, Call, Said, Tool, answer, digest, tokens
from services.providers.sandbox.frames import Frame, pieces
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]

CREATED = 1_767_225_600  # fixed, so that equal requests get equal answers


def text_of(content: Any) -> str:
    """Return the text of a message's content, a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict)).strip()


def effort(vendor: Vendor, body: Json) -> str:
    """Return the reasoning effort that a request resolves to at vendors with that switch."""
    if body.get("reasoning_effort") is not None:
        return str(body["reasoning_effort"])
    model = str(body.get("model", ""))
    if vendor.id == "xai":
        return "none" if "non-reasoning" in model or model.startswith("custom-") else "medium"
    if model.startswith(("gpt-5.4", "custom-")) or not model.startswith(("gpt-", "o1", "o3", "o4")):
        return "none"
    return "medium"


def thinks(vendor: Vendor, body: Json) -> bool:
    """Tell whether the model would think about this request."""
    match vendor.switch:
        case "type":
            thinking = body.get("thinking")
            kind = thinking.get("type") if isinstance(thinking, dict) else None
            return kind != "disabled"
        case "enable":
            return bool(body.get("enable_thinking", False))
        case "template":
            return bool((body.get("chat_template_kwargs") or {}).get("enable_thinking", True))
        case "effort":
            return effort(vendor, body) != "none"


def read(vendor: Vendor, body: Json) -> Ask:
    """Read a request that the vendor's checks have let pass."""
    messages = body["messages"]
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
    form = body.get("response_format") or {}
    schema = (form.get("json_schema") or {}).get("schema") if vendor.id != "zai" else None
    caps = [body[field] for field in vendor.cap_fields if body.get(field) is not None]
    begun = any(messages[-1].get(flag) for flag in ("prefix", "partial"))
    said = [(m["role"], text_of(m.get("content"))) for m in messages]
    functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
    stops = body.get("stop") or ()
    return Ask(
        provider=vendor.id,
        model=body["model"],
        digest=digest(body),
        turns=turns.read(said, prefills=begun),
        results=_results(messages),
        tools=[Tool(f.get("name", ""), f.get("parameters") or {}) for f in functions],
        choice=_choice(body.get("tool_choice")),
        one_call=body.get("parallel_tool_calls") is False,
        json=form.get("type") in {"json_object", "json_schema"},
        schema=schema,
        max_tokens=min(caps, default=None),
        stops=[stops] if isinstance(stops, str) else stops,
        thinking=thinks(vendor, body),
        n=body.get("n") or 1,
        prompt_tokens=tokens(msgspec.json.encode([messages, body.get("tools")]).decode()),
        prefix_tokens=tokens(msgspec.json.encode(messages[:last]).decode()) if last else 0,
        earlier_calls=sum(len(m.get("tool_calls") or ()) for m in messages),
    )


def _results(messages: list[Json]) -> list[str]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, text_of(message.get("content")))
    return results


def _choice(choice: Any) -> str:
    if isinstance(choice, dict):
        return "=" + str((choice.get("function") or {}).get("name", ""))
    return "required" if choice == "any" else str(choice or "auto")


def usage(vendor: Vendor, said: Said) -> Json:
    """Return the token counts under the vendor's own names and with its own sums."""
    total = said.prompt_tokens + said.output_tokens
    out = said.text_tokens if vendor.id == "xai" else said.output_tokens
    count: Json = {"prompt_tokens": said.prompt_tokens, "completion_tokens": out}
    count["total_tokens"] = total
    cached = min(said.cached_tokens, said.prompt_tokens)
    if vendor.id == "mistral":
        return count
    count["completion_tokens_details"] = {"reasoning_tokens": said.reasoning_tokens}
    if vendor.id == "deepseek":
        count["prompt_cache_hit_tokens"] = cached
        count["prompt_cache_miss_tokens"] = said.prompt_tokens - cached
    elif vendor.id == "moonshot":
        count["cached_tokens"] = cached
    else:
        count["prompt_tokens_details"] = {"cached_tokens": cached}
    return count


def call_id(vendor: Vendor, call: Call) -> str:
    """Return the id in the vendor's form: nine characters at Mistral, name and number at Kimi."""
    if vendor.id == "mistral":
        return call.id[:9]
    if vendor.id == "moonshot":
        return f"functions.{call.name}:{call.position}"
    return f"call_{call.id[:24]}"


def _reason(said: Said) -> str:
    return {"tools": "tool_calls", "length": "length"}.get(said.ending, "stop")


def _call(vendor: Vendor, call: Call, index: int) -> Json:
    function = {"name": call.name, "arguments": call.text}
    whole = {"id": call_id(vendor, call), "type": "function", "function": function}
    return {"index": index, **whole} if vendor.id in {"mistral", "zai", "moonshot"} else whole


def whole(vendor: Vendor, body: Json) -> bytes:
    """Return the JSON answer."""
    ask = read(vendor, body)
    said = _echoed(vendor, ask, answer(ask))
    choices = []
    for number, text in enumerate(said.texts):
        message = _message(vendor, body, said, text)
        reason = _reason(said)
        if vendor.id == "xai" and said.calls:
            reason = ""  # seen at xAI with tool calls
        choice: Json = {"index": number, "message": message, "finish_reason": reason}
        if vendor.id == "microsoft":
            choice["content_filter_results"] = _FILTERED
        choices.append(choice)
    answered: Json = {
        "id": f"chatcmpl-{ask.digest[:24]}",
        "object": "chat.completion",
        "created": CREATED,
        "model": ask.model,
        "choices": choices,
        "usage": usage(vendor, said),
    }
    if vendor.id == "microsoft":
        answered["prompt_filter_results"] = _PROMPT_FILTERED
    if vendor.id == "minimax":
        answered["base_resp"] = {"status_code": 0, "status_msg": ""}
    return msgspec.json.encode(answered)


_FILTERED = {"hate": {"filtered": False, "severity": "safe"}}
_PROMPT_FILTERED = [{"prompt_index": 0, "content_filter_results": _FILTERED}]


def _message(vendor: Vendor, body: Json, said: Said, text: str) -> Json:
    message: Json = {"role": "assistant", "content": text or (None if said.calls else "")}
    if said.reasoning:
        message |= _shown(vendor, body, said.reasoning)
        if vendor.reasoning == "think_tags" and "reasoning_content" not in message:
            message["content"] = f"<think>\n{said.reasoning}\n</think>\n\n{text}"
        if vendor.reasoning == "content_parts":
            message["content"] = [_thinking_part(said.reasoning), {"type": "text", "text": text}]
    if said.calls:
        message["tool_calls"] = [_call(vendor, call, i) for i, call in enumerate(said.calls)]
    if vendor.id in {"openai", "microsoft"}:
        message["refusal"] = None
    return message


def _shown(vendor: Vendor, body: Json, reasoning: str) -> Json:
    """Return the fields beside `content` that show reasoning, if the vendor has any."""
    if vendor.reasoning == "reasoning_content":
        return {"reasoning_content": reasoning}
    if vendor.reasoning == "think_tags" and body.get("reasoning_split"):
        detail = {"type": "reasoning.text", "id": "reasoning-text-1", "index": 0}
        return {
            "reasoning_content": reasoning,
            "reasoning_details": [{**detail, "text": reasoning}],
        }
    return {}


def _thinking_part(reasoning: str) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": reasoning}]}


def _echoed(vendor: Vendor, ask: Ask, said: Said) -> Said:
    """Return the answer as Mistral gives it: with the prefix that it goes on with."""
    if vendor.id != "mistral" or not ask.turns.given or ask.turns.again:
        return said
    return replace(said, texts=[ask.turns.given + text for text in said.texts])


def stream(vendor: Vendor, body: Json) -> Iterator[Frame]:
    """Yield the stream's frames: role first, then content, then the ending and [DONE]."""
    ask = read(vendor, body)
    said = _echoed(vendor, ask, answer(ask))
    head: Json = {"id": f"chatcmpl-{ask.digest[:24]}", "object": "chat.completion.chunk"}
    head |= {"created": CREATED, "model": ask.model}
    if vendor.id == "deepseek":
        yield Frame(b": keep-alive\n\n")
    if vendor.id == "microsoft":
        yield _data({**head, "choices": [], "prompt_filter_results": _PROMPT_FILTERED})
    for number, text in enumerate(said.texts):
        for delta in _deltas(vendor, body, said, text):
            choice = {"index": number, "delta": delta, "finish_reason": None}
            yield _data({**head, "choices": [choice]})
    yield from _endings(vendor, body, said, head)


def _endings(vendor: Vendor, body: Json, said: Said, head: Json) -> Iterator[Frame]:
    count = usage(vendor, said)
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    for number in range(len(said.texts)):
        choice: Json = {"index": number, "delta": {}, "finish_reason": _reason(said)}
        chunk: Json = {**head, "choices": [choice]}
        last = number == len(said.texts) - 1
        if vendor.usage == "choice" and last:
            choice["usage"] = count
        if vendor.usage == "last_chunk" and last and (asked or vendor.id != "xai"):
            chunk["usage"] = count
        yield _data(chunk, ending=True)
    if vendor.usage == "extra_chunk" and asked:
        yield _data({**head, "choices": [], "usage": count}, ending=True)
    yield Frame(b"data: [DONE]\n\n", ending=True)


def _deltas(vendor: Vendor, body: Json, said: Said, text: str) -> Iterator[Json]:
    """Yield one choice's deltas in order: role, reasoning, text, tool calls."""
    yield {"role": "assistant", "content": ""}
    if said.reasoning and vendor.reasoning == "think_tags" and not body.get("reasoning_split"):
        text = f"<think>\n{said.reasoning}\n</think>\n\n{text}"
    elif said.reasoning:
        for piece in pieces(said.reasoning):
            if vendor.reasoning == "content_parts":
                yield {"content": [_thinking_part(piece)]}
            elif shown := _shown(vendor, body, piece):
                yield {"content": None, **shown} if vendor.id == "deepseek" else shown
    for piece in pieces(text):
        yield {"content": piece}
    for index, call in enumerate(said.calls):
        for part in _call_deltas(vendor, body, call, index):
            yield {"tool_calls": [part]}


def _call_deltas(vendor: Vendor, body: Json, call: Call, index: int) -> Iterator[Json]:
    head: Json = {"index": index, "id": call_id(vendor, call), "type": "function"}
    if vendor.id == "mistral" or (vendor.id == "zai" and not body.get("tool_stream")):
        yield {**head, "function": {"name": call.name, "arguments": call.text}}
        return
    yield {**head, "function": {"name": call.name, "arguments": ""}}
    for piece in pieces(call.text):
        yield {"index": index, "function": {"arguments": piece}}


def _data(chunk: Mapping[str, Any], *, ending: bool = False) -> Frame:
    return Frame(b"data: " + msgspec.json.encode(chunk) + b"\n\n", ending)
