"""OpenAI's answer as Anthropic's message.

Source: anthropic 2.12.0, types/message.py and types/usage.py (2026-11-23).
"""

from typing import Any

import msgspec
from msgspec import Struct

Json = dict[str, Any]

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class Called(Struct, frozen=True):
    """A function with its arguments, JSON in a string."""

    name: str = ""
    arguments: str = ""


class Call(Struct, frozen=True):
    """A complete tool call."""

    id: str = ""
    function: Called = Called()


class Said(Struct, frozen=True):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[Json] | None = None
    tool_calls: list[Call] | None = None


class Cached(Struct, frozen=True):
    """Which input tokens were read from a cache or written to one."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class Thought(Struct, frozen=True):
    """Which output tokens nobody sees."""

    reasoning_tokens: int | None = None


class Usage(Struct, frozen=True):
    """OpenAI's counters: all input, all output."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: Cached | None = None
    completion_tokens_details: Thought | None = None

    def json(self) -> Json:
        """Return Anthropic's counters, where input excludes what the cache had to do with."""
        details = self.prompt_tokens_details or Cached()
        read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        thought = self.completion_tokens_details or Thought()
        return {
            "input_tokens": max(0, self.prompt_tokens - read - written),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": self.completion_tokens,
            "output_tokens_details": {"thinking_tokens": thought.reasoning_tokens or 0},
        }


class Choice(Struct, frozen=True):
    """The answer itself; Anthropic knows one."""

    message: Said = Said()
    finish_reason: str | None = None
    stop_reason: Any = None


class Completion(Struct, frozen=True):
    """A whole OpenAI answer."""

    id: str = ""
    model: str = ""
    choices: list[Choice] = []
    usage: Usage | None = None


_completion = msgspec.json.Decoder(Completion)


def encode(body: bytes, routor: bytes, *, thoughts: bool) -> bytes:
    """Return the message; `thoughts` says whether its reader asked the model to think."""
    completion = _completion.decode(body)
    choice = completion.choices[0]
    message = {
        **head(completion.id, completion.model),
        "content": _blocks(choice.message, thoughts),
        **stop(choice.finish_reason, choice.stop_reason),
        "usage": (completion.usage or Usage()).json(),
        "routor": msgspec.Raw(routor),
    }
    return msgspec.json.encode(message)


def head(answer_id: str, model: str) -> Json:
    """Return how every message begins."""
    own = answer_id.removeprefix("chatcmpl-").removeprefix("msg_")
    return {"id": f"msg_{own}", "type": "message", "role": "assistant", "model": model}


def stop(finish_reason: str | None, stopped_at: object) -> Json:
    """Return why a message ended; `stopped_at` is the stop sequence, where the model told it."""
    if finish_reason == "stop" and isinstance(stopped_at, str):
        return {"stop_reason": "stop_sequence", "stop_sequence": stopped_at}
    reason = STOP_REASONS.get(finish_reason or "", "end_turn")
    return {"stop_reason": reason, "stop_sequence": None}


def signed(block: Json) -> Json:
    """Return a thinking block as Anthropic has it."""
    return {key: value for key, value in block.items() if key != "index"}


def _blocks(said: Said, thoughts: bool) -> list[Json]:
    blocks: list[Json] = []
    if thoughts and said.thinking_blocks:
        blocks += [signed(block) for block in said.thinking_blocks]
    elif thoughts and said.reasoning_content:
        blocks.append({"type": "thinking", "thinking": said.reasoning_content, "signature": ""})
    text = (said.content or "") + (said.refusal or "")
    if text:
        blocks.append({"type": "text", "text": text})
    return [*blocks, *(_tool_use(call) for call in said.tool_calls or ())]


def _tool_use(call: Call) -> Json:
    given = msgspec.json.decode(call.function.arguments or "{}")
    return {
        "type": "tool_use",
        "id": call.id,
        "name": call.function.name,
        "input": given if isinstance(given, dict) else {"value": given},
    }
