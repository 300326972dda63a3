r"""Characters that are cut in two, in the JSON of a stream. Pure.

JavaScript counts a character beyond the first 65,536 as two, and servers that run on it cut texts
between them: one event ends with "\ud83d", the next begins with "\ude00". Neither is JSON to a
strict reader (RFC 8259, section 8.2).
"""

import re

# An escape: of a whole pair, of half a one (which is the group), or of anything else.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    r"|u([dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)
_UNKNOWN = "\\ufffd"
_FIRST_HALVES = "89ab"


def is_cut(data: str) -> bool:
    """Tell whether there is half a character."""
    return any(one[1] for one in _ESCAPE.finditer(data))


def mended(data: str) -> str:
    """Return the JSON with U+FFFD for every half, as JavaScript itself writes them."""
    return _ESCAPE.sub(lambda one: _UNKNOWN if one[1] else one[0], data)


def joined(before: str, after: str) -> tuple[str, str]:
    """Return two events with the character that was cut between them whole in the second."""
    firsts, seconds = _halves(before), _halves(after)
    if not (firsts and seconds and _ends(firsts[-1]) and _begins(seconds[0])):
        return before, after
    first, at = firsts[-1], seconds[0].start()
    return before[: first.start()] + before[first.end() :], after[:at] + first[0] + after[at:]


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
