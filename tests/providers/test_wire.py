"""One connection, on a socket that is made up: what a provider may send, split anywhere."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import RoutorError
from services.providers.wire import Origin, Wire

CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\ntrailer: no\r\n\r\n"
)
SIZED = b"HTTP/1.1 503 Busy\r\nContent-Length: 7\r\n\r\nabcdefg"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nabcdefg"


class Socket(asyncio.Transport):
    """A socket that notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.aborted = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.sent += data

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def asked() -> tuple[Wire, Socket]:
    """Return a connection that waits for an answer."""
    wire, plug = Wire(Origin("h", 80, False), lambda _: None), Socket()
    wire.connection_made(plug)
    wire.ask(b"GET")
    return wire, plug


def body(wire: Wire) -> bytes:
    """Return what has come; at the end of an answer there is nothing more to wait for."""
    content = b""
    while wire.ready and (piece := wire.take()):
        content += piece
    return content


@settings(max_examples=60)
@given(answer=st.sampled_from([CHUNKED, SIZED, UNTIL_CLOSE]), size=st.integers(1, 200))
def test_an_answer_split_anywhere_is_whole(answer: bytes, size: int) -> None:
    async def read() -> None:
        wire, plug = asked()
        content = b""
        for start in range(0, len(answer), size):
            wire.data_received(answer[start : start + size])
            content += body(wire)
        assert wire.reusable is (answer is not UNTIL_CLOSE)
        wire.connection_lost(None)
        await wire.head()
        assert content + body(wire) == b"abcdefg"
        assert wire.ready
        assert wire.status == (503 if answer is SIZED else 200)
        assert not plug.aborted

    asyncio.run(read())


@pytest.mark.parametrize(
    ("answer", "failure"),
    [(CHUNKED[:-3], None), (SIZED[:-1], None), (UNTIL_CLOSE, ConnectionResetError())],
    ids=["chunked", "sized", "reset"],
)
async def test_an_answer_that_is_cut_off_says_so(answer, failure):
    wire, _ = asked()
    wire.data_received(answer)
    wire.connection_lost(failure)
    assert wire.take()
    with pytest.raises(RoutorError, match="cut off"):
        body(wire)


async def test_trailers_and_endless_headers_are_bounded():
    for begin in (b"HTTP/1.1 200 OK\r\n", CHUNKED.partition(b"trailer")[0]):
        wire, plug = asked()
        wire.data_received(begin)
        for _ in range(80):
            wire.data_received(b"x: " + b"y" * 1000 + b"\r\n")
        assert plug.aborted


async def test_who_reads_slowly_stops_the_provider():
    wire, plug = asked()
    wire.data_received(UNTIL_CLOSE)
    for _ in range(5):
        wire.data_received(bytes(60 << 10))
    assert not plug.reading
    assert len(wire.take()) == 7 + 5 * (60 << 10)
    assert plug.reading


async def test_bytes_that_nobody_asked_for_end_a_connection():
    wire, plug = asked()
    wire.data_received(SIZED)
    assert body(wire) == b"abcdefg"
    assert wire.reusable
    wire.free()
    wire.data_received(SIZED)
    assert plug.aborted


@pytest.mark.parametrize("more", [SIZED, b"nonsense", b"\r\n\r\nHTTP/1.1 200 OK\r\n"])
async def test_an_answer_with_more_behind_it_is_whole_but_the_last(more):
    wire, _ = asked()
    wire.data_received(SIZED + more)
    assert body(wire) == b"abcdefg"
    assert not wire.reusable


async def test_a_connection_that_the_provider_closes_is_not_reused():
    wire, _ = asked()
    wire.data_received(SIZED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert body(wire) == b"abcdefg"
    assert not wire.reusable
