"""Cut a text into words and name each word's rows in a table of learned weights.

Nothing here knows a language: a word is a run of letters and digits between separators. In a
script written without spaces each two neighbouring characters are a word, or each four where
characters are letters. Case, apostrophes and the values of digits are dropped. A word is made of
itself and of the 3- and 4-grams inside it, so that a misspelt or inflected word is close to the
one that was learned; a character that is a syllable or more counts as three. Grams share rows by
hash. A word that was learned of has a row of its own; one of which only the meaning is known shares
a row with those that mean the like. `Known` tells which row that is, and that a word has none: what
stands in the row of another word is not true of it.

Hashes are polynomial modulo 2^64 over Unicode code points: the same in every process and on
every machine. No regular expression here can backtrack: each matches single character classes.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Shorts = npt.NDArray[np.uint16]

# Rows of the table: first words' own, then those of meanings, then grams', then one that says
# nothing.
OWN: Final = 60 * 1024
MEANINGS: Final = 4 * 1024
GRAM_BITS: Final = 15
GRAMS_AT: Final = OWN + MEANINGS
NOWHERE: Final = GRAMS_AT + 2**GRAM_BITS
ROWS: Final = NOWHERE + 1
SLOT_BITS: Final = 18
WAYS: Final = 8  # slots that may be a word's: one of them nearly always is free
MOST_LETTERS: Final = 24  # of a longer word the beginning is read
GRAMS: Final = (3, 4)

# Scripts without spaces: kana and Chinese characters; Thai, Lao, Burmese and Khmer.
_WIDE: Final = r"\u2e80-\u2fff\u3041-\u30fa\u30fc-\u9fff\uf900-\ufaff"
_THAI: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_UNSPACED: Final = re.compile(f"([{_WIDE}]+)|[{_THAI}]+")
# Hangul syllables have two or three letters each.
_SYLLABLE: Final = re.compile(f"([{_WIDE}\\uac00-\\ud7a3])")
_BETWEEN: Final = (
    r"\s\x00-/:-@\[-`{-~\u00a0-\u00bf\u055d-\u055f\u060c\u061b\u061f\u0964\u0965\u06d4"
    r"\u2000-\u206f\u3000-\u3020\u30fb\uff01-\uff0f\uff1a-\uff20"
)
QUOTED: Final = "\x02"  # the first word of a sentence that stood in quotation marks
LONG_QUOTE: Final = 32  # characters; a shorter quotation stays in its sentence
_NOTHING: Final = [QUOTED]
_WORDS: Final = re.compile(f"[?{QUOTED}]|[^{_BETWEEN}]+")
_APOSTROPHES: Final = {ord("'"): None}
_DIGITS: Final = {ord(digit): "0" for digit in "123456789"}
_ASCII: Final = {
    code: " " if not chr(code).isalnum() else "0" if chr(code).isdigit() else chr(code).lower()
    for code in range(128)
    if chr(code) not in f"\n?{QUOTED}"
} | _APOSTROPHES

_STOPS: Final = (". ", "! ", ": ")
# Marks that end a sentence, and those that typesetting puts into English.
_PLAIN: Final = (
    dict.fromkeys("\u3002\uff01\uff1a\u0964\u2026", "\n")
    | dict.fromkeys("\uff1f\u061f", "?\n")
    | dict.fromkeys("\u2018\u2013\u2014\u2022\u00a0", " ")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d", '"')
    | {"\u2019": ""}
)

_GRAM_LENGTHS: Final = np.array(GRAMS)

# A word's hash is that of its letters between "<" and ">": the sum of code times BASE ** place.
BASE: Final = np.uint64(0x9E3779B97F4A7C15)
INVERSE: Final = np.uint64(pow(int(BASE), -1, 2**64))
_FOLD, _MIX = np.uint64(29), np.uint64(0xE7037ED1A0B428DB)
_TAG: Final = np.uint64(64 - SLOT_BITS - 16)  # bits that the group does not depend on


def _powers(base: np.uint64, count: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


_MOST_CODES: Final = 1 << 15
POWERS: Final = _powers(BASE, _MOST_CODES)
_INVERSES: Final = _powers(INVERSE, _MOST_CODES)


def sentences(text: str) -> list[list[str]]:
    """Return the words of each sentence of a text, in lower case and in order.

    A line's end, a full stop, a colon and the like before a space end a sentence; so does a
    question mark, which is a word of it. A long quotation stands apart: the first word of each of
    its sentences is `QUOTED`. Sentences without words are left out.
    """
    if not text.isascii():
        for mark, plain in _PLAIN.items():
            if mark in text:
                text = text.replace(mark, plain)
    if '"' in text:
        text = _quotations_apart(text)
    for mark in _STOPS:
        if mark in text:
            text = text.replace(mark, "\n")
    text = text.replace("?", " ?\n")
    if text.isascii():
        return _plain_sentences(text)
    text = text.lower().replace("'", "")
    text = _UNSPACED.sub(_apart, text)
    found = map(_WORDS.findall, text.split("\n"))
    return [line for line in found if line and line != _NOTHING]


def _quotations_apart(text: str) -> str:
    """Put each sentence of long quotations on a line that says so, if quotation marks match."""
    parts = text.split('"')
    if len(parts) % 2:
        for i in range(1, len(parts), 2):
            if len(parts[i]) >= LONG_QUOTE:
                parts[i] = f"\n{_quoted(parts[i].strip())}\n"
    return " ".join(parts)


def _quoted(text: str) -> str:
    text = text.replace("\n", f"\n{QUOTED} ").replace("? ", f"?\n{QUOTED} ")
    for mark in _STOPS:
        text = text.replace(mark, f"\n{QUOTED} ")
    return f"{QUOTED} {text}"


def _plain_sentences(text: str) -> list[list[str]]:
    lines = map(str.split, text.translate(_ASCII).split("\n"))
    return [line for line in lines if line and line != _NOTHING]


def _apart(run: re.Match[str]) -> str:
    """Put spaces between the words of a run of characters without spaces."""
    text = run.group()
    size = 2 if run.group(1) else 4
    if len(text) <= size:
        return f" {text} "
    return f" {' '.join([text[i : i + size] for i in range(len(text) - size + 1)])} "


class Known(NamedTuple):
    """Words of which something is known, by hash.

    Of each slot, (2**SLOT_BITS,): `tags`, a part of its word's hash, 0 where there is none, and
    `rows`, the row that is the word's own or that of its meaning.
    """

    tags: Shorts
    rows: Shorts

    @classmethod
    def nothing(cls) -> Self:
        """Return that no word is known."""
        return cls(np.zeros(2**SLOT_BITS, np.uint16), np.zeros(2**SLOT_BITS, np.uint16))


class Rows(NamedTuple):
    """Of some words: the rows of the table that each is made of.

    Rows of word i: its own or that of its meaning, `own[i]`, which may be `NOWHERE`, and the next
    `counts[i]` of `grams`.
    """

    own: Ints
    grams: Ints
    counts: Ints


def rows(words: Sequence[str], known: Known) -> Rows:
    """Find the rows of words; every word's result depends on that word and `known` alone."""
    hashes = _hashes(words)
    slots = _slots(hashes.groups, hashes.tags, known.tags)
    own = np.where(slots < 0, NOWHERE, known.rows[slots].astype(np.int64))
    return Rows(own, GRAMS_AT + _first_bits(hashes.grams, GRAM_BITS), hashes.counts)


def owned(words: Sequence[str], among: Known) -> Known:
    """Give words rows of their own, in this order, as long as there are any."""
    words = words[:OWN]
    tags = tagged(words, among.tags)
    at = slots(words, tags)
    rows = among.rows.copy()
    rows[at[at >= 0]] = np.flatnonzero(at >= 0)
    return Known(tags, rows)


def slots(words: Sequence[str], tags: Shorts) -> Ints:
    """Return the slot of each word, -1 for one that has none."""
    found = (_hashes(words[i : i + 256]) for i in range(0, len(words), 256))
    parts = [_slots(hashes.groups, hashes.tags, tags) for hashes in found]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def tagged(words: Sequence[str], tags: Shorts) -> Shorts:
    """Return tags in which these words have slots, too, in this order as long as there are any."""
    tags = tags.copy()
    for i in range(0, len(words), 256):
        hashes = _hashes(words[i : i + 256])
        for group, tag in zip(hashes.groups.tolist(), hashes.tags.tolist(), strict=True):
            ways = tags[group * WAYS : (group + 1) * WAYS]
            free = np.flatnonzero((ways == 0) | (ways == tag))
            if len(free):
                ways[free[0]] = tag
    return tags


def found(hashes: Hashes, known: Known) -> tuple[Ints, Ints]:
    """Return which of these are hashes of words of which something is known, and their rows."""
    groups, tags = _places(_mixed(hashes))
    which, way = _ways(groups, tags, known.tags).nonzero()
    return which, known.rows[groups[which] * WAYS + way].astype(np.int64)


def _slots(groups: Ints, wanted: Shorts, tags: Shorts) -> Ints:
    ways = _ways(groups, wanted, tags)
    return np.where(ways.any(axis=1), groups * WAYS + ways.argmax(axis=1), -1)


def _ways(groups: Ints, wanted: Shorts, tags: Shorts) -> npt.NDArray[np.bool_]:
    """Return for each word which of the slots of its group have its tag."""
    found: npt.NDArray[np.bool_] = tags.reshape(-1, WAYS)[groups] == wanted[:, None]
    return found


class _Hashes(NamedTuple):
    """Of words: in which group of slots they may be, and under which tag; of their grams."""

    groups: Ints
    tags: Shorts
    grams: Hashes
    counts: Ints


def _hashes(words: Sequence[str]) -> _Hashes:
    marked = [f"<{word[:MOST_LETTERS]}>" for word in words]
    if not "".join(marked).isascii():
        marked = [_SYLLABLE.sub(r"\1\1\1", word) for word in marked]
    joined = "".join(marked).translate(_DIGITS).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, "<u4").astype(np.uint64)
    if len(codes) >= _MOST_CODES:
        raise ValueError("too many words to hash at once")
    # A run's hash is the difference of two prefix sums, shifted back to position 0.
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * POWERS[: len(codes)], out=sums[1:])
    lengths = np.array([len(word) for word in marked])
    ends = lengths.cumsum()
    begins = ends - lengths
    whole = _mixed((sums[ends] - sums[begins]) * _INVERSES[begins])
    ahead = np.repeat(ends, lengths) - np.arange(len(codes))
    fits = (ahead[:, None] >= _GRAM_LENGTHS).ravel().nonzero()[0]
    at, size = fits // len(GRAMS), _GRAM_LENGTHS[fits % len(GRAMS)]
    grams = _mixed((sums[at + size] - sums[at]) * _INVERSES[at] + size.astype(np.uint64))
    counts = np.maximum(lengths[:, None] - (_GRAM_LENGTHS - 1), 0).sum(axis=1)
    return _Hashes(*_places(whole), grams, counts)


def _places(whole: Hashes) -> tuple[Ints, Shorts]:
    """Return the group and the tag of words by their hashes."""
    tags = np.maximum((whole >> _TAG).astype(np.uint16), 1)
    return _first_bits(whole, SLOT_BITS) // WAYS, tags


def _mixed(hashes: Hashes) -> Hashes:
    hashes = hashes ^ (hashes >> _FOLD)
    return hashes * _MIX


def _first_bits(hashes: Hashes, bits: int) -> Ints:
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)
