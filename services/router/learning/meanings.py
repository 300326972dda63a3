"""What words mean, as vectors: words used alike in any language lie side by side.

The table was made from the vectors that multilingual-e5-small (MIT licence) gives to single
words, reduced to their principal components and rounded to a byte. It is looked up by a hash of
the word, so it holds no vocabulary. `python -m services.router.learning.meanings` makes it anew
from the vectors of any model.
"""

import argparse
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from services.router import words

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "meanings.npz"

Vector = npt.NDArray[np.float32]

DIMENSIONS: Final = 96
# A word that is in a share of p of all prompts counts COMMON / (COMMON + p): Arora et al., ICLR
# 2017. Of 0.01, 0.05 and 0.2 the middle one told ratings best.
COMMON: Final = 0.05


@dataclass(frozen=True, eq=False)
class Meanings:
    """The table: `hashes` ascending, a row of `table` and a weight for each."""

    hashes: npt.NDArray[np.uint32]
    table: npt.NDArray[np.int8]
    scale: Vector
    weights: Vector

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read the table as this module's command writes it."""
        with np.load(path, allow_pickle=False) as file:
            weights = file["weights"].astype(np.float32)
            return cls(file["hashes"], file["table"], file["scale"], weights)

    @classmethod
    def of_words(cls, named: Sequence[str], vectors: Vector, shares: Vector) -> Self:
        """Make a table; `shares` are those of prompts that a word is in."""
        weights = COMMON / (COMMON + shares)
        centred = vectors - vectors.mean(axis=0)
        heavy = (weights[:, None] * centred).astype(np.float64)
        _, axes = np.linalg.eigh(heavy.T @ heavy)
        reduced = centred @ axes[:, ::-1][:, :DIMENSIONS].astype(np.float32)
        scale = np.abs(reduced).max(axis=0) / 127
        hashes = np.array([_hash(word) for word in named], np.uint32)
        # Of two words of one hash the first, more frequent one stays.
        hashes, kept = np.unique(hashes, return_index=True)
        table = np.rint(reduced[kept] / scale).astype(np.int8)
        return cls(hashes, table, scale.astype(np.float32), weights[kept].astype(np.float32))

    def save(self, path: Path) -> None:
        """Write the table."""
        np.savez_compressed(
            path,
            hashes=self.hashes,
            table=self.table,
            scale=self.scale,
            weights=self.weights.astype(np.float16),
        )

    def of(self, text: str) -> Vector:
        """Return what a text is about, of length 1; zeros where no word is known."""
        counts = Counter(word for sentence in words.sentences(text) for word in sentence)
        hashes = np.fromiter(map(_hash, counts), np.uint32, len(counts))
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[places] == hashes
        places = places[known]
        often = 1 + np.log(np.fromiter(counts.values(), np.float32, len(counts))[known])
        total: Vector = (often * self.weights[places]) @ self.table[places] * self.scale
        return total / np.float32(max(float(np.linalg.norm(total)), 1e-9))


@cache
def shipped() -> Meanings:
    """Return the table that comes with Routor."""
    return Meanings.load()


def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the table from words and their vectors."""
    parser = argparse.ArgumentParser(
        prog="python -m services.router.learning.meanings",
        description="Make the table of word vectors from those of a sentence model.",
        epilog="example: python -m services.router.learning.meanings words.json vectors.npy"
        " --prompts prompts.json",
    )
    parser.add_argument("words", type=Path, help="JSON: a list of words, most frequent first")
    parser.add_argument("vectors", type=Path, help=".npy: a row of numbers for each word")
    parser.add_argument("--prompts", type=Path, required=True, help="JSON: a list of prompts")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where to write the table")
    options = parser.parse_args(arguments)
    named = msgspec.json.decode(options.words.read_bytes(), type=list[str])
    texts = msgspec.json.decode(options.prompts.read_bytes(), type=list[str])
    seen = Counter(word for text in texts for word in {w for s in words.sentences(text) for w in s})
    shares = np.array([(seen[word] + 1) / (len(texts) + 1) for word in named], np.float32)
    vectors = np.load(options.vectors, allow_pickle=False).astype(np.float32)
    Meanings.of_words(named, vectors[: len(named)], shares).save(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
