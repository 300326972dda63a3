"""Every front door, by its vendor's own package, before models of every dialect."""

import anthropic
import openai
import pytest

from services.providers.sandbox.embeddings import MODELS as EMBEDDERS

MODELS = [
    "auto",
    "openai/gpt-5.5",
    "anthropic/claude-sonnet-4.6",
    "google/gemini-3.5-flash",
    "deepseek/deepseek-v4-pro",
    "mistral/mistral-large-3",
]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASKED = "What is the weather in Rome?"


@pytest.fixture(scope="module")
def messages(connected):
    with anthropic.Anthropic(base_url=connected.url, api_key=connected.key, max_retries=0) as sdk:
        yield sdk.messages


@pytest.fixture(scope="module")
def sdk(connected):
    with openai.OpenAI(base_url=f"{connected.url}/v1", api_key=connected.key, max_retries=0) as it:
        yield it


@pytest.mark.parametrize("model", MODELS)
def test_messages_a_tool_is_called_and_its_result_is_told(messages, model):
    tools = [{"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}]
    talk = [{"role": "user", "content": ASKED}]
    fields = {"model": model, "max_tokens": 4000, "tools": tools}
    first = messages.create(messages=talk, tool_choice={"type": "any"}, **fields)
    assert first.stop_reason == "tool_use"
    (call,) = [block for block in first.content if block.type == "tool_use"]
    said = [block.model_dump(exclude_none=True) for block in first.content]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}
    talk += [{"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    second = messages.create(messages=talk, **fields)
    assert second.stop_reason == "end_turn"
    assert "21 degrees" in second.content[-1].text


@pytest.mark.parametrize("model", MODELS)
def test_messages_a_stream_thinks_and_ends(messages, model):
    talk = [{"role": "user", "content": "Think, then say hello."}]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    fields = {"model": model, "max_tokens": 4000, "messages": talk, "thinking": thinking}
    with messages.stream(**fields) as stream:
        text = "".join(stream.text_stream)
        told = stream.get_final_message()
    assert text == told.content[-1].text
    assert told.stop_reason == "end_turn"
    assert told.usage.output_tokens > 0


@pytest.mark.parametrize("model", MODELS)
def test_responses_a_tool_is_called_while_thinking(sdk, model):
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    fields = {"model": model, "tools": tools, "reasoning": {"effort": "high"}, "store": False}
    fields["include"] = ["reasoning.encrypted_content"]
    first = sdk.responses.create(input=ASKED, **fields)
    items = [item.model_dump(exclude_none=True) for item in first.output]
    (call,) = [item for item in items if item["type"] == "function_call"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "21 degrees"}
    talk = [{"role": "user", "content": ASKED}, *items, result]
    second = sdk.responses.create(input=talk, **fields)
    assert "21 degrees" in second.output_text
    assert second.status == "completed"


@pytest.mark.parametrize("model", MODELS)
def test_responses_a_stream_says_what_the_whole_answer_says(sdk, model):
    with sdk.responses.stream(model=model, input="Say hello.") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        told = stream.get_final_response()
    assert "".join(deltas) == told.output_text
    assert told.usage.output_tokens > 0


@pytest.mark.parametrize("model", [models[0] for models in EMBEDDERS.values()])
def test_embeddings_are_the_same_in_both_encodings(sdk, model):
    packed = sdk.embeddings.create(model=model, input=["tea", "coffee"])
    plain = sdk.embeddings.create(model=model, input="tea", encoding_format="float")
    assert [row.index for row in packed.data] == [0, 1]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert packed.model.endswith(model)
