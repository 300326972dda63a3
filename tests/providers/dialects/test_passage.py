"""JSON that a model puts between the fences of Markdown."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.dialects import DIALECTS, chosen
from services.providers.dialects.completion import ANSWER_TOOL
from services.providers.dialects.passage import Passage, Unfenced
from tests.providers.dialects.targets import ask, call_delta, chunk, event, run, target, text

ANSWER = '{"a": "`b` ```c```", "d": [1]}'
FENCED = [
    f"```json\n{ANSWER}\n```",
    f"```\n{ANSWER}\n```\n",
    f"\n```JSON\r\n{ANSWER}\r\n```  ",
    f"```json\n{ANSWER}",
]
JSON: dict[str, Any] = {"response_format": {"type": "json_object"}}


def pieces_of(whole: str, ends: list[int]) -> list[str]:
    places = sorted({0, len(whole), *(end % (len(whole) + 1) for end in ends)})
    return [whole[a:b] for a, b in pairwise(places)]


@given(st.sampled_from(FENCED), st.lists(st.integers(0, 99)))
def test_a_fence_is_left_out_however_it_is_split(fenced: str, ends: list[int]) -> None:
    unfenced = Unfenced()
    out = "".join(map(unfenced.feed, pieces_of(fenced, ends))) + unfenced.close()
    assert out == ANSWER


@given(
    st.sampled_from([ANSWER, "", " \n", "``", "`x`", "Here:\n```json\n{}\n```", "```json {}"]),
    st.lists(st.integers(0, 99)),
)
def test_all_else_stays_as_it_is(plain: str, ends: list[int]) -> None:
    unfenced = Unfenced()
    assert "".join(map(unfenced.feed, pieces_of(plain, ends))) + unfenced.close() == plain


@pytest.mark.parametrize(
    ("body", "outputs", "expected"),
    [
        (JSON, "json_object", True),
        (JSON, "json_schema", False),
        ({}, "json_object", False),
        ({"response_format": {"type": "text"}}, "json_object", False),
    ],
)
def test_only_json_that_the_api_does_not_vouch_for(body: Any, outputs: str, expected: bool) -> None:
    aim = target("minimax", structured_outputs=outputs)
    assert chosen(aim, ask(**body))[1].unfenced is expected


def test_an_object_that_words_alone_ask_for_may_have_a_fence() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    aim = target("anthropic")
    assert chosen(aim, ask(response_format={"type": "json_object"}))[1].unfenced
    assert not chosen(aim, ask(response_format=schema))[1].unfenced


def test_answers_and_streams_are_unfenced() -> None:
    dialect, aim, body = chosen(target("minimax", structured_outputs="json_object"), ask(**JSON))
    message = {"role": "assistant", "content": FENCED[0]}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    answer = dialect.decode(msgspec.json.encode(whole), aim)
    assert answer.body["choices"][0]["message"]["content"] == ANSWER
    events = [chunk({"content": piece}) for piece in (FENCED[0][:5], FENCED[0][5:-2], "``")]
    data = b"".join(map(event, [*events, chunk({}, "stop")]))
    chunks, ending = run(DIALECTS["openai_chat"].decoder(aim, body), data)
    assert (text(chunks), ending.finish_reason) == (ANSWER, "stop")


def test_a_stop_sequence_is_looked_for_in_what_goes_on() -> None:
    aim = msgspec.structs.replace(target("minimax"), unfenced=True, stop=("```",))
    passage = Passage(aim)
    assert passage.feed("```json\n[1]\n```") + passage.close() == "[1]"
    assert not passage.stopped_at


SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


def by_tool(*deltas: Any) -> tuple[list[Any], Any]:
    """Return what a stream and a whole answer say of a model without structured outputs."""
    aim, body = chosen(target("nvidia", structured_outputs="none"), ask(response_format=SCHEMA))[1:]
    assert aim.by_tool
    data = b"".join(map(event, [*map(chunk, deltas), chunk({}, "tool_calls")]))
    chunks, ending = run(DIALECTS["openai_chat"].decoder(aim, body), data)
    said = "".join(delta.get("content") or "" for delta in deltas)
    calls = [
        {"id": one["id"], "type": "function", "function": one["function"]}
        for delta in deltas
        for one in delta.get("tool_calls") or ()
    ]
    message = {"role": "assistant", "content": said, "tool_calls": calls}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    answer = DIALECTS["openai_chat"].decode(msgspec.json.encode(whole), aim)
    told = answer.body["choices"][0]
    assert told["finish_reason"] == ending.finish_reason == "stop"
    return chunks, told["message"]["content"]


def test_words_beside_a_tool_that_is_the_answer_are_none_of_it() -> None:
    called = call_delta(0, '{"a":1}', "c1", ANSWER_TOOL)
    again = call_delta(1, '{"a":2}', "c2", ANSWER_TOOL)
    for deltas in ([{"content": "Here "}, {"content": "you go:"}, called, again], [called]):
        chunks, whole = by_tool(*deltas)
        assert text(chunks) == whole == '{"a":1}'


def test_words_are_the_answer_where_no_tool_is_called() -> None:
    chunks, whole = by_tool({"content": '{"a"'}, {"content": ":1}"})
    assert text(chunks) == whole == '{"a":1}'


def test_anthropics_own_format_needs_no_tool() -> None:
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    for schema, expected in ({"type": "object"}, True), (closed, False):
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        assert chosen(target("anthropic"), ask(response_format=form))[1].by_tool is expected
