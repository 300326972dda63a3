"""A short soak: streams come, stay, break and are left, and nothing of them is left behind.

Edge, links, providers service and vendors are the real ones, all in this process, so that what
each still holds can be seen. The long one, which watches memory, is `make soak`.
"""

import asyncio
import gc
import random
import ssl
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from aiohttp import web
from aiohttp.test_utils import TestServer

from services import catalog, link_client, link_server
from services.edge.server import Edge
from services.edge.settings import EdgeSettings
from services.link_method import handlers
from services.link_server import LinkServer
from services.providers import call
from services.providers.assembly import assemble
from services.providers.sandbox import environment
from services.providers.sandbox.app import application
from services.providers.settings import ProvidersSettings
from services.settings import Secret
from tests.edge import fakes
from tests.wire.conftest import Router

CATALOG = catalog.read()
CHAIN = "openai/gpt-5.4-mini,anthropic/claude-haiku-4.5,google/gemini-3.5-flash"
BODY = {"model": CHAIN, "messages": [{"role": "user", "content": "Tell me a long story."}]}
CLIENTS, ROUNDS = 48, 4
LEFT_S = 10.0
# All is plain here; to load the authorities for each client would take most of the time.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class House:
    """All that runs."""

    url: str
    vendors: str
    edge: Edge
    links: list[LinkServer]
    parts: object

    def held(self):
        """Return what is still under way, by where."""
        pool = self.parts.transport._pool
        free = sum(map(len, pool._free.values()))
        gates = self.parts.dispatcher._gates._gates
        return {
            "requests of the edge": self.edge._traffic._running,
            "connections of clients": len(self.edge._runner.server.connections),
            "calls of links": sum(len(wire._calls) for link in self.links for wire in link.wires),
            "tasks of links": sum(len(link.tasks) for link in self.links),
            "places at gates": sum(gate.running + len(gate._waiting) for gate in gates.values()),
            "connections to vendors": len(pool._all) - free + pool._making + len(pool._waiting),
        }


@asynccontextmanager
async def opened():
    upstream = {
        provider: [m.upstream for m in CATALOG.models.values() if m.provider == provider]
        for provider in CATALOG.providers
    }
    token = "internal-token"
    async with TestServer(application(upstream)) as vendors:
        base = f"http://127.0.0.1:{vendors.port}"
        settings = ProvidersSettings(internal_token=Secret(token))
        parts = assemble(settings, CATALOG, environment(base))
        names = ("Complete", "Stream")
        links = [
            LinkServer("127.0.0.1:0", handlers(fakes.ROUTER, Router(), "Route", inline=True)),
            LinkServer(
                "127.0.0.1:0", handlers(fakes.PROVIDERS, parts.servicer, *names), token=token
            ),
        ]
        for link in links:
            await link.start()
        edge = Edge(
            EdgeSettings(
                listen="127.0.0.1:0",
                api_key=Secret(fakes.KEY),
                internal_token=Secret(token),
                router_address=links[0].address,
                providers_address=links[1].address,
            )
        )
        await edge.start()
        try:
            yield House(f"http://127.0.0.1:{edge.port}", base, edge, links, parts)
        finally:
            await edge.stop()
            for link in links:
                await link.stop(0)
            await parts.transport.aclose()


async def visit(house, chance, wrong):
    """Be one client: a few requests, each over a connection of its own."""
    headers = {"Authorization": f"Bearer {fakes.KEY}"}
    for _ in range(ROUNDS):
        async with httpx.AsyncClient(
            base_url=house.url, headers=headers, timeout=60, verify=PLAIN
        ) as client:
            kind = chance.choice(["whole", "whole", "leave", "json"])
            path = "/v1/chat/completions"
            if kind == "json":
                answer = await client.post(path, json=BODY)
                if answer.status_code != 200:
                    wrong.append(answer.text)
                continue
            async with client.stream("POST", path, json={**BODY, "stream": True}) as answer:
                lines = answer.aiter_lines()
                if kind == "leave":
                    await anext(lines)
                    continue
                text = "\n".join([line async for line in lines])
                if '"error"' in text or not text.strip().endswith("data: [DONE]"):
                    wrong.append(text)


async def rest(held):
    """Wait until nothing is held any more; return what still is when that takes too long."""
    clock = asyncio.get_running_loop().time
    end_s = clock() + LEFT_S
    while (left := held()) and clock() < end_s:  # noqa: ASYNC110 - no event tells of all of them
        await asyncio.sleep(0.01)
    return left


async def test_of_streams_that_come_and_go_nothing_is_left():
    before = asyncio.all_tasks()
    async with opened() as house:
        async with httpx.AsyncClient(base_url=house.vendors) as control:
            for fault in (
                # A few break, and go on elsewhere; all others take their time.
                {"provider": "openai", "kind": "stream_cut", "times": 3},
                {"provider": "*", "kind": "stream_slow", "delay_s": 0.02, "after_chunks": 0},
            ):
                assert (await control.post("/_sandbox/faults", json=fault)).status_code == 201
        wrong = []
        visits = (visit(house, random.Random(number), wrong) for number in range(CLIENTS))
        await asyncio.gather(*visits)
        assert not wrong
        assert await rest(lambda: {k: n for k, n in house.held().items() if n}) == {}
    assert await rest(lambda: asyncio.all_tasks() - before) == set()


KINDS = (web.BaseRequest, call.Call, link_client.Call, link_server._Call)


def living():
    """Count what lives of requests."""
    return Counter(type(one).__module__ for one in gc.get_objects() if type(one) in KINDS)


async def leave(client):
    """Ask, and go before anything has come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.post("/v1/chat/completions", json={**BODY, "stream": True})


async def test_nothing_of_a_request_has_to_be_collected():
    headers = {"Authorization": f"Bearer {fakes.KEY}"}
    async with (
        opened() as house,
        httpx.AsyncClient(base_url=house.url, headers=headers, verify=PLAIN) as client,
        httpx.AsyncClient(base_url=house.vendors, verify=PLAIN) as control,
    ):
        gc.collect()
        gc.disable()
        before = living()  # of other tests
        try:
            for kind in ("stream_cut", "cut_json", "status", "timeout"):
                await control.delete("/_sandbox/faults")
                await control.post("/_sandbox/faults", json={"provider": "*", "kind": kind})
                house.parts.dispatcher.reset()
                if kind == "timeout":
                    await leave(client)
                else:
                    for stream in (False, True):
                        await client.post("/v1/chat/completions", json={**BODY, "stream": stream})
                assert await rest(lambda: living() - before) == {}, kind
        finally:
            gc.enable()
