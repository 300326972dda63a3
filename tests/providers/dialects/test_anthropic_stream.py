"""Anthropic's streams: the events of blocks become chunks, in the order of the blocks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import event, run, target, text, tool_calls

DIALECT = DIALECTS["anthropic_messages"]


def named(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, kind)


def delta(index: int, kind: str, **fields: Any) -> bytes:
    return named("content_block_delta", index=index, delta={"type": kind, **fields})


START = named(
    "message_start",
    message={
        "id": "msg_1",
        "usage": {"input_tokens": 12, "cache_read_input_tokens": 4, "output_tokens": 1},
    },
)
STOP = named(
    "message_delta",
    delta={"stop_reason": "tool_use"},
    usage={"output_tokens": 30, "input_tokens": None},
) + named("message_stop")
STREAM = (
    START
    + named("ping")
    + named("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
    + delta(0, "thinking_delta", thinking="h")
    + delta(0, "thinking_delta", thinking="m")
    + delta(0, "signature_delta", signature="sig")
    + named("content_block_stop", index=0)
    + named("content_block_start", index=1, content_block={"type": "text", "text": ""})
    + delta(1, "text_delta", text="Hé")
    + named("content_block_stop", index=1)
    + named(
        "content_block_start",
        index=2,
        content_block={"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
    )
    + delta(2, "input_json_delta", partial_json="")
    + delta(2, "input_json_delta", partial_json='{"x":')
    + delta(2, "input_json_delta", partial_json="1}")
    + named("content_block_stop", index=2)
    + named("something_new", index=9)
    + named(
        "content_block_start",
        index=3,
        content_block={"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
    )
    + named("content_block_stop", index=3)
    + STOP
)


def test_stream() -> None:
    decoder = DIALECT.decoder(target("anthropic"), {})
    chunks, ending = run(decoder, STREAM)
    for body in [*(one.body for one in chunks), *ending.chunks]:
        ChatCompletionChunk.model_validate(body, strict=True)
        assert body["id"] == "msg_1"
    assert chunks[0].body["choices"][0]["delta"]["role"] == "assistant"
    assert (text(chunks, "reasoning_content"), text(chunks)) == ("hm", "Hé")
    calls = tool_calls(chunks)
    assert [(one["index"], one["id"], one["function"]["arguments"]) for one in calls] == [
        (0, "toolu_1", '{"x":1}'),
        (1, "toolu_2", "{}"),
    ]
    blocks = [b for c in chunks for b in c.body["choices"][0]["delta"].get("thinking_blocks") or []]
    assert blocks == [{"index": 0, "type": "thinking", "thinking": "hm", "signature": "sig"}]
    assert decoder.done
    assert ending.finish_reason == "tool_calls"
    assert (ending.usage.input_tokens, ending.usage.output_tokens) == (16, 30)


@given(st.integers(1, 120))
def test_stream_split_anywhere(size: int) -> None:
    aim = target("anthropic")
    assert run(DIALECT.decoder(aim, {}), STREAM, size) == run(DIALECT.decoder(aim, {}), STREAM)


def block(index: int, start: dict[str, Any], *deltas: bytes) -> bytes:
    return b"".join(
        [
            named("content_block_start", index=index, content_block=start),
            *deltas,
            named("content_block_stop", index=index),
        ]
    )


def use(index: int, written: str) -> bytes:
    start = {"type": "tool_use", "id": f"toolu_{index}", "name": "f", "input": {}}
    return block(index, start, delta(index, "input_json_delta", partial_json=written))


def said(index: int, words: str) -> bytes:
    return block(index, {"type": "text", "text": ""}, delta(index, "text_delta", text=words))


def order(chunks: list[Any]) -> list[str]:
    told = []
    for one in chunks:
        step = one.body["choices"][0]["delta"]
        told += [call["id"] for call in step.get("tool_calls", ())]
        told += [step["content"]] if step.get("content") else []
    return told


def test_text_and_calls_of_a_stream_keep_their_order() -> None:
    data = START + said(0, "one") + use(1, '{"x":1}') + said(2, "two") + use(3, "") + STOP
    chunks, ending = run(DIALECT.decoder(target("anthropic"), {}), data)
    assert order(chunks) == ["one", "toolu_1", "two", "toolu_3"]
    assert ending.finish_reason == "tool_calls"


def test_text_that_is_held_comes_before_the_call_that_follows_it() -> None:
    aim = msgspec.structs.replace(target("anthropic"), stop=("\n\n",))
    chunks, _ = run(DIALECT.decoder(aim, {}), START + said(0, "one\n") + use(1, "{}") + STOP)
    assert order(chunks) == ["one", "\n", "toolu_1"]


def test_a_call_that_the_limit_has_cut_is_told_and_another_broken_one_is_none() -> None:
    full = named("message_delta", delta={"stop_reason": "max_tokens"}) + named("message_stop")
    data = START + use(0, "{}") + use(1, '{"x": [1, "')
    chunks, ending = run(DIALECT.decoder(target("anthropic"), {}), data + full)
    told = [one["function"]["arguments"] for one in tool_calls(chunks)]
    assert (told, ending.finish_reason) == (["{}", '{"x": [1, "'], "length")
    with pytest.raises(RoutorError) as caught:
        run(DIALECT.decoder(target("anthropic"), {}), data + STOP)
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", Kind.STREAM_BROKEN),
        (START, Kind.STREAM_BROKEN),
        (START + named("message_stop"), Kind.STREAM_BROKEN),
        (delta(0, "text_delta", text="x"), Kind.PROVIDER_UNAVAILABLE),
        (event("{oops"), Kind.PROVIDER_UNAVAILABLE),
        (START + named("error", error={"type": "overloaded_error"}), Kind.PROVIDER_UNAVAILABLE),
        (b'{"type":"error","error":{"type":"billing_error"}}', Kind.PROVIDER_QUOTA),
    ],
)
def test_broken_streams(data: bytes, kind: Kind) -> None:
    with pytest.raises(RoutorError) as caught:
        run(DIALECT.decoder(target("anthropic"), {}), data)
    assert caught.value.kind is kind


def test_stream_cut_after_the_stop_reason_is_complete() -> None:
    data = START + named("message_delta", delta={"stop_reason": "end_turn"}, usage={})
    chunks, ending = run(DIALECT.decoder(target("anthropic"), {}), data)
    assert ending.finish_reason == "stop"
    assert [one.content for one in chunks] == [False]
