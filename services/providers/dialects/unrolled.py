"""A whole answer told as a stream: some imitators answer `stream: true` with one JSON text.

The reverse of `assembled`, and the same for every dialect: its own `decode` reads an object, so
that an error inside it is an error here, too. A list is the events of a stream, as Google sends
them where `alt=sse` was lost on the way (https://ai.google.dev/api/generate-content). Pure.
"""

import json
from collections.abc import Sequence
from typing import Any

from services.providers.dialects import completion
from services.providers.dialects.contract import (
    Answer,
    Chunk,
    Decoder,
    Dialect,
    Ending,
    Json,
    Target,
)
from services.providers.dialects.faults import bad_answer
from services.providers.dialects.writer import Writer

_BLANK = b" \t\r\n\xef\xbb\xbf"
_DONE = b"data: [DONE]"


def is_whole(beginning: bytes) -> bool:
    """Tell whether an answer begins as JSON does: no line of a stream of events begins so."""
    return beginning[:64].lstrip(_BLANK).startswith((b"{", b"["))


class Unrolled:
    """Decoder of an answer that is JSON; nothing is known before its end.

    `events` decodes those of a list.
    """

    done = False
    halfway: Sequence[Chunk] = ()

    def __init__(self, dialect: Dialect, target: Target, events: Decoder) -> None:
        self._dialect = dialect
        self._events = events
        self._target = target
        self._pieces: list[bytes] = []
        self._ending: Ending | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive; they complete nothing yet."""
        self._pieces.append(data)
        return []

    def rest(self) -> list[Chunk]:
        """Return the chunks of the answer, all of which has come; raises what `decode` raises."""
        content = b"".join(self._pieces).strip(_BLANK).removesuffix(_DONE)
        if content.startswith(b"["):
            chunks = self._events.feed(_as_events(content, self._target))
            self._ending = self._events.close()
            return chunks
        answer = self._dialect.decode(content, self._target)
        chunks, self._ending = told(answer, self._target)
        return chunks

    @property
    def finished(self) -> bool:
        """Whether `rest` has told the answer."""
        return self._ending is not None

    def close(self) -> Ending:
        """Return the ending; raises RoutorError as long as there was no `rest`."""
        if self._ending is None:
            raise bad_answer(self._target, "an answer that is not whole")
        return self._ending


def _as_events(content: bytes, target: Target) -> bytes:
    try:
        bodies = json.loads(content)  # also where a character is cut between two of them (`halves`)
    except ValueError as error:
        raise bad_answer(target, "an answer that is not JSON") from error
    return b"".join(b"data: %b\n\n" % json.dumps(body).encode() for body in bodies)


def told(answer: Answer, target: Target) -> tuple[list[Chunk], Ending]:
    """Return the chunks and the ending that say what `answer` says."""
    writer = Writer(target)
    body = answer.body
    unsaid = ("object", "model", "choices", "usage")
    writer.begin({name: value for name, value in body.items() if name not in unsaid}, b"")
    chunks: list[Chunk] = []
    reasons: dict[int, str] = {}
    for choice in body["choices"]:
        index = choice["index"]
        chunks += _choice(writer, index, choice["message"], choice.get("logprobs"))
        chunks += writer.closing(index)
        reasons[index] = choice["finish_reason"]
    stopped_at = body["choices"][0].get("stop_reason", "")
    return chunks, writer.ending(reasons, answer.usage, stopped_at)


def _choice(writer: Writer, index: int, message: Json, logprobs: Any) -> list[Chunk]:
    """Return what a message says, in the order of a stream: thoughts, text, calls."""
    chunks: list[Chunk] = []
    if message.get("reasoning_content"):
        chunks += writer.delta(index, {"reasoning_content": message["reasoning_content"]})
    for number, block in enumerate(message.get("thinking_blocks") or ()):
        chunks += writer.delta(index, {"thinking_blocks": [{"index": number, **block}]})
    for name in ("content", "refusal", "annotations", "audio"):
        if message.get(name):
            chunks += writer.delta(index, {name: message[name]}, logprobs)
            logprobs = None
    for call in message.get("tool_calls") or ():
        chunks += writer.call(index, completion.Call.read(call))
    return chunks
