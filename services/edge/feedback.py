"""POST /v1/feedback: how well a request of this key was answered, for learning."""

from typing import Annotated, Literal

import msgspec
import redis.asyncio as redis
from aiohttp import web
from msgspec import Meta, Struct

from routor.v1.router_pb2 import RecordOutcomeRequest
from services.edge import document, intake, notes
from services.edge.peers import Peers
from services.edge.settings import EdgeSettings
from services.edge.trail import Trail
from services.errors import Kind, RoutorError

SCORES = {"good": 1.0, "bad": 0.0}
TOLD = msgspec.json.encode({"object": "feedback", "recorded": True})


class Opinion(Struct, forbid_unknown_fields=True):
    """The body: `request_id` is that of the answer, with a score or a verdict."""

    request_id: Annotated[str, Meta(min_length=1, max_length=128)]
    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    verdict: Literal["good", "bad"] | None = None

    @property
    def worth(self) -> float:
        """Return the opinion as a score."""
        return SCORES[self.verdict] if self.verdict is not None else self.score or 0.0


class Feedback:
    """Takes one opinion on each request, of the key that made it, within a day."""

    def __init__(self, settings: EdgeSettings, peers: Peers, trail: Trail) -> None:
        self._settings = settings
        self._peers = peers
        self._trail = trail

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer once it is recorded."""
        settings = self._settings
        raw = await intake.body(request, settings.body_limit_bytes, settings.body_timeout_s)
        opinion = parse(raw)
        owner = request[notes.OWNER]
        try:
            step = await self._trail.take(owner, opinion.request_id)
            if step is None:
                text = "request_id: is no request of this key of the last day without feedback."
                raise RoutorError(Kind.NOT_FOUND, text, param="request_id")
            await self._record(owner, opinion, step)
        except (redis.RedisError, OSError, TimeoutError):
            text = "Feedback cannot be taken now; try again."
            raise RoutorError(Kind.OVERLOADED, text, retry_after_s=1) from None
        return web.Response(body=TOLD, content_type="application/json")

    async def _record(self, owner: str, opinion: Opinion, step: RecordOutcomeRequest) -> None:
        outcome = RecordOutcomeRequest(score=opinion.worth, source="feedback")
        outcome.MergeFrom(step)
        try:
            await self._peers.record(outcome)
        except RoutorError:
            await self._trail.put_back(owner, step)
            raise


def parse(raw: bytes) -> Opinion:
    """Read a body; raise RoutorError(INVALID_REQUEST) naming the faulty field."""
    opinion = document.convert(document.read(raw), Opinion)
    if (opinion.score is None) == (opinion.verdict is None):
        raise document.invalid("score", "give either a score from 0 to 1 or a verdict, good or bad")
    return opinion
