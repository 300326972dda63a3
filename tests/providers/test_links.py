"""Streams over a link, where chunks go out as they come in, without waking a task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest

from routor.v1.providers_pb2 import StreamResponse
from services.errors import Kind, RoutorError
from services.link import Link
from services.link_method import handlers
from services.link_server import LinkServer
from services.providers.__main__ import PROTO
from services.providers.sandbox import environment
from tests.providers.conftest import (
    FAST,
    TOKEN,
    Service,
    Streamed,
    members,
    only_chunks,
    read_request,
    request,
    running,
)

STREAM = f"/{PROTO.full_name}/Stream"


@asynccontextmanager
async def linked(service: Service) -> AsyncIterator[Link]:
    """Serve on a link what is served over gRPC."""
    methods = handlers(PROTO, service.parts.servicer, "Complete", "Stream")
    server = LinkServer("127.0.0.1:0", methods, token=TOKEN)
    await server.start()
    link = Link(server.address, "providers", token=TOKEN)
    try:
        yield link
    finally:
        await link.close()
        await server.stop(0)


async def streamed(link: Link, **asked: Any) -> list[StreamResponse]:
    """Return all messages; what came before a failure is its `before`."""
    messages = []
    try:
        async for message in link.stream(STREAM, request(True, **asked), StreamResponse, 20):
            messages.append(message)
    except RoutorError as error:
        error.before = messages  # type: ignore[attr-defined]
        raise
    return messages


async def test_a_slow_stream_comes_whole_and_in_order(service, sandbox):
    chain = members("openai/gpt-5.4-mini")
    plain = await service.stream(request(True, chain=chain))
    await sandbox.fault("openai", "stream_slow", delay_s=0.002, after_chunks=1)
    async with linked(service) as link:
        slow = Streamed(await streamed(link, chain=chain))
    assert slow.text == plain.text
    assert len(slow.responses) > len(plain.responses)
    assert slow.finish.served.usage.output_tokens == plain.finish.served.usage.output_tokens


async def test_a_stream_that_breaks_between_chunks_is_said_to_be_broken(sandbox):
    async with running(environment(sandbox.base), FAST) as hasty, linked(hasty) as link:
        await sandbox.fault("openai", "stream_stall", after_chunks=3)
        with pytest.raises(RoutorError) as caught:
            await streamed(link, chain=members("openai/gpt-5.4-mini"))
    assert caught.value.kind is Kind.STREAM_BROKEN
    before = caught.value.before  # type: ignore[attr-defined]
    assert before
    assert only_chunks(before)


async def test_a_stream_that_is_left_ends_the_call_to_the_vendor(service, sandbox):
    await sandbox.fault("openai", "stream_slow", delay_s=0.002, after_chunks=1)
    asked = request(True, chain=members("openai/gpt-5.4-mini"))
    async with linked(service) as link:
        async with aclosing(link.stream(STREAM, asked, StreamResponse, 20)) as messages:
            await anext(messages)
            await anext(messages)
        assert (await streamed(link))[-1].WhichOneof("event") == "finish"


async def test_what_a_slow_reader_has_not_taken_is_not_lost(hostile):
    pieces = [f"{number} " + "x" * 2000 for number in range(1000)]
    events = [{"delta": {"content": piece}} for piece in pieces]
    events.append({"delta": {}, "finish_reason": "stop"})

    async def talk(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for event in events:
            writer.write(b'data: {"choices":[%b]}\n\n' % msgspec.json.encode(event))
            await writer.drain()
        writer.write(b"data: [DONE]\n\n")

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as served, linked(served) as link:
        asked = request(True, chain=members("openai/gpt-5.4-mini"))
        messages = link.stream(STREAM, asked, StreamResponse, 20)
        taken = []
        async for message in messages:
            taken.append(message)
            if len(taken) < 5:
                await asyncio.sleep(0.02)  # meanwhile more comes than may wait for us
    assert Streamed(taken).text == "".join(pieces)
