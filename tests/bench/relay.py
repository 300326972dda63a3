"""The floor: a relay that does nothing but pass bytes on.

    python tests/bench/relay.py PORT UPSTREAM_PORT

What one more hop on another core costs in this harness, whatever the hop does.
"""

import asyncio
import socket
import sys

import uvloop


class Side(asyncio.Protocol):
    """One side of a relayed connection; what comes in here goes out at `other`."""

    def __init__(self, upstream: int | None = None) -> None:
        self._upstream = upstream
        self._waiting: list[bytes] = []
        self.other: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Open the other side, if this is the client's."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        if self._upstream is not None:
            self._opening = asyncio.get_running_loop().create_task(self._open(self._upstream))

    async def _open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        transport, far = await loop.create_connection(Side, "127.0.0.1", port)
        far.other, self.other = self._transport, transport
        for data in self._waiting:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is None:
            self._waiting.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side, too."""
        if self.other is not None:
            self.other.close()


async def main() -> None:
    """Serve until ended."""
    port, upstream = map(int, sys.argv[1:3])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Side(upstream), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
