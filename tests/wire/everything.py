"""Answers with everything in them, of every dialect, and what clients of each door read there."""

import json

import anthropic.types
from openai.types.chat import ChatCompletion
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from services.providers.sandbox.anthropic_messages import signature
from tests.wire.test_answers import SIGNATURE, chunks, lines
from tests.wire.test_requests import PNG
from tests.wire.upstream import (
    Reply,
    answer,
    chat_body,
    chunk,
    dialect,
    events,
    gemini,
    message,
    message_events,
    response,
    streams,
)

CHAT, CLAUDE, GEMINI, RESPONSES = (
    "deepseek/deepseek-v4-pro",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.6-flash",
    "openai/gpt-5.5",
)
MODELS = {
    "openai_chat": CHAT,
    "anthropic_messages": CLAUDE,
    "google_generate": GEMINI,
    "openai_responses": RESPONSES,
}
DOORS = ["chat", "responses", "messages"]
PARAMETERS = {"type": "object", "properties": {"n": {"type": "integer"}}}
WIDTH = 5  # bytes written at a time where a stream is split
_event = TypeAdapter(ResponseStreamEvent)
_named = TypeAdapter(anthropic.types.RawMessageStreamEvent)

# --- what vendors say: a thought, a text in two pieces, two calls of one name, all counters


def in_chat(streaming, text, calls):
    made = [
        {
            "index": at,
            "id": f"call_{at}",
            "type": "function",
            "function": {"name": "f", "arguments": json.dumps({"n": at})},
        }
        for at in range(calls)
    ]
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_cache_hit_tokens": 40,
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    finish = "tool_calls" if calls else "stop"
    if not streaming:
        said = {"content": text, "reasoning_content": "hm é"}
        return answer(
            chat_body({**said, **({"tool_calls": made} if made else {})}, finish, usage=usage)
        )
    cut = len(text) // 2
    halves = []
    for one in made:
        given = one["function"]["arguments"]
        halves.append({**one, "function": {"name": "f", "arguments": given[:3]}})
        halves.append({"index": one["index"], "function": {"arguments": given[3:]}})
    return events(
        chunk({"role": "assistant", "content": None, "reasoning_content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"reasoning_content": " é", "content": None}),
        *(chunk({"content": piece}) for piece in (text[:cut], text[cut:])),
        *(chunk({"tool_calls": [one]}) for one in halves),
        chunk({"content": ""}, finish),
        chunk(usage=usage),
    )


def in_messages(streaming, text, calls):
    thought = {"type": "thinking", "thinking": "hm é", "signature": signature("hm é")}
    made = [
        {"type": "tool_use", "id": f"toolu_{at}", "name": "f", "input": {"n": at}}
        for at in range(calls)
    ]
    usage = {
        "input_tokens": 50,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 10,
        "output_tokens": 50,
    }
    stop = "tool_use" if calls else "end_turn"
    if not streaming:
        return answer(
            message(thought, {"type": "text", "text": text}, *made, stop=stop, usage=usage)
        )
    begun = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "thinking_delta", "thinking": " é"},
        {"type": "signature_delta", "signature": signature("hm é")},
    ]
    cut = len(text) // 2
    pieces = [{"type": "text_delta", "text": piece} for piece in (text[:cut], text[cut:])]
    blocks = [(begun, deltas), ({"type": "text", "text": ""}, pieces)]
    for one in made:
        given = json.dumps(one["input"])
        parts = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in ("", given[:2], given[2:])
        ]
        blocks.append(({**one, "input": {}}, parts))
    told = message_events(*blocks, stop=stop).body.split(b"\n\n")
    first = json.loads(told[0].partition(b"data: ")[2])
    first["message"]["usage"] = {**usage, "output_tokens": 1}
    told[0] = b"event: message_start\ndata: " + json.dumps(first).encode()
    told = [
        one.replace(b'"usage": {"output_tokens": 2}', b'"usage": {"output_tokens": 50}')
        for one in told
    ]
    ping = b'event: ping\ndata: {"type": "ping"}'
    return Reply(
        b"\n\n".join([told[0], ping, *told[1:]]), headers={"Content-Type": "text/event-stream"}
    )


def in_gemini(streaming, text, calls):
    thought = {"text": "hm é", "thought": True}
    made = [{"functionCall": {"name": "f", "args": {"n": at}}} for at in range(calls)]
    if made:
        made[0]["thoughtSignature"] = SIGNATURE
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 30,
        "thoughtsTokenCount": 20,
        "totalTokenCount": 150,
    }
    if not streaming:
        return answer(gemini(thought, {"text": text}, *made, usageMetadata=usage))
    cut = len(text) // 2
    early = {"promptTokenCount": 100, "totalTokenCount": 100}
    return events(
        gemini({"text": "hm", "thought": True}, finish=None, usageMetadata=early),
        gemini({"text": " é", "thought": True}, finish=None, usageMetadata=early),
        *(gemini({"text": piece}, finish=None) for piece in (text[:cut], text[cut:])),
        *(gemini(one, finish=None) for one in made),
        gemini({"text": ""}, finish="STOP", usageMetadata=usage),
        done=False,
    )


def in_responses(streaming, text, calls):
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm é"}],
        "encrypted_content": "AAAA",
    }
    part = {"type": "output_text", "text": text, "annotations": []}
    said = {"type": "message", "id": "m1", "role": "assistant", "content": [part]}
    made = [
        {
            "type": "function_call",
            "id": f"fc_{at}",
            "call_id": f"call_{at}",
            "name": "f",
            "arguments": json.dumps({"n": at}),
        }
        for at in range(calls)
    ]
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 40},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
    }
    whole = response(thought, said, *made, usage=usage)
    if not streaming:
        return answer(whole)
    told = told_in_responses(thought, said, made, text)
    told.append({"type": "response.completed", "response": whole})
    return events(*told, done=False, named=True)


def told_in_responses(thought, said, made, text):
    cut = len(text) // 2
    told = [{"type": "response.created", "response": response(status="in_progress", usage=None)}]
    told += [
        {
            "type": "response.reasoning_summary_text.delta",
            "delta": piece,
            "item_id": "rs_1",
            "output_index": 0,
        }
        for piece in ("hm", " é")
    ]
    told.append({"type": "response.output_item.done", "item": thought, "output_index": 0})
    told += [
        {"type": "response.output_text.delta", "delta": piece, "item_id": "m1", "output_index": 1}
        for piece in (text[:cut], text[cut:])
    ]
    told.append({"type": "response.output_item.done", "item": said, "output_index": 1})
    for at, item in enumerate(made, 2):
        empty = {**item, "arguments": ""}
        told.append({"type": "response.output_item.added", "item": empty, "output_index": at})
        place = {"item_id": item["id"], "output_index": at}
        told.append(
            {"type": "response.function_call_arguments.delta", "delta": item["arguments"], **place}
        )
        told.append({"type": "response.output_item.done", "item": item, "output_index": at})
    return told


SAY = {
    "openai_chat": in_chat,
    "anthropic_messages": in_messages,
    "google_generate": in_gemini,
    "openai_responses": in_responses,
}


def says(name, how="as asked", text="Hé llo", calls=2):
    """A script: the vendor's answer, in a stream if one is asked for.

    `how`: "split" writes streams a few bytes at a time, "whole" never streams.
    """

    def script(seen):
        assert dialect(seen) == name
        reply = SAY[name](streams(seen) and how != "whole", text, calls)
        if how == "split":
            body = reply.body
            reply.body = [body[at : at + WIDTH] for at in range(0, len(body), WIDTH)]
        return reply

    return script


# --- what clients ask, and what they read: (thoughts, text, calls, finish, usage)


async def ask(wire, door, model, stream, history=(), tools=True, schema=None):
    """Send a request that asks for everything at once."""
    tool = {"name": "f", "description": "F.", "parameters": PARAMETERS}
    if door == "chat":
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        fields = {"reasoning_effort": "high", "max_tokens": 20_000}
        if tools:
            fields["tools"] = [{"type": "function", "function": tool}]
        if schema:
            form = {"name": "n", "schema": schema}
            fields["response_format"] = {"type": "json_schema", "json_schema": form}
        if stream:
            fields["stream_options"] = {"include_usage": True}
        seen = [] if model == CHAT else [picture]
        first = {"role": "user", "content": [{"type": "text", "text": "Hi"}, *seen]}
        return await wire.chat(model, [first, *history], stream=stream, **fields)
    if door == "responses":
        fields = {"reasoning": {"effort": "high", "summary": "auto"}, "max_output_tokens": 20_000}
        fields["include"] = ["reasoning.encrypted_content"]
        if tools:
            fields["tools"] = [{"type": "function", "strict": False, **tool}]
        if schema:
            fields["text"] = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
        first = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        return await wire.responses(model, [first, *history], stream=stream, **fields)
    fields = {"thinking": {"type": "enabled", "budget_tokens": 8000}, "max_tokens": 20_000}
    if tools:
        fields["tools"] = [{"name": "f", "description": "F.", "input_schema": PARAMETERS}]
    if schema:
        fields["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return await wire.messages(
        model, [{"role": "user", "content": "Hi"}, *history], stream=stream, **fields
    )


def read(door, told, stream):
    """Return what a client makes of an answer: thoughts, text, arguments, why it ended, usage."""
    assert told.status_code == 200, told.text
    return {"chat": read_chat, "responses": read_responses, "messages": read_messages}[door](
        told, stream
    )


def read_chat(told, stream):
    if not stream:
        body = told.json()
        ChatCompletion.model_validate(body)
        (choice,) = body["choices"]
        turn = choice["message"]
        finish, usage = choice["finish_reason"], body["usage"]
    else:
        turn, finish, usage = {}, None, None
        for body in chunks(told.text):
            usage = body.get("usage") or usage
            for choice in body["choices"]:
                finish = choice["finish_reason"] or finish
                for name, value in choice["delta"].items():
                    if name in ("content", "reasoning_content"):
                        turn[name] = (turn.get(name) or "") + (value or "")
                    elif name in ("tool_calls", "thinking_blocks"):
                        turn[name] = [*turn.get(name, []), *value]
        turn["role"] = "assistant"
    calls = [json.loads(one["function"]["arguments"]) for one in turn.get("tool_calls", [])]
    inside, outside = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    counted = (usage["prompt_tokens"], usage["completion_tokens"], inside["cached_tokens"])
    assert outside["reasoning_tokens"] in (0, 20)
    return turn, turn.get("reasoning_content"), turn["content"], calls, finish, counted


def read_responses(told, stream):
    if stream:
        told_all = [_event.validate_json(one) for one in lines(told.text)]
        assert [one.sequence_number for one in told_all] == list(range(len(told_all)))
        deltas = [one.delta for one in told_all if one.type == "response.output_text.delta"]
        body = json.loads(lines(told.text)[-1])["response"]
        made = Response.model_validate(body)
        assert "".join(deltas) == made.output_text
    else:
        body = told.json()
        made = Response.model_validate(body)
    thoughts = "".join(
        part["text"]
        for item in body["output"]
        if item["type"] == "reasoning"
        for part in item["summary"]
    )
    calls = [
        json.loads(item["arguments"]) for item in body["output"] if item["type"] == "function_call"
    ]
    usage = body["usage"]
    counted = (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
    )
    finish = {"completed": "tool_calls" if calls else "stop"}[body["status"]]
    return body["output"], thoughts, made.output_text, calls, finish, counted


def message_of(text):
    """The blocks, the stop reason and the usage that named events tell."""
    blocks, usage, stop = [], None, None
    for one in lines(text):
        event = json.loads(one)
        if event["type"] != "ping":
            _named.validate_python(event)
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(blocks)
                blocks.append({**event["content_block"], "json": ""})
            case "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                for name in {"text", "thinking", "signature"} & delta.keys():
                    block[name] += delta[name]
                block["json"] += delta.get("partial_json", "")
            case "message_delta":
                stop, usage = event["delta"]["stop_reason"], event["usage"]
    for block in blocks:
        given = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(given)
    return {"content": blocks, "stop_reason": stop, "usage": usage}


def read_messages(told, stream):
    body = message_of(told.text) if stream else told.json()
    if not stream:
        anthropic.types.Message.model_validate(body)
    blocks, usage = body["content"], body["usage"]
    thoughts = "".join(one["thinking"] for one in blocks if one["type"] == "thinking")
    text = "".join(one["text"] for one in blocks if one["type"] == "text")
    calls = [one["input"] for one in blocks if one["type"] == "tool_use"]
    cached = usage["cache_read_input_tokens"]
    total = usage["input_tokens"] + cached + (usage["cache_creation_input_tokens"] or 0)
    finish = {"tool_use": "tool_calls", "end_turn": "stop"}[body["stop_reason"]]
    return blocks, thoughts, text, calls, finish, (total, usage["output_tokens"], cached)


def results(door, turn):
    """The conversation after an answer: the answer, and a result for each of its calls."""
    if door == "chat":
        calls = [one["id"] for one in turn["tool_calls"]]
        return [turn, *({"role": "tool", "tool_call_id": one, "content": "ok"} for one in calls)]
    if door == "responses":
        calls = [item["call_id"] for item in turn if item["type"] == "function_call"]
        told = [{"type": "function_call_output", "call_id": one, "output": "ok"} for one in calls]
        return [*turn, *told]
    calls = [block["id"] for block in turn if block["type"] == "tool_use"]
    told = [{"type": "tool_result", "tool_use_id": one, "content": "ok"} for one in calls]
    return [{"role": "assistant", "content": turn}, {"role": "user", "content": told}]
