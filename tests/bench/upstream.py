"""An upstream that costs next to nothing: OpenAI chat, JSON and streams, from prepared bytes.

    python tests/bench/upstream.py PORT

It answers `GET …/models` and `POST …/chat/completions`; a body with `"stream": true` gets 50
content chunks, all at once, or, for `"user": "paced"`, the first after 100 ms and then one
each 10 ms; for `"user": "held"` two a second. It listens on loopback.
"""

import asyncio
import re
import socket
import sys
from collections.abc import Iterator

import msgspec
import uvloop

CHUNKS = 50
MODELS = ("gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.5")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream" *: *true')
PACED = re.compile(rb'"user" *: *"(paced|held)"')
FIRST_S = 0.1
PACES_S = {b"paced": 0.01, b"held": 0.5}
MODEL = re.compile(rb'"model" *: *"([^"]*)"')
WORDS = "the router picks a model by value and the caller sees one answer "


def response(kind: bytes, body: bytes) -> bytes:
    """Return a whole HTTP answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


def framed(data: bytes) -> bytes:
    """Return one piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def completion(model: str) -> bytes:
    """Return the JSON answer of a model."""
    message = {"role": "assistant", "content": WORDS * 3, "refusal": None}
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 45, "total_tokens": 245},
    }
    return response(b"application/json", msgspec.json.encode(body))


def events(model: str) -> list[bytes]:
    """Return the chunked pieces of a model's stream, content first, the end last."""
    frame = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000}

    def event(choices: list[object], **more: object) -> bytes:
        body = {**frame, "model": model, "choices": choices, **more}
        return b"data: " + msgspec.json.encode(body) + b"\n\n"

    def delta(content: dict[str, str], finish: str | None = None) -> bytes:
        return event([{"index": 0, "delta": content, "finish_reason": finish}])

    words = WORDS.split()
    said = [delta({"content": f"{words[n % len(words)]} "}) for n in range(CHUNKS)]
    said[0] = delta({"role": "assistant", "content": ""}) + said[0]
    usage = {"prompt_tokens": 200, "completion_tokens": CHUNKS, "total_tokens": 200 + CHUNKS}
    end = delta({}, "stop") + event([], usage=usage) + b"data: [DONE]\n\n"
    return [*map(framed, said), framed(end) + b"0\r\n\r\n"]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LIST = response(
    b"application/json",
    msgspec.json.encode({"object": "list", "data": [{"id": name} for name in MODELS]}),
)
ANSWERS = {name: completion(name) for name in MODELS}
STREAMS = {name: events(name) for name in MODELS}


class Upstream(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the transport; small writes must leave at once."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        found = LENGTH.search(self._received, 0, end + 2)
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self._received) >= whole:
            request, self._received = self._received[:whole], self._received[whole:]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._transport.write(LIST)
            return
        named = MODEL.search(request)
        model = named[1].decode() if named else MODELS[0]
        if not STREAM.search(request):
            self._transport.write(ANSWERS.get(model) or completion(model))
            return
        pieces = STREAMS.get(model) or events(model)
        if paced := PACED.search(request):
            pace_s = PACES_S[paced[1]]
            loop = asyncio.get_running_loop()
            loop.call_later(FIRST_S, self._pace, iter(pieces), pace_s, HEAD)
        else:
            self._transport.write(HEAD)
            for piece in pieces:
                self._transport.write(piece)

    def _pace(self, pieces: Iterator[bytes], pace_s: float, head: bytes = b"") -> None:
        piece = next(pieces, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(head + piece)
            asyncio.get_running_loop().call_later(pace_s, self._pace, pieces, pace_s)


async def main() -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    port = int(sys.argv[1])
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
