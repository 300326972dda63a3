"""The real openai SDK against the edge."""

import openai
import pytest

from services.errors import Kind
from tests.edge.fakes import FIRST, HELLO, KEY, USAGE_CHUNK, error, failed, finish, text_chunks


@pytest.fixture
async def sdk(house):
    async with openai.AsyncOpenAI(
        base_url=f"{house.url}/v1", api_key=KEY, max_retries=0
    ) as connected:
        yield connected


async def test_json(house, sdk):
    answer = await sdk.chat.completions.create(
        model="auto", messages=HELLO, extra_body={"routor_tier_floor": "LIGHT"}
    )
    assert answer.choices[0].message.content == "Hi there"
    assert answer.model == FIRST
    assert answer.model_extra["routor"]["tier"] == "LIGHT"
    assert answer._request_id == answer.model_extra["routor"]["request_id"]


async def test_stream(house, sdk):
    house.providers.events = [*text_chunks("Hi", " there"), finish(usage=USAGE_CHUNK)]
    stream = await sdk.chat.completions.create(
        model="auto", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert words == ["Hi", " there", None]
    assert chunks[2].model_extra["routor"]["attempts"] == 1
    assert chunks[3].usage.total_tokens == 7


async def test_a_broken_stream_raises(house, sdk):
    house.providers.events = [*text_chunks("Hi"), error(Kind.STREAM_BROKEN, "The line went dead.")]
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    seen = []
    with pytest.raises(openai.APIError, match="The line went dead"):
        async for chunk in stream:
            seen.append(chunk.choices[0].delta.content)
    assert seen == ["Hi"]


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (Kind.CONTEXT_TOO_LONG, openai.BadRequestError),
        (Kind.UNKNOWN_MODEL, openai.NotFoundError),
        (Kind.NO_CAPABLE_MODEL, openai.UnprocessableEntityError),
        (Kind.PROVIDER_RATE_LIMITED, openai.RateLimitError),
        (Kind.PROVIDER_UNAVAILABLE, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_are_of_the_right_class(house, sdk, kind, raised, stream):
    house.providers.answer = error(kind, attempts=[failed()])
    house.providers.events = [house.providers.answer]
    with pytest.raises(raised) as caught:
        await sdk.chat.completions.create(model="auto", messages=HELLO, stream=stream)
    assert caught.value.code == kind.rule.code
    assert caught.value.request_id.startswith("req_")
    assert caught.value.body["routor"]["attempts"][0]["http_status"] == 500


async def test_a_wrong_key(house):
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="no", max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError) as caught:
            await wrong.chat.completions.create(model="auto", messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    # LiteLLM 1.109.1 knows a wrong key by these words (exception_mapping_utils.py).
    assert "Incorrect API key provided" in caught.value.message


async def test_the_sdk_does_not_retry_what_is_hopeless(house):
    house.providers.answer = error(Kind.PROVIDER_AUTH)
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=2) as eager:
        with pytest.raises(openai.InternalServerError):
            await eager.chat.completions.create(model="auto", messages=HELLO)
    assert len(house.providers.requests) == 1


async def test_models(house, sdk):
    assert [model.id async for model in sdk.models.list()] == ["auto", FIRST]
    assert (await sdk.models.retrieve(FIRST)).owned_by == "openai"
