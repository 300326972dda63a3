"""The edge's paths: which leads where, and which needs no key."""

from functools import partial

from aiohttp import web

from services import telemetry
from services.edge import chat, messages, responses
from services.edge.embeddings import Embeddings
from services.edge.explain import Explain
from services.edge.frame import Frame, Route, Traffic
from services.edge.gate import Gate
from services.edge.messages.counting import Counting
from services.edge.models import Models
from services.edge.peers import Peers
from services.edge.pipeline import Pipeline
from services.edge.readiness import Readiness
from services.edge.sessions import Sessions
from services.edge.settings import EdgeSettings

COUNT = "/v1/messages/count_tokens"


def build(
    settings: EdgeSettings,
    peers: Peers,
    *,
    sessions: Sessions,
    gate: Gate,
    readiness: Readiness,
    traffic: Traffic,
) -> Frame:
    """Return what answers every request; a route that is not `open` needs a key."""
    pipeline = Pipeline(settings, peers, sessions)
    models = Models(peers)
    routes = [
        Route("POST", "/v1/chat/completions", partial(pipeline.handle, chat)),
        Route("POST", "/v1/responses", partial(pipeline.handle, responses)),
        Route("POST", "/v1/messages", partial(pipeline.handle, messages), fault=messages.fault),
        Route("POST", "/v1/embeddings", Embeddings(settings, peers).handle),
        Route("POST", COUNT, Counting(settings).handle, fault=messages.fault),
        Route("POST", "/v1/routing/debug", Explain(settings, peers).handle),
        Route("GET", "/v1/models", models.list),
        Route("GET", "/v1/models/{id}", models.one),
        Route("GET", "/healthz", _alive, open=True),
        Route("GET", "/readyz", readiness.handle, open=True),
    ]
    if not settings.metrics_listen:
        routes.append(Route("GET", "/metrics", _metrics, open=True))
    return Frame(routes, gate, traffic, access_log=settings.access_log)


async def _alive(request: web.BaseRequest) -> web.Response:
    return web.Response(body=b'{"status":"alive"}', content_type="application/json")


async def _metrics(request: web.BaseRequest) -> web.Response:
    # Prometheus' text format and its version are part of the content type.
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=telemetry.exposition(), headers=headers)
