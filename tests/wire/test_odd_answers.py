"""Answers of imitators with what no type of OpenAI's has: clients read none of it, and no error."""

import codecs
import json

import anthropic.types
import pydantic
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from tests.wire.everything import DOORS
from tests.wire.strict import foreign
from tests.wire.upstream import Reply, answer, chat_body, events, hello, streams

CITED = {"url": "https://x.test", "title": "X", "start_index": 0, "end_index": 5}
ODD = [
    {"service_tier": "on_demand"},
    {"service_tier": {"a": 1}},
    {"system_fingerprint": 5},
    {"created": "2024"},
    {"id": 5},
    {"usage": []},
    {"usage": {"prompt_tokens": "7", "completion_tokens": 2.0, "total_tokens": None}},
    {"usage": {"prompt_tokens": -1, "completion_tokens": 10**20}},
]
MESSAGES = [
    {"annotations": [{"type": "x", "y": 1}, "x", None]},
    {"annotations": {"type": "url_citation"}},
    {"annotations": [{"type": "url_citation", "url_citation": {"url": 5}}]},
    {"audio": {"id": "a"}},
    {"audio": "x"},
    {"refusal": ""},
    {"images": [{"x": 1}], "citations": ["u"]},
    {"content": [{"type": "text", "text": "Hello"}, {"type": "x"}]},
]
CASES = [
    *(chat_body({"content": "Hello"}, **more) for more in ODD),
    *(chat_body({"content": "Hello", **more}) for more in MESSAGES),
    *(chat_body({"content": "Hello"}, finish) for finish in ("weird", "STOP", "tool_calls")),
]
MARKED = ("openai/gpt-5.4-mini", "anthropic/claude-haiku-4.5", "google/gemini-3.5-flash")
_whole = {"chat": ChatCompletion, "responses": Response, "messages": anthropic.types.Message}
_events = {
    "chat": ChatCompletionChunk,
    "responses": ResponseStreamEvent,
    "messages": anthropic.types.RawMessageStreamEvent,
}


def told_as(body):
    """Return the script that gives a body, or a stream of one chunk that says the same."""
    (one,) = body["choices"]
    chunk = {**one, "delta": one["message"]}
    del chunk["message"]
    stream = events({**body, "object": "chat.completion.chunk", "choices": [chunk]})
    return lambda seen: stream if streams(seen) else answer(body)


def read(door, told, stream):
    """Return an answer by the types of a door's client, each event of a stream."""
    kind = pydantic.TypeAdapter(_events[door] if stream else _whole[door])
    if not stream:
        return [kind.validate_json(told.content)]
    rows = [one[6:] for one in told.text.splitlines() if one.startswith("data: {")]
    return [kind.validate_json(one) for one in rows if '"ping"' not in one]


@pytest.mark.parametrize("body", CASES, ids=json.dumps)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_nobody_knows_is_not_told(wire, body, door, stream):
    wire.upstream.script = told_as(body)
    ask = getattr(wire, door)
    told = await ask("mistral/mistral-large-3", stream=stream)
    assert told.status_code == 200, told.text
    assert "Hello" in told.text and '"error":{' not in told.text
    assert not foreign(read(door, told, stream))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_citation_is_told_as_openai_has_it(wire, stream):
    cited = {"type": "url_citation", "url_citation": {**CITED, "site": "x"}, "more": 1}
    bare = {"type": "url_citation", "url_citation": {"url": "https://y.test"}}
    wire.upstream.script = told_as(chat_body({"content": "Hello", "annotations": [cited, bare]}))
    told = await wire.chat("mistral/mistral-large-3", stream=stream)
    rows = [one[6:] for one in told.text.splitlines() if '"annotations"' in one]
    body = json.loads(rows[0]) if stream else told.json()
    given = body["choices"][0]["delta" if stream else "message"]["annotations"]
    assert given == [
        {"type": "url_citation", "url_citation": CITED},
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://y.test",
                "title": "",
                "start_index": 0,
                "end_index": 0,
            },
        },
    ]


@pytest.mark.parametrize("model", MARKED)
async def test_a_byte_order_mark_is_no_part_of_an_answer(wire, model):
    def marked(seen):
        whole = hello(seen)
        return Reply(codecs.BOM_UTF8 + whole.body, headers=whole.headers)

    wire.upstream.script = marked
    told = await wire.chat(model)
    assert (told.status_code, told.json()["choices"][0]["message"]["content"]) == (200, "Hello")
