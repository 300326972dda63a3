"""The gRPC face of the brain. All deciding is in `decide`; this file holds clock and wires."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter
from typing import Any, Protocol

import grpc.aio

from routor.v1 import router_pb2, router_pb2_grpc, status_pb2, types_pb2
from services import telemetry
from services.errors import Kind, RoutorError
from services.router import embedding
from services.router.brain import Brain
from services.router.decide import weigh
from services.router.explain import explain
from services.router.listing import listing

Context = grpc.aio.ServicerContext[Any, Any]
SOURCES = ("attempt", "feedback", "judge")


class Board(Protocol):
    """Whoever knows the last published status (`services.status.StatusBoard`)."""

    current: status_pb2.Status | None


class NoBoard:
    """The board of a router that stands alone: nothing is known of any provider."""

    current: status_pb2.Status | None = None


class RouterServicer(router_pb2_grpc.RouterServiceServicer):
    """Answers from the brain, the last known status and the clock; raises RoutorError.

    `record` keeps an outcome for learning and raises RoutorError when it cannot.
    """

    def __init__(
        self,
        brain: Brain,
        board: Board,
        record: Callable[[router_pb2.RecordOutcomeRequest], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._brain = brain
        self._board = board
        self._record = record
        self._clock = clock
        self._duration = telemetry.decision_duration.bind({})

    async def Route(  # noqa: N802 - named by the proto
        self, request: router_pb2.RouteRequest, context: Context
    ) -> router_pb2.RouteResponse:
        """Decide for one request."""
        started_s = perf_counter()
        status, now = self._board.current, self._clock()
        if request.needs.endpoint == router_pb2.ENDPOINT_EMBEDDINGS:
            roster = self._brain.rosters.of(status, request.request_id, now)
            return embedding.route(request, self._brain.catalog, roster)
        response = weigh(request, self._brain, status, now).response
        self._duration.record(perf_counter() - started_s)
        return response

    async def Explain(  # noqa: N802
        self, request: router_pb2.ExplainRequest, context: Context
    ) -> router_pb2.ExplainResponse:
        """Decide as Route does and tell every reason."""
        return explain(request.request, self._brain, self._board.current, self._clock())

    async def ListModels(  # noqa: N802
        self, request: router_pb2.ListModelsRequest, context: Context
    ) -> router_pb2.ListModelsResponse:
        """List the catalog and how it stands."""
        return listing(self._brain.catalog, self._board.current)

    async def RecordOutcome(  # noqa: N802
        self, request: router_pb2.RecordOutcomeRequest, context: Context
    ) -> router_pb2.RecordOutcomeResponse:
        """Keep an outcome for learning."""
        check_outcome(request)
        await self._record(request)
        return router_pb2.RecordOutcomeResponse()


def check_outcome(outcome: router_pb2.RecordOutcomeRequest) -> None:
    """Raise INVALID_REQUEST naming the first field that cannot be learned from."""
    faults = (
        ("request_id", bool(outcome.request_id), "must not be empty"),
        ("model", "/" in outcome.model, 'must be a full id such as "openai/gpt-5.5"'),
        ("tier", outcome.tier in types_pb2.Tier.values(), "is not a tier"),
        ("category", outcome.category in types_pb2.Category.values(), "is not a category"),
        ("difficulty", 0 <= outcome.difficulty <= 1, "must be from 0 to 1"),
        ("score", 0 <= outcome.score <= 1, "must be from 0 to 1"),
        ("source", outcome.source in SOURCES, f"must be one of {', '.join(SOURCES)}"),
    )
    for field, right, fault in faults:
        if not right:
            raise RoutorError(Kind.INVALID_REQUEST, f"{field} {fault}.", param=field)
