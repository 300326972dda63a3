"""A closed loop of clients against a chat endpoint; prints one JSON object.

    python tests/bench/load.py URL --clients 16 --seconds 5 [--stream [--paced | --held]]
                                  [--body-kb 1] [--answers 1000]

Raw HTTP/1.1 with keep-alive, so that the clients cost less than what they measure. Every
answer is checked: status 200, and a whole body. It ends after the seconds, or before, after so
many answers as are asked for.
"""

import argparse
import asyncio
import re
import socket
import sys
import time
from urllib.parse import urlsplit

import msgspec
import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SENTENCE = (
    "please explain how a request router should choose between several language models when "
    "the question is about python code and the caller wants a short answer at low cost "
)


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, load: "Load") -> None:
        self._load = load

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Ask for the first time."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._answer = bytearray()
        self._body_at = -1
        self._first_s = 0.0
        self._start_s = time.perf_counter()
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer; count it and ask again when it is whole."""
        self._answer += data
        if self._body_at < 0:
            self._body_at = self._answer.find(b"\r\n\r\n") + 4
            if self._body_at < 4:
                self._body_at = -1
                return
            found = LENGTH.search(self._answer, 0, self._body_at)
            self._whole = self._body_at + int(found[1]) if found else -1
        if not self._first_s and len(self._answer) > self._body_at:
            self._first_s = time.perf_counter() - self._start_s
        if self._whole >= 0:
            done = len(self._answer) >= self._whole
        else:
            done = self._answer.endswith(b"\r\n0\r\n\r\n")
        if done:
            right = self._answer.startswith(b"HTTP/1.1 200") and self._load.mark in self._answer
            if not right:
                self._load.sample = self._load.sample or bytes(self._answer[:500])
            self._load.count(right, time.perf_counter() - self._start_s, self._first_s)
            if self._load.going:
                self._ask()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that ended before its time."""
        if self._load.going:
            self._load.wrong += 1
        self._load.left()


class Load:
    """What all clients share: the request, the clock, the counts."""

    def __init__(self, request: bytes, clients: int, mark: bytes, answers: int) -> None:
        self._answers = answers
        self.request = request
        self.mark = mark
        self.going = True
        self.measuring = False
        self.wrong = 0
        self.sample = b""
        self.all = 0
        self.latencies_s: list[float] = []
        self.firsts_s: list[float] = []
        self.ended = asyncio.Event()
        self._open = clients

    def count(self, right: bool, latency_s: float, first_s: float) -> None:
        """Take in one answer."""
        self.all += 1
        self.wrong += not right
        if self.all == self._answers:
            self.going = False
        if self.measuring:
            self.latencies_s.append(latency_s)
            self.firsts_s.append(first_s)

    def left(self) -> None:
        """Take in that a client is gone."""
        self._open -= 1
        if self._open <= 0:
            self.ended.set()


def body(stream: bool, pace: str, size: int) -> bytes:
    """Return a request of about `size` bytes (about 200 tokens at the default)."""
    text = (SENTENCE * (size // len(SENTENCE) + 1))[:size]
    asked = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return msgspec.json.encode({**asked, **more, **({"user": pace} if pace else {})})


def percentiles_ms(values_s: list[float]) -> dict[str, float]:
    """Return p50 and p99 in milliseconds."""
    ordered = sorted(values_s) or [0.0]
    return {f"p{p}": round(1000 * ordered[len(ordered) * p // 100], 3) for p in (50, 99)}


async def main() -> None:
    """Run, and print what was seen."""
    options = argparse.ArgumentParser()
    options.add_argument("url")
    options.add_argument("--clients", type=int, default=16)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--stream", action="store_true")
    options.add_argument("--paced", action="store_const", dest="pace", const="paced", default="")
    options.add_argument("--held", action="store_const", dest="pace", const="held")
    options.add_argument("--body-kb", type=float, default=1)
    options.add_argument("--answers", type=int, default=0)
    options.add_argument("--key", default="sk-routor-bench")
    given = options.parse_args()
    where = urlsplit(given.url)
    content = body(given.stream, given.pace, int(1000 * given.body_kb))
    head = (
        f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {given.key}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    mark = b"[DONE]" if given.stream else b'"finish_reason":"stop"'
    load = Load(head.encode() + content, given.clients, mark, given.answers)
    idle_s = time.process_time()
    loop = asyncio.get_running_loop()
    for _ in range(given.clients):
        await loop.create_connection(lambda: Client(load), where.hostname, where.port)
    loop.call_later(min(0.5, given.seconds / 4), setattr, load, "measuring", True)
    loop.call_later(given.seconds, setattr, load, "going", False)
    await asyncio.wait_for(load.ended.wait(), given.seconds + 45)
    seen = {
        "answers": load.all,
        "wrong": load.wrong,
        "sample": load.sample.decode(errors="replace"),
        "per_s": round(len(load.latencies_s) / (given.seconds - min(0.5, given.seconds / 4)), 1),
        "latency_ms": percentiles_ms(load.latencies_s),
        "first_ms": percentiles_ms(load.firsts_s),
        "load_cpu_s": round(time.process_time() - idle_s, 3),
    }
    sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")


if __name__ == "__main__":
    uvloop.run(main())
