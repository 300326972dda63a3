"""langchain-openai before Routor, by both of OpenAI's interfaces."""

import pytest

from tests.clients.stand import MODELS, THINKERS

CLIENT = "langchain"
pytestmark = pytest.mark.parametrize("api", ["chat", "responses"])
each_model = pytest.mark.parametrize("model", MODELS)


@each_model
def test_a_whole_answer(client, model, api):
    told = client("invoke", model=model, api=api)
    assert told["text"].endswith("You said: “Say hello.”")
    usage = told["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert model in ("auto", told["meta"]["model_name"])


@each_model
def test_a_stream(client, model, api):
    told = client("stream", model=model, api=api)
    assert len(told["texts"]) > 1
    assert "".join(told["texts"]) == told["text"]
    assert told["text"].endswith("You said: “Say hello.”")
    assert told["usage"]["output_tokens"] > 0
    if api == "chat":
        assert told["meta"]["finish_reason"] == "stop"
    else:
        assert told["meta"]["status"] == "completed"


def test_a_stream_in_asyncio(client, api):
    told = client("stream_async", model="auto", api=api)
    assert "".join(told).endswith("You said: “Say hello.”")


@each_model
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_is_told(client, model, api, stream):
    told = client("tools", model=model, api=api, stream=stream)
    (call,) = told["calls"]
    assert call["name"] == "weather"
    assert isinstance(call["args"]["city"], str)
    assert told["invalid"] == []
    assert "21 degrees" in told["text"]


@each_model
def test_a_tool_is_forced(client, model, api):
    assert client("forced", model=model, api=api) == ["weather"]


@each_model
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(client, model, api, method):
    told = client("structured", model=model, api=api, method=method)
    assert told["error"] == "None"
    assert set(told["parsed"]) == {"name", "age", "tags", "nick"}


@each_model
def test_json_mode(client, model, api):
    assert client("json_mode", model=model, api=api)["you_said"].startswith("Who is Ada?")


@pytest.mark.parametrize("model", THINKERS)
def test_reasoning_is_counted(client, model, api):
    told = client("reasoning", model=model, api=api)
    assert "Think, then say hello." in told["text"]
    assert told["usage"]["output_token_details"]["reasoning"] > 0


@each_model
def test_an_image(client, model, api):
    assert "What is this?" in client("image", model=model, api=api)


def test_an_error_is_of_the_right_class(client, api):
    told = client("refused", model="gpt-0", api=api)
    assert told == {"code": "model_not_found", "status": 404}
