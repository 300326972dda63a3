"""Links to several servers: they share the calls, and who comes, dies or drains is heeded."""

import asyncio
import contextlib
from types import SimpleNamespace

from services.errors import Kind
from services.link import Link
from tests.test_link import (
    COMPLETE,
    PATIENCE_S,
    TOKEN,
    Servicer,
    complete,
    event_loop_policy,
    pytestmark,
    server_of,
    stream,
    until,
)

__all__ = ["event_loop_policy", "pytestmark"]  # every test here runs on both loops, too


@contextlib.asynccontextmanager
async def pair(monkeypatch):
    """Two servers behind one name."""
    servers = {name: server_of(Servicer(name)) for name in ("a", "b")}
    for server in servers.values():
        await server.start()
    found = {server.address for server in servers.values()}

    async def resolve(target):
        return set(found)

    monkeypatch.setattr("services.link.resolve", resolve)
    link = Link("dns:///service:1", "providers", token=TOKEN)
    await complete(link)
    await until(lambda: link.connections == 2)
    yield SimpleNamespace(link=link, found=found, servers=servers)
    await link.close()
    for server in servers.values():
        await server.stop(0)


def servicer_of(server):
    return server.handlers[COMPLETE].call.__self__


async def test_two_servers_share_the_calls(monkeypatch):
    async with pair(monkeypatch) as two:
        waiting = [asyncio.create_task(complete(two.link, b"wait")) for _ in range(10)]
        servicers = [servicer_of(server) for server in two.servers.values()]
        await until(lambda: sum(each.calls for each in servicers) >= 10)
        assert sorted(len(wire.calls) for wire in two.link.wires) == [5, 5]
        for servicer in servicers:
            servicer.gate.set()
        await asyncio.gather(*waiting)
        one_by_one = {(await complete(two.link, b"who")).body for _ in range(4)}
        assert one_by_one == {b"a", b"b"}


async def test_workers_at_several_addresses_share_the_calls(tmp_path):
    servers = [
        server_of(Servicer("a"), f"unix:{tmp_path}/a.sock"),
        server_of(Servicer("b"), f"unix:{tmp_path}/b.sock"),
        server_of(Servicer("c")),
    ]
    for server in servers:
        await server.start()
    link = Link(", ".join(server.address for server in servers), "providers", token=TOKEN)
    try:
        await complete(link)
        await until(lambda: link.connections == 3)
        assert {(await complete(link, b"who")).body for _ in range(6)} == {b"a", b"b", b"c"}
        await servers[0].stop(0)
        await until(lambda: link.connections == 2)
        assert {(await complete(link, b"who")).body for _ in range(6)} == {b"b", b"c"}
    finally:
        await link.close()
        for server in servers:
            await server.stop(0)


async def test_one_of_two_dies_in_the_middle(monkeypatch):
    async with pair(monkeypatch) as two:
        plain = [asyncio.create_task(complete(two.link, b"wait")) for _ in range(4)]
        pure = [asyncio.create_task(complete(two.link, b"wait", again=True)) for _ in range(4)]
        dead, alive = two.servers["a"], servicer_of(two.servers["b"])
        await until(lambda: servicer_of(dead).calls + alive.calls >= 8)
        await dead.stop(0)
        await until(lambda: two.link.connections == 1)
        alive.gate.set()
        results = await asyncio.gather(*plain, return_exceptions=True)
        lost = [each for each in results if isinstance(each, Exception)]
        assert {error.kind for error in lost} == {Kind.OVERLOADED}
        assert len(lost) == 2
        assert all(answer.body == b"wait" for answer in await asyncio.gather(*pure))
        assert (await complete(two.link, b"who")).body == b"b"


async def test_a_new_address_is_used_and_a_gone_one_is_not(monkeypatch):
    monkeypatch.setattr("services.link.RESOLVE_S", 0.01)
    async with pair(monkeypatch) as two:
        gone = two.servers["a"].address
        busy = stream(two.link, b"one,wait,two")
        while servicer_of(two.servers["a"]).calls == servicer_of(two.servers["b"]).calls == 0:
            await anext(busy)
        two.found.discard(gone)
        await until(lambda: two.link.connections == 1)
        assert {(await complete(two.link, b"who")).body for _ in range(4)} == {b"b"}
        two.found.add(gone)
        await until(lambda: two.link.connections == 2)
        assert {(await complete(two.link, b"who")).body for _ in range(4)} == {b"a", b"b"}
        await busy.aclose()


async def test_drain_finishes_what_runs_and_sends_the_rest_elsewhere(monkeypatch):
    async with pair(monkeypatch) as two:
        streams = [stream(two.link, b"one,wait,two") for _ in range(2)]
        for events in streams:
            await anext(events)
        stopping = asyncio.create_task(two.servers["a"].stop(PATIENCE_S))
        await until(lambda: two.link.connections == 1)
        assert {(await complete(two.link, b"who")).body for _ in range(4)} == {b"b"}
        assert not stopping.done()
        for server in two.servers.values():
            servicer_of(server).gate.set()
        for events in streams:
            assert [event.chunk async for event in events] == [b"two"]
        async with asyncio.timeout(PATIENCE_S):
            await stopping
