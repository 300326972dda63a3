"""The services behind the edge: router and providers, over gRPC."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from routor.v1 import providers_pb2, router_pb2
from routor.v1.providers_pb2_grpc import ProvidersServiceStub
from routor.v1.router_pb2_grpc import RouterServiceStub
from services import rpc
from services.errors import Kind, RoutorError

logger = logging.getLogger(__name__)

# How long a service may be away, as while it is restarted, before a request is turned down.
REACH_TIMEOUT_S = 2.0
HEALTH_TIMEOUT_S = 1.0
_DETAILS = "grpc-status-details-bin"


class Peers:
    """Calls of the edge to its services.

    Every method raises RoutorError: the service's own, or OVERLOADED when it is not there.
    A cancelled call is cancelled in the service, too.
    """

    def __init__(self, router: str, providers: str, token: str, router_timeout_s: float) -> None:
        self._router_channel = rpc.channel(router)
        self._providers_channel = rpc.channel(providers)
        self._router = RouterServiceStub(self._router_channel)
        self._providers = ProvidersServiceStub(self._providers_channel)
        self._token = token
        self._router_timeout_s = router_timeout_s

    async def route(self, request: router_pb2.RouteRequest) -> router_pb2.Decision:
        """Ask for a decision."""
        with _calling("router"):
            answer = await self._router.Route(
                request,
                timeout=self._router_timeout_s,
                metadata=rpc.metadata(),
                wait_for_ready=True,
            )
        return answer.decision

    async def explain(self, request: router_pb2.RouteRequest) -> router_pb2.ExplainResponse:
        """Ask for a decision with every reason."""
        with _calling("router"):
            return await self._router.Explain(
                router_pb2.ExplainRequest(request=request),
                timeout=self._router_timeout_s,
                metadata=rpc.metadata(),
                wait_for_ready=True,
            )

    async def models(self) -> list[router_pb2.Model]:
        """List the catalog."""
        with _calling("router"):
            answer = await self._router.ListModels(
                router_pb2.ListModelsRequest(),
                timeout=self._router_timeout_s,
                metadata=rpc.metadata(),
                wait_for_ready=True,
            )
        return list(answer.models)

    async def complete(
        self, request: providers_pb2.CompleteRequest, timeout_s: float
    ) -> providers_pb2.CompleteResponse:
        """Get a whole answer."""
        await _reach(self._providers_channel, "providers")
        with _calling("providers"):
            return await self._providers.Complete(
                request, timeout=timeout_s, metadata=rpc.metadata(self._token)
            )

    async def stream(
        self, request: providers_pb2.StreamRequest, timeout_s: float
    ) -> AsyncGenerator[providers_pb2.StreamResponse, None]:
        """Get an answer in pieces. Closing the iterator cancels the call at once."""
        await _reach(self._providers_channel, "providers")
        call = self._providers.Stream(
            request, timeout=timeout_s, metadata=rpc.metadata(self._token)
        )
        try:
            with _calling("providers"):
                async for event in call:
                    yield event
        finally:
            call.cancel()

    async def serving(self) -> dict[str, str]:
        """Ask both for their health: "serving", "not_serving" or "unreachable", by name."""
        router, providers = await asyncio.gather(
            _health(self._router_channel), _health(self._providers_channel)
        )
        return {"router": router, "providers": providers}

    async def close(self) -> None:
        """Hang up."""
        await self._router_channel.close()
        await self._providers_channel.close()


async def _reach(channel: grpc.aio.Channel, service: str) -> None:
    """Wait shortly for a connection: calls with long deadlines must not wait long for one."""
    if channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
        return
    try:
        await asyncio.wait_for(channel.channel_ready(), REACH_TIMEOUT_S)
    except TimeoutError:
        raise _away(service) from None


async def _health(channel: grpc.aio.Channel) -> str:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_TIMEOUT_S)
    except grpc.aio.AioRpcError:
        return "unreachable"
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return "serving" if serving else "not_serving"


@contextmanager
def _calling(service: str) -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as failure:
        raise _error(failure, service) from None


def _error(failure: grpc.aio.AioRpcError, service: str) -> RoutorError:
    error = rpc.error_of(failure, service)
    if error.kind in (Kind.UNAUTHENTICATED, Kind.PERMISSION_DENIED):
        # Between our services, not between us and the caller, whose key is fine.
        logger.error("the %s service refuses the internal token", service)
        text = f"The {service} service refuses this edge; its internal token is not the same."
        return RoutorError(Kind.INTERNAL, text)
    told = any(name == _DETAILS for name, _ in failure.trailing_metadata() or ())
    broke_off = not told and error.kind in (Kind.INTERNAL, Kind.CANCELLED)
    late = service == "router" and error.kind is Kind.PROVIDER_TIMEOUT
    if broke_off or late or error.kind is Kind.CANCELLED:
        logger.warning("the %s service failed: %s", service, failure.code().name)
        return _away(service)
    return error


def _away(service: str) -> RoutorError:
    text = f"The {service} service does not answer now; try again."
    return RoutorError(Kind.OVERLOADED, text, retry_after_s=1)
