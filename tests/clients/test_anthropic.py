"""The anthropic package before Routor: what is its own beyond a plain call."""

import anthropic
import pytest
from anthropic import beta_tool
from pydantic import BaseModel

from tests.clients.stand import MODELS, THINKERS

each_model = pytest.mark.parametrize("model", MODELS)
HELLO = {"max_tokens": 4000, "messages": [{"role": "user", "content": "Say hello."}]}
SAID = "You said: “Say hello.”"
ASKED = [{"role": "user", "content": "What is the weather in Rome?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Tell it.", "input_schema": SCHEMA}


class Person(BaseModel):
    name: str
    age: int


@beta_tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"21 degrees, {city}"


@pytest.fixture(scope="module")
def address(connected):
    return {"base_url": connected.url, "api_key": connected.key, "max_retries": 0}


@pytest.fixture(scope="module")
def sdk(address):
    with anthropic.Anthropic(**address) as client:
        yield client


@pytest.fixture
async def sdk_async(address):
    async with anthropic.AsyncAnthropic(**address) as client:
        yield client


@each_model
async def test_in_asyncio(sdk_async, model):
    whole = await sdk_async.messages.create(model=model, **HELLO)
    async with sdk_async.messages.stream(model=model, **HELLO) as stream:
        texts = [text async for text in stream.text_stream]
    assert whole.content[-1].text.endswith(SAID)
    assert "".join(texts).endswith(SAID)
    assert len(texts) > 1


@each_model
def test_raw_events_come_in_order(sdk, model):
    events = list(sdk.messages.create(model=model, stream=True, **HELLO))
    types = [event.type for event in events if event.type != "ping"]
    assert types[:2] == ["message_start", "content_block_start"]
    assert set(types[2:-3]) == {"content_block_delta"}
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[-2].usage.output_tokens > 0


@each_model
def test_a_streamed_tool_call_is_gathered(sdk, model):
    fields = {"model": model, "max_tokens": 4000, "messages": ASKED, "tools": [WEATHER]}
    with sdk.messages.stream(**fields) as stream:
        told = stream.get_final_message()
    (call,) = [block for block in told.content if block.type == "tool_use"]
    assert isinstance(call.input["city"], str)
    assert told.stop_reason == "tool_use"


@each_model
@pytest.mark.parametrize("stream", [False, True])
def test_the_tool_runner_runs_tools(sdk, model, stream):
    runner = sdk.beta.messages.tool_runner(
        model=model, max_tokens=4000, messages=ASKED, tools=[weather], stream=stream
    )
    turns = [turn.get_final_message() if stream else turn for turn in runner]
    assert [turn.stop_reason for turn in turns] == ["tool_use", "end_turn"]
    assert "21 degrees" in turns[-1].content[-1].text


@each_model
def test_one_tool_at_a_time(sdk, model):
    choice = {"type": "any", "disable_parallel_tool_use": True}
    tools = [WEATHER, {**WEATHER, "name": "forecast"}]
    talk = [{"role": "user", "content": "Ask for both in parallel."}]
    told = sdk.messages.create(
        model=model, max_tokens=4000, messages=talk, tools=tools, tool_choice=choice
    )
    assert [block.type for block in told.content].count("tool_use") == 1


@each_model
def test_parse(sdk, model):
    talk = [{"role": "user", "content": "Who is Ada?"}]
    told = sdk.messages.parse(model=model, max_tokens=4000, messages=talk, output_format=Person)
    assert isinstance(told.parsed_output, Person)


@pytest.mark.parametrize("model", THINKERS)
def test_thinking_is_counted(sdk, model):
    thinking = {"type": "enabled", "budget_tokens": 2000}
    told = sdk.messages.create(model=model, thinking=thinking, **HELLO)
    with sdk.messages.stream(model=model, thinking=thinking, **HELLO) as stream:
        streamed = stream.get_final_message()
    for message in (told, streamed):
        counted = message.usage.output_tokens_details.thinking_tokens
        assert 0 < counted < message.usage.output_tokens


def test_a_bearer_token_will_do(connected):
    with anthropic.Anthropic(base_url=connected.url, auth_token=connected.key) as client:
        assert client.messages.create(model="auto", **HELLO).content[-1].text.endswith(SAID)


def test_beta_messages_and_their_tokens(sdk):
    told = sdk.beta.messages.create(
        model="auto", betas=["interleaved-thinking-2025-05-14"], **HELLO
    )
    counted = sdk.beta.messages.count_tokens(model="auto", messages=HELLO["messages"])
    assert told.content[-1].text.endswith(SAID)
    assert counted.input_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "raised", "kind"),
    [
        ({"model": "claude-0"}, anthropic.NotFoundError, "not_found_error"),
        ({"model": "anthropic/no-such"}, anthropic.NotFoundError, "not_found_error"),
        ({"messages": []}, anthropic.BadRequestError, "invalid_request_error"),
        ({"metadata": {"user_id": 9}}, anthropic.BadRequestError, "invalid_request_error"),
    ],
)
def test_errors_are_of_the_right_class(sdk, fields, raised, kind, stream):
    with pytest.raises(raised) as caught:
        sdk.messages.create(**{"model": "auto", **HELLO, **fields}, stream=stream)
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.request_id == caught.value.body["request_id"]


@pytest.mark.parametrize(
    ("model", "fault", "raised"),
    [
        ("deepseek/deepseek-v4-pro", {"kind": "status", "status": 429}, anthropic.RateLimitError),
        ("xai/grok-4.3", {"kind": "status", "status": 500}, anthropic.InternalServerError),
    ],
)
def test_a_vendors_fault_is_of_the_right_class(sdk, healed, model, fault, raised):
    healed.fault(model.partition("/")[0], **fault)
    with pytest.raises(raised):
        sdk.messages.create(model=model, **HELLO)


def test_a_stream_that_breaks_raises(sdk, healed):
    healed.fault("minimax", kind="stream_reset", after_chunks=6)
    with (
        pytest.raises(anthropic.APIError, match="MiniMax"),
        sdk.messages.stream(model="minimax/minimax-m3", **HELLO) as stream,
    ):
        stream.get_final_message()
