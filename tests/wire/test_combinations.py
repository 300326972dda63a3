"""Thoughts, text, parallel calls, schemas and counters at once, at every door and dialect."""

import json

import pytest

from services.providers.sandbox.anthropic_messages import signature
from tests.wire.everything import (
    CHAT,
    CLAUDE,
    DOORS,
    MODELS,
    PARAMETERS,
    RESPONSES,
    SAY,
    ask,
    in_responses,
    read,
    results,
    says,
)
from tests.wire.test_answers import ANY, chunks, gathered
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


@pytest.mark.parametrize("name", SAY)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", ["not streamed", "as asked", "split", "whole"])
async def test_everything_at_once(wire, name, door, how):
    wire.upstream.script = says(name, how)
    stream = how != "not streamed"
    told = await ask(wire, door, MODELS[name], stream)
    _, *seen = read(door, told, stream)
    assert seen == ["hm é", "Hé llo", [{"n": 0}, {"n": 1}], "tool_calls", (100, 50, 40)]


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages", "google_generate"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_schema_while_thinking(wire, name, door, stream):
    """JSON comes as the text, beside the thoughts."""
    wire.upstream.script = says(name, text='{"n": 1}', calls=0)
    told = await ask(wire, door, MODELS[name], stream, tools=False, schema=PARAMETERS)
    _, thoughts, text, calls, finish, counted = read(door, told, stream)
    assert (thoughts, json.loads(text), calls, finish) == ("hm é", {"n": 1}, [], "stop")
    assert counted == (100, 50, 40)


@pytest.mark.parametrize("before", SAY)
@pytest.mark.parametrize("after", SAY)
@pytest.mark.parametrize("door", DOORS)
async def test_the_next_turn_of_any_other_vendor(wire, before, after, door):
    """What one vendor said is history for every other; strict vendors take it."""
    wire.upstream.script = says(before)
    turn, *_ = read(door, await ask(wire, door, MODELS[before], True), True)
    wire.upstream.script = says(after, calls=0)
    told = await ask(wire, door, MODELS[after], False, results(door, turn), schema=None)
    _, _, text, *_ = read(door, told, False)
    assert text == "Hé llo"
    sent = json.dumps(wire.upstream.last.body)
    assert sent.count('"ok"') + sent.count('\\"ok\\"') == 2


# --- what else comes together


def cut_call(name, streaming):
    """A call that the limit cut, in each dialect that can tell one."""
    half = '{"n": 1, "s": "a'
    if name == "openai_chat":
        one = {
            "index": 0,
            "id": "c",
            "type": "function",
            "function": {"name": "f", "arguments": half},
        }
        if not streaming:
            return answer(chat_body({"content": None, "tool_calls": [one]}, "length"))
        return events(chunk({"tool_calls": [one]}), chunk({}, "length"))
    if name == "anthropic_messages":
        block = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
        if not streaming:
            return answer(message({**block, "input": {"n": 1}}, stop="max_tokens"))
        delta = {"type": "input_json_delta", "partial_json": half}
        return message_events((block, [delta]), stop="max_tokens")
    item = {
        "type": "function_call",
        "id": "fc",
        "call_id": "c",
        "name": "f",
        "arguments": half,
        "status": "incomplete",
    }
    end = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    whole = response(item, **end)
    if not streaming:
        return answer(whole)
    begun = {"type": "response.created", "response": response(status="in_progress")}
    done = {"type": "response.output_item.done", "item": item, "output_index": 0}
    return events(
        begun, done, {"type": "response.incomplete", "response": whole}, done=False, named=True
    )


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages", "openai_responses"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_the_limit_cut_at_every_door(wire, name, door, stream):
    wire.upstream.script = lambda seen: cut_call(name, streams(seen))
    told = await ask(wire, door, MODELS[name], stream)
    assert told.status_code == 200, told.text
    end = {"chat": '"length"', "responses": '"incomplete"', "messages": '"max_tokens"'}[door]
    assert end in told.text.replace(": ", ":") and '"error":{' not in told.text


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [False, True])
async def test_thoughts_between_calls_keep_their_order(wire, door, stream):
    """Claude thinks, calls, thinks again and calls again; each signature comes back."""

    def thought(text):
        return {"type": "thinking", "thinking": text, "signature": signature(text)}

    def call(at):
        return {"type": "tool_use", "id": f"toolu_{at}", "name": "f", "input": {"n": at}}

    said = [
        thought("one"),
        call(0),
        thought("two"),
        {"type": "redacted_thinking", "data": "QUFB"},
        call(1),
    ]

    def script(seen):
        if not streams(seen):
            return answer(message(*said, stop="tool_use"))
        blocks = []
        for block in said:
            if block["type"] == "thinking":
                begun = {"type": "thinking", "thinking": "", "signature": ""}
                told = [
                    {"type": "thinking_delta", "thinking": block["thinking"]},
                    {"type": "signature_delta", "signature": block["signature"]},
                ]
                blocks.append((begun, told))
            elif block["type"] == "tool_use":
                given = json.dumps(block["input"])
                delta = {"type": "input_json_delta", "partial_json": given}
                blocks.append(({**block, "input": {}}, [delta]))
            else:
                blocks.append((block, []))
        return message_events(*blocks, stop="tool_use")

    wire.upstream.script = script
    turn, _, _, calls, finish, _ = read(door, await ask(wire, door, CLAUDE, stream), stream)
    assert (calls, finish) == ([{"n": 0}, {"n": 1}], "tool_calls")
    wire.upstream.script = says("anthropic_messages", calls=0)
    await ask(wire, door, CLAUDE, False, results(door, turn))
    sent = wire.upstream.last.body["messages"][1]["content"]
    kept = [block for block in sent if "thinking" in block["type"]]
    assert kept == [block for block in said if "thinking" in block["type"]]
    assert [block["id"] for block in sent if block["type"] == "tool_use"] == ["toolu_0", "toolu_1"]


@pytest.mark.parametrize("door", DOORS)
async def test_a_response_that_is_told_at_its_end_alone(wire, door):
    def script(seen):
        whole = json.loads(in_responses(False, "Hé llo", 2).body)
        begun = {"type": "response.created", "response": response(status="in_progress")}
        return events(
            begun, {"type": "response.completed", "response": whole}, done=False, named=True
        )

    wire.upstream.script = script
    _, thoughts, text, calls, finish, _ = read(door, await ask(wire, door, RESPONSES, True), True)
    assert (thoughts, text, calls, finish) == ("hm é", "Hé llo", [{"n": 0}, {"n": 1}], "tool_calls")


@pytest.mark.parametrize("name", SAY)
@pytest.mark.parametrize("door", DOORS)
async def test_thoughts_and_calls_of_a_stream_that_broke_are_told_by_the_next(wire, name, door):
    """Nothing of a call is told before its end, so that the next model makes it anew."""
    other = "google_generate" if name != "google_generate" else "openai_chat"

    def script(seen):
        if dialect(seen) == other:
            return says(other)(seen)
        whole = SAY[name](True, "", 2).body
        ends = {
            "anthropic_messages": b"event: message_delta",
            "openai_responses": b"event: response.completed",
        }
        cut = whole.rfind(ends.get(name, b"data: {"))
        if name in ("openai_chat", "google_generate"):
            cut = whole.rfind(b"data: {", 0, cut)
        return Reply(whole[:cut], headers={"Content-Type": "text/event-stream"}, drop=True)

    wire.upstream.script = script
    chain = f"{MODELS[name]},{MODELS[other]}"
    told = await ask(wire, door, chain, True)
    _, _, text, calls, finish, _ = read(door, told, True)
    assert (text, calls, finish) == ("Hé llo", [{"n": 0}, {"n": 1}], "tool_calls")


# --- a whole answer in place of a stream, with what is done to answers on their way


MINI = "openai/gpt-5.4-mini"


@pytest.mark.parametrize("door", DOORS)
async def test_a_forced_answer_that_came_whole_is_text(wire, door):
    called = {"name": "routor_json_answer", "arguments": '{"n":1}'}
    call = {"id": "c", "type": "function", "function": called}
    reply = answer(chat_body({"content": None, "tool_calls": [call]}, "tool_calls"))
    wire.upstream.script = lambda _: reply
    model = "microsoft/mai-code-1.1-flash"
    told = await ask(wire, door, model, True, tools=False, schema=PARAMETERS)
    _, _, text, calls, finish, _ = read(door, told, True)
    assert (json.loads(text), calls, finish) == ({"n": 1}, [], "stop")


async def test_one_call_and_a_stop_sequence_hold_for_what_came_whole(wire):
    wire.upstream.script = says("anthropic_messages", "whole")
    tool = {"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}
    told = await wire.chat(CLAUDE, tools=[tool], parallel_tool_calls=False, stream=True)
    calls = [
        one
        for b in chunks(told.text)
        for c in b["choices"]
        for one in c["delta"].get("tool_calls", [])
    ]
    assert [one["index"] for one in calls] == [0]
    wire.upstream.script = lambda _: answer(chat_body({"content": "one STOP two"}))
    told = await wire.chat("xai/grok-4.3", stop=["STOP"], stream=True)
    bodies = chunks(told.text)
    said = "".join(c["delta"].get("content") or "" for b in bodies for c in b["choices"])
    assert said == "one " and '"stop"' in told.text


async def test_a_cut_stream_is_continued_by_what_came_whole(wire):
    def script(seen):
        if seen.vendor == "openai":
            begun = events(
                chunk({"role": "assistant"}), chunk({"content": "Hello wor"}), done=False
            )
            return Reply(begun.body, headers=begun.headers, drop=True)
        return answer(message({"type": "text", "text": "ld!"}))

    wire.upstream.script = script
    told = await wire.chat(f"{MINI},{CLAUDE}", stream=True, reasoning_effort="none")
    bodies = chunks(told.text)
    assert (
        "".join(c["delta"].get("content") or "" for b in bodies for c in b["choices"])
        == "Hello world!"
    )
    assert '"continued":true' in told.text


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages", "google_generate"])
async def test_nearly_json_in_parallel_calls(wire, name, door, stream):
    """One of two calls bears a bracket too many: both come through."""

    def script(seen):
        reply = SAY[name](streams(seen), "Hé llo", 2)
        reply.body = (
            reply.body.replace(b'1}"', b'1}}"') if name != "google_generate" else reply.body
        )
        return reply

    wire.upstream.script = script
    _, _, text, calls, finish, _ = read(door, await ask(wire, door, MODELS[name], stream), stream)
    assert (text, calls, finish) == ("Hé llo", [{"n": 0}, {"n": 1}], "tool_calls")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", ["stream", "whole", "json for a stream"])
async def test_a_function_call_at_every_door(wire, door, how):
    def script(seen):
        old = {"name": "f", "arguments": '{"n": 1}'}
        if not streams(seen) or how == "json for a stream":
            return answer(chat_body({"content": None, "function_call": old}, "function_call"))
        return events(chunk({"function_call": old}), chunk({}, "function_call"))

    wire.upstream.script = script
    stream = how != "whole"
    _, _, _, calls, finish, _ = read(door, await ask(wire, door, CHAT, stream), stream)
    assert (calls, finish) == ([{"n": 1}], "tool_calls")


def test_the_dialects_are_those_of_the_other_tests():
    assert SAY.keys() == ANY.keys()


# --- several choices in one stream


def one_after_the_other(name, many, done=True):
    """Each choice is told to its end, with the usage so far, before the next begins."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    rows = []
    for index in range(many):
        if name == "google_generate":
            body = gemini({"text": f"It is {index}."})
            body["candidates"][0]["index"] = index
            rows.append(body)
        else:
            rows.append(chunk({"role": "assistant", "content": f"It is {index}."}, index=index))
            rows.append(chunk({}, "stop", index=index, usage=usage))
    return events(*rows, done=done and name == "openai_chat")


MANY = {"openai_chat": "mistral/mistral-large-3", "google_generate": "google/gemini-3.6-flash"}


@pytest.mark.parametrize(("name", "model"), MANY.items())
async def test_a_choice_may_end_before_another_begins(wire, name, model):
    wire.upstream.script = lambda _: one_after_the_other(name, 3)
    told = await wire.chat(model, n=3, stream=True)
    assert [gathered(chunks(told.text), index) for index in range(3)] == [
        (f"It is {index}.", [], "stop") for index in range(3)
    ]


async def test_a_choice_that_never_begins_is_missed(wire):
    wire.upstream.script = lambda _: one_after_the_other("openai_chat", 1, done=False)
    told = await wire.chat(MANY["openai_chat"], n=2, stream=True)
    assert '"stream_broken"' in told.text and "[DONE]" not in told.text
