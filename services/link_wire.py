"""One connection of a link: frames in and out, bodies in pieces, credit (link.proto).

What is sent within one turn of the loop goes out in one write. Small frames go at once; longer
bodies wait in a ring and go piece by piece, so that none holds up the others. A receiver gives
credit back as its reader takes messages, so that a slow reader holds up only its own call.
"""

import asyncio
import logging
import ssl
import struct
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import cast

from google.protobuf.message import DecodeError

from routor.v1 import link_pb2
from services.rpc import MAX_MESSAGE_BYTES

logger = logging.getLogger(__name__)

VERSION = 2
HELLO: int = link_pb2.FRAME_KIND_HELLO
OPEN: int = link_pb2.FRAME_KIND_OPEN
PIECE: int = link_pb2.FRAME_KIND_PIECE
MESSAGE: int = link_pb2.FRAME_KIND_MESSAGE
CLOSE: int = link_pb2.FRAME_KIND_CLOSE
FAIL: int = link_pb2.FRAME_KIND_FAIL
CANCEL: int = link_pb2.FRAME_KIND_CANCEL
CREDIT: int = link_pb2.FRAME_KIND_CREDIT
GO_AWAY: int = link_pb2.FRAME_KIND_GO_AWAY

PIECE_BYTES = 64 << 10
# What a call may have under way that its reader has not taken.
WINDOW_BYTES = 256 << 10
# Pieces of one turn of the loop; what is written later need not wait for more than these.
BURST_BYTES = 128 << 10
# A piece with its envelope, or an error with all its attempts.
FRAME_LIMIT_BYTES = 1 << 20
# Until the other side has said who it is.
HELLO_LIMIT_BYTES = 8 << 10
HEALTH = "/grpc.health.v1.Health/Check"
_HEAD = struct.Struct(">IBQ")
_CREDIT = struct.Struct(">I")

Body = bytes | memoryview
Frame = tuple[int, int, bytes]


class ViolationError(Exception):
    """The other side does not keep to the protocol."""


class Splitter:
    """Cuts a stream of bytes into frames (kind, call, body), however the bytes are split."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        # The begin of a frame, and how much of it is still to come, once its head has.
        self._begun: list[bytes] = []
        self._missing_bytes = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield each frame that is whole now; raises ViolationError when one is too long."""
        at = 0
        if self._begun:
            at, end = self._missing_bytes, len(data)
            if at > end:
                self._begun.append(data)
                self._missing_bytes -= end
                return
            frame = b"".join((*self._begun, data[:at]))
            self._begun.clear()
            if len(frame) < _HEAD.size:
                data = frame + data
            else:
                _, kind, call = _HEAD.unpack_from(frame)
                yield kind, call, frame[_HEAD.size :]
        end = len(data)
        while end - at >= _HEAD.size:
            size, kind, call = _HEAD.unpack_from(data, at)
            if size > self.limit_bytes:
                raise ViolationError(f"a frame of {size} bytes")
            start = at + _HEAD.size
            if end - start < size:
                self._begun.append(data[at:])
                self._missing_bytes = start + size - end
                return
            at = start + size
            yield kind, call, data[start:at]
        if at < end:
            self._begun.append(data[at:])
            self._missing_bytes = 0


class Flow:
    """The messages of one call on one wire, both ways."""

    __slots__ = (
        *("wire", "number", "credit_bytes", "rest"),
        *("_sent", "_parts", "_size_bytes", "_held_bytes"),
    )

    def __init__(self, wire: "Wire", number: int) -> None:
        self.wire = wire
        self.number = number
        self.credit_bytes = WINDOW_BYTES
        self.rest: memoryview | None = None
        self._sent: asyncio.Future[None] | None = None
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._held_bytes = 0

    def send(self, message: bytes) -> bool:
        """Send a message; return False if some of it has to wait: then wait for `sent`."""
        size = len(message)
        if size <= PIECE_BYTES and size <= self.credit_bytes and not self.wire.paused:
            self.credit_bytes -= size
            self.wire.send(MESSAGE, self.number, message)
            return True
        self.send_rest(memoryview(message))
        return False

    def send_rest(self, rest: memoryview) -> None:
        """Send a message, or the rest of one, in pieces."""
        self.rest = rest
        if self.credit_bytes:
            self.wire.queue(self)

    async def sent(self) -> None:
        """Wait until the message has gone out."""
        if self.rest is not None:
            self._sent = asyncio.get_running_loop().create_future()
            await self._sent

    def put(self) -> int:
        """Send the next piece; return its length."""
        rest = cast(memoryview, self.rest)
        piece = rest[: min(PIECE_BYTES, self.credit_bytes)]
        self.credit_bytes -= len(piece)
        if len(piece) < len(rest):
            self.rest = rest[len(piece) :]
            self.wire.send(PIECE, self.number, piece)
        else:
            self.wire.send(MESSAGE, self.number, piece)
            self.end_sending()
        return len(piece)

    def end_sending(self) -> None:
        """Forget what is left to be sent."""
        self.rest = None
        if self._sent is not None and not self._sent.done():
            self._sent.set_result(None)

    def grant(self, packed: bytes) -> None:
        """Take note that the other side took so many bytes."""
        if len(packed) != _CREDIT.size:
            raise ViolationError("credit of no number")
        (credit_bytes,) = _CREDIT.unpack(packed)
        waiting = self.rest is not None and not self.credit_bytes
        self.credit_bytes += credit_bytes
        if self.credit_bytes > WINDOW_BYTES:
            raise ViolationError("more credit than was used")
        if waiting:
            self.wire.queue(self)

    def receive(self, part: bytes, whole: bool) -> bytes | None:
        """Take a piece in; return the message when it is whole."""
        self._held_bytes += len(part)
        if self._held_bytes > WINDOW_BYTES:
            raise ViolationError("more bytes than there was credit for")
        if whole and not self._parts:
            return part
        self._parts.append(part)
        self._size_bytes += len(part)
        if self._size_bytes > MAX_MESSAGE_BYTES:
            raise ViolationError(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        if not whole:
            return None
        message = b"".join(self._parts)
        self._parts.clear()
        self._size_bytes = 0
        return message

    def pay(self) -> None:
        """Give credit back. Call it when no message waits to be read; it need not send anything."""
        if self._held_bytes >= WINDOW_BYTES // 2:
            self.wire.send(CREDIT, self.number, _CREDIT.pack(self._held_bytes))
            self._held_bytes = 0


class Wire(asyncio.Protocol, ABC):
    """One connection, either side; a subclass says what frames mean."""

    def __init__(self) -> None:
        self.paused = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter(HELLO_LIMIT_BYTES)
        self._out: list[Body] = []
        self._flushing = False
        self._ring: deque[Flow] = deque()

    @abstractmethod
    def received(self, kind: int, number: int, body: bytes) -> None:
        """Act on a frame about a call; raises ViolationError or DecodeError."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=2 * BURST_BYTES)

    def data_received(self, data: bytes) -> None:
        """Act on every frame that is whole now; hang up on whoever breaks the protocol."""
        # What is answered here and now goes out at the end, all together.
        waiting, self._flushing = self._flushing, True
        try:
            for kind, number, body in self._splitter.feed(data):
                self.received(kind, number, body)
        except (ViolationError, DecodeError) as fault:
            logger.warning("a link is closed: %s", fault)
            self.abort()
        finally:
            self._flushing = waiting
        if self._out or self._ring:
            self._flush()

    def pause_writing(self) -> None:
        """Send no more pieces for now."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.paused = False
        self._wake()

    def known(self) -> None:
        """Allow whole frames: the other side is who it should be."""
        self._splitter.limit_bytes = FRAME_LIMIT_BYTES

    def send(self, kind: int, number: int, body: Body = b"") -> None:
        """Send a frame about a call at the end of this turn of the loop."""
        self._out.append(_HEAD.pack(len(body), kind, number))
        if body:
            self._out.append(body)
        if not self._flushing:
            self._wake()

    def queue(self, flow: Flow) -> None:
        """Send a piece of this flow whenever it is its turn, as long as it has credit."""
        self._ring.append(flow)
        self._wake()

    def close(self) -> None:
        """Hang up after what has been sent."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._flushing = False
        self._flush()

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        pieces = self._fill() if self._ring and not self.paused else False
        if self._out:
            out, self._out = self._out, []
            if pieces:
                self._transport.writelines(out)
            else:
                self._transport.write(b"".join(out))
        if self._ring and not self.paused:
            self._wake()

    def _fill(self) -> bool:
        """Add pieces to what goes out, one of each flow in turn; return whether there were any."""
        room_bytes = BURST_BYTES
        waiting, self._flushing = self._flushing, True
        while self._ring and room_bytes > 0:
            flow = self._ring.popleft()
            if flow.rest is None:
                continue
            room_bytes -= flow.put()
            if flow.rest is not None and flow.credit_bytes:
                self._ring.append(flow)
        self._flushing = waiting
        return room_bytes < BURST_BYTES


def place(address: str) -> tuple[str, int]:
    """Split "host:port", "[v6]:port" or "dns:///name:port"."""
    host, _, port = address.removeprefix("dns:///").rpartition(":")
    return host.strip("[]"), int(port)


Tls = ssl.SSLContext | None
