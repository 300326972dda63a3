"""Where outcomes go: the stream that learning reads."""

import redis.asyncio as redis

from routor.v1.router_pb2 import RecordOutcomeRequest
from services import store
from services.errors import Kind, RoutorError


class OutcomeStream:
    """Appends to the outcomes stream of Redis; the oldest fall out at its cap."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client

    async def record(self, outcome: RecordOutcomeRequest) -> None:
        """Append one outcome; raises OVERLOADED while Redis does not answer."""
        try:
            await self._client.xadd(
                store.OUTCOMES,
                {"o": outcome.SerializeToString()},
                maxlen=store.OUTCOMES_LENGTH,
                approximate=True,
            )
        except (redis.RedisError, OSError, TimeoutError):
            raise RoutorError(
                Kind.OVERLOADED, "The outcome could not be stored; try again.", retry_after_s=1.0
            ) from None


async def refuse(outcome: RecordOutcomeRequest) -> None:
    """Raise: without Redis nothing is learned."""
    raise RoutorError(Kind.OVERLOADED, "Outcomes need Redis; set REDIS_URL.")
