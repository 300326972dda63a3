"""What the OpenAI Agents SDK is asked to do."""

import os

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.shared import Reasoning
from pydantic import BaseModel

set_tracing_disabled(True)
ADDRESS = {"base_url": os.environ["ROUTOR_URL"] + "/v1", "api_key": os.environ["ROUTOR_KEY"]}
OPENAI = AsyncOpenAI(max_retries=0, timeout=60, **ADDRESS)
MODELS = {"chat": OpenAIChatCompletionsModel, "responses": OpenAIResponsesModel}


class Person(BaseModel):
    name: str
    age: int


@function_tool
def weather(city: str, days: int = 1) -> str:
    """Tell the weather of a city."""
    return f"21 degrees for {days}"


def agent(model, api, **more):
    return Agent(
        name="Guide",
        instructions="Be terse.",
        model=MODELS[api](model=model, openai_client=OPENAI),
        **more,
    )


def steps(result):
    return [item.type for item in result.new_items]


async def run(model, api):
    guide = agent(model, api, tools=[weather])
    result = await Runner.run(guide, "What is the weather in Rome?")
    usage = result.context_wrapper.usage
    return {"text": result.final_output, "steps": steps(result)} | {
        "requests": usage.requests,
        "tokens": [usage.input_tokens, usage.output_tokens, usage.total_tokens],
    }


async def run_streamed(model, api):
    guide = agent(model, api, tools=[weather])
    result = Runner.run_streamed(guide, "What is the weather in Rome?")
    deltas = []
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            deltas.append(event.data.delta)
    return {"text": result.final_output, "steps": steps(result), "deltas": deltas}


async def forced(model, api):
    settings = ModelSettings(tool_choice="weather", parallel_tool_calls=False)
    guide = agent(model, api, tools=[weather], model_settings=settings)
    return steps(await Runner.run(guide, "Hello."))


async def hand_over(model, api):
    poet = agent(model, api)
    poet.name = "Poet"
    guide = agent(model, api, handoffs=[poet])
    result = await Runner.run(guide, "Transfer me, please.")
    return {"last": result.last_agent.name, "steps": steps(result)}


async def structured(model, api):
    result = await Runner.run(agent(model, api, output_type=Person), "Who is Ada?")
    return result.final_output.model_dump()


async def think(model, api):
    """Call a tool after thinking, so that the thoughts are sent back with the result."""
    settings = ModelSettings(reasoning=Reasoning(effort="high"), store=False)
    if api == "responses":
        settings.response_include = ["reasoning.encrypted_content"]
    guide = agent(model, api, tools=[weather], model_settings=settings)
    result = await Runner.run(guide, "What is the weather in Rome?")
    details = result.context_wrapper.usage.output_tokens_details
    return {"text": result.final_output, "reasoning": details.reasoning_tokens}


async def go_on(model, api):
    """Hold a conversation of two turns from the first one's items."""
    guide = agent(model, api, tools=[weather])
    first = await Runner.run(guide, "What is the weather in Rome?")
    talk = [*first.to_input_list(), {"role": "user", "content": "Thanks. Say goodbye."}]
    return (await Runner.run(guide, talk)).final_output
