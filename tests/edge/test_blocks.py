"""Anthropic's blocks in chat messages arrive as OpenAI's own words."""

from typing import Any

import msgspec
import pytest

from services.edge import chat
from services.errors import Kind, RoutorError

DATA = "iVBORw0KGgo="
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
SHOWN = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
CALL = {
    "id": "toolu_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a":1}'},
}
SIGNED = {"type": "thinking", "thinking": "why", "signature": "sig"}
ANSWERED = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}
RESULT = {"role": "tool", "tool_call_id": "toolu_1", "content": "1"}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def assistant(*parts: Any, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(parts), **fields}


def read(*messages: Any) -> list[Any]:
    body = {"model": "auto", "messages": list(messages)}
    made: list[Any] = msgspec.json.decode(chat.parse(msgspec.json.encode(body)).body)["messages"]
    return made


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (IMAGE, SHOWN),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
            {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
            {
                "type": "file",
                "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
            },
        ),
        ({"type": "document", "source": {"type": "text", "data": "told"}}, text("told")),
        (
            {**IMAGE, "cache_control": {"type": "ephemeral"}},
            {**SHOWN, "cache_control": {"type": "ephemeral"}},
        ),
    ],
)
def test_what_is_shown_is_a_part(block: Any, part: Any) -> None:
    assert read(user(text("a"), block, text("b"))) == [user(text("a"), part, text("b"))]


def test_calls_thoughts_and_results_stand_beside_what_is_said() -> None:
    turn = assistant(SIGNED, text("so"), USE)
    told = assistant(text("so"), tool_calls=[CALL], thinking_blocks=[SIGNED])
    again = {**ANSWERED, "content": [text("1"), IMAGE], "is_error": True}
    assert read(user(text("a")), turn, user(ANSWERED, text("b")))[1:] == [
        told,
        RESULT,
        user(text("b")),
    ]
    assert read(user(text("a")), turn, user(again))[2:] == [
        {**RESULT, "content": [text("1"), SHOWN], "is_error": True}
    ]
    mark = {"cache_control": {"type": "ephemeral"}}
    assert read(user(text("a")), turn, user({**ANSWERED, **mark}))[2:] == [{**RESULT, **mark}]


def test_what_is_said_twice_counts_once() -> None:
    turn = assistant(SIGNED, USE, tool_calls=[CALL], thinking_blocks=[SIGNED])
    made = read(user(text("a")), turn, RESULT)[1]
    assert (made["tool_calls"], made["thinking_blocks"]) == ([CALL], [SIGNED])
    assert made.get("content") is None


def test_thoughts_that_nobody_signed_are_text() -> None:
    unsigned = {"type": "thinking", "thinking": "why", "signature": ""}
    made = read(user(text("a")), assistant(unsigned, text("b")), user(text("c")))[1]
    assert made == assistant(text("b"), reasoning_content="why")


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        ([user({"type": "image"})], "messages[0].content[0].source"),
        (
            [user({"type": "image", "source": {"type": "file", "file_id": "f"}})],
            "messages[0].content[0].source.type",
        ),
        (
            [user(text("a")), assistant({**USE, "input": "x"})],
            "messages[1].content[0].input",
        ),
        ([user({**ANSWERED, "tool_use_id": ""})], "messages[0].content[0].tool_use_id"),
        ([user(text("a"), ANSWERED)], "messages[0].content[1].tool_call_id"),
        (
            [user(text("a")), assistant(USE), user(ANSWERED, text("b"), {"type": "wat"})],
            "messages[2].content[2].type",
        ),
        (
            [user(text("a")), assistant(USE), user(ANSWERED, text("b")), user({"type": "wat"})],
            "messages[3].content[0].type",
        ),
        ([user(SIGNED)], "messages[0].content[0].type"),
        ([user(IMAGE), {"role": "system", "content": [IMAGE]}], "messages[1].content[0].type"),
        ([user(IMAGE), None], "messages[1]"),
    ],
)
def test_faults_are_named_where_they_stand(messages: list[Any], path: str) -> None:
    with pytest.raises(RoutorError) as caught:
        read(*messages)
    assert (caught.value.kind, caught.value.param) == (Kind.INVALID_REQUEST, path)
    assert caught.value.message.startswith(path)
