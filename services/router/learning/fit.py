"""Fit the classifier's weights: word vectors, trios and a small net over pooled words.

Everything is numpy, with fixed mini-batches in a fixed order: the same data give the same
weights bit for bit. The table is stepped by AdaGrad on the rows that a batch touches, the net by
Adam. Words and hidden units are dropped at random, so that no single one decides.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.router.classify import (
    ATTENTION,
    COLUMNS,
    EDGES,
    FACTS,
    HIDDEN,
    INPUTS,
    SENTENCE,
    TIER,
    TRIOS,
    VALUES,
    WHOLE,
)
from services.router.features import DENSE, Floats
from services.router.learning.batches import Batch, Rows, Sum, Ties
from services.router.learning.net import Fitted, Seen, loss
from services.router.learning.optimise import AdaGrad, Adam
from services.router.words import NOWHERE, Ints

EPOCHS: Final = 8
BATCH: Final = 192
DROPPED_WORDS: Final = 0.15
DROPPED_UNITS: Final = 0.2
DROPPED_OWN: Final = 0.2  # of words' own rows: what is in them must do for words never seen
# How strongly a word's vector is drawn back to what it started with: a few examples must not move
# it far from what words of its meaning are like. Against a weak pull to nothing, held out: category
# of other hands' conversations +1, right tier +.7, STANDARD and above +2.
PULL: Final = np.float32(4e-4)
SEED: Final = 4
# Of each epoch of the second half; their mean is what is kept.
LOOKS: Final = 16
TIED: Final = 500  # expressions moved after each batch
TIE: Final = np.float32(0.002)  # how much each counts; five times that slowed everything else
# Facts that say nothing of the tier: length and politeness ("would you mind?") change them.
MANNERS: Final = (
    "length",
    "sentences",
    "words",
    "quotation marks",
    "question mark",
    "question at the end",
)


class Start(NamedTuple):
    """What is known before the first example.

    `table`: (ROWS, VALUES), the vectors of words, 0 where there are none; `pairs` of
    expressions, as words, are to get like vectors.
    """

    table: Floats
    pairs: Sequence[tuple[list[str], list[str]]] = ()


def fit(
    data: Rows,
    start: Start,
    tell: Callable[[str], object] = str,
    *,
    chosen: Ints | None = None,
    epochs: int = EPOCHS,
) -> Fitted:
    """Return the weights that examples give, all or `chosen`; `tell` hears how it goes."""
    random = np.random.default_rng(SEED)
    weight = max(float(data.weights.sum()) / len(data.weights), 1e-9)
    learner = _Learner(start.table.copy(), random, 1 / weight)
    order = random.permutation(len(data.dense) if chosen is None else chosen)
    batches = [Batch(data, order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
    mixed = [start.pairs[i] for i in random.permutation(len(start.pairs))]
    ties = [Ties(mixed[i : i + TIED], data.vocabulary.known) for i in range(0, len(mixed), TIED)]
    seen = _Mean()
    apart = max(len(batches) // LOOKS, 1)
    for epoch in range(epochs):
        losses = []
        for place, index in enumerate(random.permutation(len(batches))):
            losses.append(learner.step(batches[index], 1 - epoch / epochs))
            if ties:
                learner.tie(ties[place % len(ties)], 1 - epoch / epochs)
            if 2 * epoch >= epochs and place % apart == 0:
                seen.add(learner.learned())
        tell(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.4f}")
    return seen.mean()


class _Mean:
    """The mean of weights as they were at several times.

    It does better on what was not learned from than the last of them: Izmailov et al.,
    arXiv 1803.05407.
    """

    def __init__(self) -> None:
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._count = 0

    def add(self, fitted: Fitted) -> None:
        """Take the weights in as they are now."""
        self._count += 1
        for name in Fitted.__dataclass_fields__:
            now: Floats = getattr(fitted, name)
            if name not in self._sums:
                self._sums[name] = np.zeros(now.shape)
            self._sums[name] += now

    def mean(self) -> Fitted:
        """Return the mean of all that was taken in."""
        return Fitted(**{
            name: (total / self._count).astype(np.float32) for name, total in self._sums.items()
        })  # fmt: skip


class _Learner:
    """Weights and the state of their optimisers."""

    def __init__(self, table: Floats, random: np.random.Generator, loss_scale: float) -> None:
        self._random = random
        self._loss_scale = np.float32(loss_scale)
        self._start = table.copy()
        self._given = (table != 0).any(axis=1)
        table += random.normal(0, 0.1, table.shape) * ~self._given[:, None]
        table[NOWHERE] = 0
        trios = np.zeros((VALUES + 1, 3 * TRIOS), np.float32)
        trios[:-1] = random.normal(0, (3 * VALUES) ** -0.5, (VALUES, 3 * TRIOS))
        gates = np.zeros((SENTENCE + EDGES, ATTENTION), np.float32)
        gates[:SENTENCE] = random.normal(0, 0.05, (SENTENCE, ATTENTION))
        self._first_mask, self._last_mask = _masks()
        first = random.normal(0, INPUTS**-0.5, (INPUTS, HIDDEN)) * self._first_mask
        last = np.zeros((INPUTS + HIDDEN, COLUMNS), np.float32)
        last[INPUTS:] = random.normal(0, 0.1, (HIDDEN, COLUMNS))
        last *= self._last_mask
        self.fitted = Fitted(table, trios, gates, first.astype(np.float32), last)
        self._table_step = AdaGrad(table)
        self._trios_step, self._gates_step = Adam(trios), Adam(gates)
        self._first_step, self._last_step = Adam(self.fitted.first), Adam(self.fitted.last)

    def step(self, batch: Batch, rate: float) -> float:
        """Move the weights against a batch's gradient; return its loss."""
        net = self.fitted
        spelled = self._spelled(batch.compose)
        kept = self._kept(batch.all.source.shape, DROPPED_WORDS)
        seen = Seen(batch, net, spelled, kept)
        before: Floats = seen.inputs @ net.first
        alive: Floats = self._kept(before.shape, DROPPED_UNITS) / np.float32(1 - DROPPED_UNITS)
        both = np.concatenate((seen.inputs, np.maximum(before, 0) * alive), axis=1)
        weights = batch.weights * self._loss_scale
        gradient, surprise = loss(both @ net.last, batch.targets, weights)
        back: Floats = gradient @ net.last.T
        hidden_back: Floats = back[:, INPUTS:] * (before > 0) * alive
        inputs_back: Floats = back[:, :INPUTS] + hidden_back @ net.first.T
        moved = seen.back(inputs_back)
        self._last_step.step((both.T @ gradient) * self._last_mask, rate)
        self._first_step.step((seen.inputs.T @ hidden_back) * self._first_mask, rate)
        self._gates_step.step(moved.gates, rate)
        self._trios_step.step(moved.trios, rate)
        rows, rows_back = batch.compose.distinct, batch.compose.back(moved.words, spelled)
        rows_back += PULL * (net.table[rows] - self._start[rows])
        self._table_step.step(rows, rows_back, rate)
        return surprise

    def tie(self, ties: Ties, rate: float) -> None:
        """Move foreign expressions towards the English ones, which stay where they are."""
        vectors = ties.compose.forward(self.fitted.table)
        apart = ties.said.forward(vectors) - ties.meant.forward(vectors)
        moved = np.zeros_like(vectors)
        moved[ties.said.distinct] = ties.said.back(apart * TIE)
        rows = ties.compose.back(moved)
        self._table_step.step(ties.compose.distinct, rows, rate)

    def learned(self) -> Fitted:
        """Return the weights; rows that nothing was learned of are nothing, not noise."""
        net = self.fitted
        net.table[~(self._table_step.touched | self._given)] = 0
        return net

    def _spelled(self, entries: Sum) -> Floats:
        """Return the scales without some of the words' own rows, which come first."""
        scale = entries.scale.copy()
        scale[entries.starts] *= self._kept(entries.starts.shape, DROPPED_OWN)
        return scale

    def _kept(self, shape: tuple[int, ...], dropped: float) -> Floats:
        return (self._random.random(shape, np.float32) > dropped).astype(np.float32)


def _masks() -> tuple[Floats, Floats]:
    """Return what may be learned of the net.

    Difficulty is not read off what surrounds a turn, nor off its manners, nor off the mean
    of all its words, which padding changes.
    """
    first = np.ones((INPUTS, HIDDEN), np.float32)
    last = np.ones((INPUTS + HIDDEN, COLUMNS), np.float32)
    first[FACTS.stop :, HIDDEN // 2 :] = 0
    last[FACTS.stop : INPUTS + HIDDEN // 2, TIER] = 0
    whole = range(WHOLE.start, WHOLE.stop)
    for at in (*whole, *(FACTS.start + DENSE.index(name) for name in MANNERS)):
        first[at, HIDDEN // 2 :] = 0
        last[at, TIER] = 0
    return first, last
