"""What the router sees of a request."""

import msgspec
import pytest

from routor.v1 import router_pb2, types_pb2
from services.edge import chat, window
from tests.edge.fakes import AUTO

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d" * 900, "parameters": {"type": "object"}},
}


def asked(**fields):
    return chat.parse(msgspec.json.encode({**AUTO, **fields})).to_route("req_1")


def said(content, role="user", **more):
    return {"role": role, "content": content, **more}


def test_short_texts_go_whole():
    request = asked(messages=[said("Be kind.", "developer"), said("Hello")])
    assert request.messages[0] == router_pb2.Message(role=router_pb2.ROLE_SYSTEM, text="Be kind.")
    assert request.messages[1] == router_pb2.Message(role=router_pb2.ROLE_USER, text="Hello")


def test_long_texts_go_as_head_samples_and_tail():
    text = "A" * 10_000 + "m" * 500_000 + "Z" * 10_000
    (message,) = asked(messages=[said(text)]).messages
    assert message.text_chars == len(text)
    assert len(message.text) <= window.WHOLE_CHARS + 100
    assert message.text.startswith("A" * window.END_CHARS)
    assert message.text.endswith("Z" * window.END_CHARS)
    assert "m" * window.SAMPLE_CHARS in message.text


def test_the_window_does_not_grow_with_the_conversation():
    turns = [said("x" * 5_000) for _ in range(2_000)]
    request = asked(messages=[said("You are a pirate.", "system"), *turns])
    assert len(request.messages) == 2_001
    assert request.messages[0].text == "You are a pirate."
    assert request.messages[1].text == ""
    assert request.messages[1].text_chars == 5_000
    assert all(message.text for message in request.messages[-window.LATEST :])
    assert len(request.SerializeToString()) < 200_000


def test_attachments_and_text_of_parts():
    parts = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "two"},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/v"}},
    ]
    (message,) = asked(messages=[said(parts)]).messages
    assert message.text == "one\ntwo"
    assert list(message.attachments) == [
        types_pb2.MODALITY_IMAGE,
        types_pb2.MODALITY_FILE,
        types_pb2.MODALITY_AUDIO,
        types_pb2.MODALITY_VIDEO,
    ]


@pytest.mark.parametrize("url", ["https://example.org/i.png", "HTTP://example.org/i"])
def test_an_image_that_has_to_be_fetched_is_told(url):
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    (message,) = asked(messages=[said(parts)]).messages
    wanted = [types_pb2.MODALITY_IMAGE, types_pb2.MODALITY_IMAGE_URL]
    assert list(message.attachments) == wanted


def test_tool_calls_are_counted_and_their_arguments_measured():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "x" * 100}}
    request = asked(
        messages=[
            said("go"),
            said(None, "assistant", tool_calls=[call, {**call, "id": "d"}]),
            said("done", "tool", tool_call_id="c"),
        ],
        tools=[TOOL],
    )
    assert request.messages[1].tool_calls == 2
    assert request.messages[1].text_chars == 202
    assert request.messages[2].role == router_pb2.ROLE_TOOL
    (tool,) = request.tools
    assert (tool.name, len(tool.description)) == ("f", window.DESCRIPTION_CHARS)
    assert tool.schema_chars == len('{"type":"object"}')


def test_needs():
    request = asked(
        stream=True,
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        response_format={"type": "json_object"},
        max_tokens=10,
        max_completion_tokens=20,
        reasoning_effort="high",
        logprobs=True,
        n=2,
        stop="END",
        seed=0,
    )
    assert request.needs == router_pb2.Needs(
        stream=True,
        tool_choice=router_pb2.TOOL_CHOICE_NAMED,
        parallel_tool_calls=False,
        response_format=router_pb2.RESPONSE_FORMAT_JSON_OBJECT,
        max_output_tokens=20,
        reasoning_effort="high",
        parameters=["n", "stop", "logprobs", "seed"],
    )


def test_defaults_are_no_needs():
    request = asked(n=1, logprobs=False, temperature=1, stop=[], parallel_tool_calls=True)
    assert request.needs == router_pb2.Needs()
