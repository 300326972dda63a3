"""Tools that OpenAI runs, and what Codex declares, at the door of Responses."""

import json

import pydantic
import pytest
from openai.types.responses import Response, ResponseStreamEvent

from tests.wire.strict import foreign
from tests.wire.upstream import (
    Reply,
    answer,
    chat_body,
    chunk,
    dialect,
    events,
    message,
    message_events,
    response,
)

GPT, CLAUDE, DEEPSEEK = "openai/gpt-5.5", "anthropic/claude-opus-4.8", "deepseek/deepseek-v4-pro"
EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
SEARCH = {"type": "web_search", "search_context_size": "low"}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
HOSTED = [
    SEARCH,
    {"type": "web_search_preview"},
    {"type": "file_search", "vector_store_ids": ["vs_1"]},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "image_generation"},
    {"type": "mcp", "server_label": "docs", "server_url": "https://docs.test/mcp"},
    {"type": "local_shell"},
]
ACTION = {"type": "search", "query": "ünï", "queries": ["ünï"], "sources": []}
SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": ACTION}
CITED = {
    "type": "url_citation",
    "start_index": 0,
    "end_index": 5,
    "url": "https://x.test",
    "title": "X",
}
TEXT = {"type": "output_text", "text": "Hello", "annotations": [CITED], "logprobs": []}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [TEXT],
}


def thought(number):
    return {
        "type": "reasoning",
        "id": f"rs_{number}",
        "summary": [],
        "encrypted_content": f"parcel{number}",
    }


OUTPUT = [thought(1), SEARCHED, thought(2), SAID]


def stream():
    """Return OpenAI's stream of a search and an answer that cites it."""
    at = {"item_id": "ws_1", "output_index": 1}
    words = {"item_id": "msg_1", "output_index": 3, "content_index": 0}
    begun = {**SEARCHED, "status": "in_progress"}
    told = [
        ("response.created", {"response": response(status="in_progress")}),
        ("response.output_item.done", {"output_index": 0, "item": thought(1)}),
        ("response.output_item.added", {"output_index": 1, "item": begun}),
        ("response.web_search_call.in_progress", at),
        ("response.web_search_call.searching", at),
        ("response.web_search_call.completed", at),
        ("response.output_item.done", {"output_index": 1, "item": SEARCHED}),
        ("response.output_item.done", {"output_index": 2, "item": thought(2)}),
        ("response.output_text.delta", {**words, "delta": "Hello", "logprobs": []}),
        (
            "response.output_text.annotation.added",
            {**words, "annotation_index": 0, "annotation": CITED},
        ),
        ("response.output_item.done", {"output_index": 3, "item": SAID}),
        ("response.completed", {"response": response(*OUTPUT)}),
    ]
    rows = [{"type": kind, "sequence_number": at, **more} for at, (kind, more) in enumerate(told)]
    return events(*rows, done=False, named=True)


def kinds(items):
    return [item["type"] for item in items]


def read(told):
    """Return the events of a stream, each as OpenAI's own types have it."""
    rows = [json.loads(one[6:]) for one in told.text.splitlines() if one.startswith("data: ")]
    for row in rows:
        assert not foreign(EVENT.validate_python(row))
    assert [row["sequence_number"] for row in rows] == list(range(len(rows)))
    return rows


@pytest.mark.parametrize("tool", HOSTED, ids=lambda tool: tool["type"])
async def test_openai_gets_its_own_tools_as_they_were_written(wire, tool):
    told = await wire.responses(GPT, tools=[tool, FUNCTION])
    assert told.status_code == 200
    sent = wire.upstream.last
    assert dialect(sent) == "openai_responses"
    assert tool in sent.body["tools"]
    assert {one["type"] for one in sent.body["tools"]} == {tool["type"], "function"}
    assert "droppedParameters" not in told.json()["routor"]
    assert told.json()["tools"][0] == tool


async def test_what_belongs_to_them_goes_along(wire):
    more = {"include": ["web_search_call.action.sources"], "max_tool_calls": 3}
    choice = {"type": "web_search_preview"}
    await wire.responses(GPT, tools=[{"type": "web_search_preview"}], tool_choice=choice, **more)
    body = wire.upstream.last.body
    assert (body["tool_choice"], body["max_tool_calls"]) == (choice, 3)
    assert body["include"] == ["reasoning.encrypted_content", *more["include"]]


async def test_openai_is_asked_to_make_a_conversation_shorter(wire):
    made = {"type": "compaction", "id": "cmp_1", "encrypted_content": "sealed"}
    wire.upstream.script = lambda _: answer(response(made))
    trigger = {"type": "compaction_trigger"}
    told = await wire.responses(GPT, [{"role": "user", "content": "Hi"}, trigger])
    assert wire.upstream.last.body["input"][-1] == trigger
    assert told.json()["output"] == [made]


async def test_what_a_tool_did_comes_back_between_the_thoughts(wire):
    wire.upstream.script = lambda _: answer(response(*OUTPUT))
    told = (await wire.responses(GPT, tools=[SEARCH])).json()
    Response.model_validate(told)
    assert kinds(told["output"]) == ["reasoning", "web_search_call", "reasoning", "message"]
    assert told["output"][1] == SEARCHED
    assert told["output"][3]["content"][0]["annotations"] == [CITED]
    assert len({item["id"] for item in told["output"]}) == 4


async def test_it_streams_as_it_happens(wire):
    wire.upstream.script = lambda _: stream()
    rows = read(await wire.responses(GPT, tools=[SEARCH], stream=True))
    told = kinds(rows)
    for kind in ("in_progress", "searching", "completed"):
        assert told.count(f"response.web_search_call.{kind}") == 1
    searching = next(row for row in rows if row["type"] == "response.web_search_call.searching")
    assert searching["output_index"] == 1
    cited = next(row for row in rows if row["type"] == "response.output_text.annotation.added")
    assert cited["annotation"] == CITED
    output = rows[-1]["response"]["output"]
    assert kinds(output) == ["reasoning", "web_search_call", "reasoning", "message"]
    assert output[3]["content"][0]["annotations"] == [CITED]


async def test_odd_events_of_items_do_no_harm(wire):
    odd = [
        {"item": SEARCHED},
        {"type": "response.output_item.added", "item": {"type": "web_search_call"}},
        {"type": "response.web_search_call.x", "item_id": [], "kind": 1, "self": 2, "event": 3},
        {"type": "response.web_search_call.x", "item_id": None, "kind": 1, "self": 2, "event": 3},
    ]
    begun = {"type": "response.created", "response": response(status="in_progress")}
    ended = {"type": "response.completed", "response": response(SAID)}
    wire.upstream.script = lambda _: events(begun, *odd, ended, done=False, named=False)
    told = await wire.responses(GPT, tools=[SEARCH], stream=True)
    rows = [json.loads(one[6:]) for one in told.text.splitlines() if one.startswith("data: ")]
    assert rows[-1]["type"] == "response.completed"


@pytest.mark.parametrize("drop", [False, True])
async def test_a_search_that_breaks_off_anywhere_never_looks_finished(wire, drop):
    pieces = [piece + b"\n\n" for piece in stream().body.split(b"\n\n")[:-1]]
    for at in range(len(pieces)):
        cut = Reply(pieces[:at], headers={"Content-Type": "text/event-stream"}, drop=drop)
        wire.upstream.script = lambda _, cut=cut: cut
        wire.parts.dispatcher.reset()
        told = await wire.responses(GPT, tools=[SEARCH], stream=True)
        assert "response.completed" not in told.text
        if told.status_code == 200:
            assert read(told)[-1]["response"]["routor"]["attempts"], at
        else:
            assert told.status_code == 502


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_next_turn_tells_openai_all_of_it_in_its_order(wire, streaming):
    wire.upstream.script = lambda _: stream() if streaming else answer(response(*OUTPUT))
    told = await wire.responses(GPT, tools=[SEARCH], stream=streaming)
    output = read(told)[-1]["response"]["output"] if streaming else told.json()["output"]
    wire.upstream.script = None
    await wire.responses(GPT, [*output, {"role": "user", "content": "And?"}], tools=[SEARCH])
    sent = wire.upstream.last.body["input"]
    assert kinds(sent) == ["reasoning", "web_search_call", "reasoning", "message", "message"]
    assert [one["encrypted_content"] for one in (sent[0], sent[2])] == ["parcel1", "parcel2"]
    assert sent[1] == SEARCHED


@pytest.mark.parametrize("model", [CLAUDE, DEEPSEEK, "google/gemini-3.1-pro"])
async def test_others_do_without_and_say_so(wire, model):
    items = [{"role": "user", "content": "Hi"}, SEARCHED, SAID, {"role": "user", "content": "?"}]
    told = await wire.responses(model, items, tools=[SEARCH, FUNCTION])
    assert told.status_code == 200, told.text
    names = told.json()["routor"]["droppedParameters"]
    assert {"tools[].web_search", "input[].web_search_call"} <= set(names)
    assert "web_search" not in json.dumps(wire.upstream.last.body)


@pytest.mark.parametrize("choice", ["required", {"type": "web_search_preview"}])
async def test_others_refuse_one_that_is_forced(wire, choice):
    tools = [{"type": "web_search_preview"}]
    told = await wire.responses(CLAUDE, tools=tools, tool_choice=choice)
    assert told.status_code == 400
    error = told.json()["error"]
    assert (error["param"], error["code"]) == ("tool_choice", "unsupported_parameter")
    assert "OpenAI" in error["message"]


NAMESPACE = {
    "type": "namespace",
    "name": "mcp__files__",
    "description": "Files.",
    "tools": [{**FUNCTION, "name": "read", "defer_loading": True}],
}


async def test_tools_in_namespaces_are_functions_that_come_back_in_theirs(wire):
    call = {"type": "tool_use", "id": "toolu_1", "name": "mcp__files__read", "input": {}}
    wire.upstream.script = lambda _: answer(message(call, stop="tool_use"))
    told = (await wire.responses(CLAUDE, tools=[NAMESPACE, {"type": "tool_search"}])).json()
    assert [one["name"] for one in wire.upstream.last.body["tools"]] == ["mcp__files__read"]
    (made,) = told["output"]
    assert (made["namespace"], made["name"]) == ("mcp__files__", "read")
    assert told["routor"]["droppedParameters"] == ["tools[].tool_search"]
    wire.upstream.script = None
    result = {"type": "function_call_output", "call_id": made["call_id"], "output": "1"}
    await wire.responses(
        CLAUDE, [{"role": "user", "content": "Hi"}, made, result], tools=[NAMESPACE]
    )
    (block,) = wire.upstream.last.body["messages"][1]["content"]
    assert block["name"] == "mcp__files__read"


async def test_allowed_tools_leave_the_others_out(wire):
    allowed = {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}],
    }
    told = await wire.responses(GPT, tools=[SEARCH, FUNCTION, NAMESPACE], tool_choice=allowed)
    assert told.status_code == 200
    assert kinds(wire.upstream.last.body["tools"]) == ["function"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("background", True)],
)
async def test_what_needs_a_memory_is_refused_by_name(wire, field, value):
    told = await wire.responses(GPT, **{field: value})
    assert (told.status_code, told.json()["error"]["param"]) == (400, field)


OPENED = {**SEARCHED, "id": "ws_2", "action": {"type": "open_page", "url": "https://x.test"}}
FOUND = {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["q"]}


def used(searches):
    """Return what OpenAI tells of the use of its tools."""
    images = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return {"tool_usage": {"web_search": {"num_requests": searches}, "image_gen": images}}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("output", "told_use", "fee_usd"),
    [
        ([SEARCHED, OPENED], {}, 0.01),
        ([SEARCHED, OPENED], {"tool_usage": None}, 0.01),
        ([SEARCHED, OPENED], used(0), 0.0),
        ([SEARCHED, OPENED], used(3), 0.03),
        ([SEARCHED, FOUND, FOUND], {}, 0.015),
        ([SEARCHED, FOUND], used(2), 0.0225),
    ],
)
async def test_tools_of_openai_are_paid_for(wire, streaming, output, told_use, fee_usd):
    costs = []
    for given in ([SAID], [*output, SAID]):
        whole = response(*given, **told_use if len(given) > 1 else {})
        rows = [{"type": "response.created", "response": response(status="in_progress")}]
        rows.append({"type": "response.completed", "response": whole})
        reply = events(*rows, done=False, named=True) if streaming else answer(whole)
        wire.upstream.script = lambda _, reply=reply: reply
        told = await wire.responses(GPT, tools=[SEARCH], stream=streaming)
        body = read(told)[-1]["response"] if streaming else told.json()
        costs.append(body["routor"]["costUsd"])
    assert costs[1] - costs[0] == pytest.approx(fee_usd)


@pytest.mark.parametrize("streaming", [False, True])
async def test_searches_of_anthropic_are_paid_for(wire, streaming):
    costs = []
    for searches in (0, 3):
        used = {"output_tokens": 2, "server_tool_use": {"web_search_requests": searches}}
        text = {"type": "text", "text": "Hello"}
        reply = answer(message(text, usage={"input_tokens": 7, **used}))
        if streaming:
            reply = message_events((text, []))
            used_up = b'"usage": ' + json.dumps(used).encode()
            reply.body = reply.body.replace(b'"usage": {"output_tokens": 2}', used_up)
        wire.upstream.script = lambda _, reply=reply: reply
        told = await wire.chat(CLAUDE, stream=streaming)
        rows = [one[6:] for one in told.text.splitlines() if one.startswith("data: {")]
        body = json.loads(rows[-1]) if streaming else told.json()
        costs.append(body["routor"]["costUsd"])
    assert costs[1] - costs[0] == pytest.approx(0.03)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("model", ["xai/grok-4.3", "xai/grok-of-tomorrow"])
async def test_what_xai_says_it_bills_is_the_cost(wire, streaming, model):
    """It counts tools that no answer tells of, and the models that the catalog does not list."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    usage["cost_in_usd_ticks"] = 37_756_000
    reply = answer(chat_body({"content": "A"}, usage=usage))
    if streaming:
        reply = events(chunk({"content": "A"}), chunk({}, "stop"), chunk(usage=usage))
    wire.upstream.script = lambda _: reply
    told = await wire.chat(model, stream=streaming)
    rows = [one[6:] for one in told.text.splitlines() if one.startswith("data: {")]
    body = json.loads(rows[-1]) if streaming else told.json()
    assert body["routor"]["costUsd"] == pytest.approx(0.0037756)


GRAMMAR = {"syntax": "lark", "definition": 'start: "a"'}
NESTED = {
    "type": "custom",
    "custom": {"name": "p", "format": {"type": "grammar", "grammar": GRAMMAR}},
}
FLAT = {"type": "custom", "name": "p", "format": {"type": "grammar", **GRAMMAR}}


@pytest.mark.parametrize(("effort", "tool"), [("none", NESTED), ("high", FLAT)])
async def test_a_grammar_is_written_as_each_of_openais_formats_has_it(wire, effort, tool):
    told = await wire.responses(GPT, tools=[FLAT], reasoning={"effort": effort})
    assert (told.status_code, wire.upstream.last.body["tools"]) == (200, [tool])
    told = await wire.chat(GPT, tools=[NESTED], reasoning_effort=effort)
    assert (told.status_code, wire.upstream.last.body["tools"]) == (200, [tool])


async def test_elsewhere_a_grammar_is_told_in_words(wire):
    await wire.responses(CLAUDE, tools=[FLAT])
    assert "lark grammar" in wire.upstream.last.body["tools"][0]["description"]
