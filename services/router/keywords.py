"""Set apart words that are only strung together: "… kubernetes entropy proof sharding lemma".

A sentence has words between its words. Many without any, at the beginning or the end of an English
sentence or as one of several, say little of what is asked; they become a sentence of their own
whose first word is `LISTED`, so that its weight can be learned apart.
"""

from typing import Final

LISTED: Final = "\x03"
LEAST: Final = 6  # words without any between them that are set apart
ENGLISH: Final = 2  # words of `_BETWEEN` in the rest: without them it may be another language

_ENGLISH: Final = (
    "a an the this that these those my your his her its our their i me you he she it we "
    "us they them who whose which what where when why how is are was were be been am do "
    "does did done have has had can could will would shall should may might must need and "
    "or but nor so yet if then than as because while although unless until since whether "
    "of in on at by for from to into with without within about against between among "
    "through during before after above below over under again per via using like near "
    "around across toward towards off out up down not no any some all both each every "
    "either neither few many much more most less least only just also too very even still "
    "there here please let lets get give make write explain show tell find help want use "
    "go take keep put say know think see come dont doesnt didnt isnt arent cant wont im "
    "ive id youre thats whats "
)
_BETWEEN: Final = frozenset(_ENGLISH.split())


def set_apart(found: list[list[str]]) -> list[list[str]]:
    """Return sentences with what is strung together in sentences of its own."""
    if not any(len(sentence) >= LEAST for sentence in found) or not any(map(_is_english, found)):
        return found
    apart: list[list[str]] = []
    for sentence in found:
        apart += _parts(sentence) if len(sentence) >= LEAST else (sentence,)
    return apart


def _parts(sentence: list[str]) -> list[list[str]]:
    behind = _strung(sentence[::-1])
    if behind == len(sentence):
        return [[LISTED, *sentence] if "".join(sentence).isascii() else sentence]
    if behind >= LEAST and _is_english(sentence[:-behind]):
        return [sentence[:-behind], [LISTED, *sentence[-behind:]]]
    ahead = _strung(sentence)
    if ahead >= LEAST and _is_english(sentence[ahead:]):
        return [[LISTED, *sentence[:ahead]], sentence[ahead:]]
    return [sentence]


def _strung(sentence: list[str]) -> int:
    """Return how many words there are before the first one that joins them."""
    return next((i for i, word in enumerate(sentence) if word in _BETWEEN), len(sentence))


def _is_english(sentence: list[str]) -> bool:
    return sum(word in _BETWEEN for word in sentence) >= ENGLISH
