"""Run the router service."""

import asyncio
import gc
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime

import uvloop

from routor.v1 import router_pb2, router_pb2_grpc
from routor.v1.status_pb2 import Status
from services import catalog, rpc, settings, store, telemetry
from services.link_server import LinkServer, handlers
from services.router.brain import Brain
from services.router.classify import Classifier
from services.router.outcomes import OutcomeStream, refuse
from services.router.server import NoBoard, RouterServicer
from services.router.settings import RouterSettings
from services.status import StatusBoard

SERVICE = router_pb2.DESCRIPTOR.services_by_name["RouterService"]


async def main(chosen: RouterSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = rpc.stopping()
    brain = Brain(catalog.read(chosen.catalog_dir), Classifier.load())
    # What is loaded now stays: collecting garbage need not go through it, which takes 50 ms.
    gc.freeze()
    server = rpc.Server(chosen.listen)
    if not chosen.redis_url:
        await _serve(server, RouterServicer(brain, NoBoard(), refuse, _now), chosen, stop)
        return
    client = store.connect(chosen.redis_url)

    def prepare(status: Status) -> None:
        brain.rosters.of(status, "", _now())

    board = StatusBoard(client, chosen.health_address, prepare)
    following = asyncio.create_task(board.run())
    await board.known(chosen.status_timeout_s)
    servicer = RouterServicer(brain, board, OutcomeStream(client).record, _now)
    await _serve(server, servicer, chosen, stop)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await client.aclose()


async def _serve(
    server: rpc.Server, servicer: RouterServicer, chosen: RouterSettings, stop: asyncio.Event
) -> None:
    server.add(router_pb2_grpc.add_RouterServiceServicer_to_server, servicer, SERVICE.full_name)
    methods = handlers(SERVICE, servicer, "Route", "Explain", "ListModels", inline=True)
    link = LinkServer(chosen.link_listen, methods)
    await server.start()
    await link.start()
    await server.ready(True)
    await stop.wait()
    await asyncio.gather(server.stop(chosen.drain_s), link.stop(chosen.drain_s))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    try:
        read = settings.read(RouterSettings, os.environ)
    except settings.SettingsError as error:
        sys.exit(f"routor router: {error}")
    telemetry.start("router", os.environ, read.metrics_listen)
    uvloop.run(main(read))
    telemetry.stop()
