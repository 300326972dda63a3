"""OpenAI's chunks as Anthropic's named events.

Source: anthropic 2.12.0, types/raw_message_stream_event.py and the blocks it names (2026-11-23).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from services.edge import completion
from services.edge.completion import Call, Choice, Completion, Said, Usage
from services.edge.messages import answer, fault, ids
from services.errors import RoutorError

Json = dict[str, Any]


_encode = msgspec.json.Encoder().encode


class Stream:
    """Writes one stream. Blocks are numbered in order, and one is open at a time.

    `input_tokens` is an estimate, told at the start when the first chunk brings no usage.
    """

    sign = b'event: ping\ndata: {"type":"ping"}\n\n'

    def __init__(self, *, thoughts: bool, input_tokens: int) -> None:
        self._thoughts = thoughts
        self._estimated = Usage(prompt_tokens=input_tokens)
        self._begun = False
        self._open = ""
        self._signs = False
        self._index = -1
        self._refused = False

    def chunks(self, bodies: Iterable[bytes]) -> bytes:
        """Return the events of the chunks."""
        return b"".join(event for body in bodies for event in self._events(completion.read(body)))

    def finish(self, bodies: Iterable[bytes], usage_chunk: bytes, routor: bytes) -> bytes:
        """Return the clean end: why it stopped, the usage, `routor`, and message_stop."""
        last = [completion.read(body) for body in bodies]
        choice = next((choice for one in last for choice in one.choices), Choice())
        events = [event for one in last for event in self._events(one)]
        delta = answer.ending(choice, refused=self._refused)
        events += self._close()
        told = answer.counters(completion.usage_of(usage_chunk))
        # The others have been told at the start.
        if searched := answer.counted(choice).get("server_tool_use"):
            told["server_tool_use"] = searched
        more = {**answer.beside(choice), "routor": msgspec.Raw(routor)}
        events.append(_event("message_delta", delta=delta, usage=told, **more))
        return b"".join([*events, _event("message_stop")])

    def broken(self, error: RoutorError, request_id: str) -> bytes:
        """Return the error event; no message_stop ever follows it."""
        return b"event: error\ndata: " + _encode(fault.document(error, request_id)) + b"\n\n"

    def _events(self, chunk: Completion) -> Iterable[bytes]:
        if not self._begun:
            self._begun = True
            # Clients read here how full the context is: Anthropic tells it at once, of others it
            # is the same estimate as count_tokens gives. The true figures end the stream.
            told = chunk.usage if chunk.usage and chunk.usage.prompt_tokens else self._estimated
            message = {
                **answer.head(chunk.bare_id, chunk.model),
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {**answer.counters(told), **(told.anthropic_usage or {})},
            }
            yield _event("message_start", message=message)
            yield _event("ping")
        for choice in chunk.choices[:1]:
            yield from self._said(choice.delta)

    def _said(self, delta: Said) -> Iterable[bytes]:
        if self._thoughts and delta.reasoning_content:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            yield from self._within("thinking", block)
            yield self._delta({"type": "thinking_delta", "thinking": delta.reasoning_content})
        if self._thoughts and delta.thinking_blocks:
            for block in delta.thinking_blocks:
                yield from self._signed(answer.signed(block))
        text = (delta.content or "") + (delta.refusal or "")
        self._refused = self._refused or bool(delta.refusal)
        if text:
            yield from self._within("text", {"type": "text", "text": ""})
            yield self._delta({"type": "text_delta", "text": text})
        for block in delta.anthropic_content or ():
            yield from self._own(block)
        for call in delta.tool_calls or ():
            yield from self._call(call)

    def _signed(self, block: Json) -> Iterable[bytes]:
        """Sign the thoughts that have been told, or tell those that cannot be read."""
        if block.get("type") != "thinking":
            yield from self._start("redacted", block)
        else:
            if self._open != "thinking":
                started = {"type": "thinking", "thinking": "", "signature": ""}
                yield from self._start("thinking", started)
                if told := block.get("thinking"):
                    yield self._delta({"type": "thinking_delta", "thinking": told})
            yield self._signature(block.get("signature", ""))
        yield from self._close()

    def _own(self, block: Json) -> Iterable[bytes]:
        """Tell a block that only Anthropic has, or what a text that ends now has cited."""
        if block.get("type") == "text":
            for citation in block["citations"] if self._open == "text" else ():
                yield self._delta({"type": "citations_delta", "citation": citation})
        elif isinstance(given := block.get("input"), dict):
            yield from self._start("own", {**block, "input": {}})
            written = _encode(given).decode()
            yield self._delta({"type": "input_json_delta", "partial_json": written})
        else:
            yield from self._start("own", block)
        yield from self._close()

    def _call(self, call: Call) -> Iterable[bytes]:
        named = {"id": ids.shown(call.id), "name": call.called.name}
        block = {"type": "tool_use", **named, "input": {}}
        yield from self._start("tool_use", block)
        given = call.called.arguments or "{}"
        yield self._delta({"type": "input_json_delta", "partial_json": given})
        yield from self._close()

    def _within(self, kind: str, block: Json) -> Iterable[bytes]:
        """Be in a block of this kind."""
        if self._open != kind:
            yield from self._start(kind, block)

    def _start(self, kind: str, block: Json) -> Iterable[bytes]:
        yield from self._close()
        self._open = kind
        self._signs = kind == "thinking"
        self._index += 1
        yield _event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> list[bytes]:
        if not self._open:
            return []
        # Anthropic signs every thought, and the AI SDK sends back none that was not signed.
        unsigned = [self._signature("")] if self._signs else []
        self._open = ""
        return [*unsigned, _event("content_block_stop", index=self._index)]

    def _signature(self, sign: str) -> bytes:
        self._signs = False
        return self._delta({"type": "signature_delta", "signature": sign})

    def _delta(self, delta: Json) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **members}))
