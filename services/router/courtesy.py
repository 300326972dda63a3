"""Leave out of a turn what only greets, thanks, or asks whether one may ask.

It says nothing of the task, and a judgement that it moves is wrong. `courtesies.toml` holds what
people say so. A sentence all of whose words one language says so is left out if it is among the
first or the last ones; so is a phrase at the very beginning or end. What is left must be a request:
"thanks" and "hi, how are you?" stay as they are, and so does "ok, thanks".
"""

import tomllib
from pathlib import Path
from typing import Any, Final

from services.router.words import sentences

EDGE: Final = 4  # sentences looked at from the beginning, and from the end
LEAST: Final = 4  # words that are left when thanks are left out: fewer may be part of them

_FILE: Final[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "courtesies.toml").read_text(encoding="utf-8")
)


def _languages() -> dict[str, int]:
    """Return, bit by bit, the languages in whose sentences each word stands."""
    found: dict[str, int] = {"?": -1}
    for bit, said in enumerate(_FILE["sentences"].values()):
        for sentence in sentences(said):
            for word in sentence:
                found[word] = found.get(word, 0) | 1 << bit
    return found


def _phrases(side: str) -> dict[str, list[list[str]]]:
    """Return phrases by the word that is outermost on a `side`, the longest first."""
    outermost = 0 if side == "before" else -1
    found: dict[str, list[list[str]]] = {}
    for phrase in _FILE["edges"][side].replace("\n", ",").split(","):
        for words in sentences(phrase):
            found.setdefault(words[outermost], []).append(words)
    return {word: sorted(phrases, key=len, reverse=True) for word, phrases in found.items()}


_SAID_IN: Final = _languages()
_SIGNS: Final = frozenset(_FILE["signs"].split())
_OPENING, _TELLING, _JOINING = (
    frozenset(word for words in sentences(_FILE["edges"][name]) for word in words)
    for name in ("opening", "telling", "joining")
)
_BEFORE: Final = _phrases("before")
_AFTER: Final = _phrases("after")


def asked(found: list[list[str]]) -> list[list[str]]:
    """Return sentences without courtesies before and behind; all if nothing else is there."""
    first, last = 0, len(found) - _signed(found)
    while first < min(EDGE, last - 1) and _courteous(found[first]):
        first += 1
    while last - 1 > max(first, len(found) - EDGE) and _courteous(found[last - 1]):
        last -= 1
    if last - first < 2 and all(map(_courteous, found[first:last])):
        return found
    kept = found[first:last]
    if sum(map(len, kept)) < LEAST:
        kept = found[first:]
    kept[0] = _without_first(kept[0])
    kept[-1] = _without_last(kept[-1])
    return kept


def _signed(found: list[list[str]]) -> bool:
    """Tell whether the last sentence is but a name under thanks or regards."""
    return (
        len(found) > 2
        and len(found[-1]) < 3
        and not _SIGNS.isdisjoint(found[-2])
        and _courteous(found[-2])
    )


def _courteous(sentence: list[str]) -> bool:
    if len(sentence) < 3 and sentence[-1] == "?":  # "how?"
        return False
    languages = -1
    for word in sentence:
        languages &= _SAID_IN.get(word, 0)
        if not languages:
            return False
    return True


def _without_first(sentence: list[str]) -> list[str]:
    for phrase in _BEFORE.get(sentence[0], ()):
        rest = sentence[len(phrase) :]
        if sentence == phrase + rest and len(rest) >= LEAST:
            return _without_first(rest)
    return sentence


def _without_last(sentence: list[str]) -> list[str]:
    if sentence[-1] == "?" and len(sentence) > 1:
        return [*_without_last(sentence[:-1]), "?"]
    for phrase in _AFTER.get(sentence[-1], ()):
        rest = sentence[: -len(phrase)]
        if sentence == rest + phrase and len(rest) >= LEAST and rest[-1] not in _JOINING:
            return _without_last(rest)
    return sentence[: _closing(sentence)]


def _closing(sentence: list[str]) -> int:
    """Return where English thanks begin that follow a request in its sentence."""
    closing, languages, telling = len(sentence), -1, False
    for i in range(len(sentence) - 1, LEAST - 1, -1):
        word = sentence[i]
        languages &= _SAID_IN.get(word, 0)
        if not languages:
            break
        telling = telling or word in _TELLING
        if telling and word in _OPENING and sentence[i - 1] not in _JOINING:
            closing = i
    return closing
