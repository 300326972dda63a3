"""Fit the classifier's weights: word vectors, word pairs and a small net over pooled words.

Everything is numpy, with fixed mini-batches in a fixed order: the same data give the same
weights bit for bit. Tables are stepped by AdaGrad on the rows that a batch touches, the net by
Adam. Words, pairs and hidden units are dropped at random, so that no single one decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.router import words
from services.router.classify import (
    CATEGORIES,
    CATEGORY,
    COLUMNS,
    CONTEXT,
    FACTS_END,
    FOLLOWS,
    HIDDEN,
    INPUTS,
    TIER,
    TIERS,
    VALUES,
)
from services.router.features import Floats
from services.router.learning.batches import Batch, Rows, Sum
from services.router.words import Ints

EPOCHS: Final = 10
BATCH: Final = 192
RATE: Final = 0.5
VALUE_RATE: Final = 0.25
NET_RATE: Final = 0.003
DECAY: Final = 2e-4
DROPPED_WORDS: Final = 0.3
DROPPED_UNITS: Final = 0.2
SEED: Final = 4


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights as they are learned; see `classify.Net`."""

    table: Floats
    pairs: Floats
    first: Floats
    last: Floats


def fit(data: Rows, tell: Callable[[str], None], epochs: int = EPOCHS, seed: int = SEED) -> Fitted:
    """Return the weights that examples give."""
    random = np.random.default_rng(seed)
    learner = _Learner(random, 1 / max(float(data.weights.sum()) / len(data.weights), 1e-9))
    order = random.permutation(len(data.dense))
    batches = [Batch(data, order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
    for epoch in range(epochs):
        losses = [
            learner.step(batches[index], 1 - epoch / epochs)
            for index in random.permutation(len(batches))
        ]
        tell(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.4f}")
    return learner.learned()


def scores(fitted: Fitted, data: Rows) -> Floats:
    """Return (examples, COLUMNS) scores as the classifier will give them."""
    found = []
    for i in range(0, len(data.dense), 512):
        batch = Batch(data, np.arange(i, min(i + 512, len(data.dense))))
        vectors = batch.compose.forward(fitted.table)
        inputs = _inputs(batch, vectors, batch.all.scale)
        both = np.concatenate((inputs, np.maximum(inputs @ fitted.first, 0)), axis=1)
        linear = batch.all.forward(vectors[:, :COLUMNS]) + batch.pairs.forward(fitted.pairs)
        found.append(linear + both @ fitted.last)
    return np.concatenate(found)


class _Learner:
    """Weights and the state of their optimisers."""

    def __init__(self, random: np.random.Generator, loss_scale: float) -> None:
        self._random = random
        self._loss_scale = np.float32(loss_scale)
        table = np.zeros((2**words.WORD_BITS, COLUMNS + VALUES), np.float32)
        table[:, COLUMNS:] = random.normal(0, 0.25, (len(table), VALUES))
        pairs = np.zeros((2**words.PAIR_BITS, COLUMNS), np.float32)
        self._first_mask, self._last_mask = _masks()
        first = random.normal(0, (3 * VALUES) ** -0.5, (INPUTS, HIDDEN)) * self._first_mask
        last = np.zeros((INPUTS + HIDDEN, COLUMNS), np.float32)
        last[INPUTS:] = random.normal(0, 0.1, (HIDDEN, COLUMNS)) * self._last_mask[INPUTS:]
        self.fitted = Fitted(table, pairs, first.astype(np.float32), last)
        self._scores_step = _AdaGrad(table[:, :COLUMNS], RATE)
        self._values_step = _AdaGrad(table[:, COLUMNS:], VALUE_RATE)
        self._pairs_step = _AdaGrad(pairs, RATE)
        self._first_step, self._last_step = _Adam(self.fitted.first), _Adam(self.fitted.last)

    def step(self, batch: Batch, rate: float) -> float:
        """Move the weights against a batch's gradient; return its loss."""
        net = self.fitted
        vectors = batch.compose.forward(net.table)
        kept, kept_pairs = self._thin(batch.all), self._thin(batch.pairs)
        inputs = _inputs(batch, vectors, kept)
        before: Floats = inputs @ net.first
        alive: Floats = self._kept(before.shape, DROPPED_UNITS) / np.float32(1 - DROPPED_UNITS)
        both = np.concatenate((inputs, np.maximum(before, 0) * alive), axis=1)
        totals = batch.all.forward(vectors[:, :COLUMNS], kept)
        totals += batch.pairs.forward(net.pairs, kept_pairs)
        totals += both @ net.last
        gradient, loss = _loss(totals, batch, self._loss_scale)
        back: Floats = gradient @ net.last.T
        hidden_back: Floats = back[:, INPUTS:] * (before > 0) * alive
        inputs_back: Floats = back[:, :INPUTS] + hidden_back @ net.first.T
        self._last_step.step((both.T @ gradient) * self._last_mask, rate)
        self._first_step.step((inputs.T @ hidden_back) * self._first_mask, rate)
        moved = _vectors_back(batch, vectors, gradient, inputs_back, kept)
        rows = (
            batch.compose.back(moved) + np.float32(DECAY / 10) * net.table[batch.compose.distinct]
        )
        self._scores_step.step(batch.compose.distinct, rows[:, :COLUMNS], rate)
        self._values_step.step(batch.compose.distinct, rows[:, COLUMNS:], rate)
        self._pairs_step.step(batch.pairs.distinct, batch.pairs.back(gradient, kept_pairs), rate)
        return loss

    def learned(self) -> Fitted:
        """Return the weights; rows that nothing was learned of are nothing, not noise."""
        net = self.fitted
        net.table[~self._values_step.touched] = 0
        return net

    def _thin(self, entries: Sum) -> Floats:
        return entries.scale * self._kept(entries.scale.shape, DROPPED_WORDS)

    def _kept(self, shape: tuple[int, ...], dropped: float) -> Floats:
        return (self._random.random(shape, np.float32) > dropped).astype(np.float32)


def _masks() -> tuple[Floats, Floats]:
    """Return what may be learned of the net: difficulty is not read off what surrounds a turn."""
    first = np.ones((INPUTS, HIDDEN), np.float32)
    last = np.ones((INPUTS + HIDDEN, COLUMNS), np.float32)
    first[FACTS_END:, HIDDEN // 2 :] = 0
    last[FACTS_END : INPUTS + HIDDEN // 2, TIER] = 0
    return first, last


def _inputs(batch: Batch, vectors: Floats, kept: Floats) -> Floats:
    """Return what goes into the net, as `classify` lays it out."""
    values = np.ascontiguousarray(vectors[:, COLUMNS:])
    inputs = np.zeros((batch.size, INPUTS), np.float32)
    inputs[:, :VALUES] = batch.all.forward(values, kept)
    inputs[:, VALUES : 2 * VALUES] = batch.head.forward(values)
    inputs[:, 2 * VALUES : 3 * VALUES] = batch.tail.forward(values)
    inputs[:, 3 * VALUES : FACTS_END] = batch.dense
    if batch.context is not None:
        by_part = inputs[:, FACTS_END:].reshape(batch.size, len(CONTEXT), VALUES)
        by_part[batch.context_row, batch.context_part] = batch.context.forward(values)
        inputs[:, FACTS_END:] = by_part.reshape(batch.size, -1)
    return inputs


def _vectors_back(
    batch: Batch, vectors: Floats, gradient: Floats, inputs_back: Floats, kept: Floats
) -> Floats:
    """Return the gradient of each word's vector."""
    moved = np.zeros_like(vectors)
    whole = np.concatenate((gradient, inputs_back[:, :VALUES]), axis=1)
    moved[batch.all.distinct] += batch.all.back(whole, kept)
    for edge, at in ((batch.head, VALUES), (batch.tail, 2 * VALUES)):
        moved[edge.distinct, COLUMNS:] += edge.back(inputs_back[:, at : at + VALUES])
    if batch.context is not None:
        by_part = inputs_back[:, FACTS_END:].reshape(batch.size, len(CONTEXT), VALUES)
        pulled = by_part[batch.context_row, batch.context_part]
        moved[batch.context.distinct, COLUMNS:] += batch.context.back(pulled)
    return moved


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
