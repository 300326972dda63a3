"""Fit the classifier's weights: word vectors, trios and a small net over pooled words.

Everything is numpy, with fixed mini-batches in a fixed order: the same data give the same
weights bit for bit. The table is stepped by AdaGrad on the rows that a batch touches, the net by
Adam. Words and hidden units are dropped at random, so that no single one decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.router import words
from services.router.classify import (
    ATTENTION,
    CATEGORIES,
    CATEGORY,
    COLUMNS,
    CONTEXT,
    EDGES,
    FACTS,
    FOLLOWS,
    HIDDEN,
    INPUTS,
    SENTENCE,
    TIER,
    TRIOS,
    VALUES,
    WHOLE,
)
from services.router.features import DENSE, Floats
from services.router.judgement import TIERS
from services.router.learning.batches import Batch, Rows, Sum, Ties
from services.router.words import Ints

EPOCHS: Final = 8
BATCH: Final = 192
RATE: Final = 0.1
NET_RATE: Final = 0.003
DECAY: Final = 2e-5
DROPPED_WORDS: Final = 0.15
DROPPED_UNITS: Final = 0.2
DROPPED_OWN: Final = 0.2  # of words' own rows: what is in them must do for words never seen
SEED: Final = 4
# Of each epoch of the second half; their mean is what is kept.
LOOKS: Final = 16
TIED: Final = 500  # expressions moved after each batch
TIE: Final = np.float32(0.002)  # how much each counts; five times that slowed everything else
# Facts that say nothing of the tier: length and politeness ("would you mind?") change them.
MANNERS: Final = (
    "length",
    "lines",
    "words",
    "quotation marks",
    "question mark",
    "question at the end",
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights as they are learned; see `classify.Net`."""

    table: Floats
    trios: Floats
    gates: Floats
    first: Floats
    last: Floats


def fit(
    data: Rows,
    tell: Callable[[str], None],
    pairs: Sequence[tuple[list[str], list[str]]] = (),
    table: Floats | None = None,
    epochs: int = EPOCHS,
) -> Fitted:
    """Return the weights that examples give; `pairs` of expressions get like vectors.

    `table`: what the table of words is at first.
    """
    random = np.random.default_rng(SEED)
    if table is None:
        table = np.zeros((2**words.WORD_BITS, VALUES), np.float32)
    learner = _Learner(table, random, 1 / max(float(data.weights.sum()) / len(data.weights), 1e-9))
    order = random.permutation(len(data.dense))
    batches = [Batch(data, order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
    mixed = [pairs[i] for i in random.permutation(len(pairs))]
    ties = [Ties(mixed[i : i + TIED]) for i in range(0, len(mixed), TIED)]
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


def scores(fitted: Fitted, data: Rows) -> Floats:
    """Return (examples, COLUMNS) scores as the classifier will give them."""
    found = []
    for i in range(0, len(data.dense), 512):
        batch = Batch(data, np.arange(i, min(i + 512, len(data.dense))))
        seen = _Seen(batch, fitted, batch.compose.scale)
        both = np.concatenate((seen.inputs, np.maximum(seen.inputs @ fitted.first, 0)), axis=1)
        found.append(both @ fitted.last)
    return np.concatenate(found)


class _Seen:
    """What a batch looks like to the net: `inputs` as `classify` lays them out.

    `kept`: (words,) 0 for a word that is to be overlooked, else 1; None overlooks nothing.
    """

    def __init__(
        self, batch: Batch, net: Fitted, spelled: Floats, kept: Floats | None = None
    ) -> None:
        self.batch, self.net = batch, net
        self.kept = np.ones(len(batch.all.source), np.float32) if kept is None else kept
        self.scale: Floats = batch.sentences.scale * self.kept
        self.vectors = batch.compose.forward(net.table, spelled)
        self.found = self._trios()
        self.sentences = np.empty((len(batch.lengths), SENTENCE), self.found.dtype)
        self.sentences[:, :VALUES] = batch.sentences.forward(self.vectors, self.scale)
        self.sentences[:, VALUES:] = batch.by_sentence(self.found, np.maximum)
        self.gated = np.concatenate((self.sentences, batch.edges), axis=1)
        gates = self.gated @ net.gates
        top = batch.by_turn(gates, np.maximum)
        powers: Floats = np.exp(gates - self._spread(top))
        self.weights: Floats = powers / self._spread(self._gather(powers))
        self.looks = [
            self._gather(self.sentences * self.weights[:, i : i + 1]) for i in range(ATTENTION)
        ]
        self.inputs = np.zeros((batch.size, INPUTS), np.float32)
        for i, look in enumerate(self.looks):
            self.inputs[:, i * SENTENCE : (i + 1) * SENTENCE] = look
        self.inputs[:, WHOLE] = batch.all.forward(self.vectors)
        self.inputs[:, FACTS] = batch.dense
        if batch.context is not None:
            by_part = self.inputs[:, FACTS.stop :].reshape(batch.size, len(CONTEXT), VALUES)
            by_part[batch.context_row, batch.context_part] = batch.context.forward(self.vectors)
            self.inputs[:, FACTS.stop :] = by_part.reshape(batch.size, -1)

    def _trios(self) -> Floats:
        """Return what the detectors find around each word."""
        said = self.vectors @ self.net.trios[:-1]
        here: Floats = said[self.batch.all.source] * self.kept[:, None]
        found: Floats = here[:, TRIOS : 2 * TRIOS] + self.net.trios[-1, TRIOS : 2 * TRIOS]
        found[1:] += here[:-1, 2 * TRIOS :] * self.batch.beside
        found[:-1] += here[1:, :TRIOS] * self.batch.beside
        return np.maximum(found, 0, out=found)

    def _trios_back(self, strongest_back: Floats) -> tuple[Floats, Floats]:
        """Return the gradients of words' vectors and of the detectors."""
        batch = self.batch
        wins = self.found == np.repeat(self.sentences[:, VALUES:], batch.lengths, axis=0)
        wins &= self.found > 0
        found_back: Floats = np.repeat(strongest_back, batch.lengths, axis=0) * wins
        here_back = np.zeros((len(found_back), 3 * TRIOS), np.float32)
        here_back[:, TRIOS : 2 * TRIOS] = found_back
        here_back[:-1, 2 * TRIOS :] = found_back[1:] * batch.beside
        here_back[1:, :TRIOS] = found_back[:-1] * batch.beside
        # `all` has a scale: here every word counts once.
        said_back = batch.all.back_by_entry(here_back, self.kept)
        trios_back = np.zeros_like(self.net.trios)
        trios_back[:-1] = self.vectors[batch.all.distinct].T @ said_back
        trios_back[-1, TRIOS : 2 * TRIOS] = found_back.sum(axis=0)
        return said_back @ self.net.trios[:-1].T, trios_back

    def _spread(self, by_turn: Floats) -> Floats:
        return np.repeat(by_turn, self.batch.turn_sizes, axis=0)

    def _gather(self, by_sentence: Floats) -> Floats:
        return self.batch.by_turn(by_sentence)

    def back(self, inputs_back: Floats) -> "_Back":
        """Return the gradients of words' vectors, of the detectors and of the gates."""
        batch = self.batch
        sentences_back = np.zeros_like(self.sentences)
        gates_back = np.empty_like(self.weights)
        for i in range(ATTENTION):
            look_back = inputs_back[:, i * SENTENCE : (i + 1) * SENTENCE]
            mean = (look_back * self.looks[i]).sum(axis=1, keepdims=True)
            pulled = self._spread(look_back)
            along = (pulled * self.sentences).sum(axis=1, keepdims=True) - self._spread(mean)
            gates_back[:, i : i + 1] = along * self.weights[:, i : i + 1]
            sentences_back += pulled * self.weights[:, i : i + 1]
        sentences_back += gates_back @ self.net.gates[:SENTENCE].T
        moved = np.zeros_like(self.vectors)
        moved[batch.sentences.distinct] += batch.sentences.back(
            np.ascontiguousarray(sentences_back[:, :VALUES]), self.scale
        )
        by_trios, trios_back = self._trios_back(sentences_back[:, VALUES:])
        moved[batch.all.distinct] += by_trios
        moved[batch.all.distinct] += batch.all.back(np.ascontiguousarray(inputs_back[:, WHOLE]))
        if batch.context is not None:
            by_part = inputs_back[:, FACTS.stop :].reshape(batch.size, len(CONTEXT), VALUES)
            pulled = by_part[batch.context_row, batch.context_part]
            moved[batch.context.distinct] += batch.context.back(pulled)
        return _Back(moved, trios_back, self.gated.T @ gates_back)


class _Back(NamedTuple):
    words: Floats
    trios: Floats
    gates: Floats


class _Learner:
    """Weights and the state of their optimisers."""

    def __init__(self, table: Floats, random: np.random.Generator, loss_scale: float) -> None:
        self._random = random
        self._loss_scale = np.float32(loss_scale)
        self._given = (table != 0).any(axis=1)
        table += random.normal(0, 0.1, table.shape) * ~self._given[:, None]
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
        self._table_step = _AdaGrad(table, RATE)
        self._trios_step, self._gates_step = Adam(trios), Adam(gates)
        self._first_step, self._last_step = Adam(self.fitted.first), Adam(self.fitted.last)

    def step(self, batch: Batch, rate: float) -> float:
        """Move the weights against a batch's gradient; return its loss."""
        net = self.fitted
        spelled = self._spelled(batch.compose)
        kept = self._kept(batch.all.source.shape, DROPPED_WORDS)
        seen = _Seen(batch, net, spelled, kept)
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
        rows = batch.compose.back(moved.words, spelled)
        rows += np.float32(DECAY / 10) * net.table[batch.compose.distinct]
        self._table_step.step(batch.compose.distinct, rows, rate)
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


def loss(totals: Floats, targets: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return d loss / d scores and the loss, per example. `weights`: (examples, 3)."""
    chances = np.empty_like(totals)
    for part in (CATEGORY, TIER):
        powers = np.exp(totals[:, part] - totals[:, part].max(axis=1, keepdims=True))
        chances[:, part] = powers / powers.sum(axis=1, keepdims=True)
    chances[:, FOLLOWS] = 1 / (1 + np.exp(-np.clip(totals[:, FOLLOWS], -30, 30)))
    weights = np.repeat(weights, (len(CATEGORIES), len(TIERS), 1), axis=1)
    gradient = (chances - targets) * weights / np.float32(len(totals))
    surprise = -np.sum(weights * targets * np.log(np.maximum(chances, 1e-9)))
    return gradient, float(surprise) / len(totals)


class _AdaGrad:
    """Steps of rows, each scaled by what the row has moved so far."""

    def __init__(self, table: Floats, rate: float) -> None:
        self._table = table
        self._rate = rate
        self._squares = np.full(len(table), 1e-6, np.float32)
        self.touched = np.zeros(len(table), bool)

    def step(self, rows: Ints, gradient: Floats, rate: float) -> None:
        self.touched[rows] = True
        moved = np.einsum("ij,ij->i", gradient, gradient) / gradient.shape[1]
        squares = self._squares[rows] + moved
        self._squares[rows] = squares
        scale = np.float32(self._rate * rate) / np.sqrt(squares)
        self._table[rows] -= scale[:, None] * gradient


class Adam:
    """Kingma & Ba, arXiv 1412.6980, with weight decay."""

    def __init__(self, value: Floats, rate: float = NET_RATE) -> None:
        self._value = value
        self._rate = rate
        self._mean, self._square = np.zeros_like(value), np.zeros_like(value)
        self._steps = 0

    def step(self, gradient: Floats, rate: float) -> None:
        """Move against the gradient at `rate`, 0 to 1, of the full speed."""
        gradient = gradient + np.float32(DECAY) * self._value
        self._steps += 1
        self._mean += np.float32(0.1) * (gradient - self._mean)
        self._square += np.float32(0.001) * (gradient**2 - self._square)
        mean = self._mean / np.float32(1 - 0.9**self._steps)
        square = self._square / np.float32(1 - 0.999**self._steps)
        self._value -= np.float32(self._rate * rate) * mean / (np.sqrt(square) + np.float32(1e-8))
