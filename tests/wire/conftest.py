"""A real edge and a real providers service before strict vendors; only the router is a stand-in.

It sends every request to the one model that is named: what is under test is how vendors are
spoken to, and not whom to choose.
"""

import inspect
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from routor.v1 import router_pb2, types_pb2
from routor.v1.router_pb2_grpc import RouterServiceServicer
from services import catalog
from services.edge.server import Edge
from services.edge.settings import EdgeSettings
from services.link_method import handlers
from services.link_server import LinkServer
from services.providers.assembly import Assembly, assemble
from services.providers.sandbox import environment
from services.providers.settings import ProvidersSettings
from services.settings import Secret
from tests.edge import fakes
from tests.wire.upstream import Upstream

CATALOG = catalog.read()
TOKEN = "internal-token"
HERE = Path(__file__).parent


class Router(RouterServiceServicer):
    """Chooses the models that are named, separated by commas."""

    async def Route(self, request, context):
        chain = []
        for name in request.model.split(","):
            provider, _, upstream = name.partition("/")
            model = CATALOG.models.get(name) or CATALOG.embeddings.get(name)
            known = model.upstream if model else upstream
            chain.append(types_pb2.ChainMember(model=name, provider=provider, upstream_model=known))
        decision = router_pb2.Decision(profile=types_pb2.PROFILE_DIRECT, chain=chain)
        return router_pb2.RouteResponse(decision=decision)


@dataclass
class Wire:
    """A client of the edge, and what the vendors saw."""

    client: httpx.AsyncClient
    upstream: Upstream
    url: str
    parts: Assembly

    async def post(self, path, body, **headers):
        """Send a body that the vendors have to take as it comes."""
        answer = await self.client.post(path, json=body, headers=headers)
        assert not self.upstream.faults, self.upstream.faults
        return answer

    async def chat(self, model, messages=None, **fields):
        messages = messages or [{"role": "user", "content": "Hi"}]
        body = {"model": model, "messages": messages, **fields}
        return await self.post("/v1/chat/completions", body)

    async def messages(self, model, messages=None, **fields):
        messages = messages or [{"role": "user", "content": "Hi"}]
        body = {"model": model, "max_tokens": 4096, "messages": messages, **fields}
        return await self.post("/v1/messages", body)

    async def responses(self, model, given="Hi", **fields):
        return await self.post("/v1/responses", {"model": model, "input": given, **fields})


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running() -> AsyncIterator[Wire]:
    upstream = Upstream()
    async with TestServer(upstream.application()) as vendors:
        environ = environment(f"http://127.0.0.1:{vendors.port}")
        settings = ProvidersSettings(internal_token=Secret(TOKEN))
        parts = assemble(settings, CATALOG, environ)
        servers = [
            LinkServer("127.0.0.1:0", handlers(fakes.ROUTER, Router(), "Route", inline=True)),
            LinkServer(
                "127.0.0.1:0",
                handlers(fakes.PROVIDERS, parts.servicer, "Complete", "Stream", "Embed"),
                token=TOKEN,
            ),
        ]
        for server in servers:
            await server.start()
        edge = Edge(
            EdgeSettings(
                listen="127.0.0.1:0",
                api_key=Secret(fakes.KEY),
                internal_token=Secret(TOKEN),
                router_address=servers[0].address,
                providers_address=servers[1].address,
            )
        )
        await edge.start()
        url = f"http://127.0.0.1:{edge.port}"
        headers = {"Authorization": f"Bearer {fakes.KEY}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
            yield Wire(client, upstream, url, parts)
        await edge.stop()
        for server in servers:
            await server.stop(0)
        await parts.transport.aclose()


@pytest.fixture
def wire(running) -> Wire:
    """The same for all tests, with nothing left of the one before."""
    running.upstream.reset()
    running.parts.breakers.reset()
    return running


def pytest_collection_modifyitems(items):
    """Run these tests in the loop of what they share."""
    for item in items:
        if item.path.parent == HERE and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
