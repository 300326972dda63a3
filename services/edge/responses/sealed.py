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
NAMES = ("thinking_blocks", "reasoning_content")


def seal(thoughts: Json) -> str:
    """Return the parcel of a message's thoughts."""
    packed = base64.urlsafe_b64encode(msgspec.json.encode(thoughts)).decode()
    return PREFIX + packed.rstrip("=")


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
