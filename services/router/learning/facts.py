"""What outcome learning sees of a prompt: countable facts, and its words by hash.

Facts are about form, so they mean the same in a source never seen: how long, how many
quantities, whether options are to be chosen from and whether those are numbers, formulas, code,
dialogue. Words carry topics and are for learning within a source.

Pure. Only the beginning and the end of a long prompt are read, and every pattern takes linear time.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log1p
from typing import Final

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

HEAD_CHARS: Final = 6000
TAIL_CHARS: Final = 2000
WORD_BITS: Final = 18

_WORD: Final = re.compile(r"[^\W\d_]+")
_NUMBER: Final = re.compile(r"\d[\d.,/]*")
_TOKEN: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_SENTENCE: Final = re.compile(r"[.!?。！？](?=\s|$)|\n+")
_OPTION: Final = re.compile(r"^[ \t]*\(?([A-J])[.):][ \t]*(\S.*)$", re.MULTILINE)
_NUMERIC: Final = re.compile(r"[-−+$£€\\({ ]*\.?\d")
_STATEMENTS: Final = re.compile(r"\b(?:I{2,3}|IV|Statement|Scenario) ?[1-9.:|)]")
_YEAR: Final = re.compile(r"\b1[0-9]{3}\b|\b20[0-2][0-9]\b")
_LEAST_OPTIONS: Final = 3

NAMES: Final = (
    "characters",
    "stem characters",
    "sentences",
    "words a sentence",
    "numbers",
    "distinct numbers",
    "digits",
    "options",
    "numeric options",
    "option characters",
    "alike options",
    "statements",
    "formula characters",
    "code characters",
    "per cent and fractions",
    "letters a word",
    "long words",
    "distinct words",
    "question marks",
    "asks at its end",
    "left open",
    "lines",
    "quotation marks",
    "capitalised words",
    "years",
    "commas",
    "other scripts",
    "turns",
    "length of a question with options",
    "length of a question about quantities",
)
USUAL_LOG_LENGTH: Final = 5.0  # 150 characters


@dataclass(frozen=True, eq=False)
class Facts:
    """A prompt as numbers: `dense` in the order of `NAMES`; hashes of words and their weights.

    `weights` are of length 1 together, over single words and pairs of neighbours.
    """

    dense: Vector
    words: npt.NDArray[np.int64]
    weights: Vector


def facts(turns: Sequence[str]) -> Facts:
    """Describe a conversation by its user turns, the current one last."""
    text = _window(turns[-1]) if turns else ""
    found = _options(text)
    stem = text[: found[0].start()] if found else text
    dense = (
        *_sizes(text, stem),
        *_choices([match.group(2) for match in found]),
        *_contents(stem),
        log1p(max(len(turns) - 1, 0)),
        *_lengths(stem, bool(found)),
    )
    words, weights = _hashed("\n".join(map(_window, turns[-2:])))
    return Facts(np.array(dense), words, weights)


def _window(text: str) -> str:
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text.strip()
    return text[:HEAD_CHARS].lstrip() + "\n" + text[-TAIL_CHARS:].rstrip()


def _options(text: str) -> list[re.Match[str]]:
    """Return the options to choose from: A., B., C. … in order, at the beginning of lines."""
    found: list[re.Match[str]] = []
    for match in _OPTION.finditer(text):
        place = "ABCDEFGHIJ".index(match.group(1))
        if place == 0:
            found = [match]
        elif found and place == len(found):
            found.append(match)
    return found if len(found) >= _LEAST_OPTIONS else []


def _sizes(text: str, stem: str) -> tuple[float, ...]:
    sentences = len(_SENTENCE.findall(stem)) + 1
    numbers = _NUMBER.findall(stem)
    return (
        log1p(len(text)),
        log1p(len(stem)),
        log1p(sentences),
        log1p(len(_WORD.findall(stem)) / sentences),
        log1p(len(numbers)),
        log1p(len(set(numbers))),
        sum(map(str.isdigit, stem)) / (len(stem) + 1),
    )


def _lengths(stem: str, options: bool) -> tuple[float, float]:
    """Return the length of questions that have one right answer, where it tells of steps."""
    length = log1p(len(stem)) - USUAL_LOG_LENGTH
    quantities = "?" in stem and len(_NUMBER.findall(stem)) > 1
    return (length, 0.0) if options else (0.0, length if quantities else 0.0)


def _choices(options: Sequence[str]) -> tuple[float, ...]:
    """Count options; tell which share is numbers, how long they are, how many words they share."""
    if not options:
        return (0.0, 0.0, 0.0, 0.0)
    words = [set(_WORD.findall(option.lower())) for option in options]
    every = set.union(*words)
    shared = sum(sum(word in one for one in words) > 1 for word in every)
    return (
        log1p(len(options)),
        sum(_NUMERIC.match(option) is not None for option in options) / len(options),
        log1p(sum(map(len, options)) / len(options)),
        shared / len(every) if every else 0.0,
    )


def _contents(stem: str) -> tuple[float, ...]:
    words = _WORD.findall(stem)
    count = len(words) + 1
    asking = stem.rstrip()
    return (
        log1p(len(_STATEMENTS.findall(stem))),
        log1p(sum(map(stem.count, "^_\\=+*<>|≤≥∫∑√"))),
        log1p(sum(map(stem.count, "{}();[]`"))),
        log1p(stem.count("%") + stem.count("/")),
        sum(map(len, words)) / count,
        sum(len(word) > 9 for word in words) / count,
        len({word.lower() for word in words}) / count,
        log1p(stem.count("?")),
        float(asking.endswith("?")),
        float("__" in stem or asking.endswith((":", "-", "…", "...")) or asking[-1:].isalpha()),
        log1p(stem.count("\n")),
        log1p(sum(map(stem.count, '"“”«»'))),
        sum(word[0].isupper() for word in words[1:]) / count,
        log1p(len(_YEAR.findall(stem))),
        log1p(stem.count(",")),
        sum(ord(character) > 0x24F for character in stem) / (len(stem) + 1),
    )


def _hashed(text: str) -> tuple[npt.NDArray[np.int64], Vector]:
    tokens = _TOKEN.findall(text.lower())
    counts = Counter(map(_bucket, tokens))
    counts.update(_bucket(f"{a} {b}") for a, b in pairwise(tokens))
    buckets = np.fromiter(counts, np.int64, len(counts))
    weights = 1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))
    return buckets, weights / max(float(np.linalg.norm(weights)), 1e-9)


@lru_cache(1 << 17)
def _bucket(token: str) -> int:
    return zlib.crc32(token.encode("utf-8", "replace")) & ((1 << WORD_BITS) - 1)
