"""Ids of calls as Anthropic's clients know them, and back. Pure.

Anthropic's are of letters, digits, _ and - alone, and its API refuses others with 400; Kimi's are
such as "functions.name:0", and it wants them back so.
"""

import base64
import binascii
import re

_FITTING = re.compile(r"[a-zA-Z0-9_-]+")
# Stands before one that is written otherwise.
_MARK = "toolu_whole_"


def shown(own: str) -> str:
    """Return the id of a call as the caller is told it."""
    if _FITTING.fullmatch(own):
        return own
    return _MARK + base64.urlsafe_b64encode(own.encode()).decode().rstrip("=")


def whole(told: str) -> str:
    """Return the id of a call for which the caller was told this one."""
    if not told.startswith(_MARK):
        return told
    written = told.removeprefix(_MARK)
    try:
        own = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return told
    return own if own and shown(own) == told else told
