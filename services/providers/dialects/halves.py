r"""Characters that are cut in two, in the JSON of a stream. Pure.

JavaScript counts a character beyond the first 65,536 as two, and servers that run on it cut texts
between them: one event ends with "\ud83d", the next begins with "\ude00". Neither is JSON to a
strict reader (RFC 8259, section 8.2).
"""

import re
from typing import Any

import msgspec

# An escape: of a whole pair, of half a one (which is the group), or of anything else.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    r"|u([dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)
_UNKNOWN = "\\ufffd"
_FIRST_HALVES = "89ab"


def read(data: bytes | str) -> Any:
    """Return what JSON says, halves as U+FFFD.

    Raises msgspec.DecodeError for what is no JSON, UnicodeDecodeError for what is no text.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        text = data if isinstance(data, str) else data.decode()
        whole = mended(text)
        if whole == text:
            raise
        return msgspec.json.decode(whole)


def mended(data: str) -> str:
    """Return the JSON with U+FFFD for every half, as JavaScript itself writes them."""
    if not _may_be_cut(data):
        return data
    return _ESCAPE.sub(lambda one: _UNKNOWN if one[1] else one[0], data)


class Joiner:
    """Joins what is cut between the events of one stream, which decoders of all dialects read.

    An event that ends a string with a first half is held until the next one is there: its second
    half is moved there. `last` are words of events that end a stream, which nothing is to follow.
    """

    def __init__(self, *last: str) -> None:
        self._last = last
        self._held = ""

    @property
    def holding(self) -> bool:
        """Whether an event is held."""
        return bool(self._held)

    def feed(self, data: str) -> list[str]:
        """Take the next event; return those that can be read now, in order."""
        if not self._held and not _may_be_cut(data):
            return [data]
        held, data = joined(self._held, data)
        self._held = ""
        ready = [held] if held else []
        if any(map(_ends, _halves(data))) and not any(word in data for word in self._last):
            self._held = data
            return ready
        return [*ready, data]


def joined(before: str, after: str) -> tuple[str, str]:
    """Return two events with the characters that were cut between them whole in the second.

    Where as many strings end cut as begin so, as of several choices, each has its own in order.
    """
    firsts = [one for one in _halves(before) if _ends(one)]
    seconds = [one for one in _halves(after) if _begins(one)]
    if len(firsts) != len(seconds):
        firsts, seconds = firsts[-1:], seconds[:1]
    pairs = list(zip(firsts, seconds, strict=False))
    for first, second in reversed(pairs):  # from the end: what is before keeps its place
        before = before[: first.start()] + before[first.end() :]
        after = after[: second.start()] + first[0] + after[second.start() :]
    return before, after


def _may_be_cut(data: str) -> bool:
    return "\\ud" in data or "\\uD" in data


def _halves(data: str) -> list[re.Match[str]]:
    return [one for one in _ESCAPE.finditer(data) if one[1]]


def _ends(half: re.Match[str]) -> bool:
    """Tell whether it is a first half that ends its string."""
    return half[1][1].lower() in _FIRST_HALVES and half.string.startswith('"', half.end())


def _begins(half: re.Match[str]) -> bool:
    """Tell whether it is a second half that begins its string."""
    before = half.string[max(half.start() - 2, 0) : half.start()]
    begins = before.endswith('"') and before != '\\"'
    return half[1][1].lower() not in _FIRST_HALVES and begins
