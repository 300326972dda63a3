"""The classifier's net as training sees it: many turns at once, and the way back of gradients.

What goes forward is laid out as in `classify`, which does the same for one request.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.router.classify import (
    ATTENTION,
    CATEGORIES,
    CATEGORY,
    CONTEXT,
    FACTS,
    FOLLOWS,
    INPUTS,
    SENTENCE,
    TIER,
    TRIOS,
    VALUES,
    WHOLE,
)
from services.router.features import Floats
from services.router.judgement import TIERS
from services.router.learning.batches import Batch, Rows
from services.router.words import Ints


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights as they are learned; see `classify.Net`."""

    table: Floats
    trios: Floats
    gates: Floats
    first: Floats
    last: Floats


def predicted(fitted: Fitted, data: Rows, chosen: Ints | None = None) -> Floats:
    """Return (examples, COLUMNS) scores as the classifier will give them, of all or of `chosen`."""
    chosen = np.arange(len(data.dense)) if chosen is None else chosen
    found = []
    for i in range(0, len(chosen), 512):
        batch = Batch(data, chosen[i : i + 512])
        seen = Seen(batch, fitted, batch.compose.scale)
        both = np.concatenate((seen.inputs, np.maximum(seen.inputs @ fitted.first, 0)), axis=1)
        found.append(both @ fitted.last)
    return np.concatenate(found)


class Seen:
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

    def back(self, inputs_back: Floats) -> "Back":
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
        return Back(moved, trios_back, self.gated.T @ gates_back)


class Back(NamedTuple):
    """Gradients: of the words that a batch composes, of the detectors and of the gates."""

    words: Floats
    trios: Floats
    gates: Floats


def chances(scores: Floats) -> Floats:
    """Return probabilities: of the categories, of the tiers, of whether a turn goes on."""
    found = np.empty_like(scores)
    for part in (CATEGORY, TIER):
        powers = np.exp(scores[:, part] - scores[:, part].max(axis=1, keepdims=True))
        found[:, part] = powers / powers.sum(axis=1, keepdims=True)
    found[:, FOLLOWS] = 1 / (1 + np.exp(-np.clip(scores[:, FOLLOWS], -30, 30)))
    return found


def loss(totals: Floats, targets: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return d loss / d scores and the loss, per example. `weights`: (examples, 3)."""
    thought = chances(totals)
    weights = np.repeat(weights, (len(CATEGORIES), len(TIERS), 1), axis=1)
    gradient = (thought - targets) * weights / np.float32(len(totals))
    surprise = -np.sum(weights * targets * np.log(np.maximum(thought, 1e-9)))
    return gradient, float(surprise) / len(totals)
