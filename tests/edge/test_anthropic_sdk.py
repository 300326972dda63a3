"""The real Anthropic package against the edge."""

import anthropic
import pytest

from services.errors import Kind, RoutorError
from tests.edge import fakes
from tests.edge.fakes import FIRST, KEY

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def sdk(house):
    async with anthropic.AsyncAnthropic(
        base_url=house.url, api_key=KEY, max_retries=0, timeout=10
    ) as client:
        yield client


async def test_a_whole_message(house, sdk):
    message = await sdk.messages.create(model="auto", max_tokens=50, messages=HELLO)
    assert message.content[0].text == "Hi there"
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens == 5
    assert message.model_extra["routor"]["model"] == FIRST
    assert message._request_id == message.model_extra["routor"]["request_id"]


async def test_a_streamed_message(house, sdk):
    house.providers.events = [
        *fakes.text_chunks("Hi ", "there"),
        fakes.finish(usage=fakes.USAGE_CHUNK),
    ]
    async with sdk.messages.stream(model="auto", max_tokens=50, messages=HELLO) as stream:
        texts = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert "".join(texts) == "Hi there"
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (5, 2)


async def test_an_id_that_the_catalog_lacks_is_for_anthropic_to_know(house, sdk):
    named = "claude-sonnet-4-5-20250929"
    house.router.unknown = {named}
    await sdk.messages.create(model=named, max_tokens=50, messages=HELLO)
    (member,) = house.providers.requests[0].chain
    assert (member.provider, member.upstream_model) == ("anthropic", named)


async def test_an_id_that_nobody_can_know_is_not_found_by_its_own_name(house, sdk):
    house.router.unknown = {"claude-x", "anthropic/claude-x", "gpt-x"}
    for named in ("claude-x", "gpt-x"):
        with pytest.raises(anthropic.NotFoundError, match=f"There is no {named}."):
            await sdk.messages.create(model=named, max_tokens=50, messages=HELLO)
    assert house.providers.requests == []


async def test_tokens_are_counted_without_a_provider(house, sdk):
    with pytest.raises(anthropic.BadRequestError, match="model: is missing"):
        await sdk.messages.count_tokens(model=anthropic.omit, messages=HELLO)
    counted = await sdk.messages.count_tokens(model="auto", messages=HELLO)
    more = await sdk.messages.count_tokens(model="auto", messages=HELLO, system="Be terse. " * 50)
    assert 0 < counted.input_tokens < more.input_tokens
    assert house.providers.requests == []


async def test_models_are_listed_page_by_page(house, sdk):
    every = [model.id async for model in sdk.models.list(limit=1)]
    page = await sdk.models.list()
    assert every == [model.id for model in page.data]
    assert every[0] == "auto"
    assert (await sdk.models.retrieve(every[1])).id == every[1]


@pytest.mark.parametrize(
    "kind, error",
    [
        (Kind.INVALID_REQUEST, anthropic.BadRequestError),
        (Kind.UNKNOWN_MODEL, anthropic.NotFoundError),
        (Kind.PROVIDER_RATE_LIMITED, anthropic.RateLimitError),
        (Kind.PROVIDER_UNAVAILABLE, anthropic.InternalServerError),
    ],
)
async def test_errors_are_anthropics(house, sdk, kind, error):
    house.providers.answer = RoutorError(kind, "No.")
    with pytest.raises(error) as caught:
        await sdk.messages.create(model="auto", max_tokens=50, messages=HELLO)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["message"] == "No."
    assert caught.value.request_id == caught.value.body["request_id"]


@pytest.mark.parametrize("said", ["The input token count exceeds 8.", "Prompt is too long for m"])
async def test_a_long_conversation_is_told_in_the_words_that_clients_shorten_it_at(
    house, sdk, said
):
    house.providers.answer = RoutorError(Kind.CONTEXT_TOO_LONG, said)
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.messages.create(model="auto", max_tokens=50, messages=HELLO)
    told = caught.value.body["error"]["message"]
    assert told.lower().startswith("prompt is too long")
    assert told.endswith(said)
    assert told.lower().count("prompt is too long") == 1


async def test_the_sdk_is_told_that_there_are_no_threads(house, sdk):
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.beta.messages.create(
            model="auto", max_tokens=50, messages=HELLO, thread={"type": "create"}
        )
    details = caught.value.body["error"]["details"]
    assert details["error_code"] == "thread_unsupported_request"


async def test_a_wrong_key_is_anthropics_error(house):
    async with anthropic.AsyncAnthropic(base_url=house.url, api_key="sk-no", max_retries=0) as sdk:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await sdk.messages.create(model="auto", max_tokens=50, messages=HELLO)
    assert caught.value.body["error"]["type"] == "authentication_error"
