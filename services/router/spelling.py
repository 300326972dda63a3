"""Read a word that nobody knows as the common one that it is a slip of.

A slip is one letter too many, too few or wrong, or two letters swapped: four of five misspelt words
are one of these (F. J. Damerau, Communications of the ACM 7:3, 1964). A polynomial hash tells that
of a changed word without its letters being put together, so the hundreds of slips of some words are
looked up at once.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.router import words
from services.router.words import Hashes, Ints

SHORTEST: Final = 4  # letters: a shorter word is a slip of too many
LONGEST: Final = 16
LONG: Final = 6  # letters: a slip of so many is still near to few words
COMMON: Final = 4096  # words, the most common first
# Of so many words that are not known, and of so large a share of all, none is looked up: the text
# is of a language or a notation of which little is known.
MOST: Final = 8
MOST_SHARE: Final = 0.34
AT_ONCE: Final = 64  # words


class _Alphabet(NamedTuple):
    """Letters that may stand for others; the first `whole` may have been left out.

    Of letters with accents the accent is left out, not the letter.
    """

    letters: str
    whole: int


_NO_LETTERS: Final = _Alphabet("", 0)
_ALPHABETS: Final = (
    _Alphabet("abcdefghijklmnopqrstuvwxyzáàâäãçéèêíñóôöõúüışğ", 26),
    _Alphabet("абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ", 36),
)


class Speller:
    """Reads texts as they were meant. Bounded, safe for threads."""

    def __init__(self, known: words.Known, capacity: int = 8_192) -> None:
        self._known = known
        self._capacity = capacity
        self._meant: dict[str, str] = {}

    def read(self, text: Sequence[str], strange: Sequence[int]) -> Sequence[str]:
        """Return a text's words, those at `strange`, of which nothing is known, as they were meant.

        Where too much is strange nothing is changed: little is known of such a language.
        """
        said = {text[i] for i in strange}
        if len(said) > MOST or len(strange) > MOST_SHARE * len(text):
            return text
        meant = self.look_up(said)
        read = list(text)
        for i in strange:
            read[i] = meant[text[i]]
        return read

    def look_up(self, said: Set[str]) -> Mapping[str, str]:
        """Return what each of these words, and perhaps others, was meant to be."""
        meant = self._meant
        if new := sorted([word for word in said if word not in meant]):
            if len(meant) + len(new) > self._capacity:
                new, meant = sorted(said), {}
            for i in range(0, len(new), AT_ONCE):
                some = new[i : i + AT_ONCE]
                meant.update(zip(some, _as_meant(some, self._known), strict=True))
            self._meant = meant
        return meant


def strange(said: Sequence[str], rows: words.Rows) -> npt.NDArray[np.bool_]:
    """Tell of each word if nothing is known of it and it may be a slip."""
    unknown: npt.NDArray[np.bool_] = rows.own == words.NOWHERE
    for i in unknown.nonzero()[0].tolist():
        unknown[i] = _alphabet(said[i]) is not _NO_LETTERS
    return unknown


def remembered(said: Sequence[str], known: words.Known) -> words.Known:
    """Give words of which only the meaning is known the rows of common ones that look the same.

    That is, with two letters swapped or one too many: people write "cmoe" so often that lists of
    words have it.
    """
    slots = words.slots(said, known.tags)
    rows = known.rows.copy()
    for i in range(0, len(said), 256):
        some = [
            (word, slot)
            for word, slot in zip(said[i : i + 256], slots[i : i + 256].tolist(), strict=True)
            if slot >= 0 and rows[slot] >= words.OWN and _alphabet(word) is not _NO_LETTERS
        ]
        texts = [word for word, _ in some]
        found = _nearest(texts, _NO_LETTERS, known, lambda _: COMMON)
        at = [j for j, word in enumerate(found) if word != texts[j]]
        common = words.rows([found[j] for j in at], known).own if at else ()
        rows[[some[j][1] for j in at]] = common
    return words.Known(known.tags, rows)


def _alphabet(word: str) -> _Alphabet:
    """Return the letters a word is of; none if it is not one to be looked up."""
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return _NO_LETTERS
    return next((one for one in _ALPHABETS if word[0] in one.letters), _NO_LETTERS)


def _as_meant(said: Sequence[str], known: words.Known) -> list[str]:
    """Return the most common word that each is a slip of, or the word itself.

    A short word is near so many that only those with rows of their own are looked for.
    """
    meant = dict(zip(said, said, strict=True))
    for alphabet in _ALPHABETS:
        some = [word for word in said if _alphabet(word) is alphabet]
        found = _nearest(
            some, alphabet, known, lambda word: words.OWN if len(word) < LONG else words.NOWHERE
        )
        meant |= zip(some, found, strict=True)
    return list(meant.values())


def _nearest(
    said: Sequence[str], alphabet: _Alphabet, known: words.Known, most: Callable[[str], int]
) -> list[str]:
    """Return for each word its slip with the lowest row if that is below `most`, else the word."""
    if not said:
        return []
    slips = _Slips.of(said, alphabet)
    best = [most(word) for word in said]
    read = list(said)
    which, rows = words.found(slips.hashes, known)
    for slip, owner, row in zip(
        which.tolist(), slips.owner[which].tolist(), rows.tolist(), strict=True
    ):
        if row < best[owner]:
            best[owner] = row
            read[owner] = slips.spelled(said[owner], slip)
    return read


class _Slips(NamedTuple):
    """All slips of some words. The first letter is taken to be right.

    `owner`: of which word each is; `at`: the place of the letter that is changed; `kind`: 0 swapped
    with the next, 1 left out, from 2 on another in its place, behind those another before it.
    """

    alphabet: _Alphabet
    hashes: Hashes
    owner: Ints
    at: Ints
    kind: Ints

    @classmethod
    def of(cls, said: Sequence[str], alphabet: _Alphabet) -> "_Slips":
        """Hash the slips of words, one after another in one array."""
        letters = np.array([ord(letter) for letter in alphabet.letters], np.uint64)[:, None]
        lengths = np.array([len(word) + 2 for word in said])
        begins = lengths.cumsum() - lengths
        owner = np.repeat(np.arange(len(said)), lengths)
        place = np.arange(len(owner)) - begins[owner]
        codes = np.array([ord(letter) for word in said for letter in f"<{word}>"], np.uint64)
        power = words.POWERS[place]
        sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(codes * power)))
        before = sums[:-1] - sums[begins[owner]]
        behind = sums[begins[owner] + lengths[owner]] - sums[:-1]
        rest = ((place > 1) & (place < lengths[owner])).nonzero()[0]
        at = rest[place[rest] < lengths[owner[rest]] - 1]
        pair = at[place[at] < lengths[owner[at]] - 2]
        apart = codes[pair + 1] - codes[pair]
        swapped = (before + behind)[pair] + apart * (power[pair] - power[pair + 1])
        dropped = before[at] + (behind[at] - codes[at] * power[at]) * words.INVERSE
        wrong = (before + behind)[at] + (letters - codes[at]) * power[at]
        more = before[rest] + letters[: alphabet.whole] * power[rest] + behind[rest] * words.BASE
        changed = (swapped[None], dropped[None], wrong, more)
        places = (pair, at, *[at] * len(wrong), *[rest] * len(more))
        where = np.concatenate(places)
        kind = np.repeat(np.arange(len(places)), [len(some) for some in places])
        hashes = np.concatenate([some.ravel() for some in changed])
        return cls(alphabet, hashes, owner[where], place[where] - 1, kind)

    def spelled(self, word: str, slip: int) -> str:
        """Return a slip of its word as it is written."""
        at, kind = int(self.at[slip]), int(self.kind[slip]) - 2
        head, tail = word[:at], word[at:]
        if kind == -2:
            return head + tail[1] + tail[0] + tail[2:]
        if kind == -1:
            return head + tail[1:]
        if kind < len(self.alphabet.letters):
            return head + self.alphabet.letters[kind] + tail[1:]
        return head + self.alphabet.letters[kind - len(self.alphabet.letters)] + tail
