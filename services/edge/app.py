"""The edge as an aiohttp application: which path leads where."""

from functools import partial

from aiohttp import web

from services import telemetry
from services.edge import chat, frame
from services.edge.explain import Explain
from services.edge.frame import Traffic
from services.edge.gate import Gate
from services.edge.models import Models
from services.edge.peers import Peers
from services.edge.pipeline import Pipeline
from services.edge.readiness import Readiness
from services.edge.settings import EdgeSettings


def build(
    settings: EdgeSettings, peers: Peers, gate: Gate, readiness: Readiness, traffic: Traffic
) -> web.Application:
    """Return the application; a path that is not in `frame.OPEN` needs a key."""
    app = web.Application(
        middlewares=[frame.middleware(gate, traffic)],
        # aiohttp refuses a body as soon as it is this long.
        client_max_size=settings.body_limit_bytes + 1,
    )
    app.on_response_prepare.append(frame.stamp)
    pipeline = Pipeline(settings, peers)
    models = Models(peers)
    app.add_routes(
        [
            web.post("/v1/chat/completions", partial(pipeline.handle, chat)),
            web.post("/v1/routing/debug", Explain(settings, peers).handle),
            web.get("/v1/models", models.list),
            web.get("/v1/models/{id:.+}", models.one),
            web.get("/healthz", _alive),
            web.get("/readyz", readiness.handle),
            web.get("/metrics", _metrics),
        ]
    )
    return app


async def _alive(request: web.Request) -> web.Response:
    return web.Response(body=b'{"status":"alive"}', content_type="application/json")


async def _metrics(request: web.Request) -> web.Response:
    # Prometheus' text format and its version are part of the content type.
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=telemetry.exposition(), headers=headers)
