"""Put words of a request into another language by a lexicon, word by word.

The result is no sentence of that language, but its words stand where the English ones stood, so
what is learned of the one is learned of the other.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from routor.v1 import router_pb2
from services.router import words
from services.router.learning.examples import CORPUS, Example

LEXICON: Final = CORPUS / "lexicon.tsv"
LONGEST: Final = 3  # words of an English expression
MOST_CHARS: Final = 300  # of a prompt that is put into another language

# By language, then by English expression in lower case: the words for it.
Lexicon = dict[str, dict[str, list[str]]]
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[^\w]|\d+|_")


def read(path: Path = LEXICON) -> Lexicon:
    """Read the lexicon: a header of languages, then a concept a line, variants between bars."""
    lines = path.read_text().splitlines()
    languages = lines[0].split("\t")[1:]
    lexicon: Lexicon = {language: defaultdict(list) for language in languages if language != "en"}
    for line in lines[1:]:
        cells = dict(zip(languages, line.split("\t")[1:], strict=False))
        for english in cells.get("en", "").split("|"):
            for language, foreign in cells.items():
                if language != "en" and foreign and english:
                    lexicon[language][english.lower()] += foreign.split("|")
    return lexicon


def ties(lexicon: Lexicon) -> list[tuple[list[str], list[str]]]:
    """Return the words of every foreign expression beside those of the English one."""
    found = {}
    for language in sorted(lexicon):
        for english, foreign in lexicon[language].items():
            meant = list(chain.from_iterable(words.sentences(english)))
            for expression in foreign:
                said = list(chain.from_iterable(words.sentences(expression)))
                if said and meant and said != meant:
                    found[tuple(said)] = (said, meant)
    return list(found.values())


def switched(examples: Sequence[Example], lexicon: Lexicon, each: int) -> Iterator[Example]:
    """Yield `each` variants of English single turns in languages of the lexicon."""
    languages = sorted(lexicon)
    for number, example in enumerate(examples):
        request = example.request
        if example.lang != "en" or len(request.messages) != 1:
            continue
        if len(request.messages[0].text) > MOST_CHARS:
            continue
        chance = random.Random(number)  # noqa: S311 - not a secret
        for language in chance.sample(languages, each):
            other = router_pb2.RouteRequest()
            other.CopyFrom(request)
            text = _switched(request.messages[0].text, lexicon[language], chance)
            other.messages[0].text = text
            yield replace(
                example, id=f"{example.id}/{language}-words", lang=language, request=other
            )


def _switched(text: str, known: dict[str, list[str]], chance: random.Random) -> str:
    """Replace the longest known expressions; drop some of the words that are not known."""
    tokens = _TOKEN.findall(text)
    out = []
    at = 0
    while at < len(tokens):
        for length in range(2 * LONGEST - 1, 0, -2):
            found = known.get("".join(tokens[at : at + length]).lower())
            if found:
                out.append(chance.choice(found))
                at += length
                break
        else:
            kept = not tokens[at].isalpha() or chance.random() < 0.6
            out.append(tokens[at] if kept else "")
            at += 1
    return "".join(out)
