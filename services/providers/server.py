"""ProvidersService over gRPC: what crosses the wire, and nothing else."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing

import msgspec

from routor.v1.providers_pb2 import (
    Chunks,
    CompleteRequest,
    CompleteResponse,
    EmbedRequest,
    EmbedResponse,
    Finish,
    ListProvidersRequest,
    ListProvidersResponse,
    ProbeRequest,
    ProbeResponse,
    Provider,
    StreamRequest,
    StreamResponse,
)
from services.errors import Kind, RoutorError
from services.providers.call import Direct
from services.providers.connections import Connection
from services.providers.dialects import conversation
from services.providers.dialects.completion import usage_json, wants_usage
from services.providers.dialects.contract import Chunk, Json
from services.providers.dispatch import Dispatcher, Ended
from services.providers.embedding import embed
from services.providers.order import Order
from services.providers.probe import probe
from services.providers.settings import ProvidersSettings
from services.providers.transport import Transport
from services.rpc import Context

_encode = msgspec.json.Encoder().encode


class ProvidersServicer:
    """Serves routor.v1.ProvidersService."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        connections: Mapping[str, Connection],
        transport: Transport,
        settings: ProvidersSettings,
        clock: Callable[[], float],
    ) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._transport = transport
        self._settings = settings
        self._clock = clock

    async def Complete(self, request: CompleteRequest, context: Context) -> CompleteResponse:  # noqa: N802
        """Answer from the first model of the chain that can."""
        done = await self._dispatcher.answer(self._order(request, context, False))
        return CompleteResponse(body=_encode(done.answer.body), served=done.served)

    async def Stream(  # noqa: N802
        self, request: StreamRequest, context: Context
    ) -> AsyncIterator[StreamResponse]:
        """Answer in chunks; the finish comes last and only after a whole answer."""
        order = self._order(request, context, True)
        async with aclosing(self._dispatcher.stream(order)) as events:
            async for event in events:
                if isinstance(event, Ended):
                    yield StreamResponse(finish=_finish(event, order.body))
                else:
                    yield _chunks(event)

    async def Embed(self, request: EmbedRequest, context: Context) -> EmbedResponse:  # noqa: N802
        """Turn texts into vectors, at the one model of the chain."""
        order = self._order(request, context, False, embeds=True)
        done = await embed(self._dispatcher.answer, order, self._dispatcher.batch(order))
        return EmbedResponse(body=_encode(done.answer.body), served=done.served)

    async def Probe(self, request: ProbeRequest, context: Context) -> ProbeResponse:  # noqa: N802
        """Ask one provider for its model list."""
        connection = self._connections.get(request.provider)
        if connection is None:
            raise RoutorError(
                Kind.NOT_FOUND, f"There is no provider {request.provider!r}.", param="provider"
            )
        return await probe(connection, self._transport, self._settings.probe_timeout_s)

    async def ListProviders(  # noqa: N802
        self, request: ListProvidersRequest, context: Context
    ) -> ListProvidersResponse:
        """List the providers, without secrets."""
        return ListProvidersResponse(
            providers=[
                Provider(
                    id=name,
                    name=connection.vendor.name,
                    connected=connection.connected,
                    dialect=connection.vendor.dialect,
                    base_url=connection.public_url,
                )
                for name, connection in self._connections.items()
            ]
        )

    def _time_s(self, context: Context) -> float:
        """Return what a request may take: a little less than its caller waits for.

        So the caller hears what was tried, and not just that time is up.
        """
        total_s = self._settings.total_timeout_s
        left_s = context.time_remaining()
        return total_s if left_s is None else min(left_s - min(0.25, left_s / 10), total_s)

    def _order(
        self,
        request: CompleteRequest | StreamRequest | EmbedRequest,
        context: Context,
        stream: bool,
        embeds: bool = False,
    ) -> Order:
        if not request.chain:
            raise RoutorError(Kind.INVALID_REQUEST, "The chain is empty.", param="chain")
        envelope = request.envelope
        return Order(
            body=conversation.read(request.body),
            chain=tuple(request.chain),
            stream=stream,
            deadline_s=self._clock() + self._time_s(context),
            max_attempts=envelope.max_attempts,
            max_cost_usd=envelope.max_cost_usd if envelope.HasField("max_cost_usd") else None,
            embeds=embeds,
            direct=_direct(context) if stream else None,
        )


def _direct(context: Context) -> Direct | None:
    """Return how chunks may go out without waking the task; a link offers that, gRPC does not."""
    offer = getattr(context, "offer", None)
    return None if offer is None else lambda chunks: bool(offer(_chunks(chunks)))


def _chunks(chunks: list[Chunk]) -> StreamResponse:
    if len(chunks) == 1:
        return StreamResponse(chunk=chunks[0].data)
    return StreamResponse(chunks=Chunks(chunks=[chunk.data for chunk in chunks]))


def _finish(done: Ended, body: Json) -> Finish:
    ending = done.ending
    usage = {**ending.chunks[0], "choices": [], "usage": usage_json(ending.usage)}
    return Finish(
        chunks=[_encode(chunk) for chunk in ending.chunks],
        usage_chunk=_encode(usage) if wants_usage(body) else b"",
        served=done.served,
    )
