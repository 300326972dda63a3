"""The stream of an OpenAI-compatible vendor: chunks in, chunks out, calls held until complete."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.providers.dialects import completion, faults, halves, openai_answer, typed
from services.providers.dialects.beside import beside
from services.providers.dialects.contract import Chunk, Ending, Json, Target, Usage
from services.providers.dialects.sse import Parser, text_of
from services.providers.dialects.thinking_tags import ThinkingTags
from services.providers.dialects.writer import Writer


@dataclass
class _Call:
    """A tool call that arrives in fragments."""

    id: str = ""
    name: str = ""
    arguments: list[Any] = field(default_factory=list)
    custom: bool = False

    def json(self) -> Json:
        """Return it in the shape of a whole answer."""
        whole: Any = completion.joined(self.arguments)
        if self.custom:
            return {"id": self.id, "custom": {"name": self.name, "input": whole}}
        objects = [one for one in self.arguments if isinstance(one, dict)]
        return {
            "id": self.id,
            "function": {"name": self.name, "arguments": objects[0] if objects else whole},
        }


@dataclass
class _Choice:
    """What is known of one choice so far."""

    tags: ThinkingTags = field(default_factory=ThinkingTags)
    calls: dict[int, list[_Call]] = field(default_factory=dict)  # by the vendor's index
    finish: str = ""
    blank: bool = False  # whether "" has stood where the reason should


class _Delta(msgspec.Struct):
    """What a delta may say; of most only whether it does matters here."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: list[Any] | None = None
    function_call: Any = None
    annotations: Any = None
    audio: Any = None


class _One(msgspec.Struct):
    """A choice of a chunk."""

    delta: _Delta
    index: int = 0
    finish_reason: Any = None
    logprobs: Any = None
    usage: Any = None


class _Event(msgspec.Struct):
    """A chunk."""

    choices: list[_One]
    usage: Any = None
    error: Any = None
    base_resp: Any = None
    type: Any = None


class _Frame:
    """The chunks of an open choice that hold text alone: all but the text is the same in each."""

    __slots__ = ("after", "content", "thoughts")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.content = before + b'{"content":'
        self.thoughts = before + b'{"reasoning_content":'
        self.after = b"}" + after


_read = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.Encoder().encode


class OpenAIDecoder:
    """Decoder of `chat.completion.chunk` events. Complete with a finish reason per choice.

    `asked`: of how many choices; one may end before another begins. The reason "" is one only
    where [DONE] comes: xAI ends calls with it, some imitators put it on every chunk.
    """

    def __init__(self, target: Target, asked: int = 1) -> None:
        self._target = target
        self._asked = asked
        self._parser = Parser()
        self._writer = Writer(target)
        self._choices: dict[int, _Choice] = {}
        self._usage = Usage()
        self.done = False  # whether [DONE] has come
        # By choice; none are made where text must be looked into.
        self._frames: dict[int, _Frame] = {}
        self._joiner = halves.Joiner()
        self.halfway: list[Chunk] = []

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive; return the chunks they complete."""
        chunks = self.halfway = []
        lines: Iterable[bytes | str] | None = self._parser.lines(data)
        if lines is None:
            lines = (event.data for event in self._parser.feed(data))
        for line in lines:
            if self.done:
                break
            quick = self._frames and not self._joiner.holding
            text = self._text(line) if quick else None
            if text is not None:
                chunks.append(text)
            else:
                chunks += self._line(line)
        return chunks

    def _text(self, line: bytes | str) -> Chunk | None:
        """Return the chunk of an event that holds text and nothing else, or None.

        Most events do; what `_event` makes of them is here put together from bytes.
        """
        try:
            event = _read(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if len(event.choices) != 1 or event.error or event.base_resp or event.type:
            return None
        one = event.choices[0]
        delta, frame = one.delta, self._frames.get(one.index)
        if frame is None or one.finish_reason is not None or one.logprobs is not None or one.usage:
            return None
        if delta.reasoning or delta.reasoning_details or delta.refusal or delta.tool_calls:
            return None
        if delta.annotations or delta.audio or delta.function_call:
            return None
        content, thoughts = delta.content, delta.reasoning_content
        if bool(content) is bool(thoughts):
            return None
        if event.usage is not None:
            self._count(event.usage)
        if content:
            own = content if one.index == 0 else None
            return Chunk(frame.content + _encode(content) + frame.after, True, own)
        return Chunk(frame.thoughts + _encode(thoughts) + frame.after, True)

    def _line(self, line: bytes | str) -> list[Chunk]:
        data = text_of(line) if isinstance(line, bytes) else line
        chunks: list[Chunk] = []
        for whole in self._joiner.feed(data):
            if whole.strip() == "[DONE]":
                self.done = True
                chunks += self._ended()
            elif whole.strip():
                chunks += self._event(whole)
        return chunks

    def _ended(self) -> list[Chunk]:
        """Finish the choices whose reason is ""."""
        chunks: list[Chunk] = []
        for index, choice in self._choices.items():
            if choice.blank and not choice.finish:
                chunks += self._finish(index, choice, "")
        return chunks

    @property
    def finished(self) -> bool:
        """Whether all choices have ended, and no character is cut."""
        ended = all(one.finish for one in self._choices.values())
        whole = self.done or len(self._choices) >= self._asked
        return bool(self._choices) and ended and whole and not self._joiner.holding

    def close(self) -> Ending:
        """Return the ending, or raise: a choice without finish reason is a broken stream."""
        if not self._choices and self._parser.stray:
            openai_answer.parsed(self._parser.stray, self._target)
        if not self.finished:
            raise faults.ended_early(self._target)
        reasons = {index: one.finish for index, one in self._choices.items()}
        return self._writer.ending(reasons, self._usage)

    def _event(self, data: str) -> list[Chunk]:
        body = openai_answer.parsed(data, self._target)
        choices = typed.rows(body, "choices")
        # Azure's first chunk has only filter results and no id of the answer yet.
        if choices or body.get("id"):
            self._writer.begin(openai_answer.head(body), data.encode())
        self._count(body.get("usage"))
        chunks: list[Chunk] = []
        for given in choices:
            if not isinstance(given, dict):
                raise faults.bad_answer(self._target, "a stream chunk that is not an object")
            if self._target.vendor.quirks.usage_in_choice:
                self._count(given.get("usage"))
            chunks += self._choice(given)
        self._frame()
        return chunks

    def _frame(self) -> None:
        """Prepare what the next chunks of each choice will have in common."""
        looked_into = self._target.vendor.quirks.think_tags or self._target.edits
        if looked_into or len(self._frames) == len(self._choices):
            return
        for index in self._choices:
            frame = self._writer.frame(index)
            if frame is not None and index not in self._frames:
                self._frames[index] = _Frame(*frame)

    def _count(self, told: object) -> None:
        if isinstance(told, dict):
            self._usage = openai_answer.usage(told, self._target)

    def _choice(self, given: Json) -> list[Chunk]:
        index = completion.count(given.get("index"))
        # A few imitators end with the whole message, when all of it has been said; others say
        # nothing before it.
        delta = typed.table(given, "delta")
        if not delta and index not in self._choices:
            delta = typed.table(given, "message")
        choice = self._choices.setdefault(index, _Choice())
        chunks: list[Chunk] = []
        if delta:
            chunks += self._delta(
                index, choice, delta, openai_answer.logprobs_of(given.get("logprobs"))
            )
        word = given.get("finish_reason")
        if word:
            chunks += self._finish(index, choice, word)
        choice.blank = choice.blank or word == ""
        return chunks

    def _delta(self, index: int, choice: _Choice, delta: Json, logprobs: Any) -> list[Chunk]:
        text, thoughts = openai_answer.content_of(delta.get("content"))
        pieces = [("reasoning_content", openai_answer.thoughts_of(delta) + thoughts)]
        if self._target.vendor.quirks.think_tags:
            pieces += choice.tags.feed(text)
        else:
            pieces.append(("content", text))
        refusal = delta.get("refusal")
        pieces.append(("refusal", refusal if isinstance(refusal, str) else ""))
        chunks: list[Chunk] = []
        for name, piece in pieces:
            if piece:
                chunks += self._writer.delta(index, {name: piece}, logprobs)
                logprobs = None
        for name, value in beside(delta, whole=False).items():
            chunks += self._writer.delta(index, {name: value}, logprobs)
            logprobs = None
        if logprobs is not None:
            chunks += self._writer.delta(index, {}, logprobs)
        for place, fragment in enumerate(openai_answer.calls_of(delta)):
            self._fragment(choice, fragment, place)
        return chunks

    def _fragment(self, choice: _Choice, fragment: Any, place: int) -> None:
        if not isinstance(fragment, dict):
            raise faults.bad_answer(self._target, "a tool call that is not an object")
        number = fragment.get("index")
        calls = choice.calls.setdefault(number if isinstance(number, int) else place, [])
        own = openai_answer.own_id(fragment)
        # Some vendors give every call the index 0: another id begins another call.
        if not calls or (own and calls[-1].id and own != calls[-1].id):
            calls.append(_Call())
        call = calls[-1]
        custom = typed.table(fragment, "custom")
        call.custom = call.custom or bool(custom)
        function = custom or typed.table(fragment, "function")
        call.id = call.id or own
        call.name = call.name or typed.text(function, "name")
        said = function.get("input" if call.custom else "arguments")
        if not isinstance(said, str | dict | None):
            raise faults.bad_answer(self._target, completion.NO_OBJECT)
        call.arguments.append(said)

    def _finish(self, index: int, choice: _Choice, word: object) -> list[Chunk]:
        reason = openai_answer.finish_reason(word, self._target)
        if choice.finish:
            return []
        choice.finish = reason
        chunks: list[Chunk] = []
        for name, piece in choice.tags.close():
            chunks += self._writer.delta(index, {name: piece})
        held = [call for calls in choice.calls.values() for call in calls]
        for number, call in enumerate(held):
            seed = f"{self._target.nonce}/{self._writer.id}/{index}".encode()
            cut = reason == "length"
            whole = openai_answer.call(call.json(), number, seed, self._target, cut=cut)
            chunks += self._writer.call(index, whole)
        return [*chunks, *self._writer.closing(index)]
