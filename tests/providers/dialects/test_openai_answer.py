"""Whole answers of OpenAI and its imitators: of OpenAI's shape, or an error."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import (
    called,
    decode,
    target,
)

DIALECT = DIALECTS["openai_chat"]


def whole(message: dict[str, Any], finish: str | None = "stop", **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "x", "created": 3, "choices": [choice], **extra}


def test_answer_is_an_openai_answer() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    answer = decode(whole({"role": "assistant", "content": "Hello"}, usage=usage))
    assert answer.body["model"] == "openai/m"
    assert answer.body["created"] == 3
    assert answer.body["choices"][0]["message"]["content"] == "Hello"
    assert answer.usage.cached_input_tokens == 4
    assert answer.body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2


CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize("more", [{}, {"tool_calls": CALLS}])
@pytest.mark.parametrize(
    ("given", "told"),
    [((1, 0), "ba"), ((0, 1), "ab"), ((0, 0), "ab"), ((None, None), "ab"), ((2, 0), "b a")],
)
def test_choices_keep_their_index(given: Any, told: str, more: Any) -> None:
    rows = [
        {"message": {"content": text, **more}, "finish_reason": "stop"}
        | ({} if index is None else {"index": index})
        for index, text in zip(given, "ab", strict=True)
    ]
    choices = decode({"id": "x", "choices": rows}).body["choices"]
    texts = {choice["index"]: choice["message"]["content"] for choice in choices}
    assert texts == {place: text for place, text in enumerate(told) if text != " "}
    assert list(texts) == sorted(texts)


@given(st.text(), st.sampled_from(["stop", "length", "tool_calls", ""]), st.none() | st.just([]))
def test_plain_text_takes_a_shorter_way_to_the_same_answer(
    words: str, finish: str, calls: Any
) -> None:
    message = {"role": "assistant", "content": words, "tool_calls": calls}
    short = decode(whole(message, finish)).body
    # Mistral's parts are never plain.
    parts = {**message, "content": [{"type": "text", "text": words}]}
    assert decode(whole(parts, finish)).body == short


def test_tool_calls_end_with_tool_calls() -> None:
    message = called(("c1", "f", {"x": 1}), ("c2", "g", ""), ("", "h", "null"))
    answer = decode(whole(message, "stop"))
    choice = answer.body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    assert [one["function"]["arguments"] for one in calls] == ['{"x":1}', "{}", "{}"]
    assert calls[2]["id"]


@pytest.mark.parametrize(
    ("provider", "word", "reason"),
    [
        ("zai", "sensitive", "content_filter"),
        ("mistral", "model_length", "length"),
        ("zai", "model_context_window_exceeded", "length"),
        ("nvidia", "repetition", "length"),
        ("xiaomi", "repetition_truncation", "length"),
        ("xai", "", "stop"),
        ("openai", None, "stop"),
        ("openai", "brand_new", "stop"),
        ("openai", "tool_calls", "stop"),
    ],
)
def test_finish_reasons_stay_in_openais_enum(provider: str, word: Any, reason: str) -> None:
    body = whole({"role": "assistant", "content": "x"}, word)
    assert decode(body, provider).body["choices"][0]["finish_reason"] == reason


def test_answers_without_an_id_get_one_of_their_own() -> None:
    content = msgspec.json.encode(whole({"content": "Hi"}) | {"id": None})
    calls = [msgspec.structs.replace(target("openai"), nonce=nonce) for nonce in "12"]
    first, second = (DIALECT.decode(content, call).body["id"] for call in calls)
    assert first.startswith("chatcmpl-")
    assert first != second


def test_ids_of_calls_differ() -> None:
    calls = [
        {"id": own, "function": {"name": "f", "arguments": "{}"}}
        for own in ("a", "a", "null", "null", "a")
    ]
    told = decode(whole({"content": None, "tool_calls": calls})).body["choices"][0]["message"]
    ids = [one["id"] for one in told["tool_calls"]]
    assert ids[0] == "a"
    assert (len(set(ids)), "null" in ids) == (5, False)


def test_vendor_answers_become_plain() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]
    message = decode(whole({"role": "assistant", "content": parts}), "mistral").body
    message = message["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("yes", "hm")
    tagged = {"role": "assistant", "content": "<think>hm</think>\n\nyes <think>"}
    for provider in ("minimax", "microsoft"):
        message = decode(whole(tagged), provider).body["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("yes <think>", "hm")


def test_usage_of_vendors() -> None:
    details = {"reasoning_tokens": 7}
    xai = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 10}
    answer = decode(
        whole({"content": "x"}, usage={**xai, "completion_tokens_details": details}), "xai"
    )
    assert (answer.usage.output_tokens, answer.body["usage"]["total_tokens"]) == (9, 10)
    for name in ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"):
        hit = {"prompt_tokens": 5, "completion_tokens": 1, name: 3}
        assert decode(whole({"content": "x"}, usage=hit), "mistral").usage.cached_input_tokens == 3
    null = {"prompt_tokens": None, "completion_tokens": None, "prompt_tokens_details": None}
    assert decode(whole({"content": "x"}, usage=null)).usage.input_tokens == 0


@pytest.mark.parametrize(
    ("provider", "content", "kind"),
    [
        ("openai", b"", Kind.PROVIDER_UNAVAILABLE),
        ("openai", b"<html>", Kind.PROVIDER_UNAVAILABLE),
        ("openai", b"[]", Kind.PROVIDER_UNAVAILABLE),
        ("openai", b'{"choices":[]}', Kind.PROVIDER_UNAVAILABLE),
        ("openai", b'{"choices":7}', Kind.PROVIDER_UNAVAILABLE),
        ("openai", b'{"choices":[{"message":null}]}', Kind.PROVIDER_UNAVAILABLE),
        ("openai", b'{"error":{"message":"x"}}', Kind.PROVIDER_UNAVAILABLE),
        ("openai", b'{"error":{"code":"insufficient_quota"}}', Kind.PROVIDER_QUOTA),
        ("minimax", b'{"base_resp":{"status_code":1002}}', Kind.PROVIDER_RATE_LIMITED),
        ("minimax", b'{"choices":null,"base_resp":{"status_code":1008}}', Kind.PROVIDER_QUOTA),
        (
            "zai",
            b'{"choices":[{"message":{},"finish_reason":"network_error"}]}',
            Kind.PROVIDER_UNAVAILABLE,
        ),
        (
            "nvidia",
            b'{"choices":[{"message":{"content":"half"},"finish_reason":"abort"}]}',
            Kind.PROVIDER_UNAVAILABLE,
        ),
        (
            "openai",
            b'{"choices":[{"message":{"tool_calls":[{"id":"a","function":'
            b'{"name":"f","arguments":"{oops"}}]}}]}',
            Kind.PROVIDER_UNAVAILABLE,
        ),
    ],
)
def test_nonsense_and_errors_with_200(provider: str, content: bytes, kind: Kind) -> None:
    with pytest.raises(RoutorError) as caught:
        DIALECT.decode(content, target(provider))
    assert caught.value.kind is kind
    assert caught.value.provider in (provider, "")
