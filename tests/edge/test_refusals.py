"""What most often is wrong with a request, refused at every door in its own words."""

import pytest

from services.errors import Kind
from tests.edge.fakes import FIRST, error

HELLO = {"role": "user", "content": "Hello"}
SCHEMA = {"type": "object", "properties": {}}
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
NAME = "letters, digits, _ and - alone"


def function(name="f"):
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}


def flat(name="f"):
    return {"type": "function", "name": name, "parameters": SCHEMA}


def tool(name="f"):
    return {"name": name, "input_schema": SCHEMA}


def says(*parts):
    return [{"role": "user", "content": list(parts)}]


IMAGE = {"type": "image_url", "image_url": {"url": "ftp://x.test/a.png"}}
INPUT_IMAGE = {"type": "input_image", "image_url": "ftp://x.test/a.png"}
SOURCE = {"type": "url", "url": "ftp://x.test/a.png"}
ORPHAN = {"type": "tool_result", "tool_use_id": "c"}
LOST = {"type": "function_call_output", "call_id": "c", "output": "1"}
# The door, what is wrong, the field that is named, a word of what is said of it.
WRONG = [
    (CHAT, {"model": None}, "model", "is missing"),
    (CHAT, {"messages": None}, "messages", "is missing"),
    (CHAT, {"messages": []}, "messages", "expected list of length >= 1"),
    (CHAT, {"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "assistant"),
    (CHAT, {"messages": says({"type": "input_text"})}, "messages[0].content[0].type", "image_url"),
    (CHAT, {"messages": says(IMAGE)}, "messages[0].content[0].image_url.url", "https:"),
    (CHAT, {"temperature": "hot"}, "temperature", "expected number, got string"),
    (CHAT, {"temperature": 3}, "temperature", "<= 2"),
    (CHAT, {"max_tokens": 0}, "max_tokens", "expected integer >= 1"),
    (CHAT, {"tools": [function("a b")]}, "tools[0].function.name", NAME),
    (CHAT, {"tool_choice": "required"}, "tool_choice", "needs tools"),
    (RESPONSES, {"model": None}, "model", "is missing"),
    (RESPONSES, {"input": None}, "input", "is missing"),
    (RESPONSES, {"input": []}, "input", "expected list of length >= 1"),
    (RESPONSES, {"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "developer"),
    (RESPONSES, {"input": says({"type": "text"})}, "input[0].content[0].type", "input_text"),
    (RESPONSES, {"input": says(INPUT_IMAGE)}, "input[0].content[0].image_url", "https:"),
    (RESPONSES, {"temperature": "hot"}, "temperature", "expected number, got string"),
    (RESPONSES, {"max_output_tokens": 0}, "max_output_tokens", "expected integer >= 1"),
    (RESPONSES, {"tools": [function()]}, "tools[0].name", "is missing"),
    (RESPONSES, {"tools": [flat("a b")]}, "tools[0].name", NAME),
    (RESPONSES, {"tool_choice": "required"}, "tool_choice", "needs tools"),
    (RESPONSES, {"input": [HELLO, LOST]}, "input[1].call_id", "answers no tool call"),
    (RESPONSES, {"reasoning": {"effort": "huge"}}, "reasoning.effort", "minimal"),
    (RESPONSES, {"max_tokens": 5}, "max_output_tokens", "max_tokens"),
    (RESPONSES, {"messages": [HELLO]}, "input", "messages"),
    (RESPONSES, {"response_format": {"type": "text"}}, "text.format", "response_format"),
    (MESSAGES, {"model": None}, "model", "is missing"),
    (MESSAGES, {"max_tokens": None}, "max_tokens", "is missing"),
    (MESSAGES, {"max_tokens": 0}, "max_tokens", "expected integer >= 1"),
    (MESSAGES, {"messages": []}, "messages", "expected list of length >= 1"),
    (MESSAGES, {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "assistant"),
    (MESSAGES, {"messages": says(IMAGE)}, "messages[0].content[0].type", "image, document"),
    (
        MESSAGES,
        {"messages": says({"type": "image", "source": SOURCE})},
        "messages[0].content[0].source.url",
        "https:",
    ),
    (MESSAGES, {"messages": says(ORPHAN)}, "messages[0].content[0].tool_use_id", "answers no"),
    (MESSAGES, {"temperature": 1.5}, "temperature", "expected number <= 1.0"),
    (MESSAGES, {"tools": [function()]}, "tools[0].name", "is missing"),
    (MESSAGES, {"tools": [tool("a b")]}, "tools[0].name", NAME),
    (MESSAGES, {"tools": [{"name": "f"}]}, "tools[0].input_schema", "is missing"),
    (MESSAGES, {"tool_choice": {"type": "any"}}, "tool_choice", "needs tools"),
]
RIGHT = {
    CHAT: {"messages": [HELLO]},
    RESPONSES: {"input": "Hello"},
    MESSAGES: {"messages": [HELLO], "max_tokens": 5},
}


def named(door, told):
    """Return the field that an error names: Anthropic's errors do it in the message alone."""
    if door != MESSAGES:
        assert told["message"].startswith(f"{told['param']}: ")
    return told["message"].partition(": ")[0]


@pytest.mark.parametrize(("door", "wrong", "field", "word"), WRONG)
async def test_what_is_wrong_is_named_as_the_door_calls_it(house, door, wrong, field, word):
    answer = await house.client.post(door, json={"model": FIRST, **RIGHT[door], **wrong})
    told = answer.json()["error"]
    assert (answer.status_code, told["type"]) == (400, "invalid_request_error")
    assert named(door, told) == field
    assert word in told["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert "Retry-After" not in answer.headers
    assert not house.providers.requests


@pytest.mark.parametrize("door", RIGHT)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_limit_says_when_to_come_again(house, door, stream):
    raised = error(Kind.PROVIDER_RATE_LIMITED, retry_after_s=2.2)
    house.providers.answer, house.providers.events = raised, [raised]
    answer = await house.client.post(door, json={"model": FIRST, **RIGHT[door], "stream": stream})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize("door", [CHAT, RESPONSES])
async def test_openais_doors_speak_its_format_to_everybody(house, door):
    answer = await house.client.post(door, json={}, headers={"anthropic-version": "2023-06-01"})
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("door", "param"), [(CHAT, "messages[3].content"), (RESPONSES, "input"), (MESSAGES, None)]
)
async def test_what_a_vendor_names_is_called_as_the_door_does(house, door, param):
    """The indices of what it was sent say nothing to who has sent something else."""
    facts = {"param": "messages[3].content", "upstream_status": 400}
    house.providers.answer = error(Kind.INVALID_REQUEST, "Invalid 'messages[3].content'.", **facts)
    answer = await house.client.post(door, json={"model": FIRST, **RIGHT[door]})
    told = answer.json()["error"]
    assert told["message"] == "Invalid 'messages[3].content'."
    assert told.get("param") == param
