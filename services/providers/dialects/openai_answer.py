"""Answers and usage of OpenAI-compatible vendors: what whole answers and streams share.

Sources of the departures: the quirks of the vendor files.
"""

from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import completion, faults, halves, typed
from services.providers.dialects.beside import beside
from services.providers.dialects.completion import Call, Turn, count
from services.providers.dialects.contract import Answer, Json, Target, Usage
from services.providers.dialects.thinking_tags import ThinkingTags

_FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "": "stop",  # xAI with tool calls
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",  # Z.AI (anomalyco/opencode#18813)
    "repetition": "length",  # vLLM (Aleph-Alpha-Research/eval-framework#838, 2026-09)
    "repetition_truncation": "length",  # MiMo: the model went round in circles
    "safety": "content_filter",
    "sensitive": "content_filter",
    "refusal": "content_filter",
}
# The vendor broke off: not a finished answer (Mistral; Z.AI; DeepSeek; vLLM, which closes such a
# stream as if it were one: github.com/vllm-project/vllm/issues/57082, 2026-09).
_BROKEN = ("error", "network_error", "insufficient_system_resource", "abort")
_TICKS_PER_USD = 10**10  # https://docs.x.ai/developers/cost-tracking (2026-11-29)
# Cached tokens beside the details: DeepSeek; Moonshot; Mistral (vercel/ai#14889, 2026-05).
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")
_HEAD = ("id", "created", "system_fingerprint", "service_tier")


class _Message(msgspec.Struct):
    """What a message may say: a text, and of what stands beside it only whether it does."""

    content: str
    tool_calls: list[Any] | None = None
    function_call: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    annotations: Any = None
    audio: Any = None

    @property
    def is_text(self) -> bool:
        """Whether there is nothing but the text."""
        return not (
            self.tool_calls
            or self.function_call
            or self.refusal
            or self.reasoning_content
            or self.reasoning
            or self.reasoning_details
            or self.annotations
            or self.audio
        )


class _Option(msgspec.Struct):
    """A choice."""

    message: _Message
    index: int = 0
    finish_reason: Any = None
    logprobs: Any = None


class _Whole(msgspec.Struct):
    """An answer."""

    choices: list[_Option]
    id: Any = None
    created: Any = None
    system_fingerprint: Any = None
    service_tier: Any = None
    usage: Any = None
    error: Any = None
    base_resp: Any = None
    type: Any = None


_read = msgspec.json.Decoder(_Whole).decode


def decode(content: bytes, target: Target) -> Answer:
    """Translate a whole answer; raises RoutorError for an error or nonsense inside it."""
    return _text(content, target) or _any(content, target)


def _text(content: bytes, target: Target) -> Answer | None:
    """Return an answer that is text and nothing else, or None: the same as `_any`, but quick."""
    try:
        told = _read(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    odd = told.error or told.base_resp or told.type or target.vendor.quirks.think_tags
    if odd or not all(one.message.is_text for one in told.choices):
        return None
    ordered = completion.in_order(told.choices, [one.index for one in told.choices])
    choices = [
        completion.text_choice(
            index,
            one.message.content,
            finish_reason(one.finish_reason, target),
            logprobs_of(one.logprobs),
        )
        for index, one in ordered
    ]
    head = {name: getattr(told, name) for name in _HEAD}
    return completion.answer(target, head, choices, usage(told.usage, target), content)


def _any(content: bytes, target: Target) -> Answer:
    body = parsed(content, target)
    given = typed.rows(body, "choices")
    indexes = [one.get("index") if isinstance(one, dict) else None for one in given]
    choices = [_choice(index, one, target) for index, one in completion.in_order(given, indexes)]
    return completion.answer(target, head(body), choices, usage(body.get("usage"), target), content)


def parsed(content: bytes | str, target: Target) -> Json:
    """Return the JSON object that a vendor sent; raises RoutorError when it is an error or none."""
    try:
        body = halves.read(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise faults.bad_answer(target, "an answer that is not JSON") from error
    fault = faults.in_body(body, target)
    if fault is not None:
        raise fault
    if not isinstance(body, dict):
        raise faults.bad_answer(target, "JSON that is not an answer")
    return body


def rows(body: Json, name: str) -> list[Any]:
    """Return the list under `name`; null, absent or no list at all is an empty one."""
    value = body.get(name)
    return value if isinstance(value, list) else []


def head(body: Json) -> Json:
    """Return what the vendor says of the answer as a whole."""
    return {name: body.get(name) for name in _HEAD}


def finish_reason(word: object, target: Target) -> str:
    """Return OpenAI's word; one that nobody knows ends the answer with "stop".

    Raises RoutorError(PROVIDER_UNAVAILABLE) for a word that says the answer was broken off.
    """
    text = typed.string(word, "finish_reason")
    text = target.vendor.quirks.finish_reasons.get(text, text)
    if text in _BROKEN:
        raise RoutorError(
            Kind.PROVIDER_UNAVAILABLE,
            f"{target.vendor.name} broke off its answer ({text}).",
            provider=target.vendor.id,
            model=target.key,
            upstream_status=200,
        )
    return _FINISH.get(text, "stop")


def content_of(content: object) -> tuple[str, str]:
    """Return the text and the thoughts of a content: a string, or Mistral's list of parts."""
    if not isinstance(content, list):
        return typed.string(content, "content"), ""
    text: list[str] = []
    thoughts: list[object] = []
    for part in content:
        if not isinstance(part, dict):
            text.append(typed.string(part, "content"))
        elif part.get("type") == "thinking":
            inner = part.get("thinking")
            steps = inner if isinstance(inner, list) else [inner]
            thoughts += [step.get("text") if isinstance(step, dict) else step for step in steps]
        else:
            text.append(typed.text(part, "text"))
    return "".join(text), completion.joined(thoughts)


def calls_of(message: Json) -> list[Any]:
    """Return the tool calls of a message or delta; the deprecated function_call is one.

    Some imitators say both of the same call.
    """
    old = message.get("function_call")
    told = typed.rows(message, "tool_calls")
    return told or ([{"function": old}] if isinstance(old, dict) else [])


def thoughts_of(message: Json) -> str:
    """Return the thoughts that a message or delta holds beside its content."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(message.get(name), str) and message[name]:
            return str(message[name])
    details = message.get("reasoning_details")
    steps = details if isinstance(details, list) else []
    return completion.joined(step.get("text") for step in steps if isinstance(step, dict))


def usage(told: object, target: Target) -> Usage:
    """Return the tokens of what an answer or a chunk calls usage; null or absent ones are 0."""
    if not isinstance(told, dict):
        return Usage()
    inside = _table(told, "prompt_tokens_details")
    outside = _table(told, "completion_tokens_details")
    cached = inside.get("cached_tokens") or next(filter(None, map(told.get, _CACHED)), None)
    written = inside.get("cache_write_tokens") or inside.get("cache_creation_input_tokens")
    input_tokens = count(told.get("prompt_tokens"))
    output_tokens = count(told.get("completion_tokens"))
    reasoned = count(outside.get("reasoning_tokens"))
    if target.vendor.quirks.reasoning_outside_completion:
        total = count(told.get("total_tokens"))
        if not total or total >= input_tokens + output_tokens + reasoned:
            output_tokens += reasoned
    ticks = told.get(target.vendor.quirks.billed_ticks_field)
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        billed_usd=count(ticks) / _TICKS_PER_USD,
        cached_input_tokens=count(cached),
        cache_write_tokens=count(written),
        reasoning_tokens=reasoned,
        audio_input_tokens=count(inside.get("audio_tokens")),
        audio_output_tokens=count(outside.get("audio_tokens")),
        accepted_prediction_tokens=count(outside.get("accepted_prediction_tokens")),
        rejected_prediction_tokens=count(outside.get("rejected_prediction_tokens")),
    )


def logprobs_of(given: Any) -> Any:
    """Return log probabilities with all that OpenAI's type has, and nothing else.

    Mistral leaves some of it out, and tells the numbers of tokens.
    """
    if not isinstance(given, dict):
        return None
    told: Json = {"content": None, "refusal": None}
    for name in told:
        if isinstance(given.get(name), list):
            told[name] = [_probable(one) for one in given[name] if isinstance(one, dict)]
    return told


def _probable(token: Json) -> Json:
    most = [_alone(one) for one in rows(token, "top_logprobs") if isinstance(one, dict)]
    return {**_alone(token), "top_logprobs": most}


def _alone(token: Json) -> Json:
    return {name: token.get(name) for name in ("token", "logprob", "bytes")}


def call(given: Any, number: int, seed: bytes, target: Target, *, cut: bool = False) -> Call:
    """Return a complete tool call; one without id gets one, one without name is refused.

    `cut`: the answer ended at its limit, perhaps within this call.
    """
    custom = typed.table(given, "custom") if isinstance(given, dict) else {}
    function = custom or (typed.table(given, "function") if isinstance(given, dict) else {})
    name = typed.text(function, "name")
    if not name:
        raise faults.bad_answer(target, "a tool call without a function name")
    made = f"call_{completion.digest(seed + str(number).encode())}"
    call_id = own_id(given) or made
    if custom:
        return Call(call_id, name, typed.text(custom, "input"), custom=True)
    arguments = completion.arguments(function.get("arguments"), name, target, cut=cut)
    return Call(call_id, name, arguments)


def own_id(call: Json) -> str:
    """Return the id that the vendor gave, or "": Mistral's "null" is none (mistralai, ToolCall)."""
    given = call.get("id")
    return given if isinstance(given, str) and given != "null" else ""


def _table(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _choice(index: int, given: Any, target: Target) -> Json:
    message = given.get("message") if isinstance(given, dict) else None
    if not isinstance(message, dict):
        raise faults.bad_answer(target, "a choice without a message")
    content = message.get("content")
    text, thoughts = content_of(content)
    if target.vendor.quirks.think_tags:
        tags = ThinkingTags()
        pieces = [*tags.feed(text), *tags.close()]
        text = completion.joined(piece for kind, piece in pieces if kind == "content")
        thoughts += completion.joined(piece for kind, piece in pieces if kind != "content")
    refusal = message.get("refusal")
    seed = target.nonce.encode() + msgspec.json.encode(message)
    reason = finish_reason(given.get("finish_reason"), target)
    turn = Turn(
        text=[text],
        reasoning=[piece for piece in (thoughts_of(message), thoughts) if piece],
        refusal=[refusal] if isinstance(refusal, str) and refusal else [],
        calls=[
            call(one, number, seed, target, cut=reason == "length")
            for number, one in enumerate(calls_of(message))
        ],
    )
    made = completion.choice(index, turn, reason, logprobs_of(given.get("logprobs")))
    made["message"] |= beside(message, whole=True)
    return made
