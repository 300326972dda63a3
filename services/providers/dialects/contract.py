"""What every wire format offers. Pure: bytes and dicts in, bytes and dicts out; no I/O, no clock.

The one inner language is OpenAI chat completions: a dialect translates an OpenAI request
into the vendor's and the vendor's answer, stream or error back. Streaming and
non-streaming answers go through the same mapping of content, usage and finish reasons.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from services import catalog
from services.errors import RoutorError
from services.providers.vendors.contract import Vendor

Json = dict[str, Any]


class Target(msgspec.Struct, frozen=True):
    """The model a request goes to.

    `model` is None for an id that the catalog does not list: the body is then passed on as it
    is, with the vendor's quirks alone. `effort` is an OpenAI reasoning_effort word, or "" for
    the request's own.
    """

    vendor: Vendor
    upstream_model: str
    key: str  # Routor's full id, put into answers: "openai/gpt-5.5"
    model: catalog.Model | None = None
    effort: str = ""
    created: int = 0  # Unix seconds, put into answers of vendors that do not say the time
    usage_asked: bool = False  # chunks of a stream have the member, null but in the last
    one_call: bool = False  # answers hold one tool call at most, whatever the vendor says
    stop: tuple[str, ...] = ()  # ends of the text that the vendor does not look for itself
    unfenced: bool = False  # text is JSON, and goes on without a fence around it (`passage`)
    by_tool: bool = False  # the answer is a tool's arguments, text none of it (`structured`)
    names: Mapping[str, str] = {}  # tools' names at the caller, by those sent (`naming`)
    # By the name of a tool as it is sent: its arguments' names at the caller, by those sent
    members: Mapping[str, Mapping[str, str]] = {}
    free: frozenset[str] = frozenset()  # functions declared as custom tools (`free_text`)
    must_call: frozenset[str] = frozenset()  # tools, by the caller's names (`obliged`)
    items: bool = False  # the caller reads its vendor's own items or blocks (`…_native`)
    calls: frozenset[str] = frozenset()  # ids of the calls that the conversation holds
    nonce: str = ""  # differs for every call; made into the ids that a vendor does not give

    @property
    def edits(self) -> bool:
        """Whether not all of an answer's text goes on as it comes."""
        return self.unfenced or self.by_tool or bool(self.stop)


class Encoded(msgspec.Struct, frozen=True):
    """A vendor request. `path` follows the vendor's base URL; auth headers are added later."""

    path: str
    body: bytes
    headers: Mapping[str, str] = {}
    dropped: tuple[str, ...] = ()  # parameters left out as harmless, by OpenAI's name


class Usage(msgspec.Struct, frozen=True):
    """Tokens. Input includes cached, output includes reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    # Parts of those above that few answers have
    cache_write_hour_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0
    # How often the vendor's own tools ran, by the names of their fees (`Vendor.fees_usd`)
    runs: Mapping[str, int] = {}
    billed_usd: float = 0.0  # for all of it, where the vendor tells


class Answer(msgspec.Struct, frozen=True):
    """A whole answer as an OpenAI chat.completion (`usage` set in the body, too)."""

    body: Json
    usage: Usage


class Chunk(msgspec.Struct, frozen=True):
    """One OpenAI chat.completion.chunk as JSON, never with a finish_reason.

    `content` tells whether it holds something the reader would see (text, refusal, reasoning,
    a tool call): the first such chunk commits the stream. `text` is what it adds to the text of
    the only choice, None when it holds what is neither that nor reasoning.
    """

    data: bytes
    content: bool
    text: str | None = ""

    @property
    def body(self) -> Json:
        """The chunk as it reads."""
        body: Json = msgspec.json.decode(self.data)
        return body


class Ending(msgspec.Struct, frozen=True):
    """The clean end of a stream: one finish chunk per choice, and the usage."""

    chunks: tuple[Json, ...]
    usage: Usage
    finish_reason: str


class Decoder(Protocol):
    """Turns one vendor stream into OpenAI chunks. Made per stream; not shared.

    Order is kept, nothing is emitted twice, and tool-call arguments are held until a call is
    complete. An error event or a malformed event raises RoutorError.
    """

    @property
    def halfway(self) -> Sequence[Chunk]:
        """The chunks of what came before the fault in the bytes at which `feed` raised."""
        ...

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive, split anywhere; return the chunks they complete."""
        ...

    @property
    def done(self) -> bool:
        """Whether the vendor has said that the answer is complete."""
        ...

    @property
    def finished(self) -> bool:
        """Whether `close` would return an ending, although more may come."""
        ...

    def close(self) -> Ending:
        """Return the ending; raise RoutorError(STREAM_BROKEN) when the vendor never finished."""
        ...


class Dialect(Protocol):
    """One wire format."""

    def encode(self, body: Json, target: Target) -> Encoded:
        """Translate an OpenAI request (its `stream` says which answer is wanted).

        Raises RoutorError(UNSUPPORTED_PARAMETER or INVALID_REQUEST) naming the field.
        """
        ...

    def decode(self, content: bytes, target: Target) -> Answer:
        """Translate a whole answer with HTTP 200; raises RoutorError for an error inside it."""
        ...

    def decoder(self, target: Target, request: Json) -> Decoder:
        """Return a fresh decoder for the stream that answers `request`."""
        ...

    def error(
        self, status: int, headers: Mapping[str, str], content: bytes, target: Target
    ) -> RoutorError:
        """Classify an answer whose HTTP status is not 2xx; header names are lower case."""
        ...

    def models(self, content: bytes) -> list[str] | None:
        """Return the upstream ids in the answer to the free list-models call; None when no list."""
        ...
