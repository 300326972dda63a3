"""What clients read: answers and streams of every dialect, by OpenAI's and Anthropic's types."""

# ruff: noqa: E501 - tables of probes and bodies read better wide

import base64
import json

import anthropic.types
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from services.providers.sandbox.anthropic_messages import signature
from tests.wire.strict import foreign
from tests.wire.upstream import (
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
        assert not foreign(ChatCompletionChunk.model_validate(body))
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
    assert not foreign(made)
    assert (made.content[0].text, made.stop_reason) == ("Hello", "end_turn")
    stream = await wire.messages(model, stream=True, **extra)
    told = [_named.validate_json(one) for one in lines(stream.text) if '"ping"' not in one]
    assert not foreign(told)
    assert [one.type for one in told] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ANY)
async def test_a_response_by_the_rules(wire, name):
    model, _ = ANY[name]
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
    extra = {"tools": [tool]} if "resp" in name else {}
    made = Response.model_validate((await wire.responses(model, **extra)).json())
    assert not foreign(made)
    assert (made.output_text, made.status) == ("Hello", "completed")
    stream = await wire.responses(model, stream=True, **extra)
    told = [_events.validate_json(one) for one in lines(stream.text)]
    assert not foreign(told)
    assert [one.sequence_number for one in told] == list(range(len(told)))
    assert told[-1].response.output_text == "Hello"


# --- tool calls


def calls_of(name, *calls, stream, finish=None):
    """The reply of a dialect that calls tools; a call is (id, name, arguments)."""
    if name == "openai_chat":
        return chat_calls(calls, stream, finish or "tool_calls")
    if name == "anthropic_messages":
        return message_calls(calls, stream)
    if name == "google_generate":
        parts = [{"functionCall": {"name": n, "args": json.loads(a or "{}")}} for _, n, a in calls]
        if not stream:
            return answer(gemini(*parts))
        return events(gemini(*parts, finish=None), gemini(finish="STOP"), done=False)
    return response_calls(calls, stream)


def chat_calls(calls, stream, finish):
    made = [
        {"index": at, "id": i, "type": "function", "function": {"name": n, "arguments": a}}
        for at, (i, n, a) in enumerate(calls)
    ]
    if not stream:
        return answer(chat_body({"content": None, "tool_calls": made}, finish))
    return events(
        chunk({"role": "assistant", "content": None}),
        *(chunk({"tool_calls": [one]}) for one in made),
        chunk({}, finish),
    )


def message_calls(calls, stream):
    blocks = [
        {"type": "tool_use", "id": i, "name": n, "input": json.loads(a or "{}")}
        for i, n, a in calls
    ]
    if not stream:
        return answer(message(*blocks, stop="tool_use"))
    parts = [
        [{"type": "input_json_delta", "partial_json": piece} for piece in (a[:2], a[2:])]
        for _, _, a in calls
    ]
    return message_events(
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "So"}]),
        *(({**one, "input": {}}, told) for one, told in zip(blocks, parts, strict=True)),
        stop="tool_use",
    )


def response_calls(calls, stream):
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


async def test_tools_of_free_text_elsewhere_are_functions_of_one_string(wire):
    tools = [{"type": "custom", "custom": {"name": "sh"}}]
    told = await wire.chat(CLAUDE, tools=tools)
    assert told.status_code == 200
    (function,) = wire.upstream.last.body["tools"]
    assert (function["name"], function["input_schema"]["required"]) == ("sh", ["input"])


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
