"""Data inside a request, as every vendor takes it. Pure.

Clients write parameters into data URLs (a charset, a name: RFC 2397), break their base64 into
lines as mails have it (RFC 2045), spell it for addresses or leave its padding out (RFC 4648).
Some vendors read all that and others refuse it; there is one spelling that all read.
"""

from typing import Any
from urllib.parse import unquote

# How pictures begin, in base64: some vendors refuse one that is called by another type
# (github.com/BerriAI/litellm/issues/24900, 2026-04).
_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
# What clients call a picture whose type they do not know; OpenAI refuses it
# (github.com/dickpy/dsh-imagegen/issues/23, 2026-09; anomalyco/opencode/issues/37581, 2026-07).
_NAMELESS = ("", "application/octet-stream")
_ODD = "%-_ \r\n\t"  # what base64 for all vendors has not: looked for one by one, it costs least
_USUAL = str.maketrans("-_", "+/")
# Where parts keep data: in an object by the name of their type.
_FIELDS = {"image_url": "url", "video_url": "url", "file": "file_data", "input_audio": "data"}


def tidy(messages: object) -> None:
    """Put that spelling into the messages, in place; what is no data in base64 stays as it is."""
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                _tidy(part)


def _tidy(part: dict[str, Any]) -> None:
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        return
    held, name = part.get(kind), _FIELDS[kind]
    if isinstance(held, dict) and isinstance(held.get(name), str):
        url = tidied(held[name])
        # What sound it is stands beside its data, and not in it.
        held[name] = url.partition(",")[2] or url if kind == "input_audio" else url


def tidied(url: str) -> str:
    """Return a data URL of base64 as all vendors take it; another URL as it is."""
    if url[:5].lower() != "data:":
        return url
    head, _, data = url[5:].partition(",")
    kind, *options = head.lower().split(";")
    if "base64" not in (option.strip() for option in options):
        return url
    kind, data = kind.strip(), _base64(data)
    if kind in _NAMELESS:
        kind = seen(data) or kind
    return f"data:{kind};base64,{data}"


def _base64(data: str) -> str:
    if not data.isascii() or any(mark in data for mark in _ODD):
        spelled = unquote(data) if "%" in data else data
        data = "".join(spelled.split()).translate(_USUAL)
    if len(data) % 4:
        bare = data.rstrip("=")
        data = bare + "=" * (-len(bare) % 4)
    return data


def seen(data: str) -> str:
    """Return the type of a picture by its beginning, or ""."""
    return next((kind for start, kind in _BEGINNINGS.items() if data.startswith(start)), "")
