"""What OpenAI's messages hold beside text: citations and sound, as their types have them. Pure.

Shapes: openai 3.54.0, types/chat/chat_completion_message.py and chat_completion_audio.py.
Imitators give other things by the same names, which nobody could read.
"""

from typing import Any

from services.providers.dialects.completion import count
from services.providers.dialects.contract import Json

_SOUND = {"id": str, "data": str, "transcript": str, "expires_at": int}


def beside(message: Json, *, whole: bool) -> Json:
    """Return the members of a whole message, or of a delta."""
    given = message.get("annotations")
    rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    cited = [told for one in rows if (told := citation(one.get("url_citation")))]
    sound = _sound(message.get("audio"), whole=whole)
    return {**({"annotations": cited} if cited else {}), **({"audio": sound} if sound else {})}


def citation(inner: Any) -> Json | None:
    """Return an annotation that cites a web page; None for what has no address."""
    if not isinstance(inner, dict) or not isinstance(inner.get("url"), str):
        return None
    title = inner.get("title")
    told = {
        "url": inner["url"],
        "title": title if isinstance(title, str) else "",
        "start_index": count(inner.get("start_index")),
        "end_index": count(inner.get("end_index")),
    }
    return {"type": "url_citation", "url_citation": told}


def _sound(given: Any, *, whole: bool) -> Json | None:
    """Return a sound; of a whole message with all its members, of a delta with any."""
    if not isinstance(given, dict):
        return None
    told = {name: given[name] for name, kind in _SOUND.items() if type(given.get(name)) is kind}
    return told if len(told) == len(_SOUND) or (told and not whole) else None
