"""The openai package before Routor: what is its own beyond a plain call."""

import base64
import json

import openai
import pytest
from pydantic import BaseModel

from tests.clients.stand import MODELS, THINKERS

each_model = pytest.mark.parametrize("model", MODELS)
HELLO = [{"role": "user", "content": "Say hello."}]
SAID = "You said: “Say hello.”"
WHO = [{"role": "user", "content": "Who is Ada?"}]
ASKED = [{"role": "user", "content": "What is the weather in Rome?"}]


class Tag(BaseModel):
    word: str


class Person(BaseModel):
    name: str
    age: int
    tags: list[Tag]
    nick: str | None


class Weather(BaseModel):
    """Tell the weather of a city."""

    city: str


@pytest.fixture(scope="module")
def address(connected):
    return {"base_url": f"{connected.url}/v1", "api_key": connected.key, "max_retries": 0}


@pytest.fixture(scope="module")
def sdk(address):
    with openai.OpenAI(**address) as client:
        yield client


@pytest.fixture
async def sdk_async(address):
    async with openai.AsyncOpenAI(**address) as client:
        yield client


@each_model
def test_chat_parse(sdk, model):
    told = sdk.chat.completions.parse(model=model, messages=WHO, response_format=Person)
    assert isinstance(told.choices[0].message.parsed, Person)


@each_model
def test_chat_parse_of_a_tool(sdk, model):
    told = sdk.chat.completions.parse(
        model=model, messages=ASKED, tools=[openai.pydantic_function_tool(Weather)]
    )
    (call,) = told.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Weather)


@each_model
def test_chat_stream_helper(sdk, model):
    fields = {"model": model, "messages": HELLO, "stream_options": {"include_usage": True}}
    with sdk.chat.completions.stream(**fields) as stream:
        events = list(stream)
        told = stream.get_final_completion()
    deltas = [event.delta for event in events if event.type == "content.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == told.choices[0].message.content
    assert told.choices[0].message.content.endswith(SAID)
    assert [event.type for event in events].count("content.done") == 1
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens > 0


@each_model
def test_chat_stream_helper_parses(sdk, model):
    fields = {"model": model, "messages": WHO, "response_format": Person}
    with sdk.chat.completions.stream(**fields) as stream:
        stream.until_done()
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(parsed, Person)


@each_model
def test_chat_stream_helper_with_a_tool(sdk, model):
    tools = [openai.pydantic_function_tool(Weather)]
    with sdk.chat.completions.stream(model=model, messages=ASKED, tools=tools) as stream:
        done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
        told = stream.get_final_completion()
    assert [event.name for event in done] == ["Weather"]
    assert isinstance(done[0].parsed_arguments, Weather)
    assert told.choices[0].finish_reason == "tool_calls"


@each_model
async def test_chat_in_asyncio(sdk_async, model):
    whole = await sdk_async.chat.completions.create(model=model, messages=HELLO)
    stream = await sdk_async.chat.completions.create(model=model, messages=HELLO, stream=True)
    deltas = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert whole.choices[0].message.content.endswith(SAID)
    assert "".join(deltas).endswith(SAID)


@each_model
def test_responses_parse(sdk, model):
    told = sdk.responses.parse(model=model, input="Who is Ada?", text_format=Person)
    assert isinstance(told.output_parsed, Person)


@each_model
def test_responses_stream_helper_parses(sdk, model):
    with sdk.responses.stream(model=model, input="Who is Ada?", text_format=Person) as stream:
        types = [event.type for event in stream]
        told = stream.get_final_response()
    assert isinstance(told.output_parsed, Person)
    assert types[:2] == ["response.created", "response.in_progress"]
    assert types[-1] == "response.completed"


@each_model
def test_responses_stream_helper_with_a_tool(sdk, model):
    tools = [openai.pydantic_function_tool(Weather)["function"] | {"type": "function"}]
    with sdk.responses.stream(model=model, input=ASKED, tools=tools) as stream:
        done = [e for e in stream if e.type == "response.function_call_arguments.done"]
        told = stream.get_final_response()
    (call,) = [item for item in told.output if item.type == "function_call"]
    assert [event.arguments for event in done] == [call.arguments]
    assert json.loads(call.arguments)["city"]


@each_model
@pytest.mark.parametrize("streaming", [False, True])
def test_what_coding_agents_declare_is_taken_everywhere(sdk, model, streaming):
    shell = {"type": "function", "name": "js", "parameters": {"type": "object", "properties": {}}}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    tools = [
        {"type": "custom", "name": "apply_patch", "format": grammar},
        {"type": "web_search"},
        {"type": "local_shell"},
        {"type": "namespace", "name": "mcp__node", "description": "", "tools": [shell]},
    ]
    asked = {"model": model, "input": "Say hello.", "tools": tools, "tool_choice": "none"}
    if not streaming:
        assert sdk.responses.create(**asked).output_text.endswith(SAID)
        return
    with sdk.responses.stream(**asked) as stream:
        stream.until_done()
        assert stream.get_final_response().output_text.endswith(SAID)


@each_model
async def test_responses_in_asyncio(sdk_async, model):
    whole = await sdk_async.responses.create(model=model, input="Say hello.")
    stream = await sdk_async.responses.create(model=model, input="Say hello.", stream=True)
    deltas = [e.delta async for e in stream if e.type == "response.output_text.delta"]
    assert whole.output_text.endswith(SAID)
    assert "".join(deltas).endswith(SAID)


@pytest.mark.parametrize("model", THINKERS)
def test_reasoning_is_counted_by_both(sdk, model):
    chat = sdk.chat.completions.create(model=model, messages=HELLO, reasoning_effort="high")
    said = sdk.responses.create(model=model, input=HELLO, reasoning={"effort": "high"})
    assert chat.usage.completion_tokens_details.reasoning_tokens > 0
    assert said.usage.output_tokens_details.reasoning_tokens > 0


def test_a_raw_answer_and_its_headers(sdk):
    raw = sdk.chat.completions.with_raw_response.create(model="auto", messages=HELLO)
    told = raw.parse()
    assert raw.headers["x-request-id"] == told._request_id
    assert raw.headers["x-routor-model"] == told.model


def test_a_streaming_answer_may_be_left(sdk):
    with sdk.chat.completions.create(model="auto", messages=HELLO, stream=True) as stream:
        next(stream)
    told = sdk.chat.completions.create(model="auto", messages=HELLO)
    assert told.choices[0].message.content.endswith(SAID)


def test_models(sdk):
    listed = [model.id for model in sdk.models.list()]
    assert listed[0] == "auto"
    assert set(MODELS) <= set(listed)
    assert sdk.models.retrieve(listed[1]).id == listed[1]


def test_a_file_and_audio_are_taken(sdk):
    pdf = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.4\n%%EOF").decode()
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": pdf}}
    talk = [{"role": "user", "content": [{"type": "text", "text": "Sum it up."}, part]}]
    told = sdk.chat.completions.create(model="auto", messages=talk)
    assert "Sum it up." in told.choices[0].message.content


BAD = {"model": "auto", "messages": HELLO}


@pytest.mark.parametrize(
    ("fields", "raised", "code", "param"),
    [
        ({"model": "gpt-0"}, openai.NotFoundError, "model_not_found", "model"),
        ({"messages": []}, openai.BadRequestError, None, "messages"),
        ({"temperature": 9}, openai.BadRequestError, None, "temperature"),
        ({"model": "openai/no-such"}, openai.NotFoundError, "model_not_found", "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_of_the_right_class(sdk, fields, raised, code, param, stream):
    with pytest.raises(raised) as caught:
        sdk.chat.completions.create(**{**BAD, **fields}, stream=stream)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert code in (None, caught.value.code)
    assert caught.value.request_id.startswith("req_")


def test_a_wrong_key(address):
    with openai.OpenAI(**{**address, "api_key": "sk-no"}) as wrong:
        for ask in (
            lambda: wrong.chat.completions.create(**BAD),
            lambda: wrong.responses.create(model="auto", input="Hello."),
            lambda: wrong.embeddings.create(model="openai/text-embedding-3-small", input="tea"),
            wrong.models.list,
        ):
            with pytest.raises(openai.AuthenticationError) as caught:
                ask()
            assert caught.value.code == "invalid_api_key"


# A provider for each, which rests after it.
FAULTS = [
    ("xai/grok-4.5", {"kind": "status", "status": 429}, openai.RateLimitError),
    ("zai/glm-5.2", {"kind": "status", "status": 500}, openai.InternalServerError),
    ("moonshot/kimi-k2.6", {"kind": "status", "status": 401}, openai.InternalServerError),
    ("alibaba/qwen3.7-max", {"kind": "context"}, openai.BadRequestError),
    ("xiaomi/mimo-v2.6-pro", {"kind": "timeout"}, openai.InternalServerError),
]


@pytest.mark.parametrize(("model", "fault", "raised"), FAULTS)
def test_a_vendors_fault_is_of_the_right_class(sdk, healed, model, fault, raised):
    healed.fault(model.partition("/")[0], **fault)
    with pytest.raises(raised):
        sdk.chat.completions.create(model=model, messages=HELLO)
    with pytest.raises(raised):
        sdk.responses.create(model=model, input="Hello.")


def test_a_chat_stream_that_breaks_raises(sdk, healed):
    healed.fault("minimax", kind="stream_reset", after_chunks=6)
    with pytest.raises(openai.APIError, match="MiniMax"):
        list(sdk.chat.completions.create(model="minimax/minimax-m3", messages=HELLO, stream=True))


def test_a_response_stream_that_breaks_says_so(sdk, healed):
    healed.fault("nvidia", kind="stream_reset", after_chunks=6)
    fields = {"model": "nvidia/nemotron-3-super", "input": "Say hello."}
    *_, error, last = sdk.responses.create(stream=True, **fields)
    assert (error.type, last.type) == ("error", "response.failed")
    assert last.response.error.message == error.message
