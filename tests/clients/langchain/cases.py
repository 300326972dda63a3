"""What langchain-openai is asked to do."""

import os

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

ADDRESS = {"base_url": os.environ["ROUTOR_URL"] + "/v1", "api_key": os.environ["ROUTOR_KEY"]}
ASKED = "What is the weather in Rome?"


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]
    nick: str | None = None


@tool
def weather(city: str, days: int = 1) -> str:
    """Tell the weather of a city."""
    return f"21 degrees for {days}"


def chat(model, api, **more):
    responses = api == "responses"
    return ChatOpenAI(
        model=model, use_responses_api=responses, max_retries=0, timeout=60, **ADDRESS, **more
    )


def invoke(model, api):
    said = chat(model, api).invoke([("system", "Be terse."), ("user", "Say hello.")])
    return {"text": said.text, "usage": said.usage_metadata, "meta": said.response_metadata}


def stream(model, api):
    chunks = list(chat(model, api, stream_usage=True).stream("Say hello."))
    whole = sum(chunks[1:], chunks[0])
    return {"texts": [c.text for c in chunks if c.text], "text": whole.text} | {
        "usage": whole.usage_metadata,
        "meta": whole.response_metadata,
    }


async def stream_async(model, api):
    return [chunk.text async for chunk in chat(model, api).astream("Say hello.")]


def tools(model, api, stream):
    """Call a tool, and tell its result to the model; the first turn may be a stream."""
    bound = chat(model, api).bind_tools([weather])
    talk = [HumanMessage(ASKED)]
    if stream:
        chunks = list(bound.stream(talk))
        first = sum(chunks[1:], chunks[0])
    else:
        first = bound.invoke(talk)
    talk.append(first)
    talk += [ToolMessage(weather.invoke(c["args"]), tool_call_id=c["id"]) for c in first.tool_calls]
    second = bound.invoke(talk)
    calls = [{"name": c["name"], "args": c["args"]} for c in first.tool_calls]
    return {"calls": calls, "invalid": first.invalid_tool_calls, "text": second.text}


def forced(model, api):
    bound = chat(model, api).bind_tools([weather], tool_choice="weather", parallel_tool_calls=False)
    return [call["name"] for call in bound.invoke("Hello.").tool_calls]


def structured(model, api, method):
    person = chat(model, api).with_structured_output(Person, method=method, include_raw=True)
    told = person.invoke("Who is Ada?")
    return {"parsed": told["parsed"].model_dump(), "error": repr(told["parsing_error"])}


def json_mode(model, api):
    anything = chat(model, api).with_structured_output(None, method="json_mode")
    return anything.invoke("Who is Ada? Answer in JSON.")


def reasoning(model, api):
    said = chat(model, api, reasoning_effort="high").invoke("Think, then say hello.")
    return {"text": said.text, "usage": said.usage_metadata}


def image(model, api):
    url = "data:image/png;base64," + PIXEL
    parts = [{"type": "text", "text": "What is this?"}]
    parts.append({"type": "image_url", "image_url": {"url": url}})
    return chat(model, api).invoke([HumanMessage(parts)]).text


def embeddings(model):
    """Embed as LangChain does by default: lists of token numbers."""
    vectors = OpenAIEmbeddings(model=model, **ADDRESS)
    return [len(vector) for vector in vectors.embed_documents(["tea", "coffee"])]


def refused(model, api):
    try:
        chat(model, api).invoke("Hello.")
    except openai.NotFoundError as error:
        return {"code": error.code, "status": error.status_code}


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
