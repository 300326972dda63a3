"""The OpenAI Agents SDK before Routor, by both of OpenAI's interfaces."""

import pytest

from tests.clients.stand import MODELS, THINKERS

CLIENT = "agents"
pytestmark = pytest.mark.parametrize("api", ["chat", "responses"])
each_model = pytest.mark.parametrize("model", MODELS)
CALLED = ["tool_call_item", "tool_call_output_item", "message_output_item"]


def without_thoughts(steps):
    return [step for step in steps if step != "reasoning_item"]


@each_model
def test_an_agent_calls_its_function(client, model, api):
    told = client("run", model=model, api=api)
    assert without_thoughts(told["steps"]) == CALLED
    assert "21 degrees" in told["text"]
    assert told["requests"] == 2
    taken, written, total = told["tokens"]
    assert taken > 0 < written
    assert total == taken + written


@each_model
def test_a_streamed_agent_calls_its_function(client, model, api):
    told = client("run_streamed", model=model, api=api)
    assert without_thoughts(told["steps"]) == CALLED
    assert "21 degrees" in told["text"]
    assert "".join(told["deltas"]) == told["text"]
    assert len(told["deltas"]) > 1


@each_model
def test_a_tool_is_forced(client, model, api):
    assert without_thoughts(client("forced", model=model, api=api)) == CALLED


@each_model
def test_an_agent_hands_over(client, model, api):
    told = client("hand_over", model=model, api=api)
    assert told["last"] == "Poet"
    assert without_thoughts(told["steps"]) == [
        "handoff_call_item",
        "handoff_output_item",
        "message_output_item",
    ]


@each_model
def test_structured_output(client, model, api):
    assert set(client("structured", model=model, api=api)) == {"name", "age"}


@pytest.mark.parametrize("model", THINKERS)
def test_thoughts_survive_a_call(client, model, api):
    told = client("think", model=model, api=api)
    assert "21 degrees" in told["text"]
    assert told["reasoning"] > 0


@each_model
def test_a_conversation_goes_on(client, model, api):
    assert "Say goodbye." in client("go_on", model=model, api=api)
