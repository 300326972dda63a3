"""The services behind the edge, played by scripts over real links."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import msgspec

from routor.v1 import providers_pb2, router_pb2, types_pb2
from routor.v1.providers_pb2_grpc import ProvidersServiceServicer
from routor.v1.router_pb2_grpc import RouterServiceServicer
from services.edge.server import Edge
from services.edge.settings import EdgeSettings
from services.errors import Kind, RoutorError
from services.link_method import handlers
from services.link_server import LinkServer
from services.settings import Secret
from services.tls import PLAIN

KEY = "sk-routor-bootstrap"
SECOND_KEY = "sk-routor-second"
TOKEN = "internal-token"
ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
PROVIDERS = providers_pb2.DESCRIPTOR.services_by_name["ProvidersService"]
FIRST, SECOND = "openai/gpt-5.5", "anthropic/claude-opus-4.8"
VECTORS = "openai/text-embedding-3-small"
HELLO = [{"role": "user", "content": "Hello"}]
AUTO = {"model": "auto", "messages": HELLO}


def completion(model=FIRST, text="Hi there"):
    message = {"role": "assistant", "content": text}
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
    )


def piece(delta, model=FIRST, finish_reason=None, **extra):
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
            **extra,
        }
    )


USAGE_CHUNK = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": FIRST,
        "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }
)


def served(model=FIRST, cost_usd=0.001, failed=()):
    provider = model.partition("/")[0]
    attempts = [*failed, types_pb2.Attempt(provider=provider, model=model, http_status=200)]
    return providers_pb2.Served(
        model=model,
        provider=provider,
        attempts=attempts,
        cost_usd=cost_usd,
        fallback=bool(failed),
    )


def failed(model=FIRST, kind=Kind.PROVIDER_UNAVAILABLE, http_status=500):
    return types_pb2.Attempt(
        provider=model.partition("/")[0],
        model=model,
        kind=kind.name,
        http_status=http_status,
        latency_ms=12.34,
    )


def text_chunks(*words, model=FIRST):
    return [providers_pb2.StreamResponse(chunk=piece({"content": word}, model)) for word in words]


def finish(model=FIRST, usage=b"", **facts):
    return providers_pb2.StreamResponse(
        finish=providers_pb2.Finish(
            chunks=[piece({}, model, "stop")], usage_chunk=usage, served=served(model, **facts)
        )
    )


def decision(request, cost_usd=0.002):
    direct = request.preferences.profile == types_pb2.PROFILE_DIRECT
    models = [request.model] if direct else [FIRST, SECOND]
    chain = [
        types_pb2.ChainMember(
            model=model,
            provider=model.partition("/")[0],
            upstream_model=model.partition("/")[2],
            expected_cost_usd=cost_usd,
        )
        for model in models
    ]
    return router_pb2.Decision(
        request_id=request.request_id,
        profile=request.preferences.profile,
        tier=types_pb2.TIER_LIGHT,
        category=types_pb2.CATEGORY_CODING,
        confidence=0.876543,
        method="learned",
        chain=chain,
        cost_usd=cost_usd,
        baseline_cost_usd=0.01,
        savings=1 - cost_usd / 0.01 if cost_usd else 0,
        reasoning="because",
    )


class Router(RouterServiceServicer):
    """Chooses two models; `error` is raised instead, and whoever names an `unknown` one told so."""

    def __init__(self):
        self.requests: list[router_pb2.RouteRequest] = []
        self.error: Exception | None = None
        self.unknown: set[str] = set()
        self.empty = False
        self.cost_usd = 0.002
        self.outcomes: list[router_pb2.RecordOutcomeRequest] = []
        self.outcome_error: Exception | None = None

    async def RecordOutcome(self, request, context):
        if self.outcome_error:
            raise self.outcome_error
        self.outcomes.append(request)
        return router_pb2.RecordOutcomeResponse()

    def _decide(self, request):
        self.requests.append(request)
        if self.error:
            raise self.error
        if request.model in self.unknown:
            raise RoutorError(Kind.UNKNOWN_MODEL, f"There is no {request.model}.", param="model")
        decided = decision(request, self.cost_usd)
        if self.empty:
            del decided.chain[:]
        return decided

    async def Route(self, request, context):
        return router_pb2.RouteResponse(decision=self._decide(request))

    async def Explain(self, request, context):
        decided = self._decide(request.request)
        return router_pb2.ExplainResponse(
            decision=decided,
            candidates=[router_pb2.Candidate(member=decided.chain[0], value=0.7, chain_position=1)],
            drops=[router_pb2.Drop(model="xai/grok-4.3", reason="down", detail="provider down")],
            signals=[router_pb2.Signal(name="code", difficulty_weight=0.5)],
            tier_probabilities={"LIGHT": 0.9},
        )

    async def ListModels(self, request, context):
        price = router_pb2.Price(input=1.25, output=10, cached_input=0.125)
        known = {
            "provider": "openai",
            "context_window": 400_000,
            "input_modalities": [types_pb2.MODALITY_TEXT, types_pb2.MODALITY_IMAGE],
            "tools": True,
            "price": price,
            "status": "healthy",
            "created": 1_700_000_000,
        }
        return router_pb2.ListModelsResponse(
            models=[
                router_pb2.Model(
                    id=FIRST, name="GPT-5.5", lifecycle="active", connected=True, **known
                ),
                router_pb2.Model(id="openai/old", lifecycle="retired", connected=True, **known),
                router_pb2.Model(id="openai/off", lifecycle="active", connected=False, **known),
            ],
            embeddings=[router_pb2.Model(id=VECTORS, connected=True, dimensions=1536, **known)],
        )


class Providers(ProvidersServiceServicer):
    """Answers by a script: `answer` for Complete, `events` for Stream.

    An exception in them is raised; an asyncio.Event is waited for.
    """

    def __init__(self):
        self.requests = []
        self.traceparents = []
        self.deadlines = []
        self.answer = providers_pb2.CompleteResponse(body=completion(), served=served())
        self.events = [*text_chunks("Hi", " there"), finish()]
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    def _note(self, request, context):
        self.requests.append(request)
        facts = dict(context.invocation_metadata())
        self.traceparents.append(facts.get("traceparent", ""))
        self.deadlines.append(context.time_remaining())
        self.started.set()

    async def _step(self, step):
        if isinstance(step, Exception):
            raise step
        if isinstance(step, asyncio.Event):
            try:
                await step.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return None
        return step

    async def Complete(self, request, context):
        self._note(request, context)
        steps = self.answer if isinstance(self.answer, list) else [self.answer]
        results = [await self._step(step) for step in steps]
        return results[-1]

    async def Stream(self, request, context):
        self._note(request, context)
        for step in self.events:
            event = await self._step(step)
            if event is not None:
                yield event


@dataclass
class House:
    """A running edge with its fakes, and a client with a key."""

    edge: Edge
    router: Router
    providers: Providers
    servers: dict[str, LinkServer]
    client: httpx.AsyncClient
    settings: EdgeSettings

    @property
    def url(self):
        return f"http://127.0.0.1:{self.edge.port}"

    async def chat(self, headers=None, **fields):
        return await self.client.post(
            "/v1/chat/completions", json={**AUTO, **fields}, headers=headers
        )


@asynccontextmanager
async def opened(shown=PLAIN, **settings):
    """`shown` is the TLS of router and providers; the edge's own is among the settings."""
    router, providers = Router(), Providers()
    brain = handlers(ROUTER, router, "Route", "Explain", "ListModels", inline=True)
    brain |= handlers(ROUTER, router, "RecordOutcome")
    servers = {
        "router": LinkServer("127.0.0.1:0", brain, tls=shown.server()),
        "providers": LinkServer(
            "127.0.0.1:0",
            handlers(PROVIDERS, providers, "Complete", "Stream"),
            token=TOKEN,
            tls=shown.server(),
        ),
    }
    for server in servers.values():
        await server.start()
    values = {
        "listen": "127.0.0.1:0",
        "api_key": Secret(f"{KEY}, {SECOND_KEY}"),
        "internal_token": Secret(TOKEN),
        "router_address": servers["router"].address,
        "providers_address": servers["providers"].address,
        **settings,
    }
    configured = EdgeSettings(**values)
    edge = Edge(configured)
    await edge.start()
    url = f"http://127.0.0.1:{edge.port}"
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
            yield House(edge, router, providers, servers, client, configured)
    finally:
        await edge.stop()
        for server in servers.values():
            await server.stop(0)


def error(kind, message="It failed.", **facts):
    return RoutorError(kind, message, **facts)
