"""The real OpenAI package against the Responses door of the sandbox."""

import openai
import pytest

from services.providers.sandbox import environment
from services.providers.sandbox.vendors import VENDORS

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
    "strict": False,
}


@pytest.fixture(params=["openai", "microsoft"])
def responses(request, sandbox):
    variables, vendor = environment(sandbox.base), VENDORS[request.param]
    base = variables[vendor.base_url_env]
    base += "/openai/v1" if request.param == "microsoft" else ""
    key = variables[vendor.key_env]
    return openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0, timeout=10).responses


def asked(**fields):
    return {"model": "gpt-5.5", "input": "What is the weather?", **fields}


@pytest.fixture
def model(responses):
    return "custom-model"


async def test_it_answers_with_text(responses, model):
    answer = await responses.create(**asked(model=model))
    assert "What is the weather?" in answer.output_text
    assert answer.status == "completed"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


async def test_it_thinks_calls_a_tool_and_takes_its_result(responses, model):
    fields = asked(model=model, tools=[WEATHER], reasoning={"effort": "high"}, store=False)
    first = await responses.create(**fields)
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    call = first.output[1]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
    question = {"role": "user", "content": "What is the weather?"}
    again = [question, *(item.model_dump(exclude_none=True) for item in first.output), result]
    second = await responses.create(**{**fields, "input": again})
    assert "21 degrees" in second.output_text


async def test_it_tells_its_thoughts_when_asked(responses, model):
    fields = asked(model=model, reasoning={"effort": "high", "summary": "auto"})
    thought, _ = (await responses.create(**fields)).output
    async with responses.stream(**fields) as stream:
        deltas = [event.delta async for event in stream if "summary_text.delta" in event.type]
        told = await stream.get_final_response()
    assert told.output[0] == thought
    assert "".join(deltas) == thought.summary[0].text != ""


async def test_tools_of_openais_own_and_what_they_did_are_taken(responses, model):
    action = {"type": "search", "query": "weather"}
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
    given = [{"role": "user", "content": "Hi"}, searched, {"role": "user", "content": "And?"}]
    answer = await responses.create(
        **asked(model=model, input=given, tools=[{"type": "web_search"}])
    )
    assert answer.output_text


async def test_a_stream_says_what_the_whole_answer_says(responses, model):
    whole = await responses.create(**asked(model=model))
    async with responses.stream(**asked(model=model)) as stream:
        kinds = [event.type async for event in stream]
        told = await stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert told.output_text == whole.output_text


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"messages": []}, "messages"),
        ({"max_output_tokens": 3}, "max_output_tokens"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        (
            {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "of others"}]},
            "input[0]",
        ),
    ],
)
async def test_it_refuses_what_openai_refuses(responses, model, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        await responses.create(model=model, extra_body={"input": "hi", **fields})
    assert caught.value.body["param"] == param
