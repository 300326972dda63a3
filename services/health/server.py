"""StatusService over gRPC."""

from collections.abc import AsyncIterator

from routor.v1.status_pb2 import (
    GetStatusRequest,
    GetStatusResponse,
    WatchStatusRequest,
    WatchStatusResponse,
)
from services import rpc
from services.errors import Kind, RoutorError
from services.health.publish import Publisher

NAME = "routor.v1.StatusService"


class StatusServicer:
    """Tells what is published, also while Redis is away."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def GetStatus(  # noqa: N802 - the RPC's name
        self, _: GetStatusRequest, __: rpc.Context
    ) -> GetStatusResponse:
        """Return the current status; OVERLOADED until the first one is known."""
        if self._publisher.current is None:
            raise RoutorError(
                Kind.OVERLOADED, "No status is known yet; try again in a second.", retry_after_s=1
            )
        return GetStatusResponse(status=self._publisher.current)

    async def WatchStatus(  # noqa: N802 - the RPC's name
        self, _: WatchStatusRequest, __: rpc.Context
    ) -> AsyncIterator[WatchStatusResponse]:
        """Yield the current status, then every change."""
        async for status in self._publisher.watch():
            yield WatchStatusResponse(status=status)
