"""A tool that has to be called, at vendors that cannot be told so: asked in words, and checked."""

import json

import pytest

from tests.wire.test_answers import chunks, lines
from tests.wire.test_requests import TOOL
from tests.wire.upstream import answer, chat_body, chunk, events, streams

SECOND = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}
TOOLS = [TOOL, SECOND]
NAMED = {"type": "function", "function": {"name": "weather"}}
ONLY_AUTO = ["zai/glm-5.2", "xiaomi/mimo-v2.6-pro", "microsoft/phi-4-mini-instruct"]
GLM, OTHER = "zai/glm-5.2", "deepseek/deepseek-v4-pro"


def says(text="", *names, thought="", finish=""):
    """Return a script of a model that thinks, says a text and calls tools."""
    called = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for n, name in enumerate(names)
    ]
    finish = finish or ("tool_calls" if called else "stop")
    told = {"content": text, **({"reasoning_content": thought} if thought else {})}

    def script(seen):
        if not streams(seen):
            return answer(chat_body({**told, **({"tool_calls": called} if called else {})}, finish))
        rows = [chunk({"reasoning_content": thought})] if thought else []
        rows += [chunk({"content": piece}) for piece in text.split("|") if piece]
        rows += [chunk({"tool_calls": [{"index": n, **one}]}) for n, one in enumerate(called)]
        return events(*rows, chunk({}, finish))

    return script


async def asked(wire, model, stream, choice="required", **fields):
    return await wire.chat(model, tools=TOOLS, tool_choice=choice, stream=stream, **fields)


def told(reply, stream):
    """Return text, calls and the reason of the end, of an answer in either form."""
    if not stream:
        choice = reply.json()["choices"][0]
        said = [choice["message"]]
    else:
        rows = [choice for one in chunks(reply.text) for choice in one["choices"]]
        said, choice = [row["delta"] for row in rows], rows[-1]
    text = "".join(one.get("content") or "" for one in said)
    calls = [call["function"]["name"] for one in said for call in one.get("tool_calls") or ()]
    return text, calls, choice["finish_reason"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ONLY_AUTO)
async def test_a_named_tool_is_the_only_one_and_asked_for_in_words(wire, model, stream):
    wire.upstream.script = says("I |look.", "weather")
    reply = await asked(wire, model, stream, NAMED)
    body = wire.upstream.last.body
    assert [one["function"]["name"] for one in body["tools"]] == ["weather"]
    assert "tool_choice" not in body
    assert "the tool weather" in body["messages"][-1]["content"]
    text, calls, finish = told(reply, stream)
    assert (text.replace("|", ""), calls, finish) == ("I look.", ["weather"], "tool_calls")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [*ONLY_AUTO, "moonshot/kimi-k2.6"])
async def test_one_of_several_is_asked_for_in_words(wire, model, stream):
    wire.upstream.script = says("", "time")
    reply = await asked(wire, model, stream)
    body = wire.upstream.last.body
    assert "tool_choice" not in body and len(body["tools"]) == 2
    assert body["messages"][-1]["content"] == "Answer by calling one of the tools."
    assert told(reply, stream)[1] == ["time"]
    if not stream:
        assert "tool_choice" in reply.json()["routor"]["droppedParameters"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "script, choice",
    [(says("It is |sunny."), "required"), (says("", "time"), NAMED), (says(""), "required")],
)
async def test_an_answer_without_the_call_is_a_refusal_that_names_the_field(
    wire, script, choice, stream
):
    wire.upstream.script = script
    reply = await asked(wire, GLM, stream, choice)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "tool_choice"


@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_calls_what_the_first_did_not(wire, stream):
    def script(seen):
        return (says("Sunny.") if seen.vendor == "zai" else says("", "weather"))(seen)

    wire.upstream.script = script
    reply = await asked(wire, f"{GLM},{OTHER}", stream)
    assert told(reply, stream) == ("", ["weather"], "tool_calls")


async def test_thoughts_go_on_at_once_and_are_no_answer(wire):
    wire.upstream.script = says("Sunny.", thought="Hm.")
    reply = await asked(wire, GLM, stream=True)
    rows = [json.loads(line) for line in lines(reply.text)]
    said = [choice["delta"] for row in rows for choice in row.get("choices", ())]
    assert any(one.get("reasoning_content") for one in said)
    assert not any(one.get("content") for one in said)
    assert rows[-1]["error"]["param"] == "tool_choice"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("finish", ["length", "sensitive"])
async def test_an_end_that_explains_itself_is_told_as_it_is(wire, finish, stream):
    wire.upstream.script = says("I would", finish=finish)
    reply = await asked(wire, GLM, stream)
    ended = {"sensitive": "content_filter"}.get(finish, finish)
    assert told(reply, stream) == ("I would", [], ended)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_no_stream_is_checked_all_the_same(wire, stream):
    wire.upstream.script = lambda seen: answer(chat_body({"content": "Sunny."}))
    reply = await asked(wire, GLM, stream)
    assert reply.status_code == 400


async def test_only_the_allowed_tools_may_be_called(wire):
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "time"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    wire.upstream.script = says("", "time")
    assert told(await asked(wire, GLM, False, choice), stream=False)[1] == ["time"]
    assert len(wire.upstream.last.body["tools"]) == 1
    wire.upstream.script = says("", "weather")
    assert (await asked(wire, GLM, False, choice)).status_code == 400


async def test_a_tool_that_must_be_used_comes_to_anthropics_clients(wire):
    wire.upstream.script = says("", "f")
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    reply = await wire.messages(GLM, tools=tools, tool_choice={"type": "any"})
    assert [one["type"] for one in reply.json()["content"]] == ["tool_use"]


@pytest.mark.parametrize("choice", ["auto", None])
async def test_who_need_not_call_is_not_asked_to(wire, choice):
    wire.upstream.script = says("Sunny.")
    reply = await wire.chat(GLM, tools=TOOLS, **({"tool_choice": choice} if choice else {}))
    assert told(reply, stream=False)[0] == "Sunny."
    assert len(wire.upstream.last.body["messages"]) == 1
