"""The Gemini API's generateContent: requests read, answers worded. Pure.

Shapes after google-genai 3.4.0 (types.GenerateContentResponse), read 2026-11-23.
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from services.providers.sandbox import turns
from services.providers.sandbox.answer import Ask, Said, Tool, answer, digest, tokens
from services.providers.sandbox.frames import Frame, pieces

Json = dict[str, Any]

_MARK = b"sandbox"
_FREE = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"})


def camel(value: Any) -> Any:
    """Return a request with camelCase names throughout; the API takes snake_case, too.

    What is the caller's own (arguments, results, JSON Schemas, names of properties) stays.
    """
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named: Json = {}
    for key, item in value.items():
        head, *rest = key.split("_")
        name = head + "".join(word.capitalize() for word in rest)
        if name == "properties" and isinstance(item, dict):
            named[name] = {own: camel(part) for own, part in item.items()}
        else:
            named[name] = item if name in _FREE else camel(item)
    return named


def signature(identity: str) -> str:
    """Return the thoughtSignature that goes with a function call."""
    return base64.b64encode(_MARK + hashlib.sha256(identity.encode()).digest()).decode()


def signed(value: object) -> bool:
    """Tell whether a thoughtSignature was made here, or is the documented stand-in."""
    if value == "skip_thought_signature_validator":
        return True
    text = str(value).translate(str.maketrans("-_", "+/"))  # Google's package sends this form
    try:
        return base64.b64decode(text, validate=True).startswith(_MARK)
    except ValueError:
        return False


def _text(content: Json) -> str:
    return " ".join(part["text"] for part in content["parts"] if part.get("text"))


def read(model: str, body: Json) -> Ask:
    """Read a request that the checks have let pass."""
    contents = body["contents"]
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames") or []
    tools = [
        Tool(f["name"], f.get("parametersJsonSchema") or f.get("parameters") or {})
        for tool in body.get("tools") or ()
        for f in tool.get("functionDeclarations") or ()
        if not allowed or f["name"] in allowed
    ]
    mode = {"ANY": "required", "NONE": "none"}.get(calling.get("mode", "AUTO"), "auto")
    roles = {"model": "assistant"}
    said = [(roles.get(c.get("role"), "user"), _text(c)) for c in contents]
    last = max((i for i, c in enumerate(contents) if c.get("role") == "model"), default=0)
    thinking = config.get("thinkingConfig") or {}
    off = thinking.get("thinkingLevel", "").lower() == "minimal"
    off = off or thinking.get("thinkingBudget") == 0
    prompt = [body.get("systemInstruction"), contents, body.get("tools")]
    responses = [p["functionResponse"] for p in contents[-1]["parts"] if "functionResponse" in p]
    return Ask(
        provider="google",
        model=model,
        digest=digest(body),
        turns=turns.read(said, prefills=False),
        results=[msgspec.json.encode(r.get("response")).decode() for r in responses],
        tools=tools,
        choice=mode,
        json=config.get("responseMimeType") == "application/json",
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        max_tokens=config.get("maxOutputTokens"),
        stops=config.get("stopSequences") or (),
        thinking=model.startswith("gemini-") and not off,
        n=config.get("candidateCount") or 1,
        prompt_tokens=tokens(msgspec.json.encode(prompt).decode()),
        prefix_tokens=tokens(msgspec.json.encode([prompt[0], contents[:last]]).decode()),
    )


def _usage(said: Said) -> Json:
    """Return the counts: thoughts are reported beside the candidates' tokens, not in them."""
    return {
        "promptTokenCount": said.prompt_tokens,
        "cachedContentTokenCount": min(said.cached_tokens, said.prompt_tokens),
        "candidatesTokenCount": said.text_tokens,
        "thoughtsTokenCount": said.reasoning_tokens,
        "totalTokenCount": said.prompt_tokens + said.output_tokens,
    }


def _calls(said: Said) -> list[Json]:
    """Return the function calls; the first of parallel ones carries the signature."""
    parts: list[Json] = []
    for number, call in enumerate(said.calls):
        value = {"id": call.id[:8], "name": call.name, "args": call.arguments}
        proof = {} if number else {"thoughtSignature": signature(call.id)}
        parts.append({"functionCall": value, **proof})
    return parts


def _shows_thoughts(body: Json) -> bool:
    config = body.get("generationConfig") or {}
    return bool((config.get("thinkingConfig") or {}).get("includeThoughts"))


def _reason(said: Said) -> str:
    return "MAX_TOKENS" if said.ending == "length" else "STOP"


def whole(model: str, body: Json) -> bytes:
    """Return the JSON answer."""
    ask = read(model, body)
    said = answer(ask)
    candidates = []
    for index, text in enumerate(said.texts):
        parts: list[Json] = []
        if said.reasoning and _shows_thoughts(body):
            parts.append({"text": said.reasoning, "thought": True})
        parts += [{"text": text}] if text else []
        parts += _calls(said)
        candidate = {"index": index, "content": {"role": "model", "parts": parts}}
        candidates.append({**candidate, "finishReason": _reason(said), "safetyRatings": []})
    return msgspec.json.encode(_response(ask, candidates, _usage(said)))


def _response(ask: Ask, candidates: list[Json], usage: Json) -> Json:
    head = {"candidates": candidates, "usageMetadata": usage}
    return {**head, "modelVersion": ask.model, "responseId": ask.digest[:22]}


def stream(model: str, body: Json) -> Iterator[Frame]:
    """Yield whole responses as events; usage repeats, the last one holds; there is no [DONE].

    A function call comes complete, and in an earlier chunk than the finish reason.
    """
    ask = read(model, body)
    said = answer(ask)
    begun = {"promptTokenCount": said.prompt_tokens, "totalTokenCount": said.prompt_tokens}
    thoughts = said.reasoning if _shows_thoughts(body) else ""
    for index, text in enumerate(said.texts):
        parts: list[Json] = [{"text": piece, "thought": True} for piece in pieces(thoughts)]
        parts += [{"text": piece} for piece in pieces(text)]
        parts += _calls(said)
        for part in parts:
            candidate = {"index": index, "content": {"role": "model", "parts": [part]}}
            yield _event(_response(ask, [candidate], begun))
    for index in range(len(said.texts)):
        ended = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": index}
        final = {**ended, "finishReason": _reason(said)}
        yield _event(_response(ask, [final], _usage(said)), ending=True)


def _event(response: Json, *, ending: bool = False) -> Frame:
    return Frame(b"data: " + msgspec.json.encode(response) + b"\r\n\r\n", ending)
