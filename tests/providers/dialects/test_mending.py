from typing import Any

import pytest

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import call_delta, chunk, event, run, target, tool_calls

DIALECT = DIALECTS["openai_chat"]


def told(arguments: Any, finish: str, *, stream: bool) -> str:
    """Return the arguments of a call as they come out of an answer."""
    if stream:
        data = event(chunk(call_delta(0, arguments, "a", "f"))) + event(chunk({}, finish))
        calls = tool_calls(run(DIALECT.decoder(target(), {}), data)[0])
    else:
        call = {"id": "a", "function": {"name": "f", "arguments": arguments}}
        choice = {"message": {"tool_calls": [call]}, "finish_reason": finish}
        body = event({"choices": [choice]}).removeprefix(b"data: ")
        calls = DIALECT.decode(body, target()).body["choices"][0]["message"]["tool_calls"]
    return str(calls[0]["function"]["arguments"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("arguments", ["[]", "null", '""', '" "', " ", '"{}"', None, {}])
def test_no_arguments_are_an_empty_object(arguments: Any, stream: bool) -> None:
    assert told(arguments, "tool_calls", stream=stream) == "{}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("arguments", ["[1]", '"x"', "3", "0", "false", '["{}"]', [1], [], 3])
def test_arguments_without_names_are_a_broken_answer(arguments: Any, stream: bool) -> None:
    with pytest.raises(RoutorError, match="not JSON of an object") as caught:
        told(arguments, "tool_calls", stream=stream)
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("stream", [False, True])
def test_arguments_that_the_limit_cuts_stay_as_they_are(stream: bool) -> None:
    assert told("3", "length", stream=stream) == "3"
    assert told('{"x', "length", stream=stream) == '{"x'
