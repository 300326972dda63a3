"""Run the router service."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from routor.v1 import router_pb2, router_pb2_grpc
from routor.v1.status_pb2 import Status
from services import catalog, process, rpc, signals, store
from services.link_method import handlers
from services.link_server import LinkServer
from services.listen import listening
from services.router.brain import Brain
from services.router.classify import WEIGHTS, Classifier
from services.router.outcomes import OutcomeStream, refuse
from services.router.server import NoBoard, RouterServicer
from services.router.settings import RouterSettings
from services.status import StatusBoard

SERVICE = router_pb2.DESCRIPTOR.services_by_name["RouterService"]


async def serve(chosen: RouterSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = signals.stopping()
    weights = chosen.weights_dir / WEIGHTS.name if chosen.weights_dir else WEIGHTS
    brain = Brain(catalog.read(chosen.catalog_dir), Classifier.load(weights))
    process.settle()
    if not chosen.redis_url:
        await _serve(RouterServicer(brain, NoBoard(), refuse, _now), chosen, stop)
        return
    client = store.connect(chosen.redis_url)

    def prepare(status: Status) -> None:
        brain.rosters.of(status, "", _now())

    board = StatusBoard(client, chosen.health_address, prepare, certificates=chosen.tls.trusted())
    following = asyncio.create_task(board.run())
    await board.known(chosen.status_timeout_s)
    servicer = RouterServicer(brain, board, OutcomeStream(client).record, _now)
    await _serve(servicer, chosen, stop)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await client.aclose()


async def _serve(servicer: RouterServicer, chosen: RouterSettings, stop: asyncio.Event) -> None:
    methods = handlers(SERVICE, servicer, "Route", "Explain", "ListModels", inline=True)
    # This one waits for Redis.
    methods |= handlers(SERVICE, servicer, "RecordOutcome")
    link = LinkServer(chosen.link_listen, methods, tls=chosen.tls.server())
    with listening(chosen, "link_listen"):
        await link.start()
    with listening(chosen):
        server = rpc.Server(chosen.listen, credentials=chosen.tls.credentials())
    server.add(router_pb2_grpc.add_RouterServiceServicer_to_server, servicer, SERVICE.full_name)
    await server.start()
    await server.ready(True)
    await stop.wait()
    await asyncio.gather(server.stop(chosen.drain_s), link.stop(chosen.drain_s))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    process.run("router", RouterSettings, serve)
