"""litellm as a client, by its openai/ and its anthropic/ prefix."""

import json

import pytest

from tests.clients.stand import MODELS, THINKERS

CLIENT = "litellm"
each_model = pytest.mark.parametrize("model", MODELS)
each_api = pytest.mark.parametrize("api", ["openai", "anthropic"])
HELLO = "You said: “Say hello.”"


@each_api
@each_model
def test_a_whole_answer(client, model, api):
    told = client("completion", model=model, api=api)
    assert told["text"].endswith(HELLO)
    assert told["ending"] == "stop"
    assert told["usage"]["prompt_tokens"] > 0 < told["usage"]["completion_tokens"]


@each_api
def test_a_whole_answer_in_asyncio(client, api):
    assert client("completion_async", model="auto", api=api).endswith(HELLO)


@each_api
@each_model
def test_a_stream(client, model, api):
    told = client("stream", model=model, api=api)
    assert len(told["texts"]) > 1
    assert "".join(told["texts"]) == told["whole"]
    assert told["whole"].endswith(HELLO)
    assert told["ending"] == "stop"
    assert told["written"] > 0


@each_api
def test_a_stream_in_asyncio(client, api):
    assert "".join(client("stream_async", model="auto", api=api)).endswith(HELLO)


@each_api
@each_model
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_is_told(client, model, api, stream):
    told = client("tools", model=model, api=api, stream=stream)
    ((name, arguments),) = told["calls"]
    assert name == "weather"
    assert isinstance(json.loads(arguments)["city"], str)
    assert told["ending"] == "tool_calls"
    assert "21 degrees" in told["text"]


@each_api
@each_model
def test_a_tool_is_forced(client, model, api):
    assert client("forced", model=model, api=api) == ["weather"]


@each_api
@each_model
def test_structured_output(client, model, api):
    assert set(client("structured", model=model, api=api)) == {"name", "age"}


@each_api
@pytest.mark.parametrize("model", THINKERS)
def test_reasoning(client, model, api):
    told = client("think", model=model, api=api)
    assert "Think, then say hello." in told["text"]
    # OpenAI tells thoughts in summaries, which nobody can ask for in chat.
    assert bool(told["thoughts"]) is (api == "anthropic" or not model.startswith("openai/"))


@each_model
def test_the_responses_interface(client, model):
    assert client("responses", model=model).endswith(HELLO)


def test_embeddings(client):
    assert client("embedding", model="openai/text-embedding-3-small") == [64, 64]


@each_api
def test_an_error_is_of_the_right_class(client, api):
    told = client("refused", model="gpt-0", api=api)
    assert told == {"class": "NotFoundError", "status": 404}
