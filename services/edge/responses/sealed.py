"""Thoughts in a reasoning item: what its model needs back, in `encrypted_content`.

Nothing in it is secret from the caller; it is a parcel that a client returns unopened.
"""

import base64
from typing import Any

import msgspec

from services.edge import document
from services.errors import RoutorError

Json = dict[str, Any]
PREFIX = "routor.1."
# What OpenAI seals are Fernet tokens: they begin by their version and the high bytes of the time
# (github.com/fernet/spec), which are these until 2038.
_FERNET = "gAAAAAB"
NAMES = ("thinking_blocks", "reasoning_content")


def seal(thoughts: Json) -> str:
    """Return the parcel of a message's thoughts."""
    packed = base64.urlsafe_b64encode(msgspec.json.encode(thoughts)).decode()
    return PREFIX + packed.rstrip("=")


def theirs(item_id: str | None, parcel: str, told: str) -> Json:
    """Return thoughts that OpenAI sealed for a caller who came to us later; none of others.

    Its models get them back, as they do those that went through us (`responses_answer.sealed`).
    """
    if not parcel.startswith(_FERNET):
        return {}
    own = f"openai.{item_id or ''}.{parcel}"
    if told:
        return {"thinking_blocks": [{"type": "thinking", "thinking": told, "signature": own}]}
    return {"thinking_blocks": [{"type": "redacted_thinking", "data": own}]}


def unseal(parcel: str) -> Json:
    """Return the thoughts in a parcel; none when it is not one of ours."""
    if not parcel.startswith(PREFIX):
        return {}
    packed = parcel.removeprefix(PREFIX)
    try:
        thoughts = document.read(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (ValueError, RoutorError):
        return {}
    return {name: thoughts[name] for name in NAMES if name in thoughts}
