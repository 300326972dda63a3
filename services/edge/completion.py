"""OpenAI's chat completions and their chunks, as the other front doors read them. Pure.

Shapes: openai 3.54.0, types/chat (2026-11-23), and what our dialects add to a message.
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

Json = dict[str, Any]

_PREFIX = re.compile("^(?:chatcmpl-|resp_|msg_)")


class Function(Struct, frozen=True):
    """A function with its arguments, JSON in a string."""

    name: str = ""
    arguments: str = ""


class Custom(Struct, frozen=True):
    """A custom tool with its input."""

    name: str = ""
    input: str = ""


class Call(Struct, frozen=True):
    """A complete tool call."""

    id: str = ""
    function: Function | None = None
    custom: Custom | None = None

    @property
    def called(self) -> Function:
        """The function; one without a name when a custom tool is called."""
        return self.function or Function()


class Said(Struct, frozen=True):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[Json] | None = None
    tool_calls: list[Call] | None = None
    annotations: list[Json] | None = None
    openai_output: "list[Said] | None" = None  # the same item by item, as OpenAI gave them
    item: Json | None = None  # alone: one of a tool that OpenAI runs
    phase: str | None = None  # what OpenAI calls a text of many
    openai_events: list[Json] | None = None  # of a stream: what OpenAI tells of its items
    anthropic_content: list[Json] | None = None  # of a stream: blocks that only Anthropic has


class Logprobs(Struct, frozen=True):
    """Log probabilities of the text."""

    content: list[Json] | None = None


class _Read(Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Written(Struct, frozen=True):
    reasoning_tokens: int | None = None


class Usage(Struct, frozen=True):
    """Counters of tokens: all input, all output, and parts of them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Read | None = None
    completion_tokens_details: _Written | None = None
    anthropic_usage: Json | None = None

    @property
    def cached(self) -> int:
        """Input read from a cache."""
        return (self.prompt_tokens_details or _Read()).cached_tokens or 0

    @property
    def cache_written(self) -> int:
        """Input written to a cache."""
        return (self.prompt_tokens_details or _Read()).cache_write_tokens or 0

    @property
    def reasoning(self) -> int:
        """Output that nobody sees."""
        return (self.completion_tokens_details or _Written()).reasoning_tokens or 0


class Choice(Struct, frozen=True):
    """One answer: the `message` of a whole completion, or the `delta` of a chunk.

    `stop_reason` is the stop sequence that ended it, where the model told that.
    """

    message: Said = Said()
    delta: Said = Said()
    finish_reason: str | None = None
    stop_reason: Any = None
    anthropic_ending: Json | None = None
    logprobs: Logprobs | None = None

    @property
    def probabilities(self) -> list[Json]:
        """The log probabilities of its text, [] when there are none."""
        return (self.logprobs.content if self.logprobs else None) or []


class Completion(Struct, frozen=True):
    """A whole completion, or a chunk of one."""

    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[Choice] = []
    usage: Usage | None = None
    service_tier: str | None = None

    @property
    def bare_id(self) -> str:
        """Its id without its vendor's prefix: each door has one of its own."""
        return _PREFIX.sub("", self.id)


read = msgspec.json.Decoder(Completion).decode


def usage_of(chunk: bytes) -> Usage:
    """Return the counters of a usage chunk; of none, nothing was counted."""
    return (read(chunk).usage if chunk else None) or Usage()
