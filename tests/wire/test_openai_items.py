"""The items of OpenAI's answers, at the door of Responses: each in its place."""

import json

import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from tests.edge.fakes import KEY
from tests.wire.test_hosted_tools import (
    CLAUDE,
    FUNCTION,
    GPT,
    SAID,
    SEARCH,
    SEARCHED,
    TEXT,
    kinds,
    read,
    thought,
)
from tests.wire.upstream import answer, events, response

BEFORE = {
    **SAID,
    "id": "msg_0",
    "phase": "commentary",
    "content": [{**TEXT, "text": "I look.", "annotations": []}],
}
AFTER = {**SAID, "phase": "final_answer"}
OPENED = {**SEARCHED, "id": "ws_2", "action": {"type": "open_page", "url": "https://x.test"}}


def interleaved():
    """Return a stream of two searches at once, between two texts."""

    def added(place, item):
        event = {"type": "response.output_item.added", "output_index": place}
        return {**event, "item": {**item, "status": "in_progress"}}

    def text(place, item):
        event = {"type": "response.output_text.delta", "output_index": place, "content_index": 0}
        said = item["content"][0]["text"]
        at = {"item_id": item["id"], "logprobs": []}
        return {**event, **at, "delta": said}

    def done(place, item):
        return {"type": "response.output_item.done", "output_index": place, "item": item}

    def progress(place, item, word):
        kind = f"response.web_search_call.{word}"
        return {"type": kind, "output_index": place, "item_id": item["id"]}

    output = [BEFORE, SEARCHED, OPENED, AFTER]
    return events(
        {"type": "response.created", "response": response(status="in_progress")},
        *(added(0, {**BEFORE, "content": []}), text(0, BEFORE), done(0, BEFORE)),
        *(added(1, SEARCHED), added(2, OPENED)),
        *(progress(2, OPENED, "searching"), progress(1, SEARCHED, "searching")),
        *(done(2, OPENED), done(1, SEARCHED)),
        *(added(3, {**AFTER, "content": []}), text(3, AFTER), done(3, AFTER)),
        {"type": "response.completed", "response": response(*output)},
        done=False,
        named=True,
    )


async def test_items_that_stream_at_once_keep_their_own_places(wire):
    wire.upstream.script = lambda _: interleaved()
    rows = read(await wire.responses(GPT, tools=[SEARCH], stream=True))
    places = {}
    for row in rows[:-1]:
        if "output_index" in row:
            own = row.get("item_id") or row["item"]["id"]
            places.setdefault(own, set()).add(row["output_index"])
    output = rows[-1]["response"]["output"]
    assert [places[item["id"]] for item in output] == [{0}, {1}, {2}, {3}]
    assert output[1:3] == [SEARCHED, OPENED]


@pytest.mark.parametrize("told", ["as they come", "at the end alone"])
async def test_openais_own_client_counts_them_the_same(wire, told):
    reply = interleaved()
    if told == "at the end alone":
        whole = {"type": "response.completed", "response": response(SEARCHED, BEFORE, OPENED)}
        begun = {"type": "response.created", "response": response(status="in_progress")}
        reply = events(begun, whole, done=False, named=True)
    wire.upstream.script = lambda _: reply
    client = AsyncOpenAI(base_url=f"{wire.url}/v1", api_key=KEY)
    async with client, client.responses.stream(model=GPT, input="Hi", tools=[SEARCH]) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    added = kinds.count("response.output_item.added")
    assert added == kinds.count("response.output_item.done") == len(final.output)
    assert "I look." in final.output_text


@pytest.mark.parametrize("streaming", [False, True])
async def test_words_before_and_after_a_tool_stay_apart(wire, streaming):
    whole = response(BEFORE, SEARCHED, OPENED, AFTER)
    wire.upstream.script = lambda _: interleaved() if streaming else answer(whole)
    told = await wire.responses(GPT, tools=[SEARCH], stream=streaming)
    body = read(told)[-1]["response"] if streaming else told.json()
    Response.model_validate(body)
    output = body["output"]
    assert kinds(output) == ["message", "web_search_call", "web_search_call", "message"]
    assert [output[at]["content"][0]["text"] for at in (0, 3)] == ["I look.", "Hello"]
    assert [output[at]["phase"] for at in (0, 3)] == ["commentary", "final_answer"]
    assert len({item["id"] for item in output}) == 4
    wire.upstream.script = None
    await wire.responses(GPT, [*output, {"role": "user", "content": "And?"}], tools=[SEARCH])
    sent = wire.upstream.last.body["input"]
    assert kinds(sent)[:4] == kinds(output)
    assert [sent[at]["phase"] for at in (0, 3)] == ["commentary", "final_answer"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_phase_that_is_no_word_is_none(wire, streaming):
    odd = {**AFTER, "phase": 5}
    rows = [{"type": "response.created", "response": response(status="in_progress")}]
    rows.append({"type": "response.completed", "response": response(odd)})
    reply = events(*rows, done=False, named=True) if streaming else answer(response(odd))
    wire.upstream.script = lambda _: reply
    told = await wire.responses(GPT, tools=[FUNCTION], stream=streaming)
    (said,) = (read(told)[-1]["response"] if streaming else told.json())["output"]
    assert said["content"][0]["text"] == "Hello" and "phase" not in said


@pytest.mark.parametrize("streaming", [False, True])
async def test_calls_keep_their_place_among_words(wire, streaming):
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "f",
        "arguments": "",
        "status": "completed",
    }
    whole = response(thought(1), BEFORE, call)
    rows = [{"type": "response.created", "response": response(status="in_progress")}]
    rows.append({"type": "response.completed", "response": whole})
    reply = events(*rows, done=False, named=True) if streaming else answer(whole)
    wire.upstream.script = lambda _: reply
    told = await wire.responses(GPT, tools=[FUNCTION], stream=streaming)
    output = (read(told)[-1]["response"] if streaming else told.json())["output"]
    assert kinds(output) == ["reasoning", "message", "function_call"]
    assert (output[1]["phase"], output[2]["arguments"]) == ("commentary", "{}")
    assert output[0]["encrypted_content"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_thoughts_that_follow_each_other_are_two_items(wire, streaming):
    output = [thought(1), thought(2), AFTER]
    rows = [{"type": "response.created", "response": response(status="in_progress")}]
    rows += [{"type": "response.output_item.done", "item": item} for item in output[:2]]
    rows.append({"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hello"})
    rows.append({"type": "response.completed", "response": response(*output)})
    reply = events(*rows, done=False, named=True) if streaming else answer(response(*output))
    wire.upstream.script = lambda _: reply
    told = await wire.responses(GPT, tools=[FUNCTION], stream=streaming)
    body = read(told)[-1]["response"] if streaming else told.json()
    assert kinds(body["output"]) == ["reasoning", "reasoning", "message"]
    wire.upstream.script = None
    given = [*body["output"], {"role": "user", "content": "And?"}]
    await wire.responses(GPT, given, tools=[FUNCTION])
    sent = wire.upstream.last.body["input"]
    assert [one.get("encrypted_content") for one in sent[:2]] == ["parcel1", "parcel2"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_one_call_at_a_time_is_one_item(wire, streaming):
    calls = [
        {"type": "function_call", "id": f"fc_{n}", "call_id": f"c{n}", "name": "f", "arguments": ""}
        for n in range(2)
    ]
    rows = [{"type": "response.created", "response": response(status="in_progress")}]
    rows.append({"type": "response.completed", "response": response(*calls)})
    reply = events(*rows, done=False, named=True) if streaming else answer(response(*calls))
    wire.upstream.script = lambda _: reply
    told = await wire.responses(GPT, tools=[FUNCTION], parallel_tool_calls=False, stream=streaming)
    output = (read(told)[-1]["response"] if streaming else told.json())["output"]
    assert [one["call_id"] for one in output] == ["c0"]


async def test_others_do_without_phases_and_say_so(wire):
    given = [{"role": "user", "content": "Hi"}, BEFORE, {"role": "user", "content": "?"}]
    told = await wire.responses(CLAUDE, given)
    assert told.json()["routor"]["droppedParameters"] == ["input[].phase"]
    assert "phase" not in json.dumps(wire.upstream.last.body)


@pytest.mark.parametrize("door", ["responses", "messages"])
async def test_calls_of_one_id_are_told_by_two(wire, door):
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    output = [{**call, "id": f"fc_{number}"} for number in range(2)]
    wire.upstream.script = lambda _: answer(response(*output))
    tool = FUNCTION if door == "responses" else {"name": "f", "input_schema": {"type": "object"}}
    told = (await getattr(wire, door)(GPT, tools=[tool])).json()
    named = [one.get("call_id") or one["id"] for one in told.get("output") or told["content"]]
    assert len(set(named)) == 2


def sealed(number):
    parcel = {"id": f"rs_{number}", "encrypted_content": f"enc{number}"}
    told = [{"type": "summary_text", "text": f"Hm {number}."}]
    return {"type": "reasoning", **parcel, "summary": told}


async def test_thoughts_stay_before_what_they_led_to_at_anthropics_door(wire):
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
    wire.upstream.script = lambda _: answer(response(sealed(1), SAID, sealed(2), call))
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    fields = {"tools": tools, "thinking": {"type": "adaptive"}}
    asked = {"role": "user", "content": "Hi"}
    told = (await wire.messages(GPT, [asked], **fields)).json()["content"]
    assert kinds(told) == ["thinking", "text", "thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": told[-1]["id"], "content": "21"}
    turn = {"role": "assistant", "content": told}
    await wire.messages(GPT, [asked, turn, {"role": "user", "content": [result]}], **fields)
    given = wire.upstream.last.body["input"]
    order = ["message", "reasoning", "message", "reasoning", "function_call"]
    assert kinds(given) == [*order, "function_call_output"]
    assert [one["id"] for one in given if one["type"] == "reasoning"] == ["rs_1", "rs_2"]


async def test_thoughts_that_led_to_nothing_do_not_go_back(wire):
    wire.upstream.script = lambda _: answer(response(sealed(1), sealed(2), status="incomplete"))
    asked = {"role": "user", "content": "Hi"}
    told = (await wire.responses(GPT, [asked], tools=[FUNCTION])).json()["output"]
    assert "reasoning" in kinds(told)
    await wire.responses(GPT, [asked, *told, asked], tools=[FUNCTION])
    assert kinds(wire.upstream.last.body["input"]) == ["message", "message"]
