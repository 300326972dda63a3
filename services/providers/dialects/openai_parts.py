"""The parts of a message's content as OpenAI and its imitators take them. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from services.providers.dialects import history
from services.providers.dialects.contract import Json, Target

# What parts hold beside their type, and what is in those of it that are objects
# (openai 3.57.0, types/chat/chat_completion_content_part_*.py). Clients keep more there: LangChain
# an index, LiteLLM's the type of an image. OpenAI, Mistral and others refuse it.
_MEMBERS: Final = {
    "text": ("text",),
    "refusal": ("refusal",),
    "image_url": ("image_url",),
    "input_audio": ("input_audio",),
    "file": ("file", "file_id"),
    "document_url": ("document_url", "document_name"),
}
_INNER: Final = {
    "image_url": ("url", "detail"),
    "input_audio": ("data", "format"),
    "file": ("file_data", "file_id", "filename"),
}
_MARK: Final = "cache_control"


def content(parts: list[Any], target: Target, *, known: bool, answer: bool) -> Any:
    """Return parts without blank text; as one string where the vendor wants that.

    `known`: whether anybody knows what the model takes; else nothing but marks is left out.
    `answer`: whether they are pieces of an answer, and of one text (`history.said_of`).
    """
    quirks = target.vendor.quirks
    solid = [part for _, part in history.parts_of(parts, "content")]
    if not quirks.store_and_metadata:
        solid = [_as_text(part) if part.get("type") == "refusal" else part for part in solid]
    elif not quirks.any_parameter:
        solid = [_attached(part) for part in solid]
    if quirks.sound_urls:
        solid = [_addressed(part) for part in solid]
    if not quirks.text_parts and all(part.get("type") == "text" for part in solid):
        apart = "\n".join(part["text"] for part in solid)
        return history.said_of(parts, "content") if answer else apart
    return [_marked(_plain(part, target) if known else part, target) for part in solid] or ""


def odd(parts: Iterable[Json], target: Target) -> set[str]:
    """Return what of parts is none of OpenAI's, but a mark of a cache, which is said otherwise."""
    return {
        name for part in parts for name, value in _odd(part, target).items() if value is not None
    } - {_MARK}


def _odd(part: Json, target: Target) -> Json:
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        return {}
    own = ("type", *_MEMBERS[kind], *target.vendor.quirks.part_members)
    inner = part.get(kind) if kind in _INNER else None
    within = inner.items() if isinstance(inner, dict) else ()
    return {name: value for name, value in part.items() if name not in own} | {
        f"{kind}.{name}": value for name, value in within if name not in _INNER[kind]
    }


def _plain(part: Json, target: Target) -> Json:
    """Return a part with what is of its type, and the mark of a cache."""
    gone = _odd(part, target).keys() - {_MARK}
    if not gone:
        return part
    kept = {name: value for name, value in part.items() if name not in gone}
    kind = part["type"]
    if isinstance(inner := kept.get(kind), dict):
        kept[kind] = {name: inner[name] for name in inner if f"{kind}.{name}" not in gone}
    return kept


def _marked(part: Json, target: Target) -> Json:
    """Return a part with the one mark of a cache that imitators know, or none."""
    if _MARK not in part:
        return part
    kept = {name: value for name, value in part.items() if name != _MARK}
    return {**kept, _MARK: {"type": "ephemeral"}} if target.vendor.quirks.cache_control else kept


def _attached(part: Json) -> Json:
    file = part.get("file")
    return {**part, "file": history.attached(file)} if isinstance(file, dict) else part


def _addressed(part: Json) -> Json:
    """Return a part of sound whose data tells by itself what it is."""
    sound = part.get("input_audio")
    if not isinstance(sound, dict) or not isinstance(data := sound.get("data"), str):
        return part
    if data.startswith(("data:", "http:", "https:")):
        return part
    url = f"data:audio/{sound.get('format') or 'wav'};base64,{data}"
    return {**part, "input_audio": {**sound, "data": url}}


def _as_text(refusal: Json) -> Json:
    return {"type": "text", "text": refusal.get("refusal") or ""}
