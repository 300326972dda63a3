"""Frames of a stream: what is written at once, and which of them say that the answer ends."""

from collections.abc import Iterator
from typing import NamedTuple

_PIECE = 11  # characters per piece of text


class Frame(NamedTuple):
    """Some bytes of a stream; `ending` marks all from the finish reason on."""

    data: bytes
    ending: bool = False


def pieces(text: str) -> Iterator[str]:
    """Cut a text into short pieces."""
    for start in range(0, len(text), _PIECE):
        yield text[start : start + _PIECE]


def halves(data: bytes) -> tuple[bytes, bytes]:
    """Cut a frame inside its first multi-byte character, where a careless reader breaks.

    The second half is empty when there is no such character.
    """
    for position, byte in enumerate(data):
        if byte >= 0xC0:
            return data[: position + 1], data[position + 1 :]
    return data, b""
