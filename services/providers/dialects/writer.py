"""OpenAI's chunks, made in one place for the streams of every dialect.

Shape: openai 3.54.0, types/chat/chat_completion_chunk.py.
"""

from typing import Any

import msgspec

from services.providers.dialects import naming
from services.providers.dialects.completion import (
    ANSWER_TOOL,
    Call,
    beginning,
    distinct,
    settle_finish,
)
from services.providers.dialects.contract import Chunk, Ending, Json, Target, Usage
from services.providers.dialects.passage import Passage

_encode = msgspec.json.Encoder().encode
_THOUGHTS = frozenset(("reasoning_content", "thinking_blocks"))


class Writer:
    """Writes the chunks of one stream: one id, role first, tool calls counted per choice."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._head: Json = {}
        self._begun: set[int] = set()
        self._calls: dict[int, int] = {}
        self._ids = set(target.calls)
        self._passages: dict[int, Passage] = {}

    @property
    def id(self) -> str:
        """The answer's id, once begun."""
        return str(self._head.get("id", ""))

    def begin(self, head: Json, content: bytes) -> None:
        """Fix id, time and extras of all chunks. Later calls change nothing."""
        if self._head:
            return
        self._head = beginning(head, "chat.completion.chunk", content, self._target)
        if self._target.usage_asked:
            # "All other chunks will also include a usage field, but with a null value"
            # (openai 3.54.0, types/chat/chat_completion_stream_options_param.py).
            self._head["usage"] = None

    def frame(self, index: int) -> tuple[bytes, bytes] | None:
        """Return what every chunk of an open choice says before and after its delta."""
        if index not in self._begun:
            return None
        before, _, after = _encode(self._body(index, {})).rpartition(b"{}")
        return before, after

    def role(self, index: int, content: str | None = "", **more: Any) -> list[Chunk]:
        """Open a choice: its first chunk says the role, and `more`. Empty when it is open."""
        if index in self._begun:
            return []
        self._begun.add(index)
        delta = {"role": "assistant", "content": content}
        return [Chunk(_encode({**self._body(index, delta), **more}), content=False)]

    def mark(self, index: int, delta: Json) -> list[Chunk]:
        """Say something that no reader sees."""
        return [*self.role(index), Chunk(_encode(self._body(index, delta)), content=False)]

    def delta(self, index: int, delta: Json, logprobs: Any = None) -> list[Chunk]:
        """Say something that a reader sees."""
        if self._target.edits:
            passage = self._passages.setdefault(index, Passage(self._target))
            if "content" in delta:
                delta = {**delta, "content": passage.feed(delta["content"])}
            if not delta.get("content", not passage.stopped_at):
                return []
        return self._said(index, delta, logprobs)

    def closing(self, index: int) -> list[Chunk]:
        """Say what is left of a choice that ends, and open it if it said nothing at all."""
        return self._rest(index) or self.role(index)

    def _rest(self, index: int) -> list[Chunk]:
        passage = self._passages.get(index)
        held = passage.close() if passage is not None else ""
        return self._said(index, {"content": held}) if held else []

    def _said(self, index: int, delta: Json, logprobs: Any = None) -> list[Chunk]:
        body = self._body(index, delta)
        if logprobs is not None:
            body["choices"][0]["logprobs"] = logprobs
        opening = self.role(index, None if "tool_calls" in delta else "")
        return [*opening, Chunk(_encode(body), True, _text(index, delta, logprobs))]

    def call(self, index: int, call: Call) -> list[Chunk]:
        """Say one complete tool call; a forced answer tool becomes content."""
        if call.name == ANSWER_TOOL:
            return self._answer(index, call.arguments)
        number = self._calls.get(index, 0)
        if (number and self._target.one_call) or self._stopped_at(index):
            return []
        self._calls[index] = number + 1
        told = naming.restore(call.json(), self._target)
        told["id"] = distinct(call.id, self._ids, self._target)
        before = self._rest(index)  # what is held of a text belongs before the call
        return [*before, *self.delta(index, {"tool_calls": [{"index": number, **told}]})]

    def _answer(self, index: int, text: str) -> list[Chunk]:
        """Say an answer that is a tool's arguments, and none of the words beside it."""
        passage = self._passages.setdefault(index, Passage(self._target))
        said = passage.answer(text)
        return self._said(index, {"content": said}) if said else []

    def ending(self, reasons: dict[int, str], usage: Usage, stopped_at: str = "") -> Ending:
        """Make the ending of the choices' finish reasons, by choice index.

        `stopped_at` as in `completion.choice`, of an answer that has one choice.
        """
        settled = {
            index: settle_finish(
                "stop" if self._stopped_at(index) else reason, index in self._calls
            )
            for index, reason in sorted(reasons.items())
        }
        chunks = tuple(self._body(index, {}, reason) for index, reason in settled.items())
        for chunk, index in zip(chunks, settled, strict=True):
            if word := self._stopped_at(index) or stopped_at:
                chunk["choices"][0]["stop_reason"] = word
        return Ending(
            chunks=chunks,
            usage=usage,
            finish_reason=next(iter(settled.values())),
        )

    def _stopped_at(self, index: int) -> str:
        passage = self._passages.get(index)
        return passage.stopped_at if passage is not None else ""

    def _body(self, index: int, delta: Json, reason: str | None = None) -> Json:
        one: Json = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head, "choices": [one]}


def _text(index: int, delta: Json, logprobs: Any) -> str | None:
    """Return what a delta adds to the text, "" for thoughts, None for what is neither."""
    if index or logprobs is not None:
        return None
    if delta.keys() <= _THOUGHTS:
        return ""
    return str(delta["content"]) if delta.keys() == {"content"} else None
