"""The body of an error answer: as an object, whatever form it came in, and what it says. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.errors import RoutorError
from services.providers.dialects import sse

# Statuses by which a vendor says what is wrong with a request: its words are for the caller. Plain
# text of others comes from whatever stands before a model, and may name what is inside.
_ABOUT_THE_REQUEST = frozenset({400, 413, 422})
# Where the words stand in an error, or in what stands in the place of words.
_SAYING = ("message", "msg", "detail")
_DEEPEST = 4  # objects around the words


def decoded(status: int, headers: Mapping[str, str], content: bytes) -> object:
    """Return an error body; None when it is neither JSON, nor an event, nor words."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _spoken(status, headers.get("content-type", ""), content)
    # Gemini wraps errors of streams in an array of one (google-genai 3.4.0, errors.py).
    body = body[0] if isinstance(body, list) and body else body
    return _of_words(status, body) if isinstance(body, str) else body


def _of_words(status: int, text: str) -> object:
    """Return words that came without an object around them, None when they are not for a caller."""
    for_a_caller = status in _ABOUT_THE_REQUEST and not text.startswith("<")
    return {"message": text} if for_a_caller else None


def _spoken(status: int, kind: str, content: bytes) -> object:
    """Return what an error says that is not JSON.

    Qwen gives errors of streams as events, with their status
    (github.com/zhengxs2018/ai/issues/12, 2024-06). Servers in Rust say in plain text what they
    cannot read, with 422 (docs.rs/axum, JsonRejection; of a compatible vendor:
    github.com/Usagi-org/ai-goofish-monitor/issues/57, 2025-07).
    """
    try:
        if kind.startswith("text/event-stream"):
            events = sse.Parser().feed(content + sse.END_OF_EVENT)
            return msgspec.json.decode(events[0].data) if events else None
        text = content.decode().strip()
    except (msgspec.DecodeError, UnicodeDecodeError, RoutorError):
        return None
    return _of_words(status, text) if kind.startswith("text/plain") else None


def told(body: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the message and the field that it is about.

    MiMo says "Param Incorrect", and what is wrong where the field should stand
    (github.com/XiaomiMiMo/MiMo/issues/44, 2026-06).
    """
    message, param = _message(body), _param(body)
    if param is not None and len(param.split()) > 1:
        return f"{message}: {param}", None
    return message, param


def _message(body: Mapping[str, Any]) -> str:
    error, resp = body.get("error"), body.get("base_resp")
    if isinstance(error, str) and isinstance(body.get("code"), str) and not body.get("message"):
        return error
    candidates: list[object] = []
    if isinstance(error, dict):
        candidates += [error.get(name) for name in _SAYING]
    if isinstance(resp, dict):
        candidates.append(resp.get("status_msg"))
    candidates += [body.get("message"), body.get("detail"), error, body.get("title")]
    candidates += [body.get(name) for name in ("msg", "error_msg", "errors")]
    texts = (_words(said) for said in candidates if said is not error or isinstance(said, str))
    return next((text for text in texts if text.strip()), "")


def _words(said: object, depth: int = 0) -> str:
    """Return what is said, as text, as an object that holds it, or as a list of what is wrong.

    Mistral puts the list into its message (HTTP 422); gateways and servers of one's own put the
    error of what stands behind them there.
    """
    if depth > _DEEPEST:
        return ""
    if isinstance(said, list):
        return "; ".join(filter(None, (_fault(one, depth + 1) for one in said)))
    if isinstance(said, dict):
        texts = (_words(said[name], depth + 1) for name in _SAYING if name in said)
        return next((text for text in texts if text), "")
    return said if isinstance(said, str) else ""


def _fault(said: object, depth: int) -> str:
    """Return one of a list of faults: FastAPI's with the place that it is about."""
    if isinstance(said, dict) and "msg" in said:
        return f"{_location(said)}: {said['msg']}"
    return _words(said, depth)


def _location(fault: Mapping[str, Any]) -> str:
    place = fault.get("loc")
    steps = [str(step) for step in place if step != "body"] if isinstance(place, list) else []
    return ".".join(steps) or "request"


def _param(body: Mapping[str, Any]) -> str | None:
    error, own = body.get("error"), body.get("message")
    detail = own.get("detail") if isinstance(own, dict) else body.get("detail")
    if isinstance(error, dict) and isinstance(error.get("param"), str):
        return str(error["param"]) or None
    if isinstance(body.get("param"), str):
        return str(body["param"]) or None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return _location(detail[0])
    return None
