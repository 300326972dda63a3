"""Requests as they arrive, read no deeper than needed. Pure.

Most of a large request is the text of its messages, which nobody looks into on the way to a
vendor of the same dialect. Where every message is a role and a text, the texts stay what they
were: JSON strings, checked but not unpacked.
"""

from typing import Any, cast

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import inline
from services.providers.dialects.contract import Json


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message that is a role and a text. `content` is a JSON string."""

    role: str
    content: msgspec.Raw

    @property
    def is_text(self) -> bool:
        """Whether the content is a text: parts and null look different."""
        return memoryview(self.content)[0] == ord('"')


_Value = list[Turn] | dict[str, Any] | str | int | float | bool | None
_shallow = msgspec.json.Decoder(dict[str, _Value]).decode
_whole = msgspec.json.Decoder().decode


def read(content: bytes) -> Json:
    """Return a request; its messages are Turns when all are plain, else as `spelled` has them.

    Raises RoutorError(INVALID_REQUEST) for what is not a JSON object.
    """
    try:
        return _plain(content) or _object(_whole(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = "The body is not valid JSON."
        raise RoutorError(Kind.INVALID_REQUEST, text, param="body") from error


def _plain(content: bytes) -> Json | None:
    try:
        body = _shallow(content)
    except msgspec.ValidationError:
        return None
    for name, value in body.items():
        if type(value) is list and value and name != "messages":
            return None
    turns = body.get("messages")
    if type(turns) is not list or not turns or not all(turn.is_text for turn in turns):
        return None
    # What is not unpacked is not checked for this by the JSON decoder.
    if not content.isascii():
        content.decode()
    return body


def _object(body: Any) -> Json:
    if not isinstance(body, dict):
        text = "The body must be a JSON object."
        raise RoutorError(Kind.INVALID_REQUEST, text, param="body")
    inline.tidy(body.get("messages"))
    return body


def turns(body: Json) -> list[Turn]:
    """Return the messages of a plain conversation; [] for one that is not."""
    messages = body.get("messages")
    plain = isinstance(messages, list) and messages and type(messages[0]) is Turn
    return cast(list[Turn], messages) if plain else []


def spelled(body: Json) -> Json:
    """Return the request with its messages as they read: objects all the way down."""
    plain = turns(body)
    if not plain:
        return body
    messages = [{"role": turn.role, "content": _whole(turn.content)} for turn in plain]
    return {**body, "messages": messages}
