"""Texts to vectors in as many calls as the vendor's batches take, joined as if it were one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from routor.v1.providers_pb2 import Served
from services.errors import Kind, RoutorError
from services.providers.dialects import embeddings
from services.providers.dialects.contract import Answer, Json, Usage
from services.providers.dispatch import Answered
from services.providers.order import Order

# Calls of one request that run together: more would be no faster where a vendor counts them.
AT_ONCE = 4

Ask = Callable[[Order], Awaitable[Answered]]


async def embed(ask: Ask, order: Order, most: int) -> Answered:
    """Return the vectors of all texts in their order; `most` are taken at once, 0 for any number.

    Raises the RoutorError of the first call that fails, with the attempts of those that did
    not; then the others are cancelled, as all are with this one.
    """
    texts = embeddings.texts(order.body)
    step = most or len(texts)
    if len(texts) <= step:
        return _counted(await ask(order), len(texts))
    batches = [texts[at : at + step] for at in range(0, len(texts), step)]
    answers: list[Answered | None] = [None] * len(batches)
    room = asyncio.Semaphore(AT_ONCE)

    async def part(place: int) -> None:
        async with room:
            own = msgspec.structs.replace(order, body={**order.body, "input": batches[place]})
            answers[place] = _counted(await ask(own), len(batches[place]))

    try:
        async with asyncio.TaskGroup() as group:
            for place in range(len(batches)):
                group.create_task(part(place))
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
        if isinstance(failure, RoutorError):
            paid = [one.served.attempts for one in answers if one is not None]
            failure.attempts = (*(each for some in paid for each in some), *failure.attempts)
        raise failure from None
    return _joined([one for one in answers if one is not None])


def _counted(answered: Answered, texts: int) -> Answered:
    """Return an answer that has a vector for every text; raises RoutorError for another."""
    served = answered.served
    vectors = len(answered.answer.body["data"])
    if vectors != texts:
        raise RoutorError(
            Kind.PROVIDER_UNAVAILABLE,
            f"{served.model} gave {vectors} vectors for {texts} texts.",
            provider=served.provider,
            model=served.model,
            upstream_status=200,
            attempts=served.attempts,
        )
    return answered


def _joined(parts: Sequence[Answered]) -> Answered:
    rows: list[Json] = [row for part in parts for row in part.answer.body["data"]]
    data = [{**row, "index": index} for index, row in enumerate(rows)]
    tokens = sum(part.answer.usage.input_tokens for part in parts)
    used = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {**parts[0].answer.body, "data": data, "usage": used}
    served = Served()
    served.CopyFrom(parts[0].served)
    for part in parts[1:]:
        served.attempts.extend(part.served.attempts)
        served.cost_usd += part.served.cost_usd
        served.usage.input_tokens += part.served.usage.input_tokens
    return Answered(Answer(body, Usage(input_tokens=tokens)), served)
