"""OpenAI's answer shapes, made in one place for every dialect; chunks are made by `writer`.

Shapes: openai 3.54.0, types/chat/chat_completion.py.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec

from services.providers.dialects import halves, mending, naming
from services.providers.dialects.contract import Answer, Json, Target, Usage
from services.providers.dialects.faults import bad_answer
from services.providers.dialects.passage import Passage

# The tool that stands for response_format where a model has no such thing (see `structured`).
ANSWER_TOOL = "routor_json_answer"
# What was sent where a function would not know what to do.
NO_OBJECT = "tool arguments that are not JSON of an object"
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


@dataclass(frozen=True)
class Call:
    """One complete tool call. `extra` is Google's extra_content (its thought signature).

    Of a `custom` tool, which takes free text, `arguments` is that text.
    """

    id: str
    name: str
    arguments: str
    extra: Json | None = None
    custom: bool = False

    @classmethod
    def read(cls, told: Json) -> "Call":
        """Return the call that `json` tells."""
        if told["type"] == "custom":
            return cls(told["id"], told["custom"]["name"], told["custom"]["input"], custom=True)
        said = told["function"]
        return cls(told["id"], said["name"], said["arguments"], told.get("extra_content"))

    def json(self) -> Json:
        """Return OpenAI's tool call."""
        if self.custom:
            said = {"name": self.name, "input": self.arguments}
            return {"id": self.id, "type": "custom", "custom": said}
        call: Json = {
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        }
        return call if self.extra is None else {**call, "extra_content": self.extra}


@dataclass
class Turn:
    """What one choice says, gathered: the middle between a vendor's parts and a message."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    thinking_blocks: list[Json] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    own: Json = field(default_factory=dict)  # further members of the message

    def message(self) -> Json:
        """Return the OpenAI message; a forced answer tool's arguments are all of its content."""
        answers = [call.arguments for call in self.calls if call.name == ANSWER_TOOL]
        text = answers[:1] or self.text
        calls = [call.json() for call in self.calls if call.name != ANSWER_TOOL]
        content = "".join(text)
        silent = bool(calls or self.refusal) and not content
        message: Json = {
            **self.own,
            "role": "assistant",
            "content": None if silent else content,
            "refusal": "".join(self.refusal) or None,
        }
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.thinking_blocks:
            message["thinking_blocks"] = self.thinking_blocks
        if calls:
            message["tool_calls"] = calls
        return message

    def piece(self, target: Target) -> Json:
        """Return the message as one of the pieces of an answer that is told in its order."""
        message = self.message()
        if calls := message.get("tool_calls"):
            message["tool_calls"] = [naming.restore(call, target) for call in calls]
        return message

    def finish(self, reason: str) -> str:
        """Return `reason` as this turn bears it: with tool calls "stop" means "tool_calls"."""
        return settle_finish(reason, any(call.name != ANSWER_TOOL for call in self.calls))


def settle_finish(reason: str, called: bool) -> str:
    """Return the finish reason of a turn that called tools, or did not."""
    if called and reason == "stop":
        return "tool_calls"
    return "stop" if reason == "tool_calls" and not called else reason


def usage_json(usage: Usage) -> Json:
    """Return OpenAI's usage object; what only a few answers have is there when it counts."""
    inside = {"audio_tokens": usage.audio_input_tokens}
    outside = {
        "audio_tokens": usage.audio_output_tokens,
        "accepted_prediction_tokens": usage.accepted_prediction_tokens,
        "rejected_prediction_tokens": usage.rejected_prediction_tokens,
    }
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            **{name: tokens for name, tokens in inside.items() if tokens},
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            **{name: tokens for name, tokens in outside.items() if tokens},
        },
    }


def count(value: object) -> int:
    """Return a vendor's counter; null, absent, negative or absurd ones are 0."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**53 else 0


def in_order(choices: list[Any], indexes: list[Any]) -> list[tuple[int, Any]]:
    """Return choices by their index, or by their place where vendors do not tell them apart."""
    told = [count(index) for index in indexes]
    if len(set(told)) < len(told):
        return list(enumerate(choices))
    return sorted(zip(told, choices, strict=True), key=itemgetter(0))


def answer_id(given: object, content: bytes, target: Target) -> str:
    """Return the vendor's id, or one made of the answer and the call: two may be answered alike."""
    if isinstance(given, str) and given:
        return given
    return f"chatcmpl-{digest(target.nonce.encode() + content)}"


def digest(content: bytes) -> str:
    """Return 24 characters that differ for different contents."""
    return hashlib.sha256(content).hexdigest()[:24]


def distinct(call_id: str, taken: set[str], target: Target) -> str:
    """Return the id of a call, a fresh one where another call has it; take it.

    A caller's results would not find their calls. Some models count from 0 in every answer, and
    the OpenAI Agents SDK refuses an id that an earlier turn had (openai-agents 0.24.0).
    """
    if call_id in taken:
        call_id = f"call_{digest(f'{target.nonce}/{call_id}/{len(taken)}'.encode())}"
    taken.add(call_id)
    return call_id


def arguments(value: object, name: str, target: Target, *, cut: bool = False) -> str:
    """Return the arguments of a call to `name` as JSON text of an object, or of free text.

    Empty becomes "{}", an object is encoded, what has only one reading is read so (see
    `mending`). Raises RoutorError(PROVIDER_UNAVAILABLE) when the text is no object, unless the
    answer was `cut` by its limit: its end says so.
    """
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if value is None:
        return "{}"
    if not isinstance(value, str):
        raise bad_answer(target, NO_OBJECT)
    if not value.strip():
        return "{}"
    value = halves.mended(value)
    try:
        parsed = msgspec.json.decode(value)
    except msgspec.DecodeError:
        mended = mending.only_reading(value)
    else:
        free = isinstance(parsed, str) and name in target.free
        mended = value if free or isinstance(parsed, dict) else mending.as_object(parsed)
    if mended is None and not cut:
        raise bad_answer(target, NO_OBJECT)
    return value if mended is None else mended


def answer(target: Target, head: Json, choices: list[Json], usage: Usage, content: bytes) -> Answer:
    """Make the whole answer. `head` holds what the vendor said of id, created and the like."""
    if not choices:
        raise bad_answer(target, "an answer without choices")
    for one in choices:
        if target.one_call:
            del one["message"].get("tool_calls", [])[1:]
        if "tool_calls" in one["message"]:
            calls, taken = one["message"]["tool_calls"], set(target.calls)
            for call in calls:
                call["id"] = distinct(call["id"], taken, target)
            one["message"]["tool_calls"] = [naming.restore(call, target) for call in calls]
        if target.edits:
            _edit(one, target)
    began = beginning(head, "chat.completion", content, target)
    return Answer({**began, "choices": choices, "usage": usage_json(usage)}, usage)


def wants_usage(request: Json) -> bool:
    """Tell whether a request wants the usage in its stream."""
    options = request.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def beginning(head: Json, kind: str, content: bytes, target: Target) -> Json:
    """Return how an answer or a chunk begins; what OpenAI's types do not have is left out."""
    mark, tier = head.get("system_fingerprint"), head.get("service_tier")
    return {
        **({"system_fingerprint": mark} if isinstance(mark, str) else {}),
        **({"service_tier": tier} if tier in _TIERS else {}),
        "id": answer_id(head.get("id"), content, target),
        "object": kind,
        "created": count(head.get("created")) or target.created,
        "model": target.key,
    }


def choice(index: int, turn: Turn, reason: str, logprobs: Any = None, stopped_at: str = "") -> Json:
    """Make one choice of a whole answer.

    `stopped_at` is the stop sequence that ended it, where that is told; it stands in
    `stop_reason`, as vLLM has it (vllm 0.11, entrypoints/openai/protocol.py).
    """
    return {
        "index": index,
        "message": turn.message(),
        "logprobs": logprobs,
        "finish_reason": turn.finish(reason),
        **({"stop_reason": stopped_at} if stopped_at else {}),
    }


def text_choice(index: int, text: str, reason: str, logprobs: Any) -> Json:
    """Make one choice that is text alone: the same as `choice`, without the way through a Turn."""
    return {
        "index": index,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": logprobs,
        "finish_reason": settle_finish(reason, False),
    }


def _edit(one: Json, target: Target) -> None:
    """Leave in a choice what goes on; what would have followed a stop sequence is not told."""
    message, passage = one["message"], Passage(target)
    if message["content"]:
        message["content"] = passage.feed(message["content"]) + passage.close()
    if passage.stopped_at:
        one |= {"finish_reason": "stop", "stop_reason": passage.stopped_at}
        message.pop("tool_calls", None)


def joined(parts: Iterable[object]) -> str:
    """Join the strings among `parts`."""
    return "".join(part for part in parts if isinstance(part, str))
