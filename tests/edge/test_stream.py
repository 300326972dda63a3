"""POST /v1/chat/completions, streamed: order, endings, and clients that go away."""

import asyncio
import time

import msgspec
import pytest

from routor.v1 import providers_pb2
from services.edge.answer import Events
from services.edge.pulse import Pulse
from services.errors import Kind
from tests.edge.fakes import (
    AUTO,
    FIRST,
    SECOND,
    USAGE_CHUNK,
    error,
    failed,
    finish,
    opened,
    piece,
    text_chunks,
)


def events(text):
    """Return the data of each event; every event is exactly `data: …` and an empty line."""
    assert text.endswith("\n\n")
    pieces = text[:-2].split("\n\n")
    assert all(event.startswith("data: ") for event in pieces)
    return [event.removeprefix("data: ") for event in pieces]


async def test_order_and_form(house):
    house.providers.events = [*text_chunks("Hi", " there"), finish(usage=USAGE_CHUNK)]
    answer = await house.chat(stream=True)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["X-Routor-Model"] == FIRST
    assert answer.headers["X-Routor-Fallback"] == "false"
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    first, second, last, usage = chunks
    assert first.encode() == piece({"content": "Hi"})
    assert second.encode() == piece({"content": " there"})
    assert usage.encode() == USAGE_CHUNK
    ending = msgspec.json.decode(last)
    routor = ending.pop("routor")
    assert ending == msgspec.json.decode(piece({}, finish_reason="stop"))
    assert routor["request_id"] == answer.headers["X-Request-Id"]
    assert routor["costUsd"] == 0.001
    assert house.router.requests[0].needs.stream is True


async def test_a_continued_answer_says_so(house):
    ending = finish(SECOND, failed=[failed(kind=Kind.STREAM_BROKEN)])
    ending.finish.served.continued = True
    house.providers.events = [*text_chunks("Hi"), ending]
    *_, last, _ = events((await house.chat(stream=True)).text)
    routor = msgspec.json.decode(last)["routor"]
    assert routor["continued"] is True and routor["fallback"] is True
    assert (routor["model"], routor["attempts"]) == (SECOND, 2)
    house.providers.events = [*text_chunks("Hi"), finish()]
    *_, last, _ = events((await house.chat(stream=True)).text)
    assert "continued" not in msgspec.json.decode(last)["routor"]


async def test_chunks_that_come_together_are_single_events(house):
    pieces = [piece({"content": word}, SECOND) for word in ("Hi", " there", "!")]
    batch = providers_pb2.StreamResponse(chunks=providers_pb2.Chunks(chunks=pieces[:2]))
    one = providers_pb2.StreamResponse(chunks=providers_pb2.Chunks(chunks=pieces[2:]))
    house.providers.events = [batch, one, finish(SECOND)]
    answer = await house.chat(stream=True)
    assert answer.headers["X-Routor-Model"] == SECOND
    *chunks, _, done = events(answer.text)
    assert [chunk.encode() for chunk in chunks] == pieces
    assert done == "[DONE]"


async def test_no_usage_chunk_unless_the_providers_send_one(house):
    answer = await house.chat(stream=True)
    assert '"usage"' not in answer.text


async def test_only_the_last_of_several_finish_chunks_carries_routor(house):
    two = providers_pb2.StreamResponse(finish=finish().finish)
    two.finish.chunks.append(piece({}, finish_reason="length"))
    house.providers.events = [*text_chunks("a"), two]
    *_, one, other, done = events((await house.chat(stream=True, n=2)).text)
    assert "routor" not in msgspec.json.decode(one)
    assert msgspec.json.decode(other)["routor"]["model"] == FIRST
    assert done == "[DONE]"


async def test_headers_after_silent_failover_name_the_model_that_answers(house):
    house.providers.events = [
        *text_chunks("Hi", model=SECOND),
        finish(SECOND, failed=[failed(FIRST)]),
    ]
    answer = await house.chat(stream=True)
    assert answer.headers["X-Routor-Model"] == SECOND
    assert answer.headers["X-Routor-Fallback"] == "true"
    assert answer.headers["X-Routor-Attempts"] == "2"


async def test_an_empty_answer_is_a_whole_answer(house):
    house.providers.events = [finish()]
    *_, done = events((await house.chat(stream=True)).text)
    assert done == "[DONE]"


@pytest.mark.parametrize(
    "ending",
    [[], [error(Kind.STREAM_BROKEN, "Cut.", attempts=[failed()])], [ValueError("bug")]],
    ids=["no finish", "broken", "bug"],
)
async def test_a_break_in_the_middle_is_never_taken_for_an_end(house, ending):
    house.providers.events = [*text_chunks("Hi"), *ending]
    answer = await house.chat(stream=True)
    first, last = events(answer.text)
    assert first.encode() == piece({"content": "Hi"})
    fault = msgspec.json.decode(last)["error"]
    assert fault["type"] == "server_error"
    assert "[DONE]" not in answer.text
    assert '"finish_reason":"stop"' not in answer.text
    assert "bug" not in answer.text


async def test_a_stream_that_never_says_anything_is_502(house):
    house.providers.events = []
    answer = await house.chat(stream=True)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "provider_unavailable"


async def test_nothing_is_sent_before_the_first_event(house):
    gate = asyncio.Event()
    house.providers.events = [gate, *text_chunks("Hi"), finish()]
    asked = asyncio.create_task(house.chat(stream=True))
    await house.providers.started.wait()
    assert not asked.done()
    gate.set()
    assert (await asked).status_code == 200


async def test_chunks_are_passed_on_as_they_come(house):
    gate = asyncio.Event()
    house.providers.events = [*text_chunks("Hi"), gate, finish()]
    body = {**AUTO, "stream": True}
    async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        chunks = answer.aiter_bytes()
        assert await anext(chunks) == b"data: " + piece({"content": "Hi"}) + b"\n\n"
        gate.set()
        rest = b"".join([chunk async for chunk in chunks])
    assert rest.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("after_text", [False, True])
async def test_a_client_that_leaves_ends_the_call_upstream(house, stream, after_text):
    never = asyncio.Event()
    house.providers.answer = [never]
    house.providers.events = [*(text_chunks("Hi") if after_text else []), never]
    _, writer = await asyncio.open_connection("127.0.0.1", house.edge.port)
    body = msgspec.json.encode({**AUTO, "stream": stream})
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {house.client.headers['Authorization']}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await house.providers.started.wait()
    writer.close()
    async with asyncio.timeout(5):
        await house.providers.cancelled.wait()


async def test_a_client_that_does_not_read_holds_up_its_own_stream_alone(house):
    size, count, sent = 10_000, 6_000, 0

    def events():
        nonlocal sent
        for _ in range(count):
            sent += 1
            yield from text_chunks("x" * size)
        yield finish()

    house.providers.events = events()
    body = {**AUTO, "stream": True}
    async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        # None of these has to wait for the one that does not read.
        for _ in range(50):
            assert (await house.chat()).status_code == 200
        assert sent < count // 2
        length, tail = 0, b""
        async for chunk in answer.aiter_bytes():
            length, tail = length + len(chunk), (tail + chunk)[-20:]
    assert length > size * count
    assert tail.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", AUTO),
        ("/v1/responses", {"model": "auto", "input": "Hello"}),
        ("/v1/messages", {**AUTO, "max_tokens": 9}),
    ],
)
async def test_text_never_ends_a_line(house, path, body):
    """Clients that split lines as Python's strings do would lose the event."""
    said = "a\u2028b\u2029c\x85d\\\u2028é"
    house.providers.events = [*text_chunks(said), finish()]
    answer = await house.client.post(path, json={**body, "stream": True})
    assert not set("\u2028\u2029\x85") & set(answer.text)
    data = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    assert any(said in str(_texts(msgspec.json.decode(event))) for event in data)


def _texts(tree):
    """Return every string in a tree, joined."""
    if isinstance(tree, str):
        return tree
    inside = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return "\n".join(map(_texts, inside))


PING = b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize(
    ("path", "body", "sign"),
    [
        ("/v1/chat/completions", AUTO, b": keep-alive\n\n"),
        ("/v1/responses", {"model": "auto", "input": "Hello"}, b": keep-alive\n\n"),
        ("/v1/messages", {**AUTO, "max_tokens": 9}, PING),
    ],
)
async def test_a_stream_that_is_silent_shows_that_it_lives(path, body, sign):
    """Tool calls are told as a whole; clients and proxies give up a stream without a byte."""
    gate = asyncio.Event()
    async with opened(stream_ping_s=0.01) as house:
        house.providers.events = [*text_chunks("Hi"), gate, finish()]
        async with house.client.stream("POST", path, json={**body, "stream": True}) as answer:
            told = b""
            async for chunk in answer.aiter_bytes():
                told += chunk
                if told.count(sign) > 3:
                    gate.set()
        assert told.startswith((b"data:", b"event: "))
        assert not told.endswith(sign)


async def test_no_sign_of_life_comes_before_the_first_event_or_when_none_is_wanted():
    gate = asyncio.Event()
    async with opened(stream_ping_s=0.01) as house:
        house.providers.events = [gate, error(Kind.PROVIDER_UNAVAILABLE, "No.")]
        asked = asyncio.create_task(house.chat(stream=True))
        await house.providers.started.wait()
        gate.set()
        assert (await asked).status_code == 502
    async with opened(stream_ping_s=0) as house:
        house.providers.events = [*text_chunks("Hi"), finish()]
        assert "keep-alive" not in (await house.chat(stream=True)).text


class Peer:
    """A client's connection that keeps what is written."""

    version = (1, 1)
    keep_alive = True
    headers = ()
    raw_path = "/v1/chat/completions"

    def __init__(self):
        self.protocol = self.transport = self.writer = self
        self.output_size = 0
        self.writing_paused = False
        self.written = b""

    def __getitem__(self, key):
        return "req_1"

    def __contains__(self, key):
        return False

    def is_closing(self):
        return False

    def write(self, data):
        self.written += data


def test_no_events_are_no_chunk():
    peer = Peer()
    stream = Events(peer, {"X-Routor-Tier": "LIGHT"})
    stream.put(b"")
    stream.put(b"data: a\n\n")
    stream.put(b"")
    stream.put(b"", end=True)
    head, _, rest = peer.written.partition(b"\r\n\r\n")
    assert b"\r\nX-Routor-Tier: LIGHT\r\n" in head
    assert rest == b"9\r\ndata: a\n\n\r\n0\r\n\r\n"


class Clock:
    """A loop whose time passes when it is told to."""

    def __init__(self):
        self.now_s = 0.0
        self.due = []

    def call_later(self, in_s, call):
        self.due.append((self.now_s + in_s, call))

    def pass_to(self, at_s):
        while self.due and min(self.due)[0] <= at_s:
            first = min(self.due)
            self.due.remove(first)
            self.now_s = first[0]
            first[1]()
        self.now_s = at_s


def test_a_sign_of_life_comes_no_later_than_said_after_the_last_event(monkeypatch):
    clock, peer = Clock(), Peer()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now_s)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    stream = Events(peer, {})
    stream.put(b"data: a\n\n")
    Pulse(stream, b": sign\n\n", 8)
    clock.pass_to(5)
    stream.put(b"data: b\n\n")
    clock.pass_to(7)
    stream.put(b"")  # what a writer keeps for later is nothing that a client reads
    counts = []
    for at_s in (12.9, 13, 20.9, 21):
        clock.pass_to(at_s)
        counts.append(peer.written.count(b": sign"))
    assert counts == [0, 1, 1, 2]
    peer.writing_paused = True
    clock.pass_to(60)
    assert peer.written.count(b": sign") == 2


async def test_a_deadline_in_the_middle_is_an_error_event():
    async with opened(total_timeout_s=0.5) as hasty:
        hasty.providers.events = [*text_chunks("Hi"), asyncio.Event()]
        answer = await hasty.chat(stream=True)
        _, last = events(answer.text)
        assert msgspec.json.decode(last)["error"]["code"] == "provider_timeout"


async def test_providers_that_die_in_the_middle_are_an_error_event(house):
    house.providers.events = [*text_chunks("Hi"), asyncio.Event()]
    body = {**AUTO, "stream": True}
    async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        chunks = answer.aiter_bytes()
        await anext(chunks)
        await house.servers["providers"].stop(0)
        rest = b"".join([chunk async for chunk in chunks])
    (last,) = events(rest.decode())
    assert msgspec.json.decode(last)["error"]["code"] == "overloaded"
