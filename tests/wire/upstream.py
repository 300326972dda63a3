"""All vendors as one server: it checks requests strictly and answers by script."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from services.providers.sandbox import anthropic_refusals, google_refusals, refusals
from services.providers.sandbox.errors import Trouble
from services.providers.sandbox.vendors import VENDORS
from tests.wire import strict

Json = dict[str, Any]


@dataclass
class Reply:
    """What a vendor answers: a status, headers and pieces of a body, written one by one.

    `drop`: the connection breaks after the last piece.
    """

    body: bytes | Sequence[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False


@dataclass
class Seen:
    """A request that a vendor got."""

    vendor: str
    path: str
    body: Json
    headers: Any


Script = Callable[[Seen], Reply]


def events(*bodies: Any, done: bool = True, named: bool = False) -> Reply:
    """Return a stream of server-sent events."""
    pieces = []
    for body in bodies:
        data = body if isinstance(body, str) else json.dumps(body)
        name = f"event: {body['type']}\n" if named else ""
        pieces.append(f"{name}data: {data}\n\n".encode())
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return Reply(b"".join(pieces), headers={"Content-Type": "text/event-stream"})


def answer(body: Any, status: int = 200, **headers: str) -> Reply:
    """Return a JSON answer."""
    return Reply(json.dumps(body).encode(), status, {"Content-Type": "application/json", **headers})


class Upstream:
    """The vendors. `script` is asked for every answer; without one they say hello."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.script: Script | None = None
        self.gone = asyncio.Event()

    def reset(self) -> None:
        """Forget what was, and say hello again."""
        self.__init__()  # type: ignore[misc]

    @property
    def last(self) -> Seen:
        """The latest request."""
        return self.seen[-1]

    def application(self) -> web.Application:
        """Return the server."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{vendor}/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or b"{}")
        vendor, path = request.match_info["vendor"], request.match_info["path"]
        seen = Seen(vendor, path, body, request.headers)
        self.seen.append(seen)
        try:
            _check(seen)
        except (strict.Refused, Trouble) as fault:
            self.faults.append(f"{vendor}: {fault.args or fault} in {json.dumps(body)[:1500]}")
            return web.json_response({"error": {"message": str(fault)}}, status=400)
        reply = self.script(seen) if self.script else hello(seen)
        return await self._write(request, reply)

    async def _write(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        for piece in [reply.body] if isinstance(reply.body, bytes) else reply.body:
            await response.write(piece)
            await asyncio.sleep(0)
        if reply.hang:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.gone.set()
                raise
        if reply.drop and request.transport is not None:
            request.transport.abort()
            return response
        await response.write_eof()
        return response


def _check(seen: Seen) -> None:
    body = seen.body
    if "embed" in seen.path.lower():
        return
    if seen.vendor == "anthropic":
        strict.messages(body, seen.headers.get("anthropic-beta", ""))
        anthropic_refusals.check(body, seen.headers["anthropic-version"])
    elif seen.vendor == "google":
        strict.generate(body)
        model = seen.path.rpartition("/")[2].partition(":")[0]
        try:
            google_refusals.check(model, body)
        except Trouble as trouble:
            # It knows its own signatures alone, and here they are the tests'.
            if trouble.message != "Corrupted thought signature.":
                raise
    elif seen.path.endswith("/responses"):
        strict.responses(body)
    else:
        if seen.vendor == "mistral":
            strict.mistral_chat(body)
        else:
            strict.chat(seen.vendor, body)
        refusals.check(VENDORS[seen.vendor], body)


def dialect(seen: Seen) -> str:
    """Return the wire format of a request."""
    if seen.vendor == "anthropic":
        return "anthropic_messages"
    if seen.vendor == "google":
        return "google_generate"
    return "openai_responses" if seen.path.endswith("/responses") else "openai_chat"


def streams(seen: Seen) -> bool:
    """Tell whether a stream is asked for."""
    return bool(seen.body.get("stream")) or "streamGenerate" in seen.path


def chat_body(message: Json, finish: str = "stop", **more: Any) -> Json:
    """Return a chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
        **more,
    }


def chunk(
    delta: Json | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> Json:
    """Return a chunk of a chat stream."""
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m"}
    return {**head, "choices": choices, **more}


def message(*content: Json, stop: str = "end_turn", **more: Any) -> Json:
    """Return an Anthropic message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 2},
        **more,
    }


def message_events(
    *blocks: tuple[Json, Sequence[Json]], stop: str = "end_turn", **end: Any
) -> Reply:
    """Return an Anthropic stream: each block with its deltas."""
    told: list[Json] = [{"type": "message_start", "message": message(stop="")}]
    for index, (block, deltas) in enumerate(blocks):
        told.append({"type": "content_block_start", "index": index, "content_block": block})
        told += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        told.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": stop, "stop_sequence": None, **end}
    told.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 2}})
    return events(*told, {"type": "message_stop"}, done=False, named=True)


def gemini(*parts: Json, finish: str | None = "STOP", **more: Any) -> Json:
    """Return a Gemini answer."""
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9}
    return {"candidates": [candidate], "usageMetadata": usage, "responseId": "r1", **more}


def response(*output: Json, status: str = "completed", **more: Any) -> Json:
    """Return an OpenAI response object."""
    usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 5,
        "status": status,
        "output": list(output),
        "usage": usage,
        **more,
    }


def hello(seen: Seen) -> Reply:
    """Say hello in the vendor's format."""
    streaming = streams(seen)
    if "embed" in seen.path.lower():
        if seen.vendor == "google":
            return answer({"embeddings": [{"values": [0.5, 1.0]} for _ in seen.body["requests"]]})
        given = seen.body["input"]
        many = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
        rows = [{"index": at, "embedding": [0.5, 1.0]} for at, _ in enumerate(many)]
        return answer({"data": rows, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    match dialect(seen):
        case "anthropic_messages":
            text = {"type": "text", "text": "Hello"}
            if not streaming:
                return answer(message(text))
            delta = {"type": "text_delta", "text": "Hello"}
            return message_events(({"type": "text", "text": ""}, [delta]))
        case "google_generate":
            body = gemini({"text": "Hello"})
            return events(body, done=False) if streaming else answer(body)
        case "openai_responses":
            part = {"type": "output_text", "text": "Hello", "annotations": []}
            item = {"type": "message", "id": "m1", "role": "assistant", "content": [part]}
            whole = response(item)
            if not streaming:
                return answer(whole)
            begun = response(status="in_progress")
            said = {"type": "response.output_text.delta", "delta": "Hello"}
            return events(
                {"type": "response.created", "response": begun},
                said,
                {"type": "response.completed", "response": whole},
                done=False,
                named=True,
            )
        case _:
            if not streaming:
                return answer(chat_body({"content": "Hello", "refusal": None}))
            usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
            return events(
                chunk({"role": "assistant", "content": ""}),
                chunk({"content": "Hello"}),
                chunk({}, "stop"),
                chunk(usage=usage),
            )
