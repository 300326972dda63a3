"""A stream at Anthropic's door: named events of Anthropic's own types, in its order."""

import pytest

from services.errors import Kind, RoutorError
from tests.edge.test_messages_codec import CALL, answered, chunk, parsed, streamed, written


def test_a_stream_is_named_events_in_anthropics_order():
    events = streamed({"role": "assistant", "content": ""}, {"content": "He"}, {"content": "y"})
    assert [event["type"] for event in events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[-2]["usage"]["input_tokens"] == 5
    assert events[-2]["usage"]["output_tokens"] == 2


def test_blocks_are_numbered_in_order_and_one_is_open_at_a_time():
    thought = {"index": 0, "type": "thinking", "thinking": "hm", "signature": "sig"}
    events = streamed(
        {"reasoning_content": "hm"},
        {"thinking_blocks": [thought]},
        {"content": "Hi"},
        {"tool_calls": [{"index": 0, **CALL}]},
        {"tool_calls": [{"index": 1, **CALL, "id": "toolu_2"}]},
        reason="tool_calls",
        thinking={"type": "adaptive"},
    )
    blocks = [e for e in events if e["type"].startswith("content_block")]
    starts = [e for e in blocks if e["type"] == "content_block_start"]
    kinds = [e["content_block"]["type"] for e in starts]
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    assert [e["index"] for e in starts] == [0, 1, 2, 3]
    open_now = None
    for event in blocks:
        if event["type"] == "content_block_start":
            assert open_now is None
            open_now = event["index"]
        assert event["index"] == open_now
        if event["type"] == "content_block_stop":
            open_now = None
    deltas = [e["delta"]["type"] for e in blocks if e["type"] == "content_block_delta"]
    assert deltas.count("signature_delta") == 1
    assert deltas.count("input_json_delta") == 2


def test_thoughts_that_nobody_signed_end_with_an_empty_signature():
    said = {"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "Hi"}
    events = streamed(*said, thinking={"type": "adaptive"})
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas].count("signature_delta") == 1
    assert deltas[2] == {"type": "signature_delta", "signature": ""}
    assert deltas[3]["type"] == "text_delta"


def test_a_broken_stream_never_stops_cleanly():
    writer = written(parsed())
    out = writer.chunks([chunk({"content": "He"})])
    out += writer.broken(RoutorError(Kind.STREAM_BROKEN, "It broke."), "req_1")
    assert b"message_stop" not in out
    assert b'"type":"error"' in out


@pytest.mark.parametrize("model", ["claude-fable-5", "anthropic/claude-opus-4.8"])
def test_a_model_of_anthropics_tells_what_it_thinks_unasked(model: str):
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    said = {"content": "Hi", "reasoning_content": "hm", "thinking_blocks": [block]}
    assert answered(said, model=model)["content"][0] == block
    told = [
        event["content_block"]["type"]
        for event in streamed(said, model=model)[1:]
        if "content_block" in event
    ]
    assert told == ["thinking", "text"]
    off = answered(said, model=model, thinking={"type": "disabled"})["content"]
    assert [one["type"] for one in off] == ["text"]
