"""The body of an error answer: as an object, whatever form it came in, and what it says. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.errors import RoutorError
from services.providers.dialects import sse

# Statuses by which a vendor says what is wrong with a request: its words are for the caller. Plain
# text of others comes from whatever stands before a model, and may name what is inside.
_ABOUT_THE_REQUEST = frozenset({400, 413, 422})


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
        candidates += [error.get("message"), error.get("msg")]
    if isinstance(resp, dict):
        candidates.append(resp.get("status_msg"))
    own = body.get("message")
    # Mistral puts the list of what is wrong with a request into its message (HTTP 422).
    candidates += [own, _detail(own.get("detail"))] if isinstance(own, dict) else [own]
    candidates += [_detail(body.get("detail")), error, body.get("title"), body.get("msg")]
    candidates.append(_listed(body.get("errors")))
    texts = (text for text in candidates if isinstance(text, str) and text.strip())
    return next(texts, "")


def _detail(detail: object) -> str:
    """Return the text of a FastAPI detail: a string, or a list of {loc, msg}."""
    if isinstance(detail, str):
        return detail
    if not isinstance(detail, list):
        return ""
    faults = [fault for fault in detail if isinstance(fault, dict)]
    return "; ".join(f"{_location(fault)}: {fault.get('msg', '')}" for fault in faults)


def _listed(errors: object) -> object:
    """Return the first of several messages (Cloudflare: developers.cloudflare.com/api)."""
    first = errors[0] if isinstance(errors, list) and errors else None
    return first.get("message") if isinstance(first, dict) else first


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
