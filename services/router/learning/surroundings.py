"""Lay around short requests what people put around theirs: a story, a mail, minutes, big words.

Nothing in these passages asks for anything, so the labels are those of the request.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from services.catalog import Category
from services.router.learning.examples import CORPUS, Example
from services.router.learning.games import changed

SURROUNDINGS: Final = CORPUS / "surroundings.txt"
PREFACES: Final = CORPUS / "prefaces.txt"
# A line of the prefaces that begins so stands behind a request.
BEHIND: Final = "… "
MOST_CHARS: Final = 300  # of a request that is surrounded
# These may be about what is attached, or about a text that has to follow at once.
_LEFT_ALONE: Final = frozenset({Category.VISION, Category.SUMMARIZATION, Category.EXTRACTION})

Passages = dict[str, list[str]]


def read(path: Path = SURROUNDINGS) -> Passages:
    """Return the passages by language: `== LANG`, then the passage up to the next such line."""
    passages: Passages = defaultdict(list)
    for entry in path.read_text().split("\n== ")[1:]:
        lang, _, passage = entry.partition("\n")
        passages[lang].append(passage.strip("\n"))
    return passages


def surrounded(examples: Sequence[Example], passages: Passages, every: int) -> Iterator[Example]:
    """Yield a variant of each `every`th short single turn in a language that has passages."""
    for number, example in enumerate(examples[::every]):
        known = passages.get(example.lang, [])
        if not known or not _short(example) or example.category in _LEFT_ALONE:
            continue
        request = changed(example.request, _Around(known), random.Random(number))  # noqa: S311
        yield replace(example, id=f"{example.id}/surrounded", request=request)


def prefaced(examples: Sequence[Example], prefaces: Passages, every: int) -> Iterator[Example]:
    """Yield a variant of each `every`th short single turn in a language that has prefaces."""
    for number, example in enumerate(examples[::every]):
        known = prefaces.get(example.lang, [])
        if not known or not _short(example):
            continue
        game = _Beside([line for lines in known for line in lines.split("\n")])
        request = changed(example.request, game, random.Random(number))  # noqa: S311
        yield replace(example, id=f"{example.id}/prefaced", request=request)


def _short(example: Example) -> bool:
    messages = example.request.messages
    return len(messages) == 1 and len(messages[0].text) <= MOST_CHARS


class _Beside:
    """The game of one language's prefaces."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def __call__(self, text: str, chance: random.Random) -> str:
        """Put a line before the request, or behind it if that is where it belongs."""
        line = chance.choice(self._lines)
        if line.startswith(BEHIND):
            return f"{text} {line.removeprefix(BEHIND)}"
        return line + chance.choice((" ", " ", "\n")) + text


class _Around:
    """The game of one language's passages."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = passages

    def __call__(self, text: str, chance: random.Random) -> str:
        """Put a passage before the request, or behind it, or one on either side."""
        gap = chance.choice(("\n\n", "\n", " "))
        one, other = chance.sample(self._passages, 2)
        place = chance.random()
        if place < 0.65:
            return one + gap + text
        return text + gap + one if place < 0.9 else one + gap + text + gap + other
