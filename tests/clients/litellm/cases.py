"""What litellm is asked to do, as a client of an OpenAI and of an Anthropic address."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched at import

import litellm
from pydantic import BaseModel

URL, KEY = os.environ["ROUTOR_URL"], os.environ["ROUTOR_KEY"]
ADDRESS = {"openai": URL + "/v1", "anthropic": URL}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


class Person(BaseModel):
    name: str
    age: int


def fields(model, api, **more):
    address = {"api_base": ADDRESS[api], "api_key": KEY, "num_retries": 0, "timeout": 60}
    # Without a limit litellm sends Anthropic's door as many tokens as the model's whole window.
    return {"model": f"{api}/{model}", "max_tokens": 4000, **address, **more}


def said(text):
    return [{"role": "user", "content": text}]


def completion(model, api):
    told = litellm.completion(messages=said("Say hello."), **fields(model, api))
    (choice,) = told.choices
    return {"text": choice.message.content, "ending": choice.finish_reason} | {
        "usage": told.usage.model_dump(include={"prompt_tokens", "completion_tokens"})
    }


async def completion_async(model, api):
    told = await litellm.acompletion(messages=said("Say hello."), **fields(model, api))
    return told.choices[0].message.content


def stream(model, api):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(litellm.completion(messages=said("Say hello."), **fields(model, api, **options)))
    whole = litellm.stream_chunk_builder(chunks)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    return {
        "texts": [text for text in texts if text],
        "whole": whole.choices[0].message.content,
    } | {
        "ending": whole.choices[0].finish_reason,
        "written": whole.usage.completion_tokens,
    }


async def stream_async(model, api):
    chunks = await litellm.acompletion(
        messages=said("Say hello."), stream=True, **fields(model, api)
    )
    return [chunk.choices[0].delta.content or "" async for chunk in chunks]


def tools(model, api, stream):
    talk = said("What is the weather in Rome?")
    given = fields(model, api, tools=[WEATHER])
    if stream:
        chunks = list(litellm.completion(messages=talk, stream=True, **given))
        first = litellm.stream_chunk_builder(chunks)
    else:
        first = litellm.completion(messages=talk, **given)
    message = first.choices[0].message
    talk.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        talk.append({"role": "tool", "tool_call_id": call.id, "content": "21 degrees"})
    second = litellm.completion(messages=talk, **given)
    calls = [[call.function.name, call.function.arguments] for call in message.tool_calls]
    return {"calls": calls, "ending": first.choices[0].finish_reason} | {
        "text": second.choices[0].message.content
    }


def forced(model, api):
    choice = {"type": "function", "function": {"name": "weather"}}
    given = fields(model, api, tools=[WEATHER], tool_choice=choice)
    told = litellm.completion(messages=said("Hello."), **given)
    return [call.function.name for call in told.choices[0].message.tool_calls]


def structured(model, api):
    given = fields(model, api, response_format=Person)
    told = litellm.completion(messages=said("Who is Ada?"), **given)
    return Person.model_validate_json(told.choices[0].message.content).model_dump()


def think(model, api):
    if api == "openai":
        wish = {"reasoning_effort": "high", "allowed_openai_params": ["reasoning_effort"]}
    else:
        wish = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    given = fields(model, api, **wish)
    told = litellm.completion(messages=said("Think, then say hello."), **given)
    message = told.choices[0].message
    thoughts = getattr(message, "reasoning_content", None)
    return {"text": message.content, "thoughts": thoughts}


def responses(model):
    told = litellm.responses(input="Say hello.", **fields(model, "openai"))
    return told.output[-1].content[0].text


def embedding(model):
    given = fields(model, "openai", max_tokens=None)
    told = litellm.embedding(input=["tea", "coffee"], **given)
    return [len(row["embedding"]) for row in told.data]


def refused(model, api):
    try:
        litellm.completion(messages=said("Hello."), **fields(model, api))
    except litellm.exceptions.APIError as error:
        return {"class": type(error).__name__, "status": error.status_code}
    except Exception as error:
        return {"class": type(error).__name__, "status": getattr(error, "status_code", None)}
