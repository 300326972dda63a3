"""The body of an error answer as an object, whatever form it came in. Pure."""

from collections.abc import Mapping

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
    return body[0] if isinstance(body, list) and body else body


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
    plain = kind.startswith("text/plain") and not text.startswith("<")
    return {"message": text} if plain and status in _ABOUT_THE_REQUEST else None
