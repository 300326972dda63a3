from typing import Any

import pytest

from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import (
    ask,
    called,
    reasoning,
    result,
    sent,
    target,
    tool,
    user,
)

DIALECT = DIALECTS["openai_chat"]
IMAGE = {"type": "image_url", "image_url": {"url": "https://x/a.png"}}
EARLIER = [user("a"), {"role": "assistant", "content": "b", "reasoning_content": "old"}]
LOOP = [
    *EARLIER,
    user("c"),
    called(("c1", "f", "{}"), reasoning_content="one"),
    result("c1", [{"type": "text", "text": "1"}, IMAGE]),
    called(("c2", "f", "{}"), reasoning_content="two"),
    result("c2", "2"),
]


def messages(provider: str, given: list[Any], **fields: Any) -> list[dict[str, Any]]:
    facts = reasoning(
        switch="thinking_type", efforts=("none", "high"), default="high", interleaved=True
    )
    made: list[dict[str, Any]] = sent(
        DIALECT.encode(ask(*given, **fields), target(provider, reasoning=facts))
    )["messages"]
    return made


def told(given: list[dict[str, Any]], field: str = "reasoning_content") -> list[Any]:
    return [one.get(field) for one in given if one["role"] == "assistant"]


def test_thoughts_between_calls_go_back_until_the_user_speaks() -> None:
    assert told(messages("zai", LOOP)) == [None, "one", "two"]
    assert told(messages("zai", [*LOOP, user("thanks")])) == [None, None, None]
    assert told(messages("zai", LOOP, reasoning_effort="none")) == [None, None, None]


def test_thoughts_that_are_not_there_are_not_made_up() -> None:
    assert told(messages("zai", [user("a"), called(("c1", "f", "{}")), result("c1", "1")])) == [
        None
    ]


def test_thoughts_of_all_turns_go_back_where_the_caller_preserves_them() -> None:
    assert told(messages("zai", LOOP, thinking={"clear_thinking": False})) == ["old", "one", "two"]


def test_minimax_gets_thoughts_as_its_details() -> None:
    made = messages("minimax", LOOP)
    assert told(made) == [None, None, None]
    first, second, third = told(made, "reasoning_details")
    assert first is None
    assert (second[0]["text"], third[0]["text"]) == ("one", "two")
    assert second[0]["type"] == "reasoning.text"
    own = [{"type": "reasoning.text", "id": "r", "index": 0, "text": "mine"}]
    given = [user("a"), called(("c1", "f", "{}"), reasoning_details=own), result("c1", "1")]
    assert told(messages("minimax", given), "reasoning_details") == [own]
    assert told(messages("zai", given), "reasoning_details") == [None]


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning": "why"},
        {"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning": "why", "reasoning_content": "why"},
        {"reasoning": "why", "reasoning_content": ""},
    ],
)
def test_thoughts_go_back_by_whatever_name_they_come(said: dict[str, Any]) -> None:
    turns = [user("a"), called(("c1", "f", "{}"), **said), result("c1", "1")]
    replay = reasoning(
        switch="thinking_type", efforts=("none", "high"), default="high", replay=True
    )
    made = sent(DIALECT.encode(ask(*turns), target("deepseek", reasoning=replay)))["messages"]
    assert told(made) == told(messages("zai", turns)) == ["why"]
    assert made[1].keys() == {"role", "content", "tool_calls", "reasoning_content"}
    assert told(messages("minimax", turns), "reasoning_details")[0][0]["text"] == "why"
    for known in (True, False):
        at_openai = sent(DIALECT.encode(ask(*turns), target("openai", known=known)))["messages"]
        assert at_openai[1].keys() == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("known", [True, False])
def test_mistrals_word_for_an_answer_that_is_no_prefill_is_its_own(known: bool) -> None:
    turns = [user("a"), {"role": "assistant", "content": "b", "prefix": False}, user("c")]
    for provider in ("openai", "deepseek", "mistral"):
        made = sent(DIALECT.encode(ask(*turns), target(provider, known=known)))["messages"]
        assert "prefix" not in made[1]


@pytest.mark.parametrize("provider", ["openai", "microsoft", "deepseek", "xiaomi", "mistral"])
@pytest.mark.parametrize("known", [True, False])
def test_a_tools_name_stays_with_its_call(provider: str, known: bool) -> None:
    turns = [user("a"), called(("c1", "f", "{}")), {**result("c1", "1"), "name": "f"}]
    made = DIALECT.encode(ask(*turns), target(provider, known=known))
    assert "name" not in sent(made)["messages"][2]
    assert sent(made)["messages"][1]["tool_calls"][0]["function"]["name"] == "f"
    assert made.dropped == ()


@pytest.mark.parametrize("known", [True, False])
def test_googles_signatures_are_for_google(known: bool) -> None:
    signed = {"role": "assistant", "content": "b", "extra_content": {"google": {}}}
    made = DIALECT.encode(ask(user("a"), signed, user("c")), target("openai", known=known))
    assert sent(made)["messages"][1] == {"role": "assistant", "content": "b"}


def test_mimo_gets_a_text_in_every_answer_and_results_as_text() -> None:
    parts = [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]
    turns = [user("a"), called(("c1", "f", "{}")), result("c1", parts)]
    _, call, given = messages("xiaomi", turns)
    assert (call["content"], given["content"]) == ("…", "1\n2")
    assert messages("deepseek", turns)[1].get("content") is None


@pytest.mark.parametrize(
    ("provider", "heard"),
    [
        ("xiaomi", {"data": "data:audio/mp3;base64,SUQz", "format": "mp3"}),
        ("openai", {"data": "SUQz", "format": "mp3"}),
        ("nvidia", {"data": "SUQz", "format": "mp3"}),
    ],
)
def test_mimo_gets_sound_as_data_urls(provider: str, heard: dict[str, str]) -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}
    (turn,) = messages(provider, [user([sound, {"type": "text", "text": "a"}])])
    assert turn["content"][0] == {"type": "input_audio", "input_audio": heard}


def test_openai_gets_files_as_urls_with_names() -> None:
    given = [
        {"type": "file", "file": {"file_data": "JVBERi0="}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,YQ=="}},
        {"type": "file", "file": {"file_data": "data:text/csv;base64,YQ==", "filename": "a.csv"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    pdf = {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "document.pdf"}
    text = {"file_data": "data:text/plain;base64,YQ==", "filename": "document.txt"}
    made = [part["file"] for part in messages("openai", [user(given)])[0]["content"]]
    assert made == [pdf, text, given[2]["file"], {"file_id": "file-1"}]
    asked = ask(user(given[:1]), tools=[tool()], reasoning_effort="high")
    over = DIALECTS["openai_responses"].encode(asked, target("openai"))
    assert sent(over)["input"][0]["content"] == [{"type": "input_file", **pdf}]


@pytest.mark.parametrize("provider", ["deepseek", "zai", "moonshot"])
def test_pieces_of_an_answer_are_one_text_and_parts_of_a_question_are_not(provider: str) -> None:
    pieces = [{"type": "text", "text": text} for text in ("It is", " ", "42 degr", "ees.")]
    given = [user(pieces), {"role": "assistant", "content": pieces}, user("b")]
    asked, said, _ = messages(provider, given)
    assert said["content"] == "It is 42 degrees."
    assert asked["content"] == "It is\n42 degr\nees."
