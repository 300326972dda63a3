"""Fit the classifier's weights: word vectors, word pairs and a small net over pooled words.

Everything is numpy, with fixed mini-batches in a fixed order: the same data give the same
weights bit for bit. Tables are stepped by AdaGrad on the rows that a batch touches, the net by
Adam. Words, pairs and hidden units are dropped at random, so that no single one decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from services.router import words
from services.router.classify import (
    ATTENTION,
    CATEGORIES,
    CATEGORY,
    COLUMNS,
    CONTEXT,
    EDGES,
    FACTS_END,
    FOLLOWS,
    HIDDEN,
    INPUTS,
    TIER,
    TIERS,
    VALUES,
)
from services.router.features import DENSE, Floats
from services.router.learning.batches import Batch, Rows, Sum, Ties
from services.router.words import Ints

EPOCHS: Final = 5
BATCH: Final = 192
RATE: Final = 0.5
VALUE_RATE: Final = 0.25
NET_RATE: Final = 0.003
DECAY: Final = 2e-4
DROPPED_WORDS: Final = 0.3
DROPPED_UNITS: Final = 0.2
DROPPED_OWN: Final = 0.2  # of words' own rows: what is in them must do for words never seen
SEED: Final = 4
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
    pairs: Floats
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
        table = np.zeros((2**words.WORD_BITS, COLUMNS + VALUES), np.float32)
    learner = _Learner(table, random, 1 / max(float(data.weights.sum()) / len(data.weights), 1e-9))
    order = random.permutation(len(data.dense))
    batches = [Batch(data, order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
    mixed = [pairs[i] for i in random.permutation(len(pairs))]
    ties = [Ties(mixed[i : i + TIED]) for i in range(0, len(mixed), TIED)]
    for epoch in range(epochs):
        losses = []
        for place, index in enumerate(random.permutation(len(batches))):
            losses.append(learner.step(batches[index], 1 - epoch / epochs))
            if ties:
                learner.tie(ties[place % len(ties)], 1 - epoch / epochs)
        tell(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.4f}")
    return learner.learned()


def scores(fitted: Fitted, data: Rows) -> Floats:
    """Return (examples, COLUMNS) scores as the classifier will give them."""
    found = []
    for i in range(0, len(data.dense), 512):
        batch = Batch(data, np.arange(i, min(i + 512, len(data.dense))))
        seen = _Seen(batch, fitted, batch.sentences.scale, batch.pairs.scale, batch.compose.scale)
        both = np.concatenate((seen.inputs, np.maximum(seen.inputs @ fitted.first, 0)), axis=1)
        found.append(seen.totals + both @ fitted.last)
    return np.concatenate(found)


class _Seen:
    """What a batch looks like to the net: `inputs` as `classify` lays them out, and `totals`."""

    def __init__(
        self, batch: Batch, net: Fitted, kept: Floats, kept_pairs: Floats, spelled: Floats
    ) -> None:
        self.batch, self.kept, self.kept_pairs = batch, kept, kept_pairs
        self.vectors = batch.compose.forward(net.table, spelled)
        values = np.ascontiguousarray(self.vectors[:, COLUMNS:])
        self.sentences = batch.sentences.forward(self.vectors, kept)
        self.sentences[:, :COLUMNS] += batch.pairs.forward(net.pairs, kept_pairs)
        self.gated = np.concatenate((self.sentences[:, COLUMNS:], batch.edges), axis=1)
        gates = self.gated @ net.gates
        top = np.maximum.reduceat(gates, batch.turn_starts, axis=0)
        powers: Floats = np.exp(gates - self._spread(top))
        self.weights: Floats = powers / self._spread(self._gather(powers))
        looks = [
            self._gather(self.sentences * self.weights[:, i : i + 1]) for i in range(ATTENTION)
        ]
        self.looks = looks
        self.totals: Floats = looks[0][:, :COLUMNS]
        self.inputs = np.zeros((batch.size, INPUTS), np.float32)
        for i, look in enumerate(looks):
            self.inputs[:, i * VALUES : (i + 1) * VALUES] = look[:, COLUMNS:]
        self.inputs[:, 2 * VALUES : 3 * VALUES] = batch.all.forward(values)
        self.inputs[:, 3 * VALUES : FACTS_END] = batch.dense
        if batch.context is not None:
            by_part = self.inputs[:, FACTS_END:].reshape(batch.size, len(CONTEXT), VALUES)
            by_part[batch.context_row, batch.context_part] = batch.context.forward(values)
            self.inputs[:, FACTS_END:] = by_part.reshape(batch.size, -1)

    def _spread(self, by_turn: Floats) -> Floats:
        return np.repeat(by_turn, self.batch.turn_sizes, axis=0)

    def _gather(self, by_sentence: Floats) -> Floats:
        total: Floats = np.add.reduceat(by_sentence, self.batch.turn_starts, axis=0)
        return total

    def back(self, gradient: Floats, inputs_back: Floats, gates: Floats) -> "_Back":
        """Return the gradients of words' vectors, of the gates and of sentences' scores."""
        batch = self.batch
        sentences_back = np.zeros_like(self.sentences)
        gates_back = np.empty_like(self.weights)
        for i in range(ATTENTION):
            look_back = np.zeros((batch.size, COLUMNS + VALUES), np.float32)
            look_back[:, COLUMNS:] = inputs_back[:, i * VALUES : (i + 1) * VALUES]
            if i == 0:
                look_back[:, :COLUMNS] = gradient
            mean = (look_back * self.looks[i]).sum(axis=1, keepdims=True)
            pulled = self._spread(look_back)
            along = (pulled * self.sentences).sum(axis=1, keepdims=True) - self._spread(mean)
            gates_back[:, i : i + 1] = along * self.weights[:, i : i + 1]
            sentences_back += pulled * self.weights[:, i : i + 1]
        sentences_back[:, COLUMNS:] += gates_back @ gates[:VALUES].T
        moved = np.zeros_like(self.vectors)
        moved[batch.sentences.distinct] += batch.sentences.back(sentences_back, self.kept)
        moved[batch.all.distinct, COLUMNS:] += batch.all.back(
            inputs_back[:, 2 * VALUES : 3 * VALUES]
        )
        if batch.context is not None:
            by_part = inputs_back[:, FACTS_END:].reshape(batch.size, len(CONTEXT), VALUES)
            pulled = by_part[batch.context_row, batch.context_part]
            moved[batch.context.distinct, COLUMNS:] += batch.context.back(pulled)
        pairs = batch.pairs.back(np.ascontiguousarray(sentences_back[:, :COLUMNS]), self.kept_pairs)
        return _Back(moved, self.gated.T @ gates_back, pairs)


class _Back(NamedTuple):
    words: Floats
    gates: Floats
    pairs: Floats


class _Learner:
    """Weights and the state of their optimisers."""

    def __init__(self, table: Floats, random: np.random.Generator, loss_scale: float) -> None:
        self._random = random
        self._loss_scale = np.float32(loss_scale)
        self._given = (table != 0).any(axis=1)
        noise = random.normal(0, 0.25, (len(table), VALUES))
        table[:, COLUMNS:] += noise * ~self._given[:, None]
        pairs = np.zeros((2**words.PAIR_BITS, COLUMNS), np.float32)
        gates = np.zeros((VALUES + EDGES, ATTENTION), np.float32)
        gates[:VALUES] = random.normal(0, 0.1, (VALUES, ATTENTION))
        self._first_mask, self._last_mask = _masks()
        first = random.normal(0, (3 * VALUES) ** -0.5, (INPUTS, HIDDEN)) * self._first_mask
        last = np.zeros((INPUTS + HIDDEN, COLUMNS), np.float32)
        last[INPUTS:] = random.normal(0, 0.1, (HIDDEN, COLUMNS)) * self._last_mask[INPUTS:]
        self.fitted = Fitted(table, pairs, gates, first.astype(np.float32), last)
        self._scores_step = _AdaGrad(table[:, :COLUMNS], RATE)
        self._values_step = _AdaGrad(table[:, COLUMNS:], VALUE_RATE)
        self._pairs_step = _AdaGrad(pairs, RATE)
        self._gates_step = _Adam(gates)
        self._first_step, self._last_step = _Adam(self.fitted.first), _Adam(self.fitted.last)

    def step(self, batch: Batch, rate: float) -> float:
        """Move the weights against a batch's gradient; return its loss."""
        net = self.fitted
        spelled = self._spelled(batch.compose)
        kept, kept_pairs = self._thin(batch.sentences), self._thin(batch.pairs)
        seen = _Seen(batch, net, kept, kept_pairs, spelled)
        before: Floats = seen.inputs @ net.first
        alive: Floats = self._kept(before.shape, DROPPED_UNITS) / np.float32(1 - DROPPED_UNITS)
        both = np.concatenate((seen.inputs, np.maximum(before, 0) * alive), axis=1)
        gradient, loss = _loss(seen.totals + both @ net.last, batch, self._loss_scale)
        back: Floats = gradient @ net.last.T
        hidden_back: Floats = back[:, INPUTS:] * (before > 0) * alive
        inputs_back: Floats = back[:, :INPUTS] + hidden_back @ net.first.T
        moved = seen.back(gradient, inputs_back, net.gates)
        self._last_step.step((both.T @ gradient) * self._last_mask, rate)
        self._first_step.step((seen.inputs.T @ hidden_back) * self._first_mask, rate)
        self._gates_step.step(moved.gates, rate)
        rows = batch.compose.back(moved.words, spelled)
        rows += np.float32(DECAY / 10) * net.table[batch.compose.distinct]
        self._scores_step.step(batch.compose.distinct, rows[:, :COLUMNS], rate)
        self._values_step.step(batch.compose.distinct, rows[:, COLUMNS:], rate)
        self._pairs_step.step(batch.pairs.distinct, moved.pairs, rate)
        return loss

    def tie(self, ties: Ties, rate: float) -> None:
        """Move foreign expressions towards the English ones, which stay where they are."""
        vectors = ties.compose.forward(self.fitted.table)
        apart = ties.said.forward(vectors) - ties.meant.forward(vectors)
        moved = np.zeros_like(vectors)
        moved[ties.said.distinct] = ties.said.back(apart * TIE)
        rows = ties.compose.back(moved)
        self._scores_step.step(ties.compose.distinct, rows[:, :COLUMNS], rate)
        self._values_step.step(ties.compose.distinct, rows[:, COLUMNS:], rate)

    def learned(self) -> Fitted:
        """Return the weights; rows that nothing was learned of are nothing, not noise."""
        net = self.fitted
        net.table[~(self._values_step.touched | self._given)] = 0
        return net

    def _spelled(self, entries: Sum) -> Floats:
        """Return the scales without some of the words' own rows, which come first."""
        scale = entries.scale.copy()
        scale[entries.starts] *= self._kept(entries.starts.shape, DROPPED_OWN)
        return scale

    def _thin(self, entries: Sum) -> Floats:
        return entries.scale * self._kept(entries.scale.shape, DROPPED_WORDS)

    def _kept(self, shape: tuple[int, ...], dropped: float) -> Floats:
        return (self._random.random(shape, np.float32) > dropped).astype(np.float32)


def _masks() -> tuple[Floats, Floats]:
    """Return what may be learned of the net.

    Difficulty is not read off what surrounds a turn, nor off its manners, nor off the mean
    of all its words, which padding changes.
    """
    first = np.ones((INPUTS, HIDDEN), np.float32)
    last = np.ones((INPUTS + HIDDEN, COLUMNS), np.float32)
    first[FACTS_END:, HIDDEN // 2 :] = 0
    last[FACTS_END : INPUTS + HIDDEN // 2, TIER] = 0
    for at in (*range(2 * VALUES, 3 * VALUES), *(3 * VALUES + DENSE.index(n) for n in MANNERS)):
        first[at, HIDDEN // 2 :] = 0
        last[at, TIER] = 0
    return first, last


def _loss(totals: Floats, batch: Batch, scale: np.float32) -> tuple[Floats, float]:
    """Return d loss / d scores and the loss, per example of the batch."""
    chances = np.empty_like(totals)
    for part in (CATEGORY, TIER):
        powers = np.exp(totals[:, part] - totals[:, part].max(axis=1, keepdims=True))
        chances[:, part] = powers / powers.sum(axis=1, keepdims=True)
    chances[:, FOLLOWS] = 1 / (1 + np.exp(-np.clip(totals[:, FOLLOWS], -30, 30)))
    weights = np.repeat(batch.weights * scale, (len(CATEGORIES), len(TIERS), 1), axis=1)
    gradient = (chances - batch.targets) * weights / np.float32(batch.size)
    loss = -np.sum(weights * batch.targets * np.log(np.maximum(chances, 1e-9)))
    return gradient, float(loss) / batch.size


class _AdaGrad:
    """Steps of rows, each scaled by what the row has moved so far."""

    def __init__(self, table: Floats, rate: float) -> None:
        self._table = table
        self._rate = rate
        self._squares = np.full(len(table), 1e-4, np.float32)
        self.touched = np.zeros(len(table), bool)

    def step(self, rows: Ints, gradient: Floats, rate: float) -> None:
        self.touched[rows] = True
        self._squares[rows] += (gradient**2).mean(axis=1)
        scale = np.float32(self._rate * rate) / np.sqrt(self._squares[rows])
        self._table[rows] -= scale[:, None] * gradient


class _Adam:
    """Kingma & Ba, arXiv 1412.6980, with weight decay."""

    def __init__(self, value: Floats) -> None:
        self._value = value
        self._mean, self._square = np.zeros_like(value), np.zeros_like(value)
        self._steps = 0

    def step(self, gradient: Floats, rate: float) -> None:
        gradient = gradient + np.float32(DECAY) * self._value
        self._steps += 1
        self._mean += np.float32(0.1) * (gradient - self._mean)
        self._square += np.float32(0.001) * (gradient**2 - self._square)
        mean = self._mean / np.float32(1 - 0.9**self._steps)
        square = self._square / np.float32(1 - 0.999**self._steps)
        self._value -= np.float32(NET_RATE * rate) * mean / (np.sqrt(square) + np.float32(1e-8))
