"""Grey failures: answers with status 200 that are of little use."""

import pytest

from services.errors import RoutorError
from services.providers.dialects.contract import Answer, Ending, Usage
from services.providers.flaw import found, refuse_silence

JSON = {"response_format": {"type": "json_object"}}
SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {}}}


def answer(reason="stop", **message):
    return Answer({"choices": [{"message": message, "finish_reason": reason}]}, Usage())


def calling(arguments):
    return answer("tool_calls", tool_calls=[{"function": {"name": "f", "arguments": arguments}}])


@pytest.mark.parametrize(
    ("request_body", "event", "flaw"),
    [
        ({}, answer(content="Hello"), ""),
        ({}, answer(content=" \n"), "empty"),
        ({}, answer("length", content=""), ""),
        ({}, answer(content=None, refusal="No."), "refused"),
        ({}, answer("content_filter", content="I"), "refused"),
        ({}, Ending((), Usage(), "content_filter"), "refused"),
        ({}, Ending((), Usage(), "stop"), ""),
        (JSON, answer(content='{"a": [1, 2]}'), ""),
        (JSON, answer(content='{"a": [1, 2]'), "broken JSON"),
        (SCHEMA, answer(content='```json\n{"a": 1}\n```'), "broken JSON"),
        (SCHEMA, answer("length", content='{"a": [1'), ""),
        ({"response_format": {"type": "text"}}, answer(content="{"), ""),
        ({}, calling('{"city": "Paris"}'), ""),
        ({}, calling(""), ""),
        ({}, calling('{"city": "Par'), "broken JSON"),
        ({}, answer("tool_calls", tool_calls=[{"type": "custom"}, None]), ""),
        ({}, Answer({"data": []}, Usage()), ""),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(request_body, event, flaw):
    assert found(request_body, event) == flaw


ASKED = {"messages": [{"role": "user", "content": "Hello"}]}
TOLD = {"messages": [*ASKED["messages"], {"role": "tool", "content": "ok", "tool_call_id": "c"}]}


@pytest.mark.parametrize(
    ("request_body", "usage"),
    [
        (ASKED, Usage(output_tokens=3)),
        (ASKED, Usage(output_tokens=500, reasoning_tokens=498)),
        (TOLD, Usage(output_tokens=40)),
    ],
)
def test_silence_is_an_answer_where_nobody_else_could_be_asked(request_body, usage):
    refuse_silence(request_body, usage, others=False, later=False)
    with pytest.raises(RoutorError, match="empty"):
        refuse_silence(request_body, usage, others=True, later=False)


def test_silence_after_others_have_failed_is_none_unless_a_tool_was_heard():
    refuse_silence(TOLD, Usage(), others=False, later=True)
    with pytest.raises(RoutorError, match="empty"):
        refuse_silence(ASKED, Usage(), others=False, later=True)


def test_an_answer_that_was_counted_and_did_not_come_is_none():
    with pytest.raises(RoutorError, match="empty"):
        refuse_silence(ASKED, Usage(output_tokens=40), others=False, later=False)
