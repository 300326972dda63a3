"""The Vercel AI SDK before Routor, by each of its providers that can be given an address."""

import pytest

from tests.clients.stand import MODELS, THINKERS

CLIENT = "vercel"
HELLO = "You said: “Say hello.”"
each_model = pytest.mark.parametrize("model", MODELS)
each_api = pytest.mark.parametrize("api", ["responses", "chat", "compatible", "anthropic"])


@each_api
@each_model
def test_generate_text(client, model, api):
    told = client("generate", model=model, api=api)
    assert told["text"].endswith(HELLO)
    assert told["ending"] == "stop"
    assert told["usage"]["inputTokens"] > 0 < told["usage"]["outputTokens"]


@each_api
@each_model
def test_stream_text(client, model, api):
    told = client("stream", model=model, api=api)
    assert told["broken"] == []
    assert len(told["deltas"]) > 1
    assert "".join(told["deltas"]) == told["text"]
    assert told["text"].endswith(HELLO)
    assert told["ending"] == "stop"
    assert told["usage"]["inputTokens"] > 0 < told["usage"]["outputTokens"]


@each_api
@each_model
@pytest.mark.parametrize("case", ["tools", "streamedTools"])
def test_a_tool_is_called_and_its_result_is_told(client, case, model, api):
    told = client(case, model=model, api=api)
    ((name, arguments),) = told["calls"]
    assert name == "weather"
    assert isinstance(arguments["city"], str)
    assert "21 degrees" in told["text"]


@each_api
@each_model
def test_a_tool_is_forced(client, model, api):
    ((name, _),) = client("forced", model=model, api=api)
    assert name == "weather"


@each_api
@each_model
def test_generate_object(client, model, api):
    assert set(client("object", model=model, api=api)) == {"name", "age", "nick"}


@each_api
@each_model
def test_stream_object(client, model, api):
    told = client("streamedObject", model=model, api=api)
    assert set(told["object"]) == {"name", "age", "nick"}
    assert told["steps"][-1] == told["object"]


@each_api
@each_model
def test_a_second_turn_with_store_false(client, model, api):
    assert "Say it again." in client("again", model=model, api=api)


@each_api
@pytest.mark.parametrize("model", THINKERS)
def test_thoughts_survive_a_call(client, model, api):
    told = client("think", model=model, api=api)
    assert "21 degrees" in told["text"]
    assert told["usage"]["outputTokens"] > 0
    # OpenAI tells thoughts in summaries, which only two doors ask for; its chat provider of the SDK
    # looks for none.
    told_by_model = api in ("responses", "anthropic") or not model.startswith("openai/")
    assert bool(told["thoughts"]) is (api != "chat" and told_by_model)


@each_api
@each_model
def test_an_image(client, model, api):
    assert "What is this?" in client("image", model=model, api=api)


def test_embeddings(client):
    assert client("embed", model="openai/text-embedding-3-small") == [64, 64]


@each_api
def test_an_error_tells_its_status(client, api):
    told = client("refused", model="gpt-0", api=api)
    assert (told["name"], told["status"], told["retry"]) == ("AI_APICallError", 404, False)
    assert "gpt-0" in told["message"]
