"""A providers service in this process, called over gRPC, before vendors over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from routor.v1.providers_pb2 import CompleteRequest, Envelope, StreamRequest, StreamResponse
from routor.v1.providers_pb2_grpc import (
    ProvidersServiceStub,
    add_ProvidersServiceServicer_to_server,
)
from routor.v1.types_pb2 import ChainMember
from services import catalog, embedded, rpc, store
from services.providers.assembly import SERVICE, Assembly, assemble
from services.providers.sandbox import environment
from services.providers.sandbox.app import application
from services.providers.settings import ProvidersSettings
from services.settings import Secret

TOKEN = Secret("a test's token")
CATALOG = catalog.read()
FAST = ProvidersSettings(
    connect_timeout_s=0.5,
    first_token_timeout_s=0.4,
    stall_timeout_s=0.4,
    total_timeout_s=10.0,
    internal_token=TOKEN,
)
# Its own timers end nothing within a test.
PATIENT = ProvidersSettings(internal_token=TOKEN)
# The first one's key decides the tests' faults; another company follows.
CHAIN = ("openai/gpt-5.4-mini", "anthropic/claude-haiku-4.5")
BODY = {"messages": [{"role": "user", "content": "Say hello to the whole wide world."}]}


def members(*models: str, **facts: Any) -> list[ChainMember]:
    """Return chain members of catalog ids."""
    return [
        ChainMember(
            model=name,
            provider=name.partition("/")[0],
            upstream_model=CATALOG.models[name].upstream,
            **facts,
        )
        for name in models
    ]


def request(
    stream: bool = False,
    chain: list[ChainMember] | None = None,
    body: object = None,
    envelope: Envelope | None = None,
) -> Any:
    """Return a CompleteRequest or a StreamRequest."""
    kind = StreamRequest if stream else CompleteRequest
    return kind(
        request_id="r1",
        body=msgspec.json.encode(BODY if body is None else body),
        chain=members(*CHAIN) if chain is None else chain,
        envelope=envelope,
    )


def only_chunks(responses: list[StreamResponse]) -> bool:
    """Tell whether none of these says that the stream is finished."""
    return all(one.WhichOneof("event") in ("chunk", "chunks") for one in responses)


@dataclass
class Streamed:
    """A stream, read to its end."""

    responses: list[StreamResponse]

    @property
    def finish(self) -> Any:
        assert self.responses[-1].WhichOneof("event") == "finish"
        assert only_chunks(self.responses[:-1])
        return self.responses[-1].finish

    @property
    def chunks(self) -> list[Any]:
        pieces = [[one.chunk] if one.chunk else one.chunks.chunks for one in self.responses]
        return [msgspec.json.decode(chunk) for batch in pieces for chunk in batch]

    @property
    def text(self) -> str:
        deltas = [chunk["choices"][0]["delta"] for chunk in self.chunks]
        return "".join(delta.get("content") or "" for delta in deltas)


@dataclass
class Service:
    """The service under test and a caller that has its token."""

    parts: Assembly
    stub: Any
    target: str
    metadata: Any = field(default_factory=lambda: rpc.metadata(TOKEN))

    async def complete(self, asked: CompleteRequest, **how: Any) -> Any:
        return await self.stub.Complete(asked, metadata=self.metadata, **how)

    async def stream(self, asked: StreamRequest, **how: Any) -> Streamed:
        call = self.stub.Stream(asked, metadata=self.metadata, **how)
        return Streamed([response async for response in call])


@asynccontextmanager
async def running(
    environ: dict[str, str], settings: ProvidersSettings = PATIENT, **parts: Any
) -> AsyncIterator[Service]:
    """Run a service with this environment."""
    assembly = assemble(settings, parts.pop("catalog", CATALOG), environ, **parts)
    server = rpc.Server("127.0.0.1:0", token=TOKEN)
    server.add(add_ProvidersServiceServicer_to_server, assembly.servicer, SERVICE)
    await server.start()
    try:
        async with rpc.channel(f"127.0.0.1:{server.port}") as channel:
            # gRPC remembers failures of a port that an earlier test used.
            await channel.channel_ready()
            stub = ProvidersServiceStub(channel)
            yield Service(assembly, stub, f"127.0.0.1:{server.port}")
    finally:
        await server.stop(0)
        await assembly.transport.aclose()


@dataclass
class Sandbox:
    """The imitation of all vendors."""

    base: str
    client: ClientSession

    async def fault(self, provider: str, kind: str, **facts: Any) -> None:
        fault = {"provider": provider, "kind": kind, **facts}
        async with self.client.post(f"{self.base}/_sandbox/faults", json=fault) as answer:
            assert answer.status == 201, await answer.text()

    async def heal(self) -> None:
        async with self.client.delete(f"{self.base}/_sandbox/faults") as answer:
            assert answer.status == 204

    async def requests(self, provider: str) -> list[Any]:
        where = f"{self.base}/_sandbox/requests?provider={provider}"
        async with self.client.get(where) as answer:
            listed: list[Any] = (await answer.json())["requests"]
            return listed


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    upstream = {
        provider: [m.upstream for m in CATALOG.models.values() if m.provider == provider]
        for provider in CATALOG.providers
    }
    async with TestServer(application(upstream)) as server, ClientSession() as client:
        yield Sandbox(f"http://127.0.0.1:{server.port}", client)


@pytest.fixture
async def service(sandbox: Sandbox) -> AsyncIterator[Service]:
    async with running(environment(sandbox.base)) as served:
        yield served


@pytest.fixture
async def hasty(sandbox: Sandbox) -> AsyncIterator[Service]:
    """A service with short timers, for what hangs."""
    async with running(environment(sandbox.base), FAST) as served:
        yield served


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[Redis]:
    server = embedded.EmbeddedServer(tmp_path)
    server.start()
    client = store.connect(server.url)
    while not await store.answers(client):  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.02)
    yield client
    await client.aclose()
    server.stop()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def hostile() -> AsyncIterator[Callable[[Talk], Awaitable[str]]]:
    """Start servers that do with a connection whatever a test says; return their address."""
    servers = []

    async def start(talk: Talk) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one HTTP request with a length; return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
    return head
