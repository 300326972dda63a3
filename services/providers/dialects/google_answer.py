"""Gemini's answers: what whole answers and streams share.

Shapes: google-genai 3.4.0, types.GenerateContentResponse, FinishReason (2026-11-23).
"""

from operator import itemgetter
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import completion, faults, halves, history, typed
from services.providers.dialects.completion import Call, Turn, count
from services.providers.dialects.contract import Answer, Json, Target, Usage

_REFUSED = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "ESCALATION",
)
# The model's own slip: nothing usable came out, another attempt or model may do.
_BROKEN = (
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
)


def decode(content: bytes, target: Target) -> Answer:
    """Translate a whole answer. A blocked prompt is a choice with finish "content_filter"."""
    body = parsed(content, target)
    given = candidates(body)
    # An index of 0 may be left out, as proto3's JSON does.
    numbered = any("index" in candidate for candidate in given)
    choices = []
    for place, candidate in enumerate(given):
        index = count(candidate.get("index")) if numbered else place
        seed = f"{target.nonce}/{body.get('responseId')}/{place}"
        choices.append(_choice(index, candidate, seed, target))
    choices.sort(key=itemgetter("index"))
    if not choices and block_reason(body):
        choices.append(completion.choice(0, Turn(), "content_filter"))
    return completion.answer(target, head(body), choices, usage_of(body), content)


def _choice(index: int, candidate: Json, seed: str, target: Target) -> Json:
    turn, parts = Turn(), parts_of(candidate)
    for number, part in enumerate(parts):
        gather(turn, part, f"{seed}/{number}".encode(), target)
    reason = finish_reason(candidate.get("finishReason"), target, said=bool(parts))
    if reason is None:
        raise faults.bad_answer(target, "an answer without finishReason")
    return completion.choice(index, turn, reason)


def parsed(content: bytes | str, target: Target) -> Json:
    """Return the JSON object that was sent; raises RoutorError when it is an error or none."""
    try:
        body = halves.read(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise faults.bad_answer(target, "an answer that is not JSON") from error
    body = body[0] if isinstance(body, list) and len(body) == 1 else body
    fault = faults.in_body(body, target)
    if fault is not None:
        raise fault
    if not isinstance(body, dict):
        raise faults.bad_answer(target, "JSON that is not an answer")
    return body


def head(body: Json) -> Json:
    """Return what Gemini says of the answer as a whole."""
    return {"id": body.get("responseId")}


def candidates(body: Json) -> list[Json]:
    """Return the candidates."""
    return typed.tables(body, "candidates")


def parts_of(candidate: Json) -> list[Json]:
    """Return the parts of a candidate; a candidate without content has none."""
    return typed.tables(typed.table(candidate, "content"), "parts")


def block_reason(body: Json) -> str:
    """Return why the prompt was blocked, or ""."""
    feedback = body.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return reason if isinstance(reason, str) else ""


def finish_reason(word: object, target: Target, *, said: bool) -> str | None:
    """Return OpenAI's word; None while there is none; an unknown one ends with "stop".

    OTHER, a reason that is not told, may end a text half-way, which "stop" would call whole:
    where something was `said` it is as a filter's end. Raises RoutorError(PROVIDER_UNAVAILABLE)
    where nothing was, and for an answer that failed in the making.
    """
    if not isinstance(word, str) or word in ("", "FINISH_REASON_UNSPECIFIED"):
        return None
    if word in _BROKEN or (word == "OTHER" and not said):
        raise RoutorError(
            Kind.PROVIDER_UNAVAILABLE,
            f"{target.vendor.name} broke off its answer ({word}).",
            provider=target.vendor.id,
            model=target.key,
            upstream_status=200,
        )
    if word in _REFUSED or word == "OTHER":
        return "content_filter"
    return "length" if word == "MAX_TOKENS" else "stop"


def usage_of(body: Json) -> Usage:
    """Return the tokens: thoughts are output, prompts of tool use are input."""
    told: Any = body.get("usageMetadata")
    counters = told if isinstance(told, dict) else {}
    thoughts = count(counters.get("thoughtsTokenCount"))
    prompt = count(counters.get("promptTokenCount"))
    return Usage(
        input_tokens=prompt + count(counters.get("toolUsePromptTokenCount")),
        output_tokens=count(counters.get("candidatesTokenCount")) + thoughts,
        cached_input_tokens=count(counters.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
        audio_input_tokens=_heard(counters.get("promptTokensDetails")),
        audio_output_tokens=_heard(counters.get("candidatesTokensDetails")),
    )


def _heard(details: Any) -> int:
    """Return the tokens of sound, of those by modality (google-genai 3.4.0, MediaModality)."""
    told = details if isinstance(details, list) else []
    by_kind = [one for one in told if isinstance(one, dict) and one.get("modality") == "AUDIO"]
    return sum(count(one.get("tokenCount")) for one in by_kind)


def call_of(part: Json, seed: bytes, target: Target) -> Call:
    """Return the call of a part. Its thought signature goes into the id and into extra_content.

    `extra_content.google` is what Google's own OpenAI door uses; the id is what every client
    sends back (https://ai.google.dev/gemini-api/docs/openai, 2026-11-23).
    """
    given = part["functionCall"]
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str) or not name:
        raise faults.bad_answer(target, "a function call without a name")
    own = given.get("id")
    call_id = own if isinstance(own, str) and own else f"call_{completion.digest(seed)}"
    arguments = completion.arguments(given.get("args"), name, target)
    if not (signature := _signature(part)):
        return Call(call_id, name, arguments)
    return Call(history.seal(call_id, signature), name, arguments, _extra(signature))


def gather(turn: Turn, part: Json, seed: bytes, target: Target) -> None:
    """Put one part where it belongs in the turn."""
    if "functionCall" in part:
        turn.calls.append(call_of(part, seed, target))
        return
    if text := typed.text(part, "text"):
        (turn.reasoning if part.get("thought") else turn.text).append(text)
    if not part.get("thought") and (signature := _signature(part)):
        # It may come in an empty one at the end, and is wanted back
        # (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11-23).
        turn.own["extra_content"] = _extra(signature)


def _signature(part: Json) -> str:
    given = part.get("thoughtSignature")
    return given if isinstance(given, str) else ""


def _extra(signature: str) -> Json:
    """Return a thought signature as Google's own OpenAI door tells it, of calls and of texts."""
    return {"google": {"thought_signature": signature}}
