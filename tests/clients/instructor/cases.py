"""What instructor is asked to do."""

import os

import instructor
import openai
from pydantic import BaseModel

ADDRESS = {"base_url": os.environ["ROUTOR_URL"] + "/v1", "api_key": os.environ["ROUTOR_KEY"]}
SETTINGS = {"max_retries": 0, "timeout": 60, **ADDRESS}
WHO = [{"role": "user", "content": "Who is Ada?"}]


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]
    nick: str | None = None


class Echo(BaseModel):
    """What the sandbox answers where JSON is asked for without a schema."""

    sandbox: str
    you_said: str


class People(BaseModel):
    first: Person
    second: Person | None


SHAPES = {"Person": Person, "Echo": Echo, "People": People}


def patched(mode):
    return instructor.from_openai(openai.OpenAI(**SETTINGS), mode=instructor.Mode[mode])


def create(model, mode, shape):
    made = patched(mode).create(
        model=model, messages=WHO, response_model=SHAPES[shape], max_retries=0
    )
    return made.model_dump()


async def create_async(model, mode):
    client = instructor.from_openai(openai.AsyncOpenAI(**SETTINGS), mode=instructor.Mode[mode])
    made = await client.create(model=model, messages=WHO, response_model=Person, max_retries=0)
    return made.model_dump()


def with_completion(model, mode):
    made, whole = patched(mode).create_with_completion(
        model=model, messages=WHO, response_model=Person, max_retries=0
    )
    return {"made": made.model_dump(), "tokens": whole.usage.total_tokens}


def partial(model, mode):
    made = patched(mode).create_partial(
        model=model, messages=WHO, response_model=Person, max_retries=0
    )
    return [step.model_dump() for step in made]
