"""Going on with an answer that was cut: what has gone out, what is asked next, how it is joined.

Where the model takes a prefill, it is given the text as the beginning of its own answer. Where
it does not, it is asked to go on and to begin with the last words once more; only an answer
that does is joined, so that what the reader gets is one text or an error, and never two halves
of different ones. Pure.
"""

from io import StringIO
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers import seam
from services.providers.dialects import conversation, openai_native
from services.providers.dialects.contract import Chunk, Ending, Json
from services.providers.failover import Shown, Way
from services.providers.seam import Seam, UnjoinedError

# A longer text is not kept, and not continued.
_LONGEST = 400_000
BYTES_PER_TOKEN = 4

_encode = msgspec.json.Encoder().encode


class Said:
    """What has gone out of one answer, over all its attempts."""

    __slots__ = ("_fixed", "_size", "_text", "head")

    def __init__(self) -> None:
        self.head = b""  # the first chunk: its id and time are those of the whole answer
        self._text = StringIO()
        self._size = 0
        self._fixed = False  # something that cannot be continued has gone out

    def note(self, chunks: list[Chunk]) -> None:
        """Note chunks that go out."""
        if not self.head:
            self.head = chunks[0].data
        for chunk in chunks:
            text = chunk.text
            if text:
                self._text.write(text)
                self._size += len(text)
            elif text is None:
                self._fixed = True
        if self._size > _LONGEST:
            self._fixed = True
            self._text = StringIO()

    @property
    def text(self) -> str:
        """The text so far."""
        return self._text.getvalue()

    @property
    def size(self) -> int:
        """The length of the text."""
        return self._size

    @property
    def shown(self) -> Shown:
        """What a reader has seen, as far as it decides what can be done."""
        if not self.head:
            return Shown.NOTHING
        if self._fixed:
            return Shown.FIXED
        text = self.text
        if not text.strip():
            return Shown.THOUGHTS
        return Shown.TEXT if seam.tellable(text) else Shown.SCRAP


def continuable(body: Json) -> bool:
    """Tell whether the answer to a request can be continued once a part of it has gone out.

    Only one text in one choice can: not JSON (a model that is held to a schema begins anew),
    not several choices, not log probabilities, and not an answer that the caller has begun.
    """
    form = body.get("response_format")
    kind = form.get("type", "text") if isinstance(form, dict) else "text"
    messages = body.get("messages")
    if kind != "text" or (body.get("n") or 1) != 1 or body.get("logprobs") or body.get("audio"):
        return False
    return isinstance(messages, list) and bool(messages) and role_of(messages[-1]) != "assistant"


def role_of(message: Any) -> object:
    """Return who speaks in a message, a dict or a struct."""
    return message.get("role") if isinstance(message, dict) else getattr(message, "role", None)


def request(body: Json, said: Said, way: Way) -> Json:
    """Return the request that asks for the rest of an answer, or for all of it once more."""
    if way is Way.FRESH:
        return body
    text = said.text.rstrip()
    asked = conversation.spelled(body)
    messages = [*asked["messages"], {"role": "assistant", "content": text}]
    if way is Way.WORDS:
        messages.append({"role": "user", "content": _instruction(text)})
    asked = {**asked, "messages": messages}
    asked.pop(openai_native.NAME, None)  # what it would search for first is not the rest
    if way is Way.PREFILL:
        asked.pop("reasoning_effort", None)  # no vendor takes a prefill while thinking
    for name in ("max_tokens", "max_completion_tokens"):
        limit = asked.get(name)
        if isinstance(limit, int) and limit > 0:
            left = limit - tokens(text) + (tokens(seam.anchor_of(text)) if way is Way.WORDS else 0)
            asked[name] = max(left, 1)
    return asked


def _instruction(text: str) -> str:
    anchor = seam.anchor_of(text)
    return (
        "Your answer above was cut off by a broken connection. Continue it exactly where it stops,"
        " in the same language, tone and format, as if nothing had happened: no greeting, no"
        " remark, no new start. Begin by writing its last words once more, character by"
        f" character:\n{anchor}\nand go on from there."
    )


def tokens(text: str) -> int:
    """Estimate the tokens of a text of which no provider has told the count."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


class Joint:
    """Makes the chunks of a later call go on with those that have gone out.

    They bear the first one's id. Nobody thinks twice: what the later model shows of its thoughts
    is left out. Raises RoutorError(UNSUPPORTED_PARAMETER) for what is no continuation.
    """

    def __init__(self, said: Said, way: Way, *, echoes: bool = False) -> None:
        text = said.text
        first: Json = msgspec.json.decode(said.head)
        self._head = {**first, "choices": []}
        self._words = way is Way.WORDS
        self._closed = seam.closed(text)
        self._resumes = way is not Way.FRESH
        self._seam = Seam(text, seam.anchor_of(text) if self._words else "", echoes=echoes)

    def feed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return what goes out of these chunks."""
        out: list[Chunk] = []
        for chunk in chunks:
            if chunk.text:
                out += self._said(self._taken(chunk.text))
            elif chunk.text is None:
                out += self.rest()
                out.append(self._own(chunk))
        return out

    def rest(self) -> list[Chunk]:
        """Return the text that is still held: no more of it comes."""
        try:
            return self._said(self._seam.close())
        except UnjoinedError:
            raise _unjoined() from None

    def ending(self, ending: Ending) -> Ending:
        """Return the ending under the first one's id."""
        chunks = tuple({**self._head, "choices": chunk["choices"]} for chunk in ending.chunks)
        return msgspec.structs.replace(ending, chunks=chunks)

    @property
    def whole(self) -> bool:
        """Whether nothing more to say can be right: the text may have been whole when it broke."""
        return self._resumes and self._closed

    def _taken(self, text: str) -> str:
        try:
            return self._seam.feed(text)
        except UnjoinedError:
            raise _unjoined() from None

    def _said(self, text: str) -> list[Chunk]:
        if not text:
            return []
        choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
        return [Chunk(_encode({**self._head, "choices": [choice]}), True, text)]

    def _own(self, chunk: Chunk) -> Chunk:
        return Chunk(_encode({**self._head, "choices": chunk.body["choices"]}), True, None)


def _unjoined() -> RoutorError:
    return RoutorError(
        Kind.UNSUPPORTED_PARAMETER, "The model did not go on where the answer was cut."
    )
