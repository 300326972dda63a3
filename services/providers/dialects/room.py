"""How long an answer can be: what its model gives, and what the input leaves room for. Pure."""

from collections.abc import Iterable
from typing import Any

import msgspec

from services.catalog import Model
from services.providers.dialects.contract import Json
from services.tokens import MESSAGE_TOKENS, density

# What is read is estimated, and a limit that exceeds the window by one token is refused
# ("prompt tokens plus max_tokens cannot exceed the model's context length", docs.mistral.ai/api).
SAFETY = 1.25
SPARE_TOKENS = 512
# A file of a few pages (`services/tokens.py`); images and sounds are shorter.
ATTACHED_TOKENS = 3000


def longest(limit: int, body: Json, model: Model) -> int:
    """Return the most tokens that can be asked for: `limit`, or what there is.

    Clients ask for all that they know a model to give, and some give as much as their window holds.
    What leaves no room at all is for the vendor to refuse.
    """
    most = min(limit, model.max_output_tokens)
    if 2 * most <= model.context_window:
        return most  # nearly always; whatever is read then is for the router to weigh
    room = model.context_window - SPARE_TOKENS - int(SAFETY * _read_tokens(body))
    return min(most, room) if room > 0 else most


def _read_tokens(body: Json) -> float:
    messages = [message for message in body["messages"] if isinstance(message, dict)]
    counted = sum(MESSAGE_TOKENS + _content_tokens(message.get("content")) for message in messages)
    rest = [*(message.get("tool_calls") for message in messages), body.get("tools")]
    return counted + _text_tokens(msgspec.json.encode(rest).decode())


def _content_tokens(content: Any) -> float:
    if isinstance(content, str):
        return _text_tokens(content)
    parts: Iterable[Any] = content if isinstance(content, list) else ()
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return sum(_text_tokens(one) if isinstance(one, str) else ATTACHED_TOKENS for one in texts)


def _text_tokens(text: str) -> float:
    return len(text) * density(text)
