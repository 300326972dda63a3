"""Functions, OpenAI's older words for tools, through the front door."""

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from routor.v1 import providers_pb2
from tests.edge.fakes import AUTO, HELLO, completion, finish, piece, served

WEATHER = {"name": "weather", "description": "of a city", "parameters": {"type": "object"}}
ASKED = {**AUTO, "functions": [WEATHER]}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
}
ANSWERED = [
    *HELLO,
    {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "weather", "arguments": '{"city":"Rome"}'},
    },
    {"role": "function", "name": "weather", "content": "sunny"},
]


async def forwarded(house, **body):
    answer = await house.client.post("/v1/chat/completions", json={**AUTO, **body})
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(house.providers.requests[-1].body)


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ({}, None),
        ({"function_call": "auto"}, "auto"),
        ({"function_call": "none"}, "none"),
        (
            {"function_call": {"name": "weather"}},
            {"type": "function", "function": {"name": "weather"}},
        ),
    ],
)
async def test_functions_are_asked_for_as_tools(house, given, choice):
    body = await forwarded(house, functions=[WEATHER], **given)
    assert body["tools"] == [{"type": "function", "function": WEATHER}]
    assert body.get("tool_choice") == choice
    assert body["parallel_tool_calls"] is False
    assert not body.keys() & {"functions", "function_call"}


@pytest.mark.parametrize("offered", [{}, {"functions": [WEATHER]}])
async def test_earlier_calls_and_answers_are_told_as_those_of_tools(house, offered):
    body = await forwarded(house, messages=ANSWERED, **offered)
    _, called, told = body["messages"]
    (call,) = called["tool_calls"]
    assert call["function"] == CALL["function"]
    assert "function_call" not in called
    assert told == {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}


async def test_two_calls_of_one_function_are_told_apart(house):
    body = await forwarded(house, messages=[*ANSWERED, *ANSWERED[1:]])
    asked = [one["tool_calls"][0]["id"] for one in body["messages"] if "tool_calls" in one]
    told = [one["tool_call_id"] for one in body["messages"] if one["role"] == "tool"]
    assert asked == told
    assert len(set(asked)) == 2


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (5, "messages[1].function_call"),
        ({"name": "weather"}, "messages[1].function_call.arguments"),
        (CALL["function"], "messages[1].function_call"),
    ],
    ids=["no object", "half a call", "unanswered"],
)
async def test_a_call_that_says_nothing_is_named(house, given, param):
    messages = [*HELLO, {"role": "assistant", "content": None, "function_call": given}]
    answer = await house.client.post("/v1/chat/completions", json={**AUTO, "messages": messages})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert not house.providers.requests


async def test_the_answer_is_a_function_call(house):
    whole = msgspec.json.decode(completion(text=None))
    whole["choices"][0]["message"]["tool_calls"] = [CALL]
    whole["choices"][0]["finish_reason"] = "tool_calls"
    house.providers.answer = providers_pb2.CompleteResponse(
        body=msgspec.json.encode(whole), served=served()
    )
    answer = await house.client.post("/v1/chat/completions", json=ASKED)
    ChatCompletion.model_validate(answer.json(), strict=True)
    (choice,) = answer.json()["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == CALL["function"]
    assert "tool_calls" not in choice["message"]
    assert answer.json()["routor"]


async def test_a_stream_tells_a_function_call(house):
    end = finish()
    end.finish.chunks[:] = [
        piece({"tool_calls": [{"index": 0, **CALL}]}),
        piece({}, finish_reason="tool_calls"),
    ]
    begun = piece({"role": "assistant", "content": None})
    house.providers.events = [providers_pb2.StreamResponse(chunk=begun), end]
    answer = await house.client.post("/v1/chat/completions", json={**ASKED, "stream": True})
    *told, done = answer.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    chunks = [msgspec.json.decode(one.removeprefix("data: ")) for one in told]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    choices = [chunk["choices"][0] for chunk in chunks]
    calls = [one["delta"]["function_call"] for one in choices if "function_call" in one["delta"]]
    assert calls == [CALL["function"]]
    assert choices[-1]["finish_reason"] == "function_call"
    assert "tool_calls" not in answer.text


async def test_plain_text_is_answered_as_ever(house):
    answer = await house.client.post("/v1/chat/completions", json=ASKED)
    (choice,) = answer.json()["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "Hi there"
