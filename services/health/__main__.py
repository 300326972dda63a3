"""Run the health service: `python -m services.health`."""

import asyncio
import time
from contextlib import suppress

from routor.v1.providers_pb2_grpc import ProvidersServiceStub
from routor.v1.status_pb2_grpc import add_StatusServiceServicer_to_server
from services import catalog, process, rpc, signals, store
from services.health.lead import Lead
from services.health.lease import Lease, while_held
from services.health.probe import Access
from services.health.publish import Publisher
from services.health.server import NAME, StatusServicer
from services.health.settings import HealthSettings
from services.listen import listening
from services.status import StatusBoard


async def serve(chosen: HealthSettings) -> None:
    """Serve until told to stop; ready once a status is known or it takes too long."""
    stop = signals.stopping()
    client = store.connect(chosen.redis_url) if chosen.redis_url else None
    channel = rpc.channel(chosen.providers_address, chosen.tls.trusted())
    access = Access(
        ProvidersServiceStub(channel),
        chosen.internal_token,
        chosen.list_every_s,
        chosen.probe_timeout_s,
    )
    models = catalog.read(chosen.catalog_dir)
    publisher = Publisher(client, time.time)

    leads: list[Lead] = []

    async def work() -> None:
        leads[:] = [Lead(client, access, models, publisher, time.time)]
        await leads[0].run()

    def reset(_: bytes) -> None:
        for lead in leads:
            lead.reset()

    lease = Lease(client, chosen.lease_s) if client is not None else None
    tasks = [asyncio.create_task(while_held(lease, work))]
    if client is not None:
        board = StatusBoard(client, on_change=publisher.adopt, news={store.STATUS_RESETS: reset})
        tasks.append(asyncio.create_task(board.run()))
    with listening(chosen):
        server = rpc.Server(chosen.listen, credentials=chosen.tls.credentials())
    server.add(add_StatusServiceServicer_to_server, StatusServicer(publisher), NAME)
    await server.start()
    stopped = asyncio.create_task(stop.wait())
    await _wait([asyncio.create_task(publisher.known.wait()), stopped, *tasks], chosen)
    await server.ready(True)
    # A task that ends has failed: end too, and be started again.
    await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    await server.stop(chosen.drain_s)
    failures = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await channel.close()
    if client is not None:
        with suppress(OSError):
            await client.aclose()
    for failure in failures:
        if failure is not None:
            raise failure


async def _wait(
    tasks: list["asyncio.Task[bool] | asyncio.Task[None]"], chosen: HealthSettings
) -> None:
    await asyncio.wait(tasks, timeout=chosen.ready_after_s, return_when=asyncio.FIRST_COMPLETED)


if __name__ == "__main__":
    process.run("health", HealthSettings, serve)
