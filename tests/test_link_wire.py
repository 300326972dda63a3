"""Links as bytes: whoever breaks the protocol is hung up on, and any split reads the same."""

import asyncio
import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.link_pb2 import Hello, Open
from routor.v1.providers_pb2 import StreamRequest
from services import link_wire
from services.link import Link
from services.link_wire import (
    CLOSE,
    CREDIT,
    HELLO,
    MESSAGE,
    OPEN,
    PIECE,
    WINDOW_BYTES,
    Splitter,
    ViolationError,
)
from tests.test_link import (
    COMPLETE,
    PATIENCE_S,
    STREAM,
    TOKEN,
    Servicer,
    complete,
    event_loop_policy,
    framed,
    pytestmark,
    server_of,
)

__all__ = ["event_loop_policy", "pytestmark"]  # every test here runs on both loops, too


def hello(version=link_wire.VERSION):
    return (HELLO, 0, Hello(version=version, token=TOKEN).SerializeToString())


def opened(method):
    return (OPEN, 1, Open(method=method, timeout_ms=9000).SerializeToString())


WAIT = (MESSAGE, 1, StreamRequest(body=b"wait").SerializeToString())
VIOLATIONS = {
    "no hello": framed(opened(COMPLETE)),
    "wrong version": framed(hello(version=1)),
    "a second hello": framed(hello(), hello()),
    "a long frame": b"\xff" * 13,
    "a long hello": struct.pack(">IBQ", 100_000, HELLO, 0),
    "garbage": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "garbage in a frame": framed(hello(), (OPEN, 1, b"\xff\xff\xff\xff")),
    "an unknown kind": framed(hello(), opened(COMPLETE), (99, 1, b"")),
    "a call without a number": framed(hello(), (OPEN, 0, b"")),
    "the same call twice": framed(hello(), *[opened(COMPLETE)] * 2),
    "a message too many": framed(hello(), opened(STREAM), WAIT, WAIT),
    "more bytes than credit": framed(
        hello(), opened(COMPLETE), (PIECE, 1, bytes(WINDOW_BYTES + 1))
    ),
    "credit for nothing": framed(hello(), opened(COMPLETE), (CREDIT, 1, b"\0\0\0\1")),
    "credit of no number": framed(hello(), opened(COMPLETE), (CREDIT, 1, b"\0")),
}


async def answer_to(server, data):
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("data", VIOLATIONS.values(), ids=VIOLATIONS.keys())
async def test_whoever_breaks_the_protocol_is_hung_up_on(data, caplog):
    servicer = Servicer()
    server = server_of(servicer)
    await server.start()
    await answer_to(server, data)
    link = Link(server.address, "providers", token=TOKEN)
    assert (await complete(link, b"still here")).body == b"still here"
    assert "Traceback" not in caplog.text
    await link.close()
    await server.stop(0)


async def test_who_says_nothing_is_hung_up_on(monkeypatch):
    monkeypatch.setattr("services.link_server.HELLO_TIMEOUT_S", 0.02)
    server = server_of(Servicer())
    await server.start()
    assert await answer_to(server, b"") == b""
    await server.stop(0)


class Transport:
    """Keeps what is written; closed means closed."""

    def __init__(self):
        self.closed = False
        self.written = b""

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def is_closing(self):
        return self.closed

    def write(self, data):
        self.written += data

    def writelines(self, parts):
        self.written += b"".join(parts)

    def close(self):
        self.closed = True

    abort = close


class Recorder(link_wire.Wire):
    def __init__(self):
        super().__init__()
        self.frames = []
        self.known()
        self.connection_made(Transport())

    def received(self, kind, number, body):
        self.frames.append((kind, number, body))


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([MESSAGE, CREDIT, CLOSE]), st.integers(0, 2**64 - 1), st.binary(max_size=40)
    ),
    max_size=12,
)


def parts_of(data, cuts):
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(FRAMES, st.lists(st.integers(0, 10_000), max_size=30))
def test_any_split_of_the_bytes_reads_the_same(frames, cuts):
    splitter = Splitter(1000)
    parts = parts_of(framed(*frames), cuts)
    assert [frame for part in parts for frame in splitter.feed(part)] == frames


@given(FRAMES, st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=30))
async def test_garbage_is_read_the_same_however_split_and_never_crashes(frames, garbage, cuts):
    data = framed(*frames) + garbage
    whole, split = Recorder(), Recorder()
    whole.data_received(data)
    for part in parts_of(data, cuts):
        if not split._transport.closed:
            split.data_received(part)
    assert whole.frames[: len(frames)] == frames
    assert split.frames == whole.frames
    assert split._transport.closed == whole._transport.closed


def test_a_frame_over_the_limit_is_refused_before_it_arrives():
    with pytest.raises(ViolationError):
        list(Splitter(10).feed(struct.pack(">IBQ", 11, MESSAGE, 1)))
