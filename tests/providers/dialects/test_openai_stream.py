from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import (
    call_delta,
    chunk,
    event,
    run,
    target,
    text,
    tool_calls,
)

DIALECT = DIALECTS["openai_chat"]


# --- requests ---


CALLS = (
    event({"id": "", "choices": [], "prompt_filter_results": []})
    + event(chunk({"role": "assistant", "content": ""}))
    + b": keep-alive\n\n"
    + event(chunk({"reasoning_content": "hm"}))
    + event(chunk({"content": "Hé"}))
    + event(chunk(call_delta(0, "", "a", "f")))
    + event(chunk(call_delta(0, '{"x":')))
    + event(chunk(call_delta(1, "", "b", "g")))
    + event(chunk(call_delta(0, "1}")))
    + event(chunk({}, "stop"))
    + event({"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    + event("[DONE]")
)


def test_stream_of_text_and_calls() -> None:
    decoder = DIALECT.decoder(target(), {})
    chunks, ending = run(decoder, CALLS)
    for body in [*(one.body for one in chunks), *ending.chunks]:
        ChatCompletionChunk.model_validate(body, strict=True)
        assert (body["id"], body["model"], body["created"]) == ("c1", "openai/m", 5)
    deltas = [one.body["choices"][0]["delta"] for one in chunks]
    assert [delta.get("role") for delta in deltas][:2] == ["assistant", None]
    assert all(one.body["choices"][0]["finish_reason"] is None for one in chunks)
    assert [one.content for one in chunks] == [False, True, True, True, True]
    assert (text(chunks), text(chunks, "reasoning_content")) == ("Hé", "hm")
    calls = tool_calls(chunks)
    assert [(one["index"], one["id"], one["function"]) for one in calls] == [
        (0, "a", {"name": "f", "arguments": '{"x":1}'}),
        (1, "b", {"name": "g", "arguments": "{}"}),
    ]
    assert decoder.done
    assert ending.finish_reason == "tool_calls"
    assert ending.chunks[0]["choices"][0]["delta"] == {}
    assert (ending.usage.input_tokens, ending.usage.output_tokens) == (3, 4)


@given(st.integers(1, 90))
def test_stream_split_anywhere(size: int) -> None:
    assert run(DIALECT.decoder(target(), {}), CALLS, size) == run(
        DIALECT.decoder(target(), {}), CALLS
    )


def test_two_choices_in_one_stream() -> None:
    data = (
        event(chunk({"content": "a"}))
        + event(chunk({"content": "b"}, index=1))
        + event(chunk({}, "stop"))
        + event(chunk({}, "length", index=1))
    )
    chunks, ending = run(DIALECT.decoder(target(), {}), data)
    assert [one["choices"][0]["finish_reason"] for one in ending.chunks] == ["stop", "length"]
    assert [one.body["choices"][0]["index"] for one in chunks] == [0, 0, 1, 1]


def test_stream_without_done_is_complete_and_usage_may_sit_in_a_choice() -> None:
    data = event(chunk({"content": "x"})) + event(
        chunk({}, "stop", usage={"prompt_tokens": 2, "completion_tokens": 1})
    )
    decoder = DIALECT.decoder(target("moonshot"), {})
    _, ending = run(decoder, data)
    assert (ending.usage.input_tokens, decoder.done) == (2, False)


def test_ids_of_calls_differ() -> None:
    given = [call_delta(at, "{}", own, "f") for at, own in enumerate(["a", "a", "null", "null"])]
    data = b"".join(event(chunk(one)) for one in [*given, call_delta(3, "", "null")])
    chunks, _ = run(DIALECT.decoder(target(), {}), data + event(chunk({}, "stop")))
    ids = [one["id"] for one in tool_calls(chunks)]
    assert ids[0] == "a"
    assert (len(set(ids)), "null" in ids) == (4, False)


def test_calls_that_all_say_index_zero() -> None:
    data = (
        event(chunk(call_delta(0, "{}", "a", "f")))
        + event(chunk(call_delta(0, "{}", "b", "g")))
        + event(chunk({}, ""))
        + event("[DONE]")
    )
    chunks, ending = run(DIALECT.decoder(target("xai"), {}), data)
    assert [(one["index"], one["id"]) for one in tool_calls(chunks)] == [(0, "a"), (1, "b")]
    assert ending.finish_reason == "tool_calls"


def test_a_blank_finish_reason_on_every_chunk_ends_nothing() -> None:
    deltas = [call_delta(0, "", "a", "f"), call_delta(0, '{"x"'), call_delta(0, ":1}")]
    data = b"".join(event(chunk(delta, "")) for delta in deltas)
    named, blank = (event(chunk({}, word)) + event("[DONE]") for word in ("tool_calls", ""))
    for end in (named, blank):
        chunks, ending = run(DIALECT.decoder(target(), {}), data + end)
        assert tool_calls(chunks)[0]["function"] == {"name": "f", "arguments": '{"x":1}'}
        assert ending.finish_reason == "tool_calls"


def test_a_blank_finish_reason_is_one_where_the_stream_says_that_it_is_done() -> None:
    said = event(chunk({"content": "x"}, ""))
    _, ending = run(DIALECT.decoder(target(), {}), said + event("[DONE]"))
    assert ending.finish_reason == "stop"
    _, ending = run(DIALECT.decoder(target(), {}), said + event(chunk({}, "length")))
    assert ending.finish_reason == "length"


def test_think_tags_in_a_stream() -> None:
    data = b"".join(event(chunk({"content": one})) for one in "<think>a<b</think>\n\nc</think>")
    data += event(chunk({}, "stop"))
    chunks, _ = run(DIALECT.decoder(target("minimax"), {}), data)
    assert (text(chunks, "reasoning_content"), text(chunks)) == ("a<b", "c</think>")


@pytest.mark.parametrize(
    ("provider", "data", "kind"),
    [
        ("openai", event(chunk({"content": "x"})), Kind.STREAM_BROKEN),
        ("openai", event(chunk({"content": "x"})) + event("[DONE]"), Kind.STREAM_BROKEN),
        ("openai", event(chunk({"content": "x"}, "")), Kind.STREAM_BROKEN),
        ("xai", event(chunk(call_delta(0, "{}", "a", "f"), "")), Kind.STREAM_BROKEN),
        ("openai", b"", Kind.STREAM_BROKEN),
        ("openai", event("{oops"), Kind.PROVIDER_UNAVAILABLE),
        ("openai", event({"error": {"message": "x"}}), Kind.PROVIDER_UNAVAILABLE),
        ("openai", event({"error": {"code": "rate_limit_exceeded"}}), Kind.PROVIDER_RATE_LIMITED),
        ("minimax", b'{"base_resp":{"status_code":1008}}', Kind.PROVIDER_QUOTA),
        ("mistral", event(chunk({}, "error")), Kind.PROVIDER_UNAVAILABLE),
        (
            "openai",
            event(chunk(call_delta(0, '{"x', "a", "f"))) + event(chunk({}, "tool_calls")),
            Kind.PROVIDER_UNAVAILABLE,
        ),
    ],
)
def test_broken_streams(provider: str, data: bytes, kind: Kind) -> None:
    with pytest.raises(RoutorError) as caught:
        run(DIALECT.decoder(target(provider), {}), data)
    assert caught.value.kind is kind


DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": st.none() | st.text(max_size=3),
        "reasoning_content": st.none() | st.text(max_size=3),
        "reasoning": st.none() | st.text(max_size=2),
        "refusal": st.none() | st.just("no"),
        "tool_calls": st.none() | st.just([]),
        "odd": st.integers(),
    },
)
CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"delta": DELTAS}, optional={
        "index": st.integers(0, 1),
        "logprobs": st.none() | st.just({"content": []}),
        "finish_reason": st.sampled_from([None, "", "stop"]),
        "usage": st.none() | st.just({"prompt_tokens": 9}),
    }), max_size=2)},
    optional={
        "id": st.sampled_from(["c1", "c2"]),
        "model": st.just("other"),
        "usage": st.none() | st.just({"prompt_tokens": 3}),
        "base_resp": st.just({"status_code": 0}),
        "x": st.none(),
    },
)  # fmt: skip


@given(st.lists(CHUNKS, max_size=12), st.sampled_from(["openai", "moonshot", "minimax"]))
def test_the_short_way_through_a_chunk_says_what_the_long_one_says(
    bodies: list[Any], provider: str
) -> None:
    stream = [event(body) for body in (chunk({"content": "a"}), *bodies, chunk({}, "stop"))]
    short, long = (DIALECT.decoder(target(provider), {}) for _ in range(2))
    long._frame = lambda: None  # type: ignore[attr-defined]
    said = [[one.body for one in short.feed(data)] for data in stream]
    assert said == [[one.body for one in long.feed(data)] for data in stream]
    try:
        ending = long.close()
    except RoutorError as error:
        with pytest.raises(RoutorError, match=error.message):
            short.close()
    else:
        assert short.close() == ending


def test_invalid_text_in_a_stream_is_a_damaged_answer() -> None:
    data = event(chunk({"content": "a"})) + b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'
    with pytest.raises(RoutorError, match="not UTF-8"):
        DIALECT.decoder(target(), {}).feed(data)
