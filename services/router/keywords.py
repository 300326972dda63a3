"""Leave out words that are only strung together: "… kubernetes entropy proof sharding lemma".

A sentence has words between its words. Many without any, before or behind an English request, ask
for nothing, and a judgement that they move is wrong. Inside a text they may be a table or code, and
stay. So does what may be another language.
"""

from typing import Final

LEAST: Final = 6  # words without any between them that are left out
ENGLISH: Final = 2  # words of `_BETWEEN` in what is left

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
# Such of them as are words of other languages, too.
_OTHERS: Final = (
    "a also am an as be can die do few had has he her here i in is list may me no not of on or "
    "over per so to under up us use via was we"
)
_BETWEEN: Final = frozenset(_ENGLISH.split())
_SHARED: Final = frozenset(_OTHERS.split())


def without_piles(found: list[list[str]]) -> list[list[str]]:
    """Return sentences without piles of words before and behind; all if too little is left."""
    if not found or max(len(found[0]), len(found[-1])) < LEAST:
        return found
    outer = {0, len(found) - 1}
    kept = [_said(sentence) if at in outer else sentence for at, sentence in enumerate(found)]
    kept = [sentence for sentence in kept if sentence]
    joining = {word for sentence in kept for word in sentence if word in _BETWEEN}
    return kept if len(joining) >= ENGLISH and not joining <= _SHARED else found


def _said(sentence: list[str]) -> list[str]:
    """Return a sentence without the pile that it begins or ends with, or nothing of one."""
    behind = _strung(sentence[::-1])
    if behind < len(sentence):
        ahead = _strung(sentence)
        if behind >= LEAST and _is_joined(sentence[:-behind]):
            return sentence[:-behind]
        return sentence[ahead:] if ahead >= LEAST and _is_joined(sentence[ahead:]) else sentence
    return [] if behind >= LEAST and "".join(sentence).isascii() else sentence


def _strung(sentence: list[str]) -> int:
    """Return how many words there are before the first one that joins them."""
    return next((i for i, word in enumerate(sentence) if word in _BETWEEN), len(sentence))


def _is_joined(sentence: list[str]) -> bool:
    return sum(word in _BETWEEN for word in sentence) >= ENGLISH
