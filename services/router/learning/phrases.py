"""Requests put together from phrases: what people ask for, apart from what it is about.

A file of `corpus/phrases` holds, in one language, one request a line under `== category TIER`, and
lists under `%% name` from which its {slots} are filled. {text} and {code} stand for pasted
material, which is taken from other examples: so the words of the request are learned, and not those
of its subject. The lists `before` and `after` hold what may stand around any request.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.learning.examples import CORPUS, OWN, Example

PHRASES: Final = CORPUS / "phrases"
# Examples of a phrase with slots or pasted material, in English and in others; of the rest 2.
EACH: Final = 6
EACH_OF_OTHERS: Final = 4
BARE: Final = 0.5  # how often nothing stands before a request, and behind it
MOST_PASTED: Final = 1600  # characters

_STOPS: Final = tuple(".?!。？！؟।")
_SLOT: Final = re.compile(r"\{([a-z]+\d?)\}")


class Phrase(NamedTuple):
    """A line of the file."""

    number: int
    category: Category
    tier: Tier
    text: str


class Phrases(NamedTuple):
    """A file: its language, its requests, and the lists that slots are filled from."""

    lang: str
    said: list[Phrase]
    lists: dict[str, list[str]]


def read(folder: Path = PHRASES) -> list[Phrases]:
    """Return what the files of a folder hold."""
    return [_file(path) for path in sorted(folder.glob("*.txt"))]


def _file(path: Path) -> Phrases:
    said: list[Phrase] = []
    lists: dict[str, list[str]] = {}
    kind: tuple[Category, Tier] | None = None
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            category, tier = line[3:].split()
            kind = Category(category), Tier[tier]
        elif line.startswith("%% "):
            kind, name = None, line[3:]
        elif line and not line.startswith("# "):
            if kind is None:
                lists[name] = [entry for entry in line.split("|") if entry]
            else:
                said.append(Phrase(len(said), *kind, line))
    return Phrases(path.stem, said, lists)


def spoken(
    phrases: Phrases, texts: Mapping[str, Sequence[str]], codes: Sequence[str]
) -> Iterator[Example]:
    """Yield examples of every phrase, with `texts` of its language and `codes` as pasted material.

    They are to be learned from, all of them: no test is put together from phrases.
    """
    lang, lists = phrases.lang, phrases.lists
    material = (("{text}", texts.get(lang, ())), ("{code}", codes))
    each = EACH if lang == "en" else EACH_OF_OTHERS
    for phrase in phrases.said:
        chance = random.Random(phrase.number)  # noqa: S311 - not a secret
        name = f"ph-{lang}-{phrase.category}-{phrase.text}".replace("/", "")
        for i in range(each if "{" in phrase.text else 2):
            text = _around(_filled(phrase.text, lists, chance), lists, chance)
            for slot, pasted in material:
                if slot in text:
                    text = _pasted(text, slot, pasted, chance)
            message = router_pb2.Message(role=router_pb2.ROLE_USER, text=text)
            request = router_pb2.RouteRequest(messages=[message])
            yield Example(f"{name}/{i}", OWN, lang, request, phrase.category, phrase.tier)


def closings(phrases: Phrases, turns: Sequence[Example]) -> Iterator[Example]:
    """Yield thanks and calls to go on, each behind turns of different kinds in its language."""
    lang, lists = phrases.lang, phrases.lists
    single = [t for t in turns if t.lang == lang and len(t.request.messages) == 1]
    for name in ("thanks", "continue"):
        for closing in lists[name]:
            chance = random.Random(closing)  # noqa: S311 - not a secret
            for i in range(2):
                before = chance.choice(single)
                request = router_pb2.RouteRequest(messages=before.request.messages)
                answer = chance.choice(lists["answer"])
                request.messages.add(role=router_pb2.ROLE_ASSISTANT, text=answer)
                text = chance.choice((closing, closing.capitalize(), closing + ".", closing + "!"))
                request.messages.add(role=router_pb2.ROLE_USER, text=text)
                follows = name == "continue"
                labels = (before.category, before.tier) if follows else (Category.CHAT, Tier.NANO)
                yield Example(f"{name}-{closing}/{i}", OWN, lang, request, *labels, follows)


def _around(text: str, lists: Mapping[str, Sequence[str]], chance: random.Random) -> str:
    before, after = (
        "" if chance.random() < BARE else chance.choice(lists[side]) for side in ("before", "after")
    )
    ended = text.endswith(_STOPS) and after.startswith(_STOPS)
    return before + text + ("" if ended else after)


def _filled(text: str, lists: dict[str, list[str]], chance: random.Random) -> str:
    def choose(match: re.Match[str]) -> str:
        name = match.group(1)
        return chance.choice(lists[name]) if name in lists else match.group(0)

    return _SLOT.sub(choose, text)


def _pasted(text: str, slot: str, material: Sequence[str], chance: random.Random) -> str:
    """Put pasted material behind the request, before it, or nowhere."""
    before, _, after = text.partition(slot)
    asked = before.rstrip(" :") + after
    place = chance.random()
    if not material or place < 0.15:
        return asked
    pasted = chance.choice(material)[: chance.randrange(120, MOST_PASTED)]
    if chance.random() < 0.2:
        pasted = f'"{pasted}"'
    gap = chance.choice(("\n\n", "\n", ":\n\n", ": ", ":\n"))
    if place < 0.75:
        return asked + gap + pasted
    return pasted + chance.choice(("\n\n", "\n")) + asked
