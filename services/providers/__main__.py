"""Run the providers service: `python -m services.providers`."""

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress

from routor.v1 import providers_pb2
from routor.v1.providers_pb2_grpc import add_ProvidersServiceServicer_to_server
from services import catalog, process, rpc, signals, store
from services.link_method import handlers
from services.link_server import LinkServer
from services.listen import listening
from services.providers.assembly import SERVICE, assemble
from services.providers.settings import ProvidersSettings
from services.settings import SettingsError
from services.status import StatusBoard

PROTO = providers_pb2.DESCRIPTOR.services_by_name["ProvidersService"]


async def serve(chosen: ProvidersSettings) -> None:
    """Serve until told to stop, then let running calls finish."""
    if not chosen.internal_token:
        raise SettingsError(
            "ROUTOR_INTERNAL_TOKEN is not set: this service spends money and answers nobody"
            " without it. Set the same random text for the edge, health and providers services."
        )
    stop = signals.stopping()
    client = store.connect(chosen.redis_url) if chosen.redis_url else None
    parts = assemble(chosen, catalog.read(chosen.catalog_dir), os.environ, client)
    tasks = [asyncio.create_task(task) for task in (parts.recorder.run(), parts.lag.run())]
    if client is not None:
        news = {store.STATUS_RESETS: lambda _: parts.dispatcher.reset()}
        board = StatusBoard(
            client, chosen.health_address, parts.breakers.obey, news, chosen.tls.trusted()
        )
        parts.breakers.stale = lambda: board.stale
        tasks.append(asyncio.create_task(board.run()))
    methods = handlers(PROTO, parts.servicer, "Complete", "Stream", "Embed")
    link = LinkServer(
        chosen.link_listen, methods, token=chosen.internal_token, tls=chosen.tls.server()
    )
    with listening(chosen, "link_listen"):
        await link.start()
    with listening(chosen):
        server = rpc.Server(
            chosen.listen, token=chosen.internal_token, credentials=chosen.tls.credentials()
        )
    server.add(add_ProvidersServiceServicer_to_server, parts.servicer, SERVICE)
    process.settle()
    await server.start()
    await server.ready(True)
    await stop.wait()
    await asyncio.gather(server.stop(chosen.drain_s), link.stop(chosen.drain_s))
    await parts.recorder.flush()
    await end(tasks)
    await parts.transport.aclose()
    if client is not None:
        with suppress(OSError):
            await client.aclose()


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a Redis client may swallow one cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.5)


if __name__ == "__main__":
    process.run("providers", ProvidersSettings, serve)
