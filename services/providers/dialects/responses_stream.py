"""OpenAI's stream of response events in, chat chunks out.

Events: openai 3.54.0, types/responses/response_stream_event.py (2026-11-23). Items are told when
they are done; text and thoughts as they come.
"""

from services.providers.dialects import (
    faults,
    halves,
    openai_answer,
    openai_native,
    responses_answer,
    typed,
)
from services.providers.dialects.completion import Turn
from services.providers.dialects.contract import Chunk, Ending, Json, Target, Usage
from services.providers.dialects.responses_items import Items
from services.providers.dialects.sse import Parser
from services.providers.dialects.writer import Writer

_DELTAS = {  # event -> OpenAI's chat field
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "reasoning_content",
    "response.reasoning_text.delta": "reasoning_content",
}
_DONE = {  # event -> the same, and its own member, where no delta came before
    "response.output_text.done": ("content", "text"),
    "response.refusal.done": ("refusal", "refusal"),
    "response.reasoning_summary_text.done": ("reasoning_content", "text"),
    "response.reasoning_text.done": ("reasoning_content", "text"),
}
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class ResponsesDecoder:
    """Decoder of response events. Complete with response.completed or response.incomplete."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parser = Parser()
        self._joiner = halves.Joiner(*(f'"{kind}"' for kind in _ENDS))
        self._writer = Writer(target)
        self._thoughts = 0
        self._usage = Usage()
        self._finish = ""
        self._hosted: set[str] = set()  # items of OpenAI's own tools
        self._items = Items()
        self.halfway: list[Chunk] = []

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive; return the chunks they complete."""
        chunks = self.halfway = []
        for event in self._parser.feed(data):
            if self._finish or event.data.strip() == "[DONE]":
                break
            for whole in self._joiner.feed(event.data):
                chunks += self._event(whole)
        return chunks

    @property
    def done(self) -> bool:
        """Whether the response has ended."""
        return bool(self._finish)

    @property
    def finished(self) -> bool:
        """Whether the last event has come."""
        return bool(self._finish)

    def close(self) -> Ending:
        """Return the ending, or raise: without its last event the stream is broken."""
        if not self._writer.id and self._parser.stray:
            openai_answer.parsed(self._parser.stray, self._target)
        if not self.finished:
            raise faults.ended_early(self._target)
        return self._writer.ending({0: self._finish}, self._usage)

    def _event(self, data: str) -> list[Chunk]:
        body = openai_answer.parsed(data, self._target)
        kind = typed.text(body, "type")
        told = body.get("response")
        response = told if isinstance(told, dict) else {}
        fault = faults.in_body(response, self._target)
        if fault is not None:
            raise fault
        if kind.startswith("response."):
            self._writer.begin(responses_answer.head(response), data.encode())
        if self._is_hosted(body):
            return self._hosts(body)
        if kind in _ENDS:
            return self._ended({"status": kind.removeprefix("response."), **response})
        return self._told(kind, body)

    def _told(self, kind: str, body: Json) -> list[Chunk]:
        """Tell what an event says of an item that is no tool of OpenAI's own."""
        self._items.grow(body)
        if kind == "response.output_item.added":
            return self._begun(body)
        if kind == "response.output_text.annotation.added":
            cited = body.get("annotation")
            return self._cites(body, cited) if isinstance(cited, dict) else []
        if kind == "response.reasoning_summary_part.added" and body.get("summary_index"):
            return self._adds(body, "reasoning_content", responses_answer.PARAGRAPH)
        if kind in _DELTAS:
            return self._adds(body, _DELTAS[kind], typed.text(body, "delta"))
        if kind in _DONE:
            field, member = _DONE[kind]
            whole = typed.text(body, member)
            return [] if self._items.has(body, field) else self._adds(body, field, whole)
        return self._finished(body) if kind == "response.output_item.done" else []

    def _ended(self, response: Json) -> list[Chunk]:
        """Tell what the response tells alone, and how it ended."""
        self._finish = responses_answer.finish_reason(response, self._target)
        self._usage = responses_answer.usage_of(response)
        chunks: list[Chunk] = []
        for event in self._items.missing(response):
            if responses_answer.hosted(event["item"]):
                chunks += self._hosts({"type": "response.output_item.done", **event})
            else:
                chunks += self._finished(event)
        return [*chunks, *self._writer.closing(0)]

    def _is_hosted(self, body: Json) -> bool:
        """Tell whether an event is of an item of OpenAI's own tools."""
        if not isinstance(body.get("type"), str):
            return False
        item = body.get("item")
        if responses_answer.hosted(item):
            self._hosted.add(str(body["item"].get("id")))
            return True
        return "item_id" in body and str(body["item_id"]) in self._hosted

    def _hosts(self, body: Json) -> list[Chunk]:
        """Tell an event of OpenAI's own tools to who has asked for them."""
        if body["type"] == "response.output_item.done" and isinstance(body.get("item"), dict):
            self._items.end(body)
        return self._say({openai_native.EVENTS: [body]}) if self._target.items else []

    def _begun(self, body: Json) -> list[Chunk]:
        """Tell that a message begins; nobody sees that yet."""
        item = body.get("item")
        self._items.begin(body)
        if not self._target.items or not isinstance(item, dict) or item.get("type") != "message":
            return []
        told = {**body, "type": "response.output_item.added"}
        return self._writer.mark(0, {openai_native.EVENTS: [told]})

    def _finished(self, body: Json) -> list[Chunk]:
        """Tell what a finished item tells alone: calls, thoughts to be returned, what was left."""
        item = self._items.end(body) if isinstance(body.get("item"), dict) else None
        turn = Turn()
        responses_answer.gather(turn, self._cut(item), self._target)
        chunks = self._rest(body, turn)
        for block in turn.thinking_blocks:
            numbered = {"index": self._thoughts, **block}
            self._thoughts += 1
            chunks += self._say({"thinking_blocks": [numbered]})
        for call in turn.calls:
            chunks += self._writer.call(0, call)
        return chunks

    def _cut(self, item: Json | None) -> Json | None:
        """Return an item that ends with the whole answer as its limit has cut it."""
        if item is None or self._finish != "length" or item.get("status") == "completed":
            return item
        return {**item, "status": "incomplete"}

    def _rest(self, body: Json, turn: Turn) -> list[Chunk]:
        """Tell what no event before has told of the words of an item."""
        chunks: list[Chunk] = []
        for field, pieces in (
            ("reasoning_content", turn.reasoning),
            ("content", turn.text),
            ("refusal", turn.refusal),
        ):
            whole = "".join(pieces)
            left = self._items.untold(body, field, whole) if whole else ""
            if left and left == whole and not chunks:
                chunks += self._begun(body)
            chunks += self._say({field: left}) if left else []
        cited = turn.own.get("annotations")
        if cited and not self._items.has(body, "annotations"):
            chunks += self._say({"annotations": cited})
        return chunks

    def _cites(self, body: Json, cited: Json) -> list[Chunk]:
        self._items.tell(body, "annotations", "")
        return self._say({"annotations": [responses_answer.annotation(cited)]})

    def _adds(self, body: Json, field: str, text: str) -> list[Chunk]:
        """Tell a piece of the words of an item."""
        if not text:
            return []
        self._items.tell(body, field, text)
        return self._say({field: text})

    def _say(self, delta: Json) -> list[Chunk]:
        return self._writer.delta(0, delta)
