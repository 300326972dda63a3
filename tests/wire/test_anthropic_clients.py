"""What Anthropic's clients, Claude Code first of all, send and read beside what all doors have."""

import json

import pytest

from tests.wire.test_answers import ANY, CLAUDE, OPENAI, lines
from tests.wire.upstream import message_events


def started(text):
    """The usage at the start of a stream, and at its end."""
    told = [json.loads(one) for one in lines(text)]
    (start,) = (one for one in told if one["type"] == "message_start")
    (end,) = (one for one in told if one["type"] == "message_delta")
    return start["message"]["usage"], end["usage"]


@pytest.mark.parametrize("name", ANY)
async def test_a_stream_tells_the_size_of_its_input_at_once(wire, name):
    """Of Anthropic its own figure, of others the estimate of count_tokens; the truth at the end."""
    model, _ = ANY[name]
    tools = [{"name": "f", "input_schema": {"type": "object"}}] if "resp" in name else []
    asked = [{"role": "user", "content": "How are you today? " * 20}]
    body = {"model": model, "messages": asked, "tools": tools}
    estimate = (await wire.post("/v1/messages/count_tokens", body)).json()["input_tokens"]
    told = await wire.messages(model, asked, stream=True, tools=tools)
    start, end = started(told.text)
    assert start["input_tokens"] == (7 if name == "anthropic_messages" else estimate)
    assert end["input_tokens"] == 7
    assert "usage_at_start" not in json.dumps(wire.upstream.last.body)


async def test_what_anthropic_read_from_its_cache_is_told_at_once(wire):
    text = ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "Hi"}])
    reply = message_events(text)
    cached = b'"usage": {"input_tokens": 7, "cache_read_input_tokens": 90, "output_tokens": 2}'
    counted = b'"usage": {"input_tokens": 7, "output_tokens": 2}'
    assert counted in reply.body
    reply.body = reply.body.replace(counted, cached)
    wire.upstream.script = lambda _: reply
    start, end = started((await wire.messages(CLAUDE, stream=True)).text)
    for usage in (start, end):
        assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (7, 90)


async def test_openais_clients_read_no_usage_before_the_end(wire):
    for model in (CLAUDE, OPENAI):
        told = await wire.chat(model, stream=True, stream_options={"include_usage": True})
        counted = [bool(json.loads(one).get("usage")) for one in lines(told.text)[:-1]]
        assert counted.index(True) == len(counted) - 1
