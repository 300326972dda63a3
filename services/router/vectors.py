"""Word vectors and what they say to the detectors of neighbouring words, composed once and kept.

A word's vector is its own row of the table or that of its meaning, if it has one, plus the mean of
the rows of the 3- and 4-grams in it. It depends on the word and the weights alone, so what is kept
and what is composed anew never shows in a result.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from services.router import words
from services.router.features import Floats
from services.router.spelling import Speller, strange

Bytes = npt.NDArray[np.int8]

CAPACITY: Final = 8_192  # words kept: 8 MB; a full cache is started anew
AT_ONCE: Final = 256  # words composed at a time


class _Shelf:
    """Vectors of words, their parts in trios, if they are strange, and the row of each."""

    def __init__(self, capacity: int, width: int, trios: int) -> None:
        self.rows: dict[str, int] = {}
        self.vectors = np.zeros((capacity, width), np.float32)
        self.trios = np.zeros((3, capacity, trios), np.float32)
        self.strange = np.zeros(capacity, bool)


class WordVectors:
    """A bounded cache in front of the table. Safe for threads: only filling it takes a lock."""

    def __init__(
        self,
        known: words.Known,
        table: Bytes,
        scale: Floats,
        trios: Floats,
        capacity: int = CAPACITY,
    ) -> None:
        self._known = known
        self._table = table
        self._scale = scale
        self._trios = trios
        self._capacity = capacity
        self._widths = table.shape[1], trios.shape[1] // 3
        self._shelf = _Shelf(capacity, *self._widths)
        self._speller = Speller(known)
        self._filling = Lock()

    def look_up(self, wanted: Sequence[str]) -> tuple[Floats, Floats]:
        """Return each word's vector, and (3, words, detectors) what it says to detectors.

        As the last, the middle and the first word of a trio. A word of which nothing is known is
        read as the known one that it is a slip of.
        """
        shelf, at = self._found(wanted)
        unknown = shelf.strange.take(at)
        if unknown.any():
            shelf, at = self._found(self._speller.read(wanted, unknown.nonzero()[0].tolist()))
        return shelf.vectors.take(at, 0), shelf.trios.take(at, 1)

    def _found(self, wanted: Sequence[str]) -> tuple[_Shelf, words.Ints]:
        """Return a shelf that holds all of `wanted`, and where."""
        shelf = self._shelf
        try:
            at = np.fromiter(map(shelf.rows.__getitem__, wanted), np.int64, len(wanted))
        except KeyError:
            with self._filling:
                shelf = self._filled(set(wanted))
            at = np.fromiter(map(shelf.rows.__getitem__, wanted), np.int64, len(wanted))
        return shelf, at

    def _filled(self, wanted: set[str]) -> _Shelf:
        """Return a shelf that holds all of `wanted`; a full one is left to those who read it."""
        shelf = self._shelf
        missing = sorted(wanted - shelf.rows.keys())
        if len(shelf.rows) + len(missing) > self._capacity:
            shelf = _Shelf(max(self._capacity, len(wanted)), *self._widths)
            missing = sorted(wanted)
        for i in range(0, len(missing), AT_ONCE):
            some = missing[i : i + AT_ONCE]
            rows = words.rows(some, self._known)
            vectors = compose(self._table, self._scale, rows)
            first, last = len(shelf.rows), len(shelf.rows) + len(some)
            shelf.vectors[first:last] = vectors
            shelf.strange[first:last] = strange(some, rows)
            # A product of its own for each word: that of many may differ in the last bit.
            for row, vector in enumerate(vectors, first):
                trios = vector.dot(self._trios[:-1]) + self._trios[-1]
                shelf.trios[:, row] = trios.reshape(3, -1)
            shelf.rows.update(zip(some, range(first, last), strict=True))
        self._shelf = shelf
        return shelf


def compose(table: Bytes, scale: Floats, rows: words.Rows) -> Floats:
    """Return the vector of each word. Every word has a gram: it stands between two marks."""
    grams = table.take(rows.grams, 0).astype(np.float32)
    starts = rows.counts.cumsum() - rows.counts
    vectors: Floats = np.add.reduceat(grams, starts, axis=0)
    vectors /= rows.counts[:, None].astype(np.float32)
    vectors += table.take(rows.own, 0)
    vectors *= scale
    return vectors
