"""Ways of putting a prompt differently that change nothing about it: its labels stay.

Learned from, they teach the classifier not to be moved by them; put to held-out prompts, they
measure whether it is.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from routor.v1 import router_pb2
from services.router.learning.examples import Example

Game = Callable[[str, random.Random], str]

_POLITE: Final = ("Please ", "Could you please ", "Hi there! ", "Hello, I hope you are well. ",
                  "Would you be so kind: ", "Dear assistant, ")  # fmt: skip
_THANKS: Final = (
    " Thank you so much!",
    " Thanks in advance!",
    " please",
    " I really appreciate it.",
)
_EASY: Final = ("This is trivial. ", "This is a very simple question. ", "Easy one: ",
                "You can do this in your sleep: ")  # fmt: skip
_HARD: Final = ("This is extremely complex. ", "This is the hardest problem ever. ",
                "Think very hard, this is really difficult: ",
                "Only a world expert can answer this. ")  # fmt: skip
_SALAD: Final = ("algorithm", "quantum", "architecture", "optimize", "theorem", "kubernetes",
                 "distributed", "neural", "proof", "microservices", "function", "analysis",
                 "refactor", "enterprise", "strategy", "derive", "blockchain")  # fmt: skip
_PADDING: Final = (
    "It has been raining here all morning and the bus was late again.",
    "I had a coffee and a sandwich before sitting down.",
    "My neighbour is repairing his fence, so there is some noise.",
    "Anyway, that is just some background and not important.",
    "We went to the lake last weekend with the kids and the dog.",
    "The office is quiet today because most people are on holiday.",
    "I am writing this on my phone while waiting for the train.",
    "By the way, I found your answers last week quite nice.",
)


def typos(text: str, chance: random.Random) -> str:
    """Drop, double or swap a letter in about every seventh word."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 3 and word.isalpha() and chance.random() < 0.15:
            at = chance.randrange(1, len(word) - 1)
            change = chance.randrange(3)
            middle = ("", word[at] * 2, word[at + 1] + word[at])[change]
            words[i] = word[:at] + middle + word[at + 1 + (change == 2) :]
    return " ".join(words)


def capitals(text: str, _: random.Random) -> str:
    """Shout."""
    return text.upper()


def polite(text: str, chance: random.Random) -> str:
    """Ask nicely."""
    return chance.choice(_POLITE) + text + chance.choice(("", *_THANKS))


def markdown(text: str, chance: random.Random) -> str:
    """Set the prompt in Markdown."""
    form = chance.choice(
        ("# Task\n\n{}", "**{}**", "- {}", "> {}", "## Request\n{}\n\n---", "*{}*")
    )
    return form.format(text)


def padding(text: str, chance: random.Random) -> str:
    """Put small talk before the prompt, behind it or on both sides."""

    def talk() -> str:
        return " ".join(chance.sample(_PADDING, chance.randrange(1, 5)))

    place = chance.random()
    if place < 0.6:
        return f"{talk()}\n\n{text}"
    return f"{text}\n\n{talk()}" if place < 0.85 else f"{talk()}\n{text}\n{talk()}"


def trivial(text: str, chance: random.Random) -> str:
    """Call it easy."""
    return chance.choice(_EASY) + text


def complicated(text: str, chance: random.Random) -> str:
    """Call it hard."""
    return chance.choice(_HARD) + text


def salad(text: str, chance: random.Random) -> str:
    """Add words that sound like work."""
    words = " ".join(chance.sample(_SALAD, chance.randrange(4, 10)))
    return f"{text} {words}" if chance.random() < 0.7 else f"{words} {text}"


# By how many tiers a game may move a prompt at most.
GAMES: Final[dict[Game, int]] = {
    typos: 0, capitals: 0, polite: 0, markdown: 0,
    padding: 1, trivial: 1, complicated: 1, salad: 1,
}  # fmt: skip


def played(examples: Sequence[Example], each: int) -> Iterator[Example]:
    """Yield `each` variants of every single-turn example."""
    games = [game for game in GAMES if game is not capitals]  # case is not looked at
    for number, example in enumerate(examples):
        if len(example.request.messages) != 1:
            continue
        chance = random.Random(number)  # noqa: S311 - not a secret
        for game in chance.sample(games, each):
            yield replace(
                example,
                id=f"{example.id}/{game.__name__}",
                request=changed(example.request, game, chance),
            )


def changed(
    request: router_pb2.RouteRequest, game: Game, chance: random.Random
) -> router_pb2.RouteRequest:
    """Return the request with its last message put differently."""
    other = router_pb2.RouteRequest()
    other.CopyFrom(request)
    other.messages[-1].text = game(request.messages[-1].text, chance)
    return other
