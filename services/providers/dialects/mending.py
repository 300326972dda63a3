"""Tool arguments that are nearly JSON: read where there is only one way to read them. Pure.

Imitators that cut calls out of a model's text leave some of it there. What is missing is never
put in: the end of an object that broke off could be anything.
"""

import json
import re
from typing import Any, NoReturn

import msgspec

# Around a call in the text of open models: fences, <tool_call>, <|im_end|>, [/TOOL_CALLS].
_BEFORE = re.compile(r"\s*(?:```(?:json)?\s*|</?\w{1,40}>\s*|<\|[^<>|]{1,40}\|>\s*){0,8}")
# The same behind it, and brackets that close what is closed.
_AFTER = re.compile(
    r"(?:[\s}\]]|```|</?\w{1,40}>|<\|[^<>|]{1,40}\|>|<\uff5c[^<>]{1,40}\uff5c>|\[/\w{1,40}\]){0,64}"
)
_MOST_OBJECTS = 8


def only_reading(text: str) -> str | None:
    """Return the one object that `text` can mean as JSON; None when it is none, or several.

    Read so are: marks around the object, closing brackets too many, the object said twice, an
    empty one before it (where a stream began with one), and line ends inside its strings.
    """
    found: list[dict[str, Any]] = []
    spans: list[str] = []
    place = _BEFORE.match(text).end()  # type: ignore[union-attr]
    while text.startswith("{", place) and len(found) < _MOST_OBJECTS:
        try:
            value, end = _decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        found.append(value)
        spans.append(text[place:end])
        place = _AFTER.match(text, end).end()  # type: ignore[union-attr]
    if place < len(text) or not found:
        return None
    told = [at for at, value in enumerate(found) if value] or [0]
    if any(found[at] != found[told[0]] for at in told):
        return None
    return _strict(spans[told[0]], found[told[0]])


def as_object(parsed: Any) -> str | None:
    """Return the one object that JSON of another kind can mean: encoded twice, or empty.

    Null and blank text are no arguments, and [] is how PHP writes an empty object. A number, a
    list or another text is an argument without its name: None.
    """
    if isinstance(parsed, str) and parsed.strip():
        return only_reading(parsed)
    return "{}" if parsed is None or parsed == [] or isinstance(parsed, str) else None


def _strict(span: str, value: Any) -> str | None:
    """Return the text as it is where it is JSON, else the value written anew."""
    try:
        msgspec.json.decode(span)
    except msgspec.DecodeError:
        return _anew(value)
    return span


def _anew(value: Any) -> str | None:
    try:
        written = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return None
    # A number beyond all numbers would be written as null.
    return written.decode() if msgspec.json.decode(written) == value else None


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


_decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
