"""Requests put together from phrases: what people ask for, apart from what it is about.

`corpus/phrases.txt` holds one request a line under `== category TIER`, and lists under `%% name`
from which its {slots} are filled. {text} and {code} stand for pasted material, which is taken
from other examples: so the words of the request are learned, and not those of its subject.
"""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.learning.examples import CORPUS, OWN, Example

PHRASES: Final = CORPUS / "phrases.txt"
EACH: Final = 6  # examples of a phrase with slots or pasted material; of others 2
MOST_PASTED: Final = 1600  # characters

_SLOT: Final = re.compile(r"\{([a-z]+\d?)\}")
_BEFORE: Final = (
    *[""] * 14, "please ", "can you ", "could you please ", "hey, ", "hi, ", "i need you to ",
    "i want you to ", "would you ", "pls ", "help me: ", "quick question: ", "so, ",
    "hello! ", "task: ", "i'd like you to ",
)  # fmt: skip
_AFTER: Final = (*[""] * 12, "?", ".", ".", " please", " thanks", ", please", "!", " thank you")


class Phrase(NamedTuple):
    """A line of the file."""

    number: int
    category: Category
    tier: Tier
    text: str


def read(path: Path = PHRASES) -> tuple[list[Phrase], dict[str, list[str]]]:
    """Return the phrases and the lists their slots are filled from."""
    phrases: list[Phrase] = []
    lists: dict[str, list[str]] = {}
    kind: tuple[Category, Tier] | None = None
    name = ""
    for line in path.read_text().splitlines():
        if line.startswith("== "):
            category, tier = line[3:].split()
            kind = Category(category), Tier[tier]
        elif line.startswith("%% "):
            kind, name = None, line[3:]
        elif line and not line.startswith("# "):
            if kind is None:
                lists[name] = line.split("|")
            else:
                phrases.append(Phrase(len(phrases), *kind, line))
    return phrases, lists


def spoken(texts: Sequence[str], codes: Sequence[str], path: Path = PHRASES) -> Iterator[Example]:
    """Yield examples of every phrase, with `texts` and `codes` as the pasted material."""
    phrases, lists = read(path)
    for phrase in phrases:
        chance = random.Random(phrase.number)  # noqa: S311 - not a secret
        for i in range(EACH if "{" in phrase.text else 2):
            text = _filled(phrase.text, lists, chance)
            text = chance.choice(_BEFORE) + text + chance.choice(_AFTER)
            for slot, material in (("{text}", texts), ("{code}", codes)):
                if slot in text:
                    text = _pasted(text, slot, material, chance)
            message = router_pb2.Message(role=router_pb2.ROLE_USER, text=text)
            request = router_pb2.RouteRequest(messages=[message])
            name = f"ph-{phrase.category}-{phrase.text}".replace("/", "")
            yield Example(f"{name}/{i}", OWN, "en", request, phrase.category, phrase.tier)


def closings(turns: Sequence[Example], path: Path = PHRASES) -> Iterator[Example]:
    """Yield thanks and calls to go on, each behind turns of different kinds."""
    lists = read(path)[1]
    single = [turn for turn in turns if len(turn.request.messages) == 1]
    for name, each in (("thanks", 2), ("continue", 2)):
        for closing in lists[name]:
            chance = random.Random(closing)  # noqa: S311 - not a secret
            for i in range(each):
                before = chance.choice(single)
                request = router_pb2.RouteRequest(messages=before.request.messages)
                answer = chance.choice(lists["answer"])
                request.messages.add(role=router_pb2.ROLE_ASSISTANT, text=answer)
                text = chance.choice((closing, closing.capitalize(), closing + ".", closing + "!"))
                request.messages.add(role=router_pb2.ROLE_USER, text=text)
                follows = name == "continue"
                labels = (before.category, before.tier) if follows else (Category.CHAT, Tier.NANO)
                yield Example(f"{name}-{closing}/{i}", OWN, before.lang, request, *labels, follows)


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
