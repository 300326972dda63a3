"""Conversations as clients really keep them: every vendor takes them, and nothing is lost."""

import json
from typing import Any

import pytest

from services.providers.sandbox.anthropic_messages import signature
from tests.wire.test_requests import ONES, TOOL
from tests.wire.upstream import answer, chat_body, events, message, message_events

Json = dict[str, Any]


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def said(content: Any, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def system(content: Any, role: str = "system") -> Json:
    return {"role": role, "content": content}


def called(*ids: str, arguments: Any = '{"city":"Rome"}', content: Any = None) -> Json:
    function = {"name": "weather", "arguments": arguments}
    calls = [{"id": one, "type": "function", "function": function} for one in ids]
    return said(content, tool_calls=calls)


def result(call_id: str, content: Any) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def text(*texts: str) -> list[Json]:
    return [{"type": "text", "text": one} for one in texts]


# Each with the words that have to arrive, in the order of arrival.
HISTORIES: dict[str, tuple[list[Json], list[str]]] = {
    "blank turns and parts": (
        [
            system(""),
            system("  "),
            user(text("", " \n", "one")),
            said(""),
            user("  "),
            said("two\n "),
            user("three"),
        ],
        ["one", "two", "three"],
    ),
    "nothing but blank": ([user(" ")], []),
    "a system message alone": ([system("one")], ["one"]),
    "an answer comes first": ([system("one"), said("two"), user("three")], ["one", "two", "three"]),
    "runs of one role": (
        [user("one"), user("two"), said("three"), said("four"), user("five")],
        ["one", "two", "three", "four", "five"],
    ),
    "system messages everywhere": (
        [
            system("one"),
            system(text("two", "three"), "developer"),
            user("four"),
            said("five"),
            system("six"),
            user("seven"),
            system("eight"),
        ],
        ["one", "two", "three", "four", "five", "six", "seven", "eight"],
    ),
    "an answer is begun": ([user("one"), said("two  \n")], ["one", "two"]),
    "results before the user": (
        [
            user("one"),
            called("call_1", "call_2"),
            result("call_2", "three"),
            result("call_1", "two"),
            user("four"),
        ],
        ["one", "two", "three", "four"],
    ),
    "results with another message between": (
        [
            user("one"),
            called("call_1", "call_2"),
            result("call_1", "two"),
            system("four"),
            result("call_2", "three"),
            user("five"),
        ],
        ["one", "two", "three", "four", "five"],
    ),
    "a result that comes twice": (
        [user("one"), called("call_1"), result("call_1", "two"), result("call_1", "three")],
        ["one", "two", "three"],
    ),
    "ids that are alike": (
        [user("one"), called("a:b", "a.b"), result("a.b", "three"), result("a:b", "two")],
        ["one", "two", "three"],
    ),
    "an id that comes again": (
        [
            user("one"),
            called("call_1"),
            result("call_1", "two"),
            said("three"),
            user("four"),
            called("call_1"),
            result("call_1", "five"),
        ],
        ["one", "two", "three", "four", "five"],
    ),
    "an id twice in a turn": (
        [
            user("one"),
            called("call_1", "call_1"),
            result("call_1", "two"),
            result("call_1", "three"),
        ],
        ["one", "two", "three"],
    ),
    "an endless id": ([user("one"), called("x" * 300), result("x" * 300, "two")], ["one", "two"]),
    "arguments that are nothing": (
        [user("one"), called("call_1", arguments=""), result("call_1", "two")],
        ["one", "two"],
    ),
    "arguments that are broken": (
        [user("one"), called("call_1", arguments='{"city": "Ro'), result("call_1", "two")],
        ["one", "city", "two"],
    ),
    "arguments that are deeper than anybody reads": (
        [user("one"), called("call_1", arguments="[" * 9_999), result("call_1", "two")],
        ["one", "[[[", "two"],
    ),
    "arguments that are a list": (
        [user("one"), called("call_1", arguments="[5]"), result("call_1", "two")],
        ["one", "5", "two"],
    ),
    "arguments that are null": (
        [user("one"), called("call_1", arguments="null"), result("call_1", "two")],
        ["one", "two"],
    ),
    "an empty result": ([user("one"), called("call_1", content=""), result("call_1", "")], ["one"]),
    "a result in parts": (
        [user("one"), called("call_1", content=text("two")), result("call_1", text("three", " "))],
        ["one", "two", "three"],
    ),
    "a refusal": (
        [user("one"), said(None, refusal="two"), user("three")],
        ["one", "two", "three"],
    ),
    "a refusal in parts": (
        [user("one"), said([{"type": "refusal", "refusal": "two"}]), user("three")],
        ["one", "two", "three"],
    ),
    "another vendor's thoughts": (
        [
            user("one"),
            said(
                "two",
                reasoning_content="hidden",
                thinking_blocks=[{"type": "thinking", "thinking": "hidden", "signature": "c2ln"}],
                annotations=[],
                routor={"model": "x"},
            ),
            user("three"),
        ],
        ["one", "two", "three"],
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("model", ONES)
async def test_every_vendor_takes_the_conversation_as_it_was(wire, model, name):
    messages, words = HISTORIES[name]
    tools = {"tools": [TOOL]} if any("tool_calls" in one for one in messages) else {}
    answer = await wire.chat(model, messages, **tools)
    assert answer.status_code == 200, answer.text
    body = wire.upstream.last.body
    sent = body.get("systemInstruction") or body.get("system") or ""
    told = body.get("contents") or body.get("messages") or body.get("input")
    arrived = f"{json.dumps(sent)}{json.dumps(told)}"
    at = 0
    for word in words:
        assert word in arrived[at:], (word, arrived)
        at = arrived.index(word, at) + len(word)
    thinking = json.dumps(body.get("messages") or body.get("input") or "")
    if not model.startswith("anthropic/"):
        assert "hidden" not in thinking


async def test_ids_are_unique_and_the_results_keep_to_their_calls(wire):
    messages, _ = HISTORIES["ids that are alike"]
    await wire.chat("mistral/mistral-large-3", messages, tools=[TOOL])
    _, calls, *results = wire.upstream.last.body["messages"]
    first, second = (one["id"] for one in calls["tool_calls"])
    assert first != second
    assert [(one["tool_call_id"], one["content"]) for one in results] == [
        (first, "two"),
        (second, "three"),
    ]


@pytest.mark.parametrize("thinks", [False, True])
async def test_thoughts_come_back_to_anthropic_in_their_places(wire, thinks):
    """Where its own order is not that of OpenAI's shape; what is not its own, and blank, is not."""
    one, two = (
        {"type": "thinking", "thinking": text, "signature": signature(text)} for text in "ab"
    )
    blank, foreign = {"type": "text", "text": " "}, {**one, "signature": ""}
    said = [{"type": "text", "text": text} for text in ("First.", "Second.")]
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    turn = [foreign, one, said[0], blank, two, call, said[1]]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}
    given = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": turn},
        {"role": "user", "content": [result]},
    ]
    thinking = {"type": "adaptive"} if thinks else {"type": "disabled"}
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    await wire.messages("anthropic/claude-opus-4.8", given, thinking=thinking, tools=tools)
    sent = wire.upstream.last.body["messages"][1]["content"]
    order = [one, said[0], two, call, said[1]] if thinks else [said[0], call, said[1]]
    assert sent == order
    await wire.messages("openai/gpt-5.4-mini", given, tools=tools)


async def test_an_answer_of_anthropic_keeps_its_order(wire):
    thought = {"type": "thinking", "thinking": "a", "signature": signature("a")}
    words = [{"type": "text", "text": text} for text in ("First.", "Second.")]
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    blocks = [words[0], thought, words[1], call, words[0]]
    wire.upstream.script = lambda _: answer(message(*blocks, stop="tool_use"))
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    model, thinking = "anthropic/claude-opus-4.8", {"type": "adaptive"}
    told = await wire.messages(model, thinking=thinking, tools=tools)
    assert told.json()["content"] == blocks
    told = await wire.messages(model, tools=tools)  # newer models think unasked
    assert told.json()["content"] == blocks
    told = await wire.messages(model, thinking={"type": "disabled"}, tools=tools)
    assert told.json()["content"] == [block for block in blocks if block is not thought]
    said = (await wire.chat(model, tools=[TOOL])).json()["choices"][0]["message"]
    assert (said["content"], len(said["tool_calls"])) == ("First.Second.First.", 1)
    assert not said.keys() & {"anthropic_content", "openai_output"}


def told_in_order(items):
    """What the items of a response say, one by one."""
    return [item.get("name") or item["content"][0]["text"] for item in items]


@pytest.mark.parametrize("stream", [False, True])
async def test_text_and_calls_of_anthropic_keep_their_order_at_every_door(wire, stream):
    one, two = ({"type": "text", "text": text} for text in ("First.", "Second."))
    calls = [
        {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": {"x": 1}}
        for name in ("weather", "time")
    ]
    blocks = [one, calls[0], two, calls[1]]
    pieces = [(block, []) for block in blocks]  # whole at their start, as imitators send them
    ended = {"stop": "tool_use"}
    told = message_events(*pieces, **ended) if stream else answer(message(*blocks, **ended))
    wire.upstream.script = lambda _: told
    names, model = ["First.", "weather", "Second.", "time"], "anthropic/claude-haiku-4.5"
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("weather", "time")]
    if stream:
        text = (await wire.messages(model, tools=tools, stream=True)).text
        begun = [one for one in read(text) if one["type"] == "content_block_start"]
        kinds = [one["content_block"]["type"] for one in begun]
        assert kinds == ["text", "tool_use", "text", "tool_use"]
    else:
        assert (await wire.messages(model, tools=tools)).json()["content"] == blocks
    flat = [{"type": "function", "name": name, "parameters": {}} for name in ("weather", "time")]
    body = await wire.responses(model, tools=flat, stream=stream)
    ended = read(body.text)[-1]["response"] if stream else body.json()
    assert told_in_order(ended["output"]) == names


def read(text):
    """The events of a stream."""
    frames = (frame.partition("data: ")[2] for frame in text.split("\n\n"))
    return [json.loads(data) for data in frames if data]


THOUGHTS = {
    "moonshot/kimi-next": ["Hm.", " "],
    "deepseek/next": ["Hm.", " "],
    "xiaomi/next": ["Hm.", " "],
    "zai/next": ["Hm.", None],
    "mistral/next": [None, None],
    "openai/next": [None, None],
    "microsoft/next": [None, None],
}


@pytest.mark.parametrize(("model", "thoughts"), THOUGHTS.items())
async def test_a_model_that_nobody_knows_gets_the_thoughts_that_its_vendor_wants(
    wire, model, thoughts
):
    given = [user("Hi"), said("Hello.", reasoning_content="Hm."), user("And?"), said("Yes.")]
    told = await wire.chat(model, [*given, user("Go on.")])
    assert told.status_code == 200
    turns = [one for one in wire.upstream.last.body["messages"] if one["role"] == "assistant"]
    assert [one.get("reasoning_content") for one in turns] == thoughts


@pytest.mark.parametrize("model", ["zai/next", "deepseek/next", "nvidia/next"])
async def test_a_phase_is_openais_alone(wire, model):
    turn = {"type": "message", "role": "assistant", "content": "Hello.", "phase": "commentary"}
    told = await wire.responses(model, [user("Hi"), turn, user("And?")])
    assert told.status_code == 200
    assert "phase" not in json.dumps(wire.upstream.last.body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "model", ["moonshot/kimi-k2.6", "mistral/mistral-large-3", "openai/gpt-5.4"]
)
async def test_a_call_has_an_id_that_no_call_before_had(wire, model, stream):
    """Some models count their calls from the start in every answer."""
    call = {"id": "aaaaaaaa0", "type": "function", "function": {"name": "weather"}}
    call["function"]["arguments"] = '{"city":"Rome"}'
    told = chat_body({"content": None, "tool_calls": [call]}, "tool_calls")
    chunk = {"index": 0, "delta": {"tool_calls": [{**call, "index": 0}]}}
    ending = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    parts = [{**told, "object": "chat.completion.chunk", "choices": [x]} for x in (chunk, ending)]
    wire.upstream.script = lambda _: events(*parts) if stream else answer(told)
    turns = [user("Hi"), called("aaaaaaaa0"), result("aaaaaaaa0", "Sun.")]
    body = await wire.chat(model, turns, tools=[TOOL], stream=stream, reasoning_effort="none")
    (own,) = ids_told(body)
    assert own != "aaaaaaaa0"
    again = [*turns, called(own), result(own, "Rain.")]
    wire.upstream.script = None
    assert (await wire.chat(model, again, tools=[TOOL])).status_code == 200


def ids_told(body):
    """The ids of the calls of an answer or a stream."""
    bodies = read(body.text.replace("[DONE]", "null")) if "data: " in body.text else [body.json()]
    choices = [one for each in bodies if each for one in each["choices"]]
    says = [one.get("delta") or one.get("message") or {} for one in choices]
    return [call["id"] for one in says for call in one.get("tool_calls") or []]
