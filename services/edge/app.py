"""The edge's paths: which leads where, and which needs no key."""

from functools import partial
from typing import NamedTuple

import redis.asyncio as redis
from aiohttp import web

from services import telemetry
from services.edge import chat, messages, responses
from services.edge.admin.providers import Board
from services.edge.admin.routes import routes as admin
from services.edge.embeddings import Embeddings
from services.edge.explain import Explain
from services.edge.feedback import Feedback
from services.edge.frame import Frame, Route, Traffic
from services.edge.gate import Gate
from services.edge.messages.counting import Counting
from services.edge.messages.fault import ANTHROPIC
from services.edge.models import Models
from services.edge.peers import Peers
from services.edge.pipeline import Ledgers, Pipeline
from services.edge.problem import OPENAI
from services.edge.readiness import Readiness
from services.edge.settings import EdgeSettings

COUNT = "/v1/messages/count_tokens"


class Parts(NamedTuple):
    """What the paths work with; no Redis and no board on a machine without Redis."""

    settings: EdgeSettings
    peers: Peers
    ledgers: Ledgers
    gate: Gate
    readiness: Readiness
    traffic: Traffic
    client: "redis.Redis | None"
    board: Board | None


def build(parts: Parts) -> Frame:
    """Return what answers every request; a route that is not `open` needs a key."""
    settings, peers, ledgers = parts.settings, parts.peers, parts.ledgers
    pipeline = Pipeline(settings, peers, ledgers)
    models = Models(peers)
    routes = [
        Route("POST", "/v1/chat/completions", partial(pipeline.handle, chat), shape=OPENAI),
        Route("POST", "/v1/responses", partial(pipeline.handle, responses), shape=OPENAI),
        Route("POST", "/v1/messages", partial(pipeline.handle, messages), shape=ANTHROPIC),
        Route("POST", "/v1/embeddings", Embeddings(settings, peers, ledgers.limits).handle),
        Route("POST", COUNT, Counting(settings).handle, shape=ANTHROPIC),
        Route("POST", "/v1/routing/debug", Explain(settings, peers, ledgers.profiles).handle),
        Route("POST", "/v1/feedback", Feedback(settings, peers, ledgers.trail).handle),
        Route("GET", "/v1/models", models.list),
        Route("GET", "/v1/models/{id}", models.one),
        # Clients look whether anybody is there.
        Route("GET", "/", _root, open=True),
        Route("GET", "/healthz", _alive, open=True),
        Route("GET", "/readyz", parts.readiness.handle, open=True),
        *admin(parts.client, parts.board),
    ]
    if not settings.metrics_listen:
        routes.append(Route("GET", "/metrics", _metrics, open=True))
    return Frame(
        routes,
        parts.gate,
        parts.traffic,
        cors_origins=settings.cors_origins,
        access_log=settings.access_log,
    )


async def _root(request: web.BaseRequest) -> web.Response:
    return web.Response(body=b'{"service":"routor","api":"/v1"}', content_type="application/json")


async def _alive(request: web.BaseRequest) -> web.Response:
    return web.Response(body=b'{"status":"alive"}', content_type="application/json")


async def _metrics(request: web.BaseRequest) -> web.Response:
    # Prometheus' text format and its version are part of the content type.
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=telemetry.exposition(), headers=headers)
