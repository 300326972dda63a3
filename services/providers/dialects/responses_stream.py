"""OpenAI's stream of response events in, chat chunks out.

Events: openai 3.54.0, types/responses/response_stream_event.py (2026-11-23). Items are told when
they are done; text and thoughts as they come.
"""

from typing import Any

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
from services.providers.dialects.sse import Parser
from services.providers.dialects.writer import Writer

_DELTAS = {  # event -> OpenAI's chat field
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "reasoning_content",
    "response.reasoning_text.delta": "reasoning_content",
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
        self._said = False  # whether anything of the answer has been told
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
        response = body.get("response")
        if isinstance(response, dict):
            fault = faults.in_body(response, self._target)
            if fault is not None:
                raise fault
            self._writer.begin(responses_answer.head(response), data.encode())
        if self._is_hosted(body):
            return self._hosts(body)
        if kind == "response.output_item.added":
            return self._begun(body)
        if kind == "response.output_text.annotation.added":
            cited = body.get("annotation")
            told = [responses_answer.annotation(cited)] if isinstance(cited, dict) else []
            return self._say({"annotations": told}) if told else []
        if kind == "response.reasoning_summary_part.added" and body.get("summary_index"):
            return self._say({"reasoning_content": responses_answer.PARAGRAPH})
        if kind in _DELTAS:
            text = typed.text(body, "delta")
            return self._say({_DELTAS[kind]: text}) if text else []
        if kind == "response.output_item.done":
            return self._finished(self._gathered(body.get("item")))
        if kind in _ENDS and isinstance(response, dict):
            self._finish = responses_answer.finish_reason(response, self._target)
            self._usage = responses_answer.usage_of(response)
            return [*self._unsaid(response), *self._writer.closing(0)]
        return []

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
        return self._say({openai_native.EVENTS: [body]}) if self._target.items else []

    def _begun(self, body: Json) -> list[Chunk]:
        """Tell that a message begins; nobody sees that yet."""
        item = body.get("item")
        message = isinstance(item, dict) and item.get("type") == "message"
        if not self._target.items or not message or not self._writer.id:
            return []
        return self._writer.mark(0, {openai_native.EVENTS: [body]})

    def _gathered(self, item: Any) -> Turn:
        turn = Turn()
        responses_answer.gather(turn, item, self._target)
        return turn

    def _finished(self, turn: Turn) -> list[Chunk]:
        """Tell what only a finished item tells: calls, and thoughts to be returned."""
        chunks: list[Chunk] = []
        for block in turn.thinking_blocks:
            numbered = {"index": self._thoughts, **block}
            self._thoughts += 1
            chunks += self._say({"thinking_blocks": [numbered]})
        for call in turn.calls:
            self._said = True
            chunks += self._writer.call(0, call)
        return chunks

    def _unsaid(self, response: Json) -> list[Chunk]:
        """Tell the whole response where its stream said nothing before, as some imitators' do."""
        if self._said:
            return []
        chunks: list[Chunk] = []
        for item in typed.rows(response, "output"):
            if responses_answer.hosted(item):
                chunks += self._hosts({"type": "response.output_item.done", "item": item})
            else:
                chunks += self._whole(item)
        return chunks

    def _whole(self, item: Any) -> list[Chunk]:
        turn = self._gathered(item)
        chunks = self._begun({"type": "response.output_item.added", "item": item})
        said = {
            "reasoning_content": "".join(turn.reasoning),
            "content": "".join(turn.text),
            "annotations": turn.own.get("annotations"),
            "refusal": "".join(turn.refusal),
        }
        for name, value in said.items():
            if value:
                chunks += self._say({name: value})
        return chunks + self._finished(turn)

    def _say(self, delta: Json) -> list[Chunk]:
        if not self._writer.id:
            raise faults.bad_answer(self._target, "a stream without response.created")
        self._said = True
        return self._writer.delta(0, delta)
