"""The services behind the edge: router and providers, over links."""

import asyncio
from typing import TypeVar

from google.protobuf.message import Message

from routor.v1 import providers_pb2, router_pb2
from services.errors import Kind, RoutorError
from services.link import Link, Stream, away
from services.link_wire import Tls

# How long a service may be away before a request is turned down: to start again takes one 1 to 3 s,
# on a busy machine.
REACH_TIMEOUT_S = 8.0
HEALTH_TIMEOUT_S = 1.0
ROUTE, EXPLAIN, LIST_MODELS, RECORD_OUTCOME = (
    f"/routor.v1.RouterService/{name}"
    for name in ("Route", "Explain", "ListModels", "RecordOutcome")
)
COMPLETE, STREAM, EMBED = (
    f"/routor.v1.ProvidersService/{name}" for name in ("Complete", "Stream", "Embed")
)

M = TypeVar("M", bound=Message)


class Peers:
    """Calls of the edge to its services.

    Every method raises RoutorError: the service's own, or OVERLOADED when it is not there.
    A cancelled call is cancelled in the service, too. One that is lost before anything of its
    answer has come, since a process died, is made once more: it may be paid twice, and no caller
    goes without an answer that there is.
    """

    def __init__(
        self,
        router: str,
        providers: str,
        token: str,
        router_timeout_s: float,
        tls: Tls = None,
    ) -> None:
        reach_s = REACH_TIMEOUT_S
        self._router = Link(router, "router", reach_timeout_s=reach_s, tls=tls)
        self._providers = Link(
            providers, "providers", token=token, reach_timeout_s=reach_s, tls=tls
        )
        self._router_timeout_s = router_timeout_s

    async def route(self, request: router_pb2.RouteRequest) -> router_pb2.Decision:
        """Ask for a decision."""
        return (await self._ask(ROUTE, request, router_pb2.RouteResponse)).decision

    async def explain(self, request: router_pb2.RouteRequest) -> router_pb2.ExplainResponse:
        """Ask for a decision with every reason."""
        asked = router_pb2.ExplainRequest(request=request)
        return await self._ask(EXPLAIN, asked, router_pb2.ExplainResponse)

    async def models(self) -> router_pb2.ListModelsResponse:
        """List the catalog."""
        asked = router_pb2.ListModelsRequest()
        return await self._ask(LIST_MODELS, asked, router_pb2.ListModelsResponse)

    async def record(self, outcome: router_pb2.RecordOutcomeRequest) -> None:
        """Tell how a request turned out."""
        await self._router.call(
            RECORD_OUTCOME, outcome, router_pb2.RecordOutcomeResponse, self._router_timeout_s
        )

    async def complete(
        self, request: providers_pb2.CompleteRequest, timeout_s: float
    ) -> providers_pb2.CompleteResponse:
        """Get a whole answer."""
        return await self._providers.call(
            COMPLETE, request, providers_pb2.CompleteResponse, timeout_s, again=True
        )

    async def embed(
        self, request: providers_pb2.EmbedRequest, timeout_s: float
    ) -> providers_pb2.EmbedResponse:
        """Get vectors of texts."""
        return await self._providers.call(
            EMBED, request, providers_pb2.EmbedResponse, timeout_s, again=True
        )

    def stream(
        self, request: providers_pb2.StreamRequest, timeout_s: float
    ) -> Stream[providers_pb2.StreamResponse]:
        """Get an answer in pieces. Closing the stream cancels the call at once."""
        return self._providers.stream(STREAM, request, providers_pb2.StreamResponse, timeout_s)

    async def serving(self) -> dict[str, str]:
        """Ask both for their health: "serving", "not_serving" or "unreachable", by name."""
        router, providers = await asyncio.gather(
            self._router.health(HEALTH_TIMEOUT_S), self._providers.health(HEALTH_TIMEOUT_S)
        )
        return {"router": router, "providers": providers}

    async def close(self) -> None:
        """Hang up."""
        await self._router.close()
        await self._providers.close()

    async def _ask(self, method: str, request: Message, response: type[M]) -> M:
        """Ask the router."""
        try:
            return await self._router.call(
                method, request, response, self._router_timeout_s, again=True
            )
        except RoutorError as error:
            # No provider is late here, but the router.
            raise away("router") if error.kind is Kind.PROVIDER_TIMEOUT else error from None
