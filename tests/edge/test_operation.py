"""Readiness, metrics, traces, listening and draining."""

import asyncio
import os
import signal
import socket
import sys

import httpx
import pytest

from services import listen
from services.edge import readiness as states
from services.edge import server
from services.edge.frame import Traffic
from services.edge.readiness import Readiness
from tests.edge.fakes import AUTO, KEY, TOKEN, finish, opened, text_chunks


class Services:
    def __init__(self):
        self.states = {"router": "serving", "providers": "serving"}
        self.asked = 0

    async def serving(self):
        self.asked += 1
        return dict(self.states)


class Board:
    redis_up = True
    stale = False


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


async def test_ready_while_all_is_well(clock):
    readiness = Readiness(Services(), Board(), Traffic(), clock)
    assert await readiness.report() == {
        "status": "ready",
        "router": "serving",
        "providers": "serving",
        "redis": "up",
        "provider_status": "fresh",
    }


@pytest.mark.parametrize("fault", ["redis_up", "stale"])
async def test_lost_redis_or_stale_status_only_degrade(clock, fault):
    board = Board()
    setattr(board, fault, fault == "stale")
    readiness = Readiness(Services(), board, Traffic(), clock)
    answer = await readiness.handle(None)
    assert answer.status == 200
    assert (await readiness.report())["status"] == "degraded"


@pytest.mark.parametrize("service", ["router", "providers"])
async def test_a_service_that_does_not_serve_is_not_ready(clock, service):
    services = Services()
    services.states[service] = "not_serving"
    readiness = Readiness(services, Board(), Traffic(), clock)
    assert (await readiness.handle(None)).status == 503
    services.states[service] = "serving"
    assert (await readiness.handle(None)).status == 503
    assert services.asked == 1
    clock.now_s += states.BAD_TTL_S
    assert (await readiness.handle(None)).status == 200
    services.states[service] = "unreachable"
    clock.now_s += states.TTL_S / 2
    assert (await readiness.handle(None)).status == 200
    clock.now_s += states.TTL_S / 2
    assert (await readiness.handle(None)).status == 503


async def test_draining_is_not_ready(clock):
    traffic = Traffic()
    readiness = Readiness(Services(), Board(), traffic, clock)
    traffic.draining = True
    assert (await readiness.handle(None)).status == 503
    assert (await readiness.report())["status"] == "draining"


async def test_readyz_asks_the_real_services(house, monkeypatch):
    monkeypatch.setattr(states, "TTL_S", 0.0)
    ready = await house.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["redis"] == "not_configured"
    house.servers["providers"].serving = False
    unready = await house.client.get("/readyz")
    assert unready.status_code == 503
    assert unready.json()["providers"] == "not_serving"


async def test_open_paths_need_no_key(house):
    del house.client.headers["Authorization"]
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await house.client.get(path)).status_code == 200


async def test_the_trace_of_the_client_goes_on(house):
    trace = "0af7651916cd43dd8448eb211c80319c"
    for stream in (False, True):
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        assert (await house.chat(headers=headers, stream=stream)).status_code == 200
    assert [parent.split("-")[1] for parent in house.providers.traceparents] == [trace, trace]


async def test_a_unix_socket(tmp_path):
    path = tmp_path / "edge.sock"
    async with opened(listen=f"unix:{path}"):
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
            assert (await client.get("/healthz")).status_code == 200


async def test_a_head_that_never_ends_is_dropped():
    async with opened(keepalive_timeout_s=0.2) as strict:
        reader, writer = await asyncio.open_connection("127.0.0.1", strict.edge.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_drain_finishes_what_runs_and_takes_nothing_new(house):
    gate = asyncio.Event()
    house.providers.events = [*text_chunks("Hi"), gate, finish()]
    body = {**AUTO, "stream": True}
    idle = httpx.AsyncClient(base_url=house.url)
    await idle.get("/healthz")
    async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        chunks = answer.aiter_bytes()
        await anext(chunks)
        stopping = asyncio.create_task(house.edge.stop())
        unready = await idle.get("/readyz")
        assert unready.status_code == 503
        assert unready.json()["status"] == "draining"
        assert unready.headers["Connection"] == "close"
        with pytest.raises(httpx.ConnectError):
            await idle.get("/readyz")
        assert not stopping.done()
        gate.set()
        rest = b"".join([chunk async for chunk in chunks])
    assert rest.endswith(b"data: [DONE]\n\n")
    await stopping
    await idle.aclose()


async def test_who_is_connected_may_still_ask_when_a_drain_begins(house):
    gate = asyncio.Event()
    house.providers.events = [*text_chunks("Hi"), gate, finish()]
    body = {**AUTO, "stream": True}
    headers = house.client.headers
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as connected:
        await connected.get("/healthz")
        async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            chunks = answer.aiter_bytes()
            await anext(chunks)
            stopping = asyncio.create_task(house.edge.stop())
            told = await connected.post("/v1/chat/completions", json=AUTO)
            assert (told.status_code, told.headers["Connection"]) == (200, "close")
            gate.set()
            async for _ in chunks:
                pass
    await stopping


async def test_who_comes_to_an_open_door_is_told_where_a_drain_takes_long(monkeypatch):
    monkeypatch.setattr(server, "SOON_S", 0.0)
    with listen.door("127.0.0.1:0") as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        async with opened(listen=f"fd:{os.dup(door.fileno())}") as house:
            gate = asyncio.Event()
            house.providers.events = [*text_chunks("Hi"), gate, finish()]
            body = {**AUTO, "stream": True}
            async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
                chunks = answer.aiter_bytes()
                await anext(chunks)
                stopping = asyncio.create_task(house.edge.stop())
                async with httpx.AsyncClient(base_url=url, headers=house.client.headers) as late:
                    for _ in range(3):
                        refused = await late.post("/v1/chat/completions", json=AUTO)
                        assert refused.status_code == 503
                        assert refused.headers["Connection"] == "close"
                        assert refused.headers["Retry-After"] == "1"
                        assert "shutting down" in refused.json()["error"]["message"]
                gate.set()
                rest = b"".join([chunk async for chunk in chunks])
            assert rest.endswith(b"data: [DONE]\n\n")
            await stopping
        # Whoever listens here next takes who comes from now on.
        next_one = opened(listen=f"fd:{os.dup(door.fileno())}")
        async with next_one, httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/healthz")).status_code == 200


async def test_drain_ends_what_does_not_end():
    async with opened(drain_s=0.1) as stuck:
        stuck.providers.events = [*text_chunks("Hi"), asyncio.Event()]
        body = {**AUTO, "stream": True}
        async with stuck.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            chunks = answer.aiter_bytes()
            await anext(chunks)
            async with asyncio.timeout(10):
                await stuck.edge.stop()
                await stuck.providers.cancelled.wait()


async def test_the_process_serves_logs_no_secret_and_leaves_with_0(house):
    environ = {
        "PYTHONPATH": ":".join(sys.path),
        "ROUTOR_EDGE_LISTEN": f"127.0.0.1:{_free_port()}",
        "ROUTOR_EDGE_ACCESS_LOG": "1",
        "ROUTOR_API_KEY": KEY,
        "ROUTOR_INTERNAL_TOKEN": TOKEN,
        "ROUTOR_ROUTER_LINK_ADDRESS": house.settings.router_address,
        "ROUTOR_PROVIDERS_LINK_ADDRESS": house.settings.providers_address,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.edge", env=environ, stderr=asyncio.subprocess.PIPE
    )
    url = f"http://{environ['ROUTOR_EDGE_LISTEN']}"
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        asyncio.timeout(30),
        httpx.AsyncClient(base_url=url, headers=headers) as client,
    ):
        while not await _answers(client):
            assert process.returncode is None
        answer = await client.post("/v1/chat/completions", json=AUTO)
        assert answer.status_code == 200
        metrics = (await client.get("/metrics")).text
    process.send_signal(signal.SIGTERM)
    _, log = await process.communicate()
    assert process.returncode == 0
    assert "routor_requests_total" in metrics
    assert 'http_route="/v1/chat/completions"' in metrics
    assert b'"route":"/v1/chat/completions"' in log
    assert KEY.encode() not in log
    assert b"Hello" not in log


async def _answers(client):
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
