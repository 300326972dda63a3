"""What clients read: answers and streams of every dialect, by OpenAI's and Anthropic's types."""

import asyncio
import base64
import json

import anthropic.types
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from services.providers.sandbox.anthropic_messages import signature
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

OPENAI, CLAUDE, GEMINI = (
    "openai/gpt-5.4-mini",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.6-flash",
)
RESPONSES = "openai/gpt-5.5"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ANY = {  # dialect -> a model, and what makes it speak that dialect
    "openai_chat": (OPENAI, {}),
    "anthropic_messages": (CLAUDE, {}),
    "google_generate": (GEMINI, {}),
    "openai_responses": (RESPONSES, {"tools": [TOOL]}),
}
HI = [{"role": "user", "content": "Hi"}]
_events = TypeAdapter(ResponseStreamEvent)
_named = TypeAdapter(anthropic.types.RawMessageStreamEvent)


def lines(text):
    return [line[5:].strip() for line in text.split("\n") if line.startswith("data:")]


def chunks(text):
    """The chunks of a clean stream, each by OpenAI's type; the rules of all streams hold."""
    *told, done = lines(text)
    assert done == "[DONE]"
    bodies = [json.loads(one) for one in told]
    for body in bodies:
        assert "error" not in body, body
        ChatCompletionChunk.model_validate(body)
    assert len({body["id"] for body in bodies}) == 1
    roles, ended = set(), set()
    for body in bodies:
        for choice in body["choices"]:
            index = choice["index"]
            assert index not in ended
            assert ("role" in choice["delta"]) == (index not in roles) or not choice["delta"]
            roles.add(index)
            if choice["finish_reason"]:
                assert not choice["delta"]
                ended.add(index)
    assert ended == roles
    return bodies


def gathered(bodies, index=0):
    """The text, the calls and the finish of a choice."""
    text, calls, finish = "", [], None
    for body in bodies:
        for choice in body["choices"]:
            if choice["index"] == index:
                text += choice["delta"].get("content") or ""
                calls += choice["delta"].get("tool_calls") or []
                finish = choice["finish_reason"] or finish
    return text, calls, finish


async def whole(wire, reply, name="openai_chat", model=None, **fields):
    chosen, extra = ANY[name]
    wire.upstream.script = lambda _: reply
    told = await wire.chat(model or chosen, **{**extra, **fields})
    assert dialect(wire.upstream.last) == name
    return told


async def streamed(wire, reply, name="openai_chat", model=None, **fields):
    told = await whole(wire, reply, name, model, stream=True, **fields)
    assert told.status_code == 200, told.text
    return told.text


# --- one answer, every dialect, every door


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("asked", [False, True])
async def test_a_stream_by_the_rules(wire, name, asked):
    model, fields = ANY[name]
    options = {"stream_options": {"include_usage": True}} if asked else {}
    told = await wire.chat(model, stream=True, **fields, **options)
    bodies = chunks(told.text)
    assert gathered(bodies)[::2] == ("Hello", "stop")
    counted = [body for body in bodies if body.get("usage")]
    assert len(counted) == asked
    if asked:
        assert counted == [bodies[-1]] and bodies[-1]["choices"] == []
        assert bodies[-1]["usage"]["total_tokens"] == 9


@pytest.mark.parametrize("name", ANY)
async def test_a_message_by_the_rules(wire, name):
    model, _ = ANY[name]
    tools = [{"name": "f", "input_schema": {"type": "object"}}] if "resp" in name else []
    extra = {"tools": tools} if tools else {}
    told = (await wire.messages(model, **extra)).json()
    made = anthropic.types.Message.model_validate(told)
    assert (made.content[0].text, made.stop_reason) == ("Hello", "end_turn")
    stream = await wire.messages(model, stream=True, **extra)
    kinds = [_named.validate_json(one).type for one in lines(stream.text) if '"ping"' not in one]
    assert kinds == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ANY)
async def test_a_response_by_the_rules(wire, name):
    model, _ = ANY[name]
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
    extra = {"tools": [tool]} if "resp" in name else {}
    made = Response.model_validate((await wire.responses(model, **extra)).json())
    assert (made.output_text, made.status) == ("Hello", "completed")
    stream = await wire.responses(model, stream=True, **extra)
    told = [_events.validate_json(one) for one in lines(stream.text)]
    assert [one.sequence_number for one in told] == list(range(len(told)))
    assert told[-1].response.output_text == "Hello"


# --- tool calls


def calls_of(name, *calls, stream, finish=None):
    """The reply of a dialect that calls tools; a call is (id, name, arguments)."""
    if name == "openai_chat":
        made = [
            {"index": at, "id": i, "type": "function", "function": {"name": n, "arguments": a}}
            for at, (i, n, a) in enumerate(calls)
        ]
        if not stream:
            return answer(chat_body({"content": None, "tool_calls": made}, finish or "tool_calls"))
        return events(
            chunk({"role": "assistant", "content": None}),
            *(chunk({"tool_calls": [one]}) for one in made),
            chunk({}, finish or "tool_calls"),
        )
    if name == "anthropic_messages":
        blocks = [
            {"type": "tool_use", "id": i, "name": n, "input": json.loads(a or "{}")}
            for i, n, a in calls
        ]
        if not stream:
            return answer(message(*blocks, stop="tool_use"))
        return message_events(
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "So"}]),
            *(
                (
                    {**one, "input": {}},
                    [
                        {"type": "input_json_delta", "partial_json": piece}
                        for piece in (a[:2], a[2:])
                    ],
                )
                for one, (_, _, a) in zip(blocks, calls, strict=True)
            ),
            stop="tool_use",
        )
    if name == "google_generate":
        parts = [{"functionCall": {"name": n, "args": json.loads(a or "{}")}} for _, n, a in calls]
        if not stream:
            return answer(gemini(*parts))
        return events(gemini(*parts, finish=None), gemini(finish="STOP"), done=False)
    items = [
        {"type": "function_call", "id": f"fc{i}", "call_id": i, "name": n, "arguments": a}
        for i, n, a in calls
    ]
    if not stream:
        return answer(response(*items))
    told = [
        {"type": "response.output_item.done", "item": item, "output_index": 0} for item in items
    ]
    begun = {"type": "response.created", "response": response(status="in_progress")}
    last = {"type": "response.completed", "response": response(*items)}
    return events(begun, *told, last, done=False, named=True)


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("stream", [False, True])
async def test_calls_come_back_whole(wire, name, stream):
    reply = calls_of(name, ("call_a", "f", ""), ("call_b", "g", '{"x":1}'), stream=stream)
    told = await whole(wire, reply, name, stream=stream, tools=[TOOL])
    if stream:
        _, calls, finish = gathered(chunks(told.text))
        assert [call["index"] for call in calls] == [0, 1]
    else:
        choice = ChatCompletion.model_validate(told.json()).choices[0].model_dump()
        calls, finish = choice["message"]["tool_calls"], choice["finish_reason"]
    assert finish == "tool_calls"
    assert [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls] == [
        ("f", {}), ("g", {"x": 1})
    ]  # fmt: skip
    assert len({call["id"] for call in calls}) == 2
    assert all(call["id"] for call in calls)


def fragment(arguments, **more):
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return {"function": function, **more}


SPLITS = {
    "usual": [
        [fragment("", index=0, id="a", type="function", name="f")],
        [fragment('{"x"', index=0)],
        [fragment(":1}", index=0)],
    ],
    "no index": [[fragment("", id="a", name="f")], [fragment('{"x":1}')]],
    "id repeated": [
        [fragment('{"x"', index=0, id="a", name="f")],
        [fragment(":1}", index=0, id="a", name="f")],
    ],
    "null arguments": [
        [fragment(None, index=0, id="a", name="f")],
        [fragment('{"x":1}', index=0, id=None)],
    ],
    "at once": [[fragment('{"x":1}', index=0, id="a", name="f")]],
    "object": [[fragment({"x": 1}, index=0, id="a", name="f")]],
    "starts at one": [[fragment('{"x":1}', index=1, id="a", name="f")]],
    "empty id later": [
        [fragment("", index=0, id="a", name="f")],
        [fragment('{"x":1}', index=0, id="", name="")],
    ],
}


@pytest.mark.parametrize("split", SPLITS)
async def test_calls_may_be_split_in_every_way(wire, split):
    told = [chunk({"tool_calls": one}) for one in SPLITS[split]]
    reply = events(chunk({"role": "assistant"}), *told, chunk({}, "tool_calls"))
    _, calls, finish = gathered(chunks(await streamed(wire, reply, tools=[TOOL])))
    (call,) = calls
    assert (call["id"], call["index"], finish) == ("a", 0, "tool_calls")
    assert call["function"] == {"name": "f", "arguments": call["function"]["arguments"]}
    assert json.loads(call["function"]["arguments"]) == {"x": 1}


async def test_two_calls_in_one_chunk_and_index_zero_for_both(wire):
    both = [
        fragment("{}", index=0, id="a", name="f"),
        fragment("{}", index=0, id="b", name="g"),
    ]
    reply = events(chunk({"tool_calls": both}), chunk({}, "stop"))
    _, calls, finish = gathered(chunks(await streamed(wire, reply, tools=[TOOL])))
    assert [(call["id"], call["index"]) for call in calls] == [("a", 0), ("b", 1)]
    assert finish == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_of_free_text(wire, stream):
    call = {"id": "a", "type": "custom", "index": 0, "custom": {"name": "sh", "input": "ls"}}
    reply = answer(chat_body({"content": None, "tool_calls": [call]}, "tool_calls"))
    if stream:
        more = {**call, "custom": {"input": " -l"}, "id": None}
        parts = [chunk({"tool_calls": [call]}), chunk({"tool_calls": [more]})]
        reply = events(*parts, chunk({}, "tool_calls"))
    tools = [{"type": "custom", "custom": {"name": "sh"}}]
    told = await whole(wire, reply, tools=tools, stream=stream)
    if stream:  # OpenAI's own types of chunks do not have them
        made = gathered([json.loads(one) for one in lines(told.text)[:-1]])[1]
    else:
        made = told.json()["choices"][0]["message"]["tool_calls"]
    assert made[0]["custom"] == {"name": "sh", "input": "ls -l" if stream else "ls"}
    refused = await wire.client.post(
        "/v1/chat/completions", json={"model": CLAUDE, "messages": HI, "tools": tools}
    )
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tools[0].type")


# --- signatures


SIGNATURE = base64.b64encode(bytes(range(256)) * 8).decode()


@pytest.mark.parametrize("door", ["chat", "messages", "responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_geminis_signatures_come_back_through_every_door(wire, door, stream):
    part = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": SIGNATURE}
    other = {"functionCall": {"name": "f", "args": {"n": 2}}}
    wire.upstream.script = lambda seen: (
        events(gemini(part, other), done=False) if streams(seen) else answer(gemini(part, other))
    )
    tool = {"name": "f", "parameters": {"type": "object"}, "type": "function", "strict": False}
    if door == "chat":
        told = await wire.chat(GEMINI, tools=[TOOL], stream=stream)
        if stream:
            calls = gathered(chunks(told.text))[1]
        else:
            calls = told.json()["choices"][0]["message"]["tool_calls"]
        calls = [{k: v for k, v in one.items() if k in ("id", "type", "function")} for one in calls]
        results = [{"role": "tool", "tool_call_id": one["id"], "content": "1"} for one in calls]
        turn = {"role": "assistant", "content": None, "tool_calls": calls}
        await wire.chat(GEMINI, [*HI, turn, *results], tools=[TOOL])
    elif door == "messages":
        tools = [{"name": "f", "input_schema": {"type": "object"}}]
        told = await wire.messages(GEMINI, tools=tools, stream=stream)
        if stream:
            starts = [json.loads(one) for one in lines(told.text)]
            blocks = [one["content_block"] for one in starts if "content_block" in one]
        else:
            blocks = told.json()["content"]
        results = [
            {"type": "tool_result", "tool_use_id": one["id"], "content": "1"} for one in blocks
        ]
        turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
        await wire.messages(GEMINI, [*HI, *turns], tools=tools)
    else:
        told = await wire.responses(GEMINI, tools=[tool], stream=stream)
        body = json.loads(lines(told.text)[-1])["response"] if stream else told.json()
        calls = body["output"]
        results = [
            {"type": "function_call_output", "call_id": one["call_id"], "output": "1"}
            for one in calls
        ]
        await wire.responses(GEMINI, [*HI, *calls, *results], tools=[tool])
    model, results = wire.upstream.last.body["contents"][1:]
    assert model["parts"][0]["thoughtSignature"] == SIGNATURE
    assert "thoughtSignature" not in model["parts"][1]
    assert [one["functionResponse"]["name"] for one in results["parts"]] == ["f", "f"]


async def test_foreign_calls_get_the_documented_placeholder(wire):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "1"}
    await wire.chat(GEMINI, [*HI, turn, result], tools=[TOOL])
    part = wire.upstream.last.body["contents"][1]["parts"][0]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropics_thoughts_come_back_through_openais_door(wire, stream):
    thought = {"type": "thinking", "thinking": "hm", "signature": signature("hm")}
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    reply = answer(message(thought, call, stop="tool_use"))
    if stream:
        deltas = [
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": signature("hm")},
        ]
        begun = {"type": "thinking", "thinking": "", "signature": ""}
        reply = message_events((begun, deltas), (call, []), stop="tool_use")
    fields = {"tools": [TOOL], "reasoning_effort": "high", "max_tokens": 20000}
    told = await whole(wire, reply, "anthropic_messages", stream=stream, **fields)
    if stream:
        turn = {"role": "assistant", "content": None}
        for body in chunks(told.text):
            for choice in body["choices"]:
                for name, value in choice["delta"].items():
                    if name in ("tool_calls", "thinking_blocks"):
                        turn[name] = [*turn.get(name, []), *value]
    else:
        turn = told.json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "1"}
    await wire.chat(CLAUDE, [*HI, turn, result], **fields)
    assert wire.upstream.last.body["messages"][1]["content"][0] == thought
    assert wire.upstream.last.body["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(
    "model", ["deepseek/deepseek-v4-pro", "moonshot/kimi-k2.6", "xiaomi/mimo-v2.6-pro"]
)
async def test_thoughts_are_replayed_where_they_must_be(wire, model):
    said = {"content": "A", "reasoning_content": "hm"}
    wire.upstream.script = lambda _: answer(chat_body(said))
    turn = (await wire.chat(model)).json()["choices"][0]["message"]
    assert turn["reasoning_content"] == "hm"
    await wire.chat(model, [*HI, turn, *HI, {"role": "assistant", "content": "B"}, *HI])
    first, second = [m for m in wire.upstream.last.body["messages"] if m["role"] == "assistant"]
    assert (first["reasoning_content"], second["reasoning_content"]) == ("hm", " ")


# --- content, finish reasons, usage


@pytest.mark.parametrize("stream", [False, True])
async def test_what_openai_alone_has_survives(wire, stream):
    logprobs = {
        "content": [{"token": "A", "logprob": -1.0, "bytes": None, "top_logprobs": []}],
        "refusal": None,
    }
    usage = {
        "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 2},
        "completion_tokens_details": {
            "reasoning_tokens": 1, "audio_tokens": 1, "accepted_prediction_tokens": 2,
            "rejected_prediction_tokens": 1,
        },
    }  # fmt: skip
    sound = {"id": "au", "data": "AA", "expires_at": 5, "transcript": "A"}
    head = {"service_tier": "flex", "system_fingerprint": "fp"}
    body = chat_body({"content": "A", "refusal": None, "audio": sound}, usage=usage, **head)
    body["choices"][0]["logprobs"] = logprobs
    body["choices"].append(
        {**chat_body({"content": None, "refusal": "No."})["choices"][0], "index": 1}
    )
    reply = answer(body)
    if stream:
        first = chunk({"role": "assistant", "content": ""}, **head)
        said = chunk({"content": "A"}, **head)
        said["choices"][0]["logprobs"] = logprobs
        reply = events(
            first, chunk({"role": "assistant"}, index=1, **head), said,
            chunk({"refusal": "No."}, index=1, **head), chunk({"audio": sound}, **head),
            chunk({}, "stop", 1, **head), chunk({}, "stop", **head), chunk(usage=usage, **head),
        )  # fmt: skip
    fields = {
        "n": 2, "logprobs": True, "top_logprobs": 1, "user": "u", "metadata": {"a": "b"},
        "service_tier": "flex", "store": False,
        "prediction": {"type": "content", "content": "A"},
    }  # fmt: skip
    options = {"stream_options": {"include_usage": True}} if stream else {}
    told = await whole(wire, reply, stream=stream, **fields, **options)
    sent = wire.upstream.last.body
    assert {name: sent[name] for name in fields} == fields
    if stream:
        bodies = chunks(told.text)
        deltas = [choice for one in bodies for choice in one["choices"]]
        assert [one["logprobs"] for one in deltas if one["logprobs"]] == [logprobs]
        assert [one["delta"]["refusal"] for one in deltas if "refusal" in one["delta"]] == ["No."]
        assert [one["delta"]["audio"] for one in deltas if "audio" in one["delta"]] == [sound]
        last = bodies[-1]
    else:
        last = told.json()
        ChatCompletion.model_validate(last)
        one, two = last["choices"]
        assert (one["logprobs"], one["message"]["audio"]) == (logprobs, sound)
        assert (two["message"]["content"], two["message"]["refusal"]) == (None, "No.")
    assert (last["service_tier"], last["system_fingerprint"]) == ("flex", "fp")
    counted = last["usage"]
    assert counted["prompt_tokens_details"]["audio_tokens"] == 2
    assert counted["completion_tokens_details"] == usage["completion_tokens_details"]


WORDS = [
    *[("openai_chat", word, want) for word, want in (
        ("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"),
        ("eos", "stop"), ("model_length", "length"), ("sensitive", "content_filter"),
        ("never_heard", "stop"))],
    *[("anthropic_messages", word, want) for word, want in (
        ("end_turn", "stop"), ("max_tokens", "length"), ("stop_sequence", "stop"),
        ("pause_turn", "length"), ("refusal", "content_filter"), ("never_heard", "stop"),
        ("model_context_window_exceeded", "length"))],
    *[("google_generate", word, want) for word, want in (
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"), ("BLOCKLIST", "content_filter"), ("OTHER", "stop"),
        ("NEVER_HEARD", "stop"))],
]  # fmt: skip


@pytest.mark.parametrize("name, word, want", WORDS)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_finish_has_openais_word(wire, name, word, want, stream):
    if name == "openai_chat":
        reply = answer(chat_body({"content": "A"}, word))
        if stream:
            reply = events(chunk({"content": "A"}), chunk({}, word))
    elif name == "anthropic_messages":
        text = {"type": "text", "text": "A"}
        reply = answer(message(text, stop=word))
        if stream:
            reply = message_events((text, []), stop=word)
    else:
        body = gemini({"text": "A"}, finish=word)
        reply = events(body, done=False) if stream else answer(body)
    told = await whole(wire, reply, name, stream=stream)
    if stream:
        assert gathered(chunks(told.text))[2] == want
    else:
        assert told.json()["choices"][0]["finish_reason"] == want


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt_of_gemini(wire, stream):
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}
    reply = events(body, done=False) if stream else answer(body)
    told = await whole(wire, reply, "google_generate", stream=stream)
    if stream:
        assert gathered(chunks(told.text))[2] == "content_filter"
    else:
        assert told.json()["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_stop_sequence_is_told_to_anthropics_clients(wire, stream):
    text = {"type": "text", "text": "A"}
    reply = answer(message(text, stop="stop_sequence", stop_sequence="END"))
    if stream:
        reply = message_events((text, []), stop="stop_sequence", stop_sequence="END")
    wire.upstream.script = lambda _: reply
    told = await wire.messages(CLAUDE, stop_sequences=["END"], stream=stream)
    made = json.loads(lines(told.text)[-2])["delta"] if stream else told.json()
    assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "END")


async def test_an_empty_last_word_of_anthropic_is_an_answer(wire):
    told = await whole(wire, answer(message()), "anthropic_messages")
    assert told.status_code == 200, told.text
    assert told.json()["choices"][0]["message"]["content"] == ""


USAGES = [
    (CLAUDE, message({"type": "text", "text": "A"}, usage={
        "input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2,
        "output_tokens": 4}), (10, 4, 3)),
    (CLAUDE, message({"type": "text", "text": "A"}, usage={
        "input_tokens": 5, "cache_read_input_tokens": None, "output_tokens": 4}), (5, 4, 0)),
    (GEMINI, {**gemini({"text": "A"}), "usageMetadata": {
        "promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 7,
        "cachedContentTokenCount": 1}}, (5, 9, 1)),
    (GEMINI, {**gemini({"text": "A"}), "usageMetadata": None}, (0, 0, 0)),
    ("xai/grok-4.3", chat_body({"content": "A"}, usage={
        "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 17,
        "completion_tokens_details": {"reasoning_tokens": 10}}), (5, 12, 0)),
    ("deepseek/deepseek-v4-pro", chat_body({"content": "A"}, usage={
        "prompt_tokens": 5, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}), (5, 2, 4)),
    (OPENAI, chat_body({"content": "A"}, usage=None), (0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize("model, body, want", USAGES)
async def test_tokens_are_counted_openais_way(wire, model, body, want):
    wire.upstream.script = lambda _: answer(body)
    usage = (await wire.chat(model)).json()["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], cached) == want
    assert usage["total_tokens"] == want[0] + want[1]


# --- bytes


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_streams_are_read_from_bytes(wire, size):
    text = "Ω – 日本 \u2028\u2029\u0085 🎉"
    raw = (
        ": keep-alive\r\n\r\nid: 5\r\nretry: 3\r\n"
        f"data:{json.dumps(chunk({'content': text}), ensure_ascii=False)}\r\n\r\n"
        "event: message\r\n"
        + "".join(
            f"data: {line}\r\n"
            for line in json.dumps(chunk({"content": "!"}), indent=1).splitlines()
        )
        + "\r\n"
        f"data: {json.dumps(chunk({}, 'stop'))}\n\ndata: [DONE]\n\n"
    ).encode()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    told = await streamed(wire, Reply(pieces, headers={"Content-Type": "text/event-stream"}))
    assert gathered(chunks(told))[0] == text + "!"


async def test_events_of_300_kb(wire):
    text = "x" * 300_000
    told = await streamed(wire, events(chunk({"content": text}), chunk({}, "stop")))
    assert gathered(chunks(told))[0] == text


# --- what goes wrong


def begun(name):
    """The beginning of a stream, and no end."""
    match name:
        case "openai_chat":
            return events(chunk({"role": "assistant", "content": "A"}), done=False).body
        case "anthropic_messages":
            full = message_events(({"type": "text", "text": "A"}, [])).body
            return full[: full.index(b"event: message_delta")]
        case "google_generate":
            return events(gemini({"text": "A"}, finish=None), done=False).body
        case _:
            head = {"type": "response.created", "response": response(status="in_progress")}
            said = {"type": "response.output_text.delta", "delta": "A"}
            return events(head, said, done=False, named=True).body


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("door", ["chat", "messages", "responses"])
async def test_a_broken_stream_never_looks_finished(wire, name, drop, door):
    stream = {"Content-Type": "text/event-stream"}
    wire.upstream.script = lambda _: Reply(begun(name), headers=stream, drop=drop)
    model, _ = ANY[name]
    tool = {"name": "f", "input_schema": {"type": "object"}}
    flat = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
    if door == "chat":
        told = await wire.chat(model, stream=True, **ANY[name][1])
        assert "[DONE]" not in told.text and '"finish_reason":"' not in told.text
    elif door == "messages":
        extra = {"tools": [tool]} if "resp" in name else {}
        told = await wire.messages(model, stream=True, **extra)
        assert "message_stop" not in told.text
    else:
        extra = {"tools": [flat]} if "resp" in name else {}
        told = await wire.responses(model, stream=True, **extra)
        assert "response.completed" not in told.text and "response.failed" in told.text
    assert '"error"' in told.text and "sandbox-" not in told.text


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", [
    Reply(b"<html><body>Bad gateway</body></html>", 502, {"Content-Type": "text/html"}),
    Reply(b"<html>Sign in</html>", 200, {"Content-Type": "text/html"}),
    Reply(b"", 200), Reply(b"{", 200), Reply(b"[]", 200), Reply(b"null", 200),
    Reply(b'{"choices": []}', 200), Reply(b'{"error": {"message": "broken"}}', 200),
    Reply(b"", 503), Reply(b"overloaded", 529), Reply(b"", drop=True),
])  # fmt: skip
async def test_nonsense_is_a_502_in_json(wire, name, stream, reply):
    told = await whole(wire, reply, name, stream=stream)
    assert 500 <= told.status_code < 505, told.text
    assert told.json()["error"]["message"]
    assert "x-should-retry" not in told.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status, error, headers, want", [
    (400, {"message": "Bad image.", "type": "invalid_request_error", "param": "messages[0]",
           "code": "invalid_image_url"}, {}, (400, "invalid_image_url", "messages[0]")),
    (400, {"message": "This model's maximum context length is 10 tokens.",
           "code": "context_length_exceeded"}, {}, (400, "context_length_exceeded", None)),
    (404, {"message": "The model `m` does not exist", "code": "model_not_found"}, {},
     (404, "model_not_found", None)),
    (422, {"message": "Unprocessable"}, {}, (400, None, None)),
    (429, {"message": "Slow down", "code": "rate_limit_exceeded"}, {"Retry-After": "7"},
     (429, "rate_limit_exceeded", None)),
    (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, {},
     (429, "insufficient_quota", None)),
    (401, {"message": "Incorrect API key provided: sandbox-openai-key", "code": "invalid_api_key"},
     {}, (502, "provider_auth", None)),
    (500, {"message": "Oops"}, {}, (502, "provider_unavailable", None)),
])  # fmt: skip
async def test_errors_keep_their_meaning(wire, stream, status, error, headers, want):
    told = await whole(wire, answer({"error": error}, status, **headers), stream=stream)
    fault = told.json()["error"]
    assert (told.status_code, fault["code"], fault["param"]) == want
    if status != 401:
        assert error["message"] in fault["message"]
    assert "sandbox-openai-key" not in told.text
    if headers:
        assert told.headers["Retry-After"] == "7"


@pytest.mark.parametrize("name", ANY)
async def test_a_client_that_goes_takes_the_call_along(wire, name):
    stream = {"Content-Type": "text/event-stream"}
    wire.upstream.script = lambda _: Reply(begun(name), headers=stream, hang=True)
    model, fields = ANY[name]
    body = {"model": model, "messages": HI, "stream": True, **fields}
    async with wire.client.stream("POST", "/v1/chat/completions", json=body) as told:
        await anext(told.aiter_bytes())
    await asyncio.wait_for(wire.upstream.gone.wait(), 10)


async def test_a_request_of_its_own_fault_goes_to_one_provider(wire):
    wire.upstream.script = lambda _: answer({"error": {"message": "Bad"}}, 400)
    told = await wire.chat(f"{OPENAI},{CLAUDE},{GEMINI}")
    assert (told.status_code, len(wire.upstream.seen)) == (400, 1)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 429, 500, 502, 503, 529])
async def test_a_providers_fault_goes_on_to_the_next(wire, status):
    def script(seen):
        if seen.vendor == "openai":
            return answer({"error": {"message": "No"}}, status)
        return answer(message({"type": "text", "text": "Hello"}))

    wire.upstream.script = script
    told = await wire.chat(f"{OPENAI},{CLAUDE}")
    assert (told.status_code, told.json()["model"]) == (200, CLAUDE)


async def test_a_schema_is_answered_by_a_forced_tool_where_there_is_none(wire):
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "routor_json_answer", "arguments": '{"a":1}'},
    }
    reply = answer(chat_body({"content": None, "tool_calls": [call]}, "tool_calls"))
    form = {"name": "n", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    told = await whole(
        wire, reply, model="microsoft/mai-code-1.1-flash",
        response_format={"type": "json_schema", "json_schema": form},
    )  # fmt: skip
    choice = told.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize("model", ["openai/text-embedding-3-small", "google/gemini-embedding-001",
                                   "mistral/mistral-embed", "alibaba/text-embedding-v4"])  # fmt: skip
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings(wire, model, encoding):
    body = {"model": model, "input": ["a", "b"], "encoding_format": encoding}
    told = await wire.post("/v1/embeddings", body)
    assert told.status_code == 200, told.text
    one, _ = told.json()["data"]
    assert one["embedding"] == ([0.5, 1.0] if encoding == "float" else "AAAAPwAAgD8=")
