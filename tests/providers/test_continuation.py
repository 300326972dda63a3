import msgspec
import pytest

from services.errors import Kind, RoutorError
from services.providers import continuation
from services.providers.continuation import Joint, Said, continuable, request
from services.providers.dialects import conversation
from services.providers.dialects.completion import ANSWER_TOOL, Call
from services.providers.dialects.contract import Usage
from services.providers.dialects.writer import Writer
from services.providers.failover import Shown, Way
from tests.providers.dialects.targets import target

USER = {"role": "user", "content": "Tell me more."}
CALL = Call("call_1", "find", "{}")


def writer(name: str = "first") -> Writer:
    made = Writer(target())
    made.begin({"id": name}, b"")
    return made


def told(*texts: str) -> Said:
    said, made = Said(), writer()
    for text in texts:
        said.note(made.delta(0, {"content": text}))
    return said


def test_what_is_shown_decides_what_can_be_done():
    said, made = Said(), writer()
    assert said.shown is Shown.NOTHING
    said.note(made.delta(0, {"reasoning_content": "Hm."}))
    assert said.shown is Shown.THOUGHTS
    said.note(made.delta(0, {"content": " \n"}))
    assert said.shown is Shown.THOUGHTS
    said.note(made.delta(0, {"content": "I am"}))
    assert said.shown is Shown.SCRAP
    said.note(made.delta(0, {"content": " quite sure"}))
    assert (said.shown, said.text) == (Shown.TEXT, " \nI am quite sure")
    said.note(made.call(0, CALL))
    assert said.shown is Shown.FIXED


def test_a_forced_answer_and_other_choices_cannot_be_continued():
    for chunks in (
        writer().delta(1, {"content": "I am quite sure"}),
        writer().delta(0, {"content": "I am quite sure"}, {"content": []}),
        writer().delta(0, {"refusal": "No."}),
    ):
        said = Said()
        said.note(chunks)
        assert said.shown is Shown.FIXED
    assert writer().call(0, Call("c", ANSWER_TOOL, "{}"))[-1].text == "{}"  # see `continuable`


@pytest.mark.parametrize(
    ("more", "can"),
    [
        ({}, True),
        ({"response_format": {"type": "text"}, "n": 1, "logprobs": False}, True),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, True),
        ({"response_format": {"type": "json_schema"}}, False),
        ({"n": 2}, False),
        ({"logprobs": True}, False),
        ({"messages": [USER, {"role": "assistant", "content": "Well,"}]}, False),
    ],
)
def test_what_can_be_continued(more, can):
    assert continuable({"messages": [USER], **more}) is can
    raw = msgspec.json.encode({"messages": [USER], **more})
    assert continuable(conversation.read(raw)) is can


def test_a_request_for_the_rest():
    body = conversation.read(
        msgspec.json.encode({"messages": [USER], "max_tokens": 20, "reasoning_effort": "high"})
    )
    said = told("I am quite sure ", "of that. \n")
    assert request(body, said, Way.FRESH) is body
    prefill = request(body, said, Way.PREFILL)
    assert prefill["messages"] == [
        USER,
        {"role": "assistant", "content": "I am quite sure of that."},
    ]
    assert prefill["max_tokens"] == 20 - 6
    assert "reasoning_effort" not in prefill
    words = request(body, said, Way.WORDS)
    assert words["messages"][:2] == prefill["messages"]
    assert "\nI am quite sure of that.\n" in words["messages"][2]["content"]
    assert words["reasoning_effort"] == "high"
    assert words["max_tokens"] == 20
    # What OpenAI would search for first is not the rest.
    hosted = {**body, "openai": {"tools": [{"type": "web_search"}]}}
    assert request(hosted, said, Way.WORDS) == words
    spent = request({**body, "max_tokens": 3}, said, Way.PREFILL)
    assert spent["max_tokens"] == 1


def bodies(chunks):
    return [chunk.body for chunk in chunks]


def test_a_joint_keeps_the_id_and_drops_second_thoughts():
    said, later = told("I am quite"), writer("second")
    joint = Joint(said, Way.PREFILL)
    assert joint.feed(later.delta(0, {"reasoning_content": "Hm."})) == []
    chunks = joint.feed(later.delta(0, {"content": " sure."}))
    chunks += joint.feed(later.call(0, CALL))
    assert {body["id"] for body in bodies(chunks)} == {"first"}
    deltas = [body["choices"][0]["delta"] for body in bodies(chunks)]
    assert deltas[0] == {"content": " sure."}
    assert deltas[1]["tool_calls"][0]["id"] == "call_1"
    ending = joint.ending(later.ending({0: "stop"}, Usage()))
    assert ending.chunks[0]["id"] == "first"
    assert ending.chunks[0]["choices"][0]["finish_reason"] == "tool_calls"


def test_an_answer_that_does_not_go_on_is_refused():
    joint = Joint(told("I am quite sure of that, and"), Way.WORDS)
    with pytest.raises(RoutorError) as caught:
        joint.feed(writer("second").delta(0, {"content": "Hello! " * 50}))
    assert caught.value.kind is Kind.UNSUPPORTED_PARAMETER
    with pytest.raises(RoutorError):
        Joint(told("I am quite sure of that, and"), Way.WORDS).rest()


def test_nothing_more_to_say_is_believed_after_a_full_stop_only():
    assert Joint(told("I am quite sure."), Way.PREFILL).whole
    assert not Joint(told("I am quite"), Way.PREFILL).whole
    assert not Joint(told("\n"), Way.FRESH).whole


def test_a_very_long_text_is_not_kept(monkeypatch):
    monkeypatch.setattr(continuation, "_LONGEST", 10)
    said = told("I am quite", " sure")
    assert (said.shown, said.text) == (Shown.FIXED, "")
