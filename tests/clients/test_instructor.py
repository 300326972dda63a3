"""instructor before Routor, in the modes that it has for OpenAI."""

import pytest

from tests.clients.stand import MODELS

CLIENT = "instructor"
FIELDS = {"name", "age", "tags", "nick"}
each_model = pytest.mark.parametrize("model", MODELS)
each_mode = pytest.mark.parametrize(
    "mode", ["TOOLS", "JSON_SCHEMA", "TOOLS_STRICT", "RESPONSES_TOOLS"]
)


@each_model
@each_mode
def test_a_model_is_made(client, model, mode):
    made = client("create", model=model, mode=mode, shape="Person")
    assert set(made) == FIELDS
    assert isinstance(made["age"], int)


@each_model
def test_json_mode(client, model):
    made = client("create", model=model, mode="JSON", shape="Echo")
    assert "Who is Ada?" in made["you_said"]


@each_model
@each_mode
def test_models_inside_a_model_are_made(client, model, mode):
    made = client("create", model=model, mode=mode, shape="People")
    assert set(made) == {"first", "second"}
    assert set(made["first"]) == FIELDS


@each_model
@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_a_model_is_made_step_by_step(client, model, mode):
    steps = client("partial", model=model, mode=mode)
    # Routor holds the arguments of a call until they are complete: one step.
    assert len(steps) > (mode == "JSON_SCHEMA")
    assert steps[-1] == client("create", model=model, mode=mode, shape="Person")


def test_in_asyncio(client):
    assert set(client("create_async", model="auto", mode="TOOLS")) == FIELDS


def test_the_answer_comes_with_its_usage(client):
    told = client("with_completion", model="auto", mode="TOOLS")
    assert set(told["made"]) == FIELDS
    assert told["tokens"] > 0
