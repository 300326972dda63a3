"""Stop sequences that no vendor looks for."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.dialects import DIALECTS, chosen, stopping
from services.providers.dialects.stopping import Stopper
from tests.providers.dialects.targets import (
    ask,
    call_delta,
    chunk,
    event,
    parameters,
    run,
    sent,
    target,
    text,
    tool_calls,
    user,
)

WORDS = st.lists(st.text("ab\n", min_size=1, max_size=3), min_size=1, max_size=3)


@given(st.lists(st.text("ab\n", max_size=4)), WORDS)
def test_pieces_are_cut_where_the_whole_would_be(pieces: list[str], words: list[str]) -> None:
    stopper = Stopper(tuple(words))
    out = "".join(map(stopper.feed, pieces)) + stopper.close()
    whole = "".join(pieces)
    found = stopping.cut(whole, tuple(words))
    assert (out, stopper.word) == ((whole, "") if found is None else found)


@pytest.mark.parametrize(
    ("provider", "facts", "stop", "ours"),
    [
        ("openai", {}, "END", ()),
        ("openai", {"parameters": parameters(stop=False)}, ["A", "B"], ("A", "B")),
        ("openai", {"known": False}, "END", ()),
        ("openai", {}, list("abcdef"), ("e", "f")),
        ("google", {}, list("abcdef"), ("f",)),
        ("zai", {}, ["A", "B"], ("B",)),
        ("moonshot", {}, ["é" * 17, "B"], ("é" * 17,)),
        ("anthropic", {}, list("abcdef"), ()),
        ("anthropic", {}, ["END", "\n"], ("\n",)),
        ("anthropic", {"known": False}, ["\n"], ("\n",)),
    ],
)
def test_only_what_the_vendor_does_not_look_for_is_ours(
    provider: str, facts: dict[str, Any], stop: Any, ours: tuple[str, ...]
) -> None:
    assert chosen(target(provider, **facts), ask(stop=stop))[1].stop == ours


def stopping_at(*words: str) -> Any:
    made = target("nvidia", parameters=parameters(stop=False))
    return msgspec.structs.replace(made, stop=words)


def test_a_stream_ends_at_the_word_and_tells_no_call_after_it() -> None:
    decoder = DIALECTS["openai_chat"].decoder(stopping_at("END"), ask())
    events = [
        chunk({"role": "assistant", "content": "one E"}),
        chunk({"content": "N two EN"}),
        chunk({"content": "D three", "reasoning_content": "late"}),
        chunk(call_delta(0, "{}", "c1", "f")),
        chunk({}, "tool_calls"),
    ]
    chunks, ending = run(decoder, b"".join(map(event, events)))
    assert text(chunks) == "one EN two "
    assert text(chunks, "reasoning_content") == "late"  # it came in the chunk with the word
    assert not tool_calls(chunks)
    assert ending.finish_reason == "stop"
    assert ending.chunks[0]["choices"][0]["stop_reason"] == "END"


def test_what_was_held_is_told_in_the_end() -> None:
    decoder = DIALECTS["openai_chat"].decoder(stopping_at("END"), ask())
    events = [chunk({"content": "one EN"}), chunk({}, "length")]
    chunks, ending = run(decoder, b"".join(map(event, events)))
    assert (text(chunks), ending.finish_reason) == ("one EN", "length")


def test_a_whole_answer_ends_at_the_word() -> None:
    message = {"role": "assistant", "content": "one END two"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}
    answer = DIALECTS["openai_chat"].decode(msgspec.json.encode(body), stopping_at("END"))
    (choice,) = answer.body["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one ", "stop")
    assert choice["stop_reason"] == "END"


def test_no_vendor_is_told_more_words_than_it_takes() -> None:
    made, aimed, asked = chosen(target(), ask(user("hi"), stop=list("abcdef")))
    encoded = made.encode(asked, aimed)
    assert msgspec.json.decode(encoded.body)["stop"] == list("abcd")
    assert encoded.dropped == ("stop",)


def test_no_vendor_is_told_a_word_that_it_refuses() -> None:
    made, aimed, _ = chosen(target(parameters=parameters(stop=False)), ask(user("hi"), stop=["x"]))
    encoded = made.encode(ask(user("hi"), stop=["x"]), aimed)
    assert b"stop" not in encoded.body
    assert encoded.dropped == ("stop",)


@pytest.mark.parametrize(
    ("asked", "told"),
    [("a", "a"), (["a", ""], ["a"]), ("", None), ([], None), ([""], None), (["a"], ["a"])],
)
def test_an_empty_stop_sequence_is_none(asked: Any, told: Any) -> None:
    encoded = DIALECTS["openai_chat"].encode(ask(stop=asked), target())
    assert (sent(encoded).get("stop"), encoded.dropped) == (told, ())
