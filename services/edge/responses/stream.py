"""OpenAI's chat chunks as the events of a response.

Source: openai 3.54.0, types/responses/response_stream_event.py; order:
https://platform.openai.com/docs/guides/streaming-responses (2026-11-23).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from services.edge import completion, problem
from services.edge.chat import KEEP_ALIVE
from services.edge.completion import Call, Completion, Said
from services.edge.responses import answer
from services.edge.responses.request import View
from services.errors import RoutorError

Json = dict[str, Any]


_encode = msgspec.json.Encoder().encode


class Stream:
    """Writes one stream: items in order, one open at a time, events numbered."""

    sign = KEEP_ALIVE

    def __init__(self, view: View) -> None:
        self._view = view
        self._head: Json = {}
        self._own = ""
        self._tier = answer.SERVED
        self._sequence = 0
        self._items: list[Json] = []
        self._places: dict[str, int] = {}  # of OpenAI's own items, several of which may be open
        self._phase: str | None = None
        self._open: _Thoughts | _Message | None = None

    def chunks(self, bodies: Iterable[bytes]) -> bytes:
        """Return the events of the chunks."""
        return b"".join(event for body in bodies for event in self._events(completion.read(body)))

    def finish(self, bodies: Iterable[bytes], usage_chunk: bytes, routor: bytes) -> bytes:
        """Return the clean end: what is open closed, then the whole response."""
        last = [completion.read(body) for body in bodies]
        events = [event for one in last for event in self._events(one)]
        reason = next((choice.finish_reason for one in last for choice in one.choices), None)
        ending = answer.end(reason)
        if not self._items and self._open is None:
            self._open = _Message(self, f"msg_{self._own}_0")
            events += self._open.start()
        events += self._close(ending["status"])
        response = {
            **self._head,
            **ending,
            "output": self._items,
            "usage": answer.counters(completion.usage_of(usage_chunk)),
            "service_tier": self._tier,
            "routor": msgspec.Raw(routor),
        }
        if ending["status"] == "completed":
            response["completed_at"] = self._head["created_at"]
        return b"".join([*events, self.event(f"response.{ending['status']}", response=response)])

    def broken(self, error: RoutorError, request_id: str) -> bytes:
        """Return the end of a stream that failed: an error, and the response as failed."""
        fault = {"code": error.code, "message": error.message, "param": error.param}
        tried = problem.tried(error, request_id)
        if not self._head:
            return self.event("error", **fault, **tried)
        told = self.event("error", **fault)
        ended = {
            "status": "failed",
            "error": {"code": "server_error", "message": error.message},
            "output": self._items,
            **tried,
        }
        return told + self.event("response.failed", response={**self._head, **ended})

    def event(self, kind: str, /, **members: Any) -> bytes:
        """Return one event, numbered."""
        number = self._sequence
        self._sequence += 1
        data = _encode({"type": kind, "sequence_number": number, **members})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    @property
    def place(self) -> int:
        """The number of the item under way."""
        return len(self._items)

    def _events(self, chunk: Completion) -> Iterable[bytes]:
        if not self._head:
            self._own = chunk.bare_id
            self._head = answer.head(self._own, chunk.model, chunk.created, self._view)
            yield self.event("response.created", response=self._head)
            yield self.event("response.in_progress", response=self._head)
        self._tier = chunk.service_tier or self._tier
        for choice in chunk.choices[:1]:
            yield from self._said(choice.delta, answer.probable(choice))

    def _said(self, delta: Said, logprobs: list[Json]) -> Iterable[bytes]:
        if delta.reasoning_content or delta.thinking_blocks:
            yield from self._thought(delta)
        if delta.content or delta.refusal:
            if not isinstance(self._open, _Message):
                yield from self._close("completed")
                self._open = _Message(self, f"msg_{self._own}_{self.place}", self._phase)
                yield from self._open.start()
            yield from self._open.add(delta, logprobs)
        elif delta.annotations and isinstance(self._open, _Message):
            yield from self._open.add(delta, [])
        for told in delta.openai_events or ():
            yield from self._native(told)
        for made in delta.tool_calls or ():
            yield from self._called(made)

    def _thought(self, delta: Said) -> Iterable[bytes]:
        if not answer.thought(delta, self._view):
            return
        if not isinstance(self._open, _Thoughts):
            yield from self._close("completed")
            self._open = _Thoughts(self, f"rs_{self._own}_{self.place}", self._view)
            yield from self._open.start()
        yield from self._open.add(delta)
        if delta.thinking_blocks:
            # They come when such thoughts are complete: the next are an item of their own.
            yield from self._close("completed")

    def _native(self, told: Json) -> Iterable[bytes]:
        """Tell what OpenAI tells of an item of its own, in our order; or part two messages."""
        kind = told["type"]
        item = told["item"] if isinstance(told.get("item"), dict) else {}
        if item.get("type") == "message":
            yield from self._close("completed")
            phase = item.get("phase")
            self._phase = phase if isinstance(phase, str) else None
            return
        named = str(item.get("id") or told.get("item_id"))
        if kind == "response.output_item.added" or named not in self._places:
            yield from self._close("completed")
            self._places[named] = self.place
            self._items.append(item)
            if kind != "response.output_item.added":
                # Clients count items as they are added.
                at = {"output_index": self._places[named]}
                yield self.event("response.output_item.added", **at, item=item)
        place = self._places[named]
        if kind == "response.output_item.done":
            self._items[place] = item
        ours = ("type", "sequence_number", "output_index")
        members = {name: value for name, value in told.items() if name not in ours}
        yield self.event(kind, output_index=place, **members)

    def _called(self, made: Call) -> Iterable[bytes]:
        """Tell a call that is complete."""
        yield from self._close("completed")
        item = answer.call(self._own, self.place, made, self._view)
        field = "arguments" if item["type"] == "function_call" else "input"
        kind = "function_call_arguments" if field == "arguments" else "custom_tool_call_input"
        begun = {**item, field: "", "status": "in_progress"}
        at = {"item_id": item["id"], "output_index": self.place}
        yield self.event("response.output_item.added", output_index=self.place, item=begun)
        yield self.event(f"response.{kind}.delta", **at, delta=item[field])
        yield self.event(f"response.{kind}.done", **at, **{field: item[field]})
        yield from self._done(item)

    def _close(self, status: str) -> Iterable[bytes]:
        """End the item that is open, if any."""
        if self._open is None:
            return
        events, item = self._open.end(status)
        self._open = None
        yield from events
        yield from self._done(item)

    def _done(self, item: Json) -> Iterable[bytes]:
        yield self.event("response.output_item.done", output_index=self.place, item=item)
        self._items.append(item)


class _Thoughts:
    """A reasoning item while it is told."""

    def __init__(self, stream: Stream, item_id: str, view: View) -> None:
        self._stream = stream
        self._id = item_id
        self._view = view
        self._text: list[str] = []
        self._blocks: list[Json] = []

    def start(self) -> Iterable[bytes]:
        item = {"id": self._id, "type": "reasoning", "summary": []}
        place = self._stream.place
        yield self._stream.event("response.output_item.added", output_index=place, item=item)

    def add(self, delta: Said) -> Iterable[bytes]:
        self._blocks += [
            {name: value for name, value in block.items() if name != "index"}
            for block in delta.thinking_blocks or ()
        ]
        text = delta.reasoning_content
        if not text:
            return
        if not self._text and self._view.thoughts:
            part = {"type": "summary_text", "text": ""}
            yield self._event("part.added", part=part)
        self._text.append(text)
        if self._view.thoughts:
            yield self._event("text.delta", delta=text)

    def end(self, status: str) -> tuple[list[bytes], Json]:
        text = "".join(self._text)
        said = Said(reasoning_content=text or None, thinking_blocks=self._blocks or None)
        events = []
        if text and self._view.thoughts:
            events = [
                self._event("text.done", text=text),
                self._event("part.done", part={"type": "summary_text", "text": text}),
            ]
        return events, answer.reasoning(self._id, said, self._view)

    def _event(self, kind: str, **members: Any) -> bytes:
        at = {"item_id": self._id, "output_index": self._stream.place, "summary_index": 0}
        return self._stream.event(f"response.reasoning_summary_{kind}", **at, **members)


class _Message:
    """A message item while it is told: a text, a refusal, or one after the other."""

    def __init__(self, stream: Stream, item_id: str, phase: str | None = None) -> None:
        self._stream = stream
        self._id = item_id
        self._phase = phase
        self._parts: list[Json] = []
        self._kind = ""
        self._text: list[str] = []
        self._logprobs: list[Json] = []
        self._annotations: list[Json] = []

    def start(self) -> Iterable[bytes]:
        item = answer.message(self._id, [], "in_progress", self._phase)
        place = self._stream.place
        yield self._stream.event("response.output_item.added", output_index=place, item=item)

    def add(self, delta: Said, logprobs: list[Json]) -> Iterable[bytes]:
        if delta.content:
            yield from self._within("output_text")
            self._text.append(delta.content)
            self._logprobs += logprobs
            yield self._event("output_text.delta", delta=delta.content, logprobs=logprobs)
        for one in delta.annotations or ():
            told = {
                "annotation_index": len(self._annotations),
                "annotation": answer.annotation(one),
            }
            self._annotations.append(one)
            yield self._event("output_text.annotation.added", **told)
        if delta.refusal:
            yield from self._within("refusal")
            self._text.append(delta.refusal)
            yield self._event("refusal.delta", delta=delta.refusal)

    def end(self, status: str) -> tuple[list[bytes], Json]:
        events = list(self._within("output_text")) if not (self._parts or self._kind) else []
        events += self._part_done()
        return events, answer.message(self._id, self._parts, status, self._phase)

    def _within(self, kind: str) -> Iterable[bytes]:
        if self._kind == kind:
            return
        yield from self._part_done()
        self._kind = kind
        text = kind == "output_text"
        part = answer.text_part("", [], []) if text else answer.refusal_part("")
        yield self._event("content_part.added", part=part)

    def _part_done(self) -> list[bytes]:
        if not self._kind:
            return []
        told = "".join(self._text)
        if self._kind == "output_text":
            part = answer.text_part(told, self._annotations, self._logprobs)
            done = self._event("output_text.done", text=told, logprobs=self._logprobs)
        else:
            part = answer.refusal_part(told)
            done = self._event("refusal.done", refusal=told)
        events = [done, self._event("content_part.done", part=part)]
        self._parts.append(part)
        self._kind, self._text = "", []
        self._annotations, self._logprobs = [], []
        return events

    def _event(self, kind: str, **members: Any) -> bytes:
        at = {
            "item_id": self._id,
            "output_index": self._stream.place,
            "content_index": len(self._parts),
        }
        return self._stream.event(f"response.{kind}", **at, **members)
