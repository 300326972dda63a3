"""Anthropic's stream: named events of content blocks in, OpenAI chunks out.

Events: anthropic 2.12.0, types/raw_message_stream_event.py; unknown ones are to be ignored
(https://platform.claude.com/docs/en/build-with-claude/streaming, 2026-11-23).
"""

from typing import Any

import msgspec

from services.errors import RoutorError
from services.providers.dialects import anthropic_answer, completion, faults, halves, typed
from services.providers.dialects.anthropic_native import CONTENT, ENDING, USAGE
from services.providers.dialects.contract import Chunk, Ending, Json, Target
from services.providers.dialects.sse import Parser
from services.providers.dialects.writer import Writer


class AnthropicDecoder:
    """Decoder of Messages events. Complete with message_stop, or a stop_reason at least.

    `usage_at_start`: the first chunk tells what is known of the usage by then.
    """

    def __init__(self, target: Target, *, usage_at_start: bool = False) -> None:
        self._target = target
        self._usage_at_start = usage_at_start
        self._parser = Parser()
        self._joiner = halves.Joiner('"message_delta"', '"message_stop"')
        self._writer = Writer(target)
        self._blocks: dict[int, Json] = {}  # open blocks by the vendor's index
        self._fragments: dict[int, list[Any]] = {}
        self._cut: list[Json] = []  # calls that only the reason that ends the answer can explain
        self._thoughts = 0
        self._spoke = False  # whether there is any text
        self._usage: Json = {}
        self._stop: str | None = None
        self._stopped_at = ""
        self._ending: Json = {}
        self._done = False
        self.halfway: list[Chunk] = []

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive; return the chunks they complete."""
        chunks = self.halfway = []
        for event in self._parser.feed(data):
            if self._done:
                break
            if event.name == "ping":
                continue  # may stand anywhere, in the middle of a character, too
            for whole in self._joiner.feed(event.data):
                chunks += self._event(whole)
        return chunks

    @property
    def done(self) -> bool:
        """Whether message_stop has come."""
        return self._done

    @property
    def finished(self) -> bool:
        """Whether the stop_reason has come."""
        return self._stop is not None and bool(self._writer.id)

    def close(self) -> Ending:
        """Return the ending, or raise: without a stop_reason the stream is broken."""
        if not self._writer.id and self._parser.stray:
            anthropic_answer.parsed(self._parser.stray, self._target)
        if not self.finished:
            raise faults.ended_early(self._target)
        usage = anthropic_answer.usage_of(self._usage)
        reason = anthropic_answer.finish_reason(self._stop)
        ending = self._writer.ending({0: reason}, usage, self._stopped_at)
        if self._target.items and self._ending:
            ending.chunks[0]["choices"][0][ENDING] = self._ending
        return ending

    def _event(self, data: str) -> list[Chunk]:
        body = anthropic_answer.parsed(data, self._target)
        match typed.text(body, "type"):
            case "message_start":
                message = _table(body, "message")
                self._writer.begin(anthropic_answer.head(message), data.encode())
                self._count(message)
                if self._usage_at_start:
                    return self._writer.role(0, usage=self._known())
            case "content_block_start":
                return self._start(typed.place(body), typed.table(body, "content_block"))
            case "content_block_delta":
                return self._delta(typed.place(body), typed.table(body, "delta"))
            case "content_block_stop":
                return self._block_stop(typed.place(body))
            case "message_delta":
                self._count(body)
                delta = _table(body, "delta")
                word = delta.get("stop_reason")
                self._stop = word if isinstance(word, str) else self._stop
                self._stopped_at = anthropic_answer.stopped_at(delta) or self._stopped_at
                counters = anthropic_answer.counted(self._usage)
                self._ending |= anthropic_answer.ending({**body, **delta}, counters)
                return self._ended(delta) if self._writer.id and self._stop else []
            case "message_stop":
                self._done = self._stop is not None
        return []

    def _known(self) -> Json:
        """Return what is known of the usage by now."""
        usage = completion.usage_json(anthropic_answer.usage_of(self._usage))
        own = anthropic_answer.counted(self._usage) if self._target.items else {}
        return {**usage, **({USAGE: own} if own else {})}

    def _count(self, told: Json) -> None:
        """Take the counters of an event: they are cumulative, and null says nothing."""
        counters = _table(told, "usage")
        self._usage |= {name: value for name, value in counters.items() if value is not None}

    def _start(self, place: int, block: Json) -> list[Chunk]:
        self._require_begun()
        self._blocks[place] = dict(block)
        self._fragments[place] = []
        text = typed.text(block, "text")
        return self._text(text) if anthropic_answer.kind_of(block, self._target) == "text" else []

    def _text(self, text: str) -> list[Chunk]:
        self._spoke = self._spoke or bool(text)
        return self._writer.delta(0, {"content": text}) if text else []

    def _delta(self, place: int, delta: Json) -> list[Chunk]:
        self._require_begun()
        block = self._blocks.setdefault(place, {})
        kind = anthropic_answer.kind_of(delta, self._target)
        if kind == "input_json_delta":
            self._fragments.setdefault(place, []).append(typed.text(delta, "partial_json"))
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
        elif kind == "signature_delta":
            block["signature"] = f"{block.get('signature') or ''}{delta.get('signature') or ''}"
        elif kind == "text_delta":
            return self._text(typed.text(delta, "text"))
        elif kind == "thinking_delta" and (text := typed.text(delta, "thinking")):
            self._fragments.setdefault(place, []).append(text)
            return self._writer.delta(0, {"reasoning_content": text})
        return []

    def _block_stop(self, place: int) -> list[Chunk]:
        block = self._blocks.pop(place, {})
        fragments = self._fragments.pop(place, [])
        kind = block.get("type")
        if kind == "tool_use":
            written = completion.joined(fragments) or block.get("input")
            return self._call({**block, "input": written})
        if kind == "thinking":
            block["thinking"] = f"{block.get('thinking') or ''}{completion.joined(fragments)}"
        if kind in ("thinking", "redacted_thinking"):
            numbered = {"index": self._thoughts, **block}
            self._thoughts += 1
            return self._writer.delta(0, {"thinking_blocks": [numbered]})
        if self._target.items and anthropic_answer.is_beyond(block):
            return self._writer.delta(0, {CONTENT: [_whole(block, fragments)]})
        return []

    def _call(self, block: Json) -> list[Chunk]:
        """Tell a call in its place; one that is broken waits: the limit may have cut it."""
        try:
            call = anthropic_answer.call(block, block["input"], self._target, "")
        except RoutorError:
            self._cut.append(block)
            return []
        return self._writer.call(0, call)

    def _ended(self, last: Json) -> list[Chunk]:
        """Tell the calls that are cut; a block that was not stopped is one, too.

        Before them why there is no text, which the `last` event says.
        """
        chunks: list[Chunk] = []
        for place in sorted(self._blocks):
            chunks += self._block_stop(place)
        if not (self._target.items or self._spoke) and (why := anthropic_answer.refusal(last)):
            chunks += self._writer.delta(0, {"refusal": why})
        reason = anthropic_answer.finish_reason(self._stop)
        for block in self._cut:
            call = anthropic_answer.call(block, block["input"], self._target, reason)
            chunks += self._writer.call(0, call)
        self._cut = []
        return [*chunks, *self._writer.closing(0)]

    def _require_begun(self) -> None:
        if not self._writer.id:
            raise faults.bad_answer(self._target, "a stream without its message_start")


def _whole(block: Json, fragments: list[Any]) -> Json:
    """Return a block with the input that came piece by piece; of a text only its citations."""
    if block.get("type") == "text":
        return {"type": "text", "citations": block["citations"]}
    try:
        return {**block, "input": halves.read(completion.joined(fragments))}
    except msgspec.DecodeError:
        return block  # it has none, or the limit has cut it


def _table(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}
