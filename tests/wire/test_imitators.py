"""What imitators of a vendor's wire format get wrong, and clients still read right."""

import json

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.test_answers import (
    ANY,
    CLAUDE,
    OPENAI,
    TOOL,
    calls_of,
    chunks,
    gathered,
    streamed,
    whole,
)
from tests.wire.upstream import (
    Reply,
    answer,
    chat_body,
    chunk,
    events,
    gemini,
    hello,
    message,
    message_events,
)

# --- one JSON object in reply to a request for a stream

COUNTED = {"stream_options": {"include_usage": True}}


def pieces(reply, size=7):
    """The same reply, written a few bytes at a time."""
    body = reply.body
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return Reply(parts, reply.status, reply.headers)


def said(name):
    """A whole answer that says hello, in a dialect."""
    seen = type("Seen", (), {"vendor": "x", "path": "chat/completions", "body": {}})()
    if name == "anthropic_messages":
        seen.vendor = "anthropic"
    elif name == "google_generate":
        seen.vendor, seen.path = "google", "models/m:generateContent"
    elif name == "openai_responses":
        seen.path = "v1/responses"
    return hello(seen)


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("split", [False, True])
async def test_a_whole_answer_becomes_a_stream(wire, name, split):
    reply = pieces(said(name)) if split else said(name)
    if split:
        reply.body.insert(0, b"\n")
    bodies = chunks(await streamed(wire, reply, name, **COUNTED))
    assert gathered(bodies)[::2] == ("Hello", "stop")
    assert bodies[-1]["choices"] == [] and bodies[-1]["usage"]["total_tokens"] == 9
    assert sum(bool(body.get("usage")) for body in bodies) == 1


@pytest.mark.parametrize("name", ANY)
async def test_the_calls_of_a_whole_answer_become_a_stream(wire, name):
    reply = calls_of(name, ("call_a", "f", ""), ("call_b", "g", '{"x":1}'), stream=False)
    bodies = chunks(await streamed(wire, reply, name, tools=[TOOL]))
    _, calls, finish = gathered(bodies)
    assert [(call["index"], call["function"]["name"]) for call in calls] == [(0, "f"), (1, "g")]
    assert [call["function"]["arguments"] for call in calls] == ["{}", '{"x":1}']
    assert finish == "tool_calls"


async def test_choices_thoughts_and_probabilities_of_a_whole_answer(wire):
    token = {"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": []}
    told = chat_body({"content": "A", "reasoning_content": "hm"})
    told["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    refused = {"role": "assistant", "content": None, "refusal": "No"}
    told["choices"].append({"index": 1, "message": refused, "finish_reason": "length"})
    bodies = chunks(await streamed(wire, answer(told), n=2, logprobs=True))
    told_all = [choice for body in bodies for choice in body["choices"]]
    first = [one for one in told_all if one["index"] == 0]
    assert [one["delta"] for one in first[1:3]] == [{"reasoning_content": "hm"}, {"content": "A"}]
    assert first[2]["logprobs"]["content"] == [token]
    other = [one for one in told_all if one["index"] == 1]
    assert other[1]["delta"] == {"refusal": "No"} and other[-1]["finish_reason"] == "length"


@pytest.mark.parametrize("name", ANY)
async def test_an_error_in_place_of_a_stream_goes_on_to_the_next(wire, name):
    fault = {"error": {"message": "Overloaded", "type": "overloaded_error", "code": 503}}
    model, fields = ANY[name]
    other = OPENAI if name == "anthropic_messages" else CLAUDE
    vendor = model.partition("/")[0]
    wire.upstream.script = lambda seen: answer(fault) if seen.vendor == vendor else hello(seen)
    told = await wire.chat(f"{model},{other}", stream=True, **fields)
    bodies = chunks(told.text)
    assert gathered(bodies)[0] == "Hello" and bodies[0]["model"] == other


async def test_half_an_object_is_no_answer(wire):
    half = said("openai_chat").body[:-20]
    headers = {"Content-Type": "application/json"}
    told = await whole(wire, Reply(half, headers=headers, drop=True), stream=True)
    assert told.status_code == 502
    told = await whole(wire, Reply(half, headers=headers), stream=True)
    assert told.status_code == 502


@pytest.mark.parametrize("door", ["messages", "responses"])
async def test_other_doors_stream_what_came_whole(wire, door):
    wire.upstream.script = lambda _: said("anthropic_messages")
    told = await getattr(wire, door)(CLAUDE, stream=True)
    last = "message_stop" if door == "messages" else "response.completed"
    assert "Hello" in told.text and last in told.text


async def test_a_message_in_the_only_event_is_the_answer(wire):
    body = chat_body({"content": "Hello", "tool_calls": None})
    assert gathered(chunks(await streamed(wire, events(body))))[::2] == ("Hello", "stop")


async def test_a_done_behind_a_whole_answer_changes_nothing(wire):
    body = said("openai_chat").body + b"\n\ndata: [DONE]\n\n"
    assert gathered(chunks(await streamed(wire, Reply(body))))[::2] == ("Hello", "stop")


@pytest.mark.parametrize("split", [False, True])
async def test_geminis_events_may_be_a_list(wire, split):
    told = [gemini({"text": "Hel"}, finish=None), gemini({"text": "lo"})]
    reply = Reply(json.dumps(told, indent=2).encode(), headers={"Content-Type": "application/json"})
    reply = pieces(reply) if split else reply
    bodies = chunks(await streamed(wire, reply, "google_generate", **COUNTED))
    assert gathered(bodies)[::2] == ("Hello", "stop") and bodies[-1]["usage"]["total_tokens"] == 9


@pytest.mark.parametrize("told", [
    [gemini({"text": "Hel"}, finish=None)], [{"error": {"code": 503, "message": "Busy"}}], [], [1],
])  # fmt: skip
async def test_a_list_without_an_end_is_an_error(wire, told):
    reply = await whole(wire, answer(told), "google_generate", stream=True)
    assert reply.status_code >= 500 or '"error"' in reply.text


# --- the deprecated word for a call


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("both", [False, True])
async def test_a_function_call_is_a_tool_call(wire, stream, both):
    old = {"name": "f", "arguments": '{"x":1}'}
    new = {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": old}]}
    spoken = {"content": "", "function_call": old, **(new if both else {})}
    reply = answer(chat_body(spoken, "function_call"))
    if stream:
        first, last = {"name": "f", "arguments": '{"x"'}, {"arguments": ":1}"}
        told = [{"function_call": first}, {"function_call": last}]
        told = [{"content": "", **new, "function_call": old}] if both else told
        parts = [chunk({"role": "assistant"}), *(chunk(one) for one in told)]
        reply = events(*parts, chunk({}, "function_call"))
    told = await whole(wire, reply, stream=stream, tools=[TOOL])
    if stream:
        _, calls, finish = gathered(chunks(told.text))
    else:
        choice = ChatCompletion.model_validate(told.json()).choices[0].model_dump()
        calls, finish = choice["message"]["tool_calls"], choice["finish_reason"]
    (call,) = calls
    assert (call["function"]["name"], call["function"]["arguments"]) == ("f", '{"x":1}')
    assert call["id"] and finish == "tool_calls"


async def test_no_function_call_is_none(wire):
    spoken = {"content": "Hello", "function_call": None, "tool_calls": None}
    told = await whole(wire, answer(chat_body(spoken)))
    assert told.json()["choices"][0]["finish_reason"] == "stop"
    reply = events(chunk(spoken), chunk({"content": "!", "function_call": None}), chunk({}, "stop"))
    assert gathered(chunks(await streamed(wire, reply)))[:2] == ("Hello!", [])


# --- arguments that are nearly JSON

MENDED = [
    ('{"x":1}}', {"x": 1}),
    ('{"x":1}]}', {"x": 1}),
    ('{}{"x":1}', {"x": 1}),
    ('{"x":1}{"x":1}', {"x": 1}),
    ('```json\n{"x":1}\n```', {"x": 1}),
    ('<tool_call>{"x":1}</tool_call>', {"x": 1}),
    ('{"x":1}<|im_end|>', {"x": 1}),
    ('{"x":"a\nb"}', {"x": "a\nb"}),
    ('"{\\"x\\":1}"', {"x": 1}),
    ('[]', {}), ('""', {}), ('null', {}),
]  # fmt: skip
BROKEN = ['{"x":1', '{"x":1}{"x":2}', "{'x':1}", '{"x":NaN}', "x=1", '{"x":1,}', '{"x":1} {',
          '[1]', '[{"x":1}]', '"x"', '3', 'true']  # fmt: skip


def call_with(name, arguments, stream):
    """The reply of a dialect whose only call has these arguments."""
    if name == "anthropic_messages":
        block = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": arguments}
        if not stream:
            return answer(message({**block, "input": arguments}, stop="tool_use"))
        return message_events((block, [delta]), stop="tool_use")
    return calls_of(name, ("a", "f", arguments), stream=stream)


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages", "openai_responses"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("arguments, want", MENDED)
async def test_arguments_with_one_reading_are_read(wire, name, stream, arguments, want):
    told = await whole(wire, call_with(name, arguments, stream), name, stream=stream, tools=[TOOL])
    if stream:
        (call,) = gathered(chunks(told.text))[1]
    else:
        (call,) = told.json()["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == want


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages", "openai_responses"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("arguments", BROKEN)
async def test_arguments_with_no_reading_or_two_are_an_error(wire, name, stream, arguments):
    told = await whole(wire, call_with(name, arguments, stream), name, stream=stream, tools=[TOOL])
    assert told.status_code == 502
    assert "not JSON" in told.json()["error"]["message"]
