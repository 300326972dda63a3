"""Labelled requests as numbers, in mini-batches.

Everything is numpy, in a fixed order: the same examples give the same batches bit for bit.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from services.catalog import Tier
from services.router import spelling, words
from services.router.classify import (
    CATEGORIES,
    COLUMNS,
    CONTEXT,
    EDGES,
    FOLLOWS,
    TIER,
)
from services.router.features import Features, Floats, extract
from services.router.judgement import TIERS
from services.router.learning.examples import Example
from services.router.words import Ints

# Part of a tier's label that is given to its neighbours: the border between two is a matter
# of degree.
NEIGHBOURS: Final = 0.16
# Part of a label that is given to what can be defended as well, if there is such.
ALTERNATIVE: Final = 0.3
ADJACENT: Final = 0.3

# A word has a row of its own if so many families of examples use it. With 4, a row learned by heart
# the few requests it is in: "tensor", met in trivial ones alone, made any request easy.
FAMILIES: Final = 10

# Rows of a run that are taken together at a time.
PIECE: Final = 16


class Weights(NamedTuple):
    """How much an example counts for each of the three questions."""

    category: float
    tier: float
    follows: float


@dataclass(frozen=True, eq=False)
class Rows:
    """Examples as numbers; only the turn and its context count, not earlier turns.

    `ids` are of the words of all passages one after another; passage i ends at `ends[i]`.
    Passage i is the turn of example i, whose sentences end at `sentences[i]`; from
    `len(dense)` on they are context: part `context_part` of example `context_of`.
    `targets`: (examples, COLUMNS); `weights`: (examples, 3), 0 where the label is unknown.
    """

    vocabulary: "Vocabulary"
    ids: Ints
    ends: Ints
    sentences: list[list[int]]
    context_of: Ints
    context_part: Ints
    dense: Floats
    targets: Floats
    weights: Floats


def alone(own: Sequence[str], _: Sequence[str]) -> words.Known:
    """Return that these words have rows of their own, and nothing is known of others."""
    return words.owned(own, words.Known.nothing())


def rows(
    chosen: Sequence[Example],
    weigh: Callable[[Example], Weights],
    know: Callable[[Sequence[str], Sequence[str]], words.Known] = alone,
) -> Rows:
    """Extract features and targets of examples.

    `know` tells what is known of words, given those that are to have rows of their own, and all.
    """
    seen = [extract(example.request) for example in chosen]
    passages = [features.passages[features.turn] for features in seen]
    context = [
        (i, passage)
        for i, features in enumerate(seen)
        for passage in features.passages[features.turn + 1 :]
    ]
    passages += [passage for _, passage in context]
    texts = [passage.words for passage in passages]
    names = list({word: None for text in texts for word in text})
    known = know(shared(chosen, seen), names)
    index: dict[str, int] = {}
    read = _as_meant(texts, names, known)
    ids = [index.setdefault(word, len(index)) for text in read for word in text]
    targets, weights = _targets(chosen, weigh)
    return Rows(
        vocabulary=Vocabulary.of(list(index), known),
        ids=np.array(ids),
        ends=np.cumsum([len(passage.words) for passage in passages]),
        sentences=[features.passages[features.turn].ends for features in seen],
        context_of=np.array([i for i, _ in context], np.int64),
        context_part=np.array([CONTEXT.index(p.part) for _, p in context], np.int64),
        dense=np.stack([features.dense[features.turn] for features in seen]),
        targets=targets,
        weights=weights,
    )


def _as_meant(
    texts: Sequence[Sequence[str]], names: Sequence[str], known: words.Known
) -> list[Sequence[str]]:
    """Return the words of texts as the classifier will read them. `names`: all of them, once."""
    unknown: set[str] = set()
    for i in range(0, len(names), 256):
        some = names[i : i + 256]
        slips = spelling.strange(some, words.rows(some, known))
        unknown.update(name for name, slip in zip(some, slips.tolist(), strict=True) if slip)
    speller = spelling.Speller(known, len(unknown))
    speller.look_up(unknown)
    return [
        speller.read(text, [i for i, word in enumerate(text) if word in unknown]) for text in texts
    ]


def shared(
    chosen: Sequence[Example], seen: Sequence[Features], families: int = FAMILIES
) -> list[str]:
    """Return the words that at least so many families use, those that most do first.

    A word of one family says which family it is: nothing that is of use elsewhere.
    """
    used = {
        (word, example.family)
        for example, features in zip(chosen, seen, strict=True)
        for passage in features.passages[features.turn :]
        for word in passage.words
    }
    counts = Counter(word for word, _ in used)
    many = [word for word, count in counts.items() if count >= families]
    return sorted(many, key=lambda word: (-counts[word], word))


def _targets(
    chosen: Sequence[Example], weigh: Callable[[Example], Weights]
) -> tuple[Floats, Floats]:
    """Return targets and weights; a continuation's own words say nothing of task and tier."""
    targets = np.zeros((len(chosen), COLUMNS), np.float32)
    weights = np.zeros((len(chosen), 3), np.float32)
    for i, example in enumerate(chosen):
        by = weigh(example)
        if example.category is not None and not example.follows:
            targets[i, CATEGORIES.index(example.category)] = 1
            if example.alternative is not None:
                targets[i, CATEGORIES.index(example.category)] = 1 - ALTERNATIVE
                targets[i, CATEGORIES.index(example.alternative)] = ALTERNATIVE
            weights[i, 0] = by.category
        if example.tier is not None and not example.follows:
            targets[i, TIER] = _soft(example.tier, example.adjacent)
            weights[i, 1] = by.tier
        if example.follows is not None:
            targets[i, FOLLOWS] = example.follows
            weights[i, 2] = by.follows * (2 if example.follows else 1)
    return targets, weights


def _soft(tier: Tier, adjacent: Tier | None) -> Floats:
    target = np.zeros(len(TIERS), np.float32)
    beside = [i for i in (tier - 2, tier) if 0 <= i < len(TIERS)]
    target[beside] = NEIGHBOURS / 2
    if adjacent is not None:
        target[adjacent - 1] = ADJACENT
    target[tier - 1] = 1 - target.sum()
    return target


class Runs:
    """Neighbouring rows taken together, run by run: as `ufunc.reduceat`, three times as fast.

    Runs are cut into pieces, the first rows of all pieces taken with the second ones, and so on;
    then the same is done with what the pieces came to.
    """

    def __init__(self, counts: Ints) -> None:
        """Plan for runs of `counts` rows each, none of which may be 0."""
        self._levels = []
        while True:
            pieces = -(-counts // PIECE)
            sizes = np.full(int(pieces.sum()), PIECE)
            sizes[np.cumsum(pieces) - 1] = counts - PIECE * (pieces - 1)
            order = np.argsort(-sizes, kind="stable")
            starts = (np.cumsum(sizes) - sizes)[order]
            longer = np.searchsorted(-sizes[order], -np.arange(int(sizes.max())), "left")
            layers = [starts[:many] + i for i, many in enumerate(longer.tolist())]
            self._levels.append((layers, order))
            if len(sizes) == len(counts):
                break
            counts = pieces

    def __call__(self, rows: Floats, take: np.ufunc = np.add) -> Floats:
        """Return what each run comes to."""
        for layers, order in self._levels:
            total = rows.take(layers[0], 0)
            for layer in layers[1:]:
                first = total[: len(layer)]
                take(first, rows.take(layer, 0), out=first)
            rows = np.empty_like(total)
            rows[order] = total
        return rows


@dataclass(frozen=True, eq=False)
class Sum:
    """Scaled rows of a table added up by target, and the way back of a gradient.

    The entries of a target are neighbours and begin at `starts`; each is row `source` of the
    table times `scale`. `order` sorts entries by source, into runs of `distinct` sources.
    """

    source: Ints
    scale: Floats
    starts: Ints
    order: Ints
    distinct: Ints
    target: Ints
    there: Runs
    back_again: Runs

    @classmethod
    def make(cls, source: Ints, scale: Floats, counts: Ints) -> Self:
        """Return the sums of `counts` entries each, none of which may be 0."""
        order = np.argsort(source, kind="stable")
        distinct, runs = np.unique(source[order], return_counts=True)
        target = np.repeat(np.arange(len(counts)), counts)[order]
        starts = np.cumsum(counts) - counts
        return cls(source, scale, starts, order, distinct, target, Runs(counts), Runs(runs))

    @classmethod
    def pool(cls, source: Ints, counts: Ints) -> Self:
        """Return sums over the square root of their counts."""
        return cls.make(source, np.repeat(counts**-0.5, counts).astype(np.float32), counts)

    def forward(self, table: Floats, scale: Floats | None = None) -> Floats:
        """Return the sum of each target."""
        scale = self.scale if scale is None else scale
        rows = table.take(self.source, 0)
        rows *= scale[:, None]
        return self.there(rows)

    def back(self, gradient: Floats, scale: Floats | None = None) -> Floats:
        """Return the gradient of each of `distinct`, given that of each target."""
        scale = self.scale if scale is None else scale
        rows = gradient.take(self.target, 0)
        rows *= scale[self.order][:, None]
        return self.back_again(rows)

    def back_by_entry(self, gradient: Floats, scale: Floats) -> Floats:
        """Return the gradient of each of `distinct`, given that of each entry."""
        rows = gradient.take(self.order, 0)
        rows *= scale[self.order][:, None]
        return self.back_again(rows)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words and the table's rows they are made of, see `words.rows`."""

    names: Sequence[str]
    known: words.Known
    own: Ints
    grams: Ints
    counts: Ints
    starts: Ints

    @classmethod
    def of(cls, names: Sequence[str], known: words.Known) -> Self:
        """Hash words."""
        parts = [words.rows(names[i : i + 256], known) for i in range(0, len(names), 256)]
        own, grams, counts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(names, known, own, grams, counts, np.cumsum(counts) - counts)

    def compose(self, chosen: Ints) -> Sum:
        """Return how the vectors of words come of the table: own row plus mean of grams."""
        counts = self.counts[chosen]
        starts = np.cumsum(counts + 1) - counts - 1
        grams = np.ones(int(counts.sum()) + len(chosen), bool)
        grams[starts] = False
        source = np.empty(len(grams), np.int64)
        source[starts] = self.own[chosen]
        source[grams] = self.grams[_ranges(self.starts[chosen], counts)]
        scale = np.ones(len(grams), np.float32)
        scale[starts] = self.own[chosen] != words.NOWHERE
        scale[grams] = np.repeat(1 / counts, counts)
        return Sum.make(source, scale, counts + 1)


class Batch:
    """A fixed mini-batch. Sums over words are over the vectors that `compose` gives."""

    def __init__(self, data: Rows, chosen: Ints) -> None:
        begins = np.concatenate(([0], data.ends[:-1]))
        context = np.flatnonzero(np.isin(data.context_of, chosen))
        passages = np.concatenate((chosen, len(data.dense) + context))
        counts = data.ends[passages] - begins[passages]
        ids = data.ids[_ranges(begins[passages], counts)]
        distinct, local = np.unique(ids, return_inverse=True)
        self.compose = data.vocabulary.compose(distinct)
        self.size = len(chosen)
        self.dense = data.dense[chosen]
        self.targets = data.targets[chosen]
        self.weights = data.weights[chosen]
        turns = counts[: self.size]
        read = int(turns.sum())
        self._cut(data, chosen, local[:read], turns)
        self.context = Sum.pool(local[read:], counts[self.size :]) if len(context) else None
        place = np.zeros(len(data.dense), np.int64)
        place[chosen] = np.arange(self.size)
        self.context_row = place[data.context_of[context]]
        self.context_part = data.context_part[context]

    def _cut(self, data: Rows, chosen: Ints, local: Ints, turns: Ints) -> None:
        """Sum words by sentence, sentences by turn; tell which words stand beside one another."""
        ends = [data.sentences[i] for i in chosen.tolist()]
        lengths = np.concatenate([np.diff(end, prepend=0) for end in ends])
        self.turn_sizes = np.array([len(end) for end in ends])
        self.turn_starts = np.cumsum(self.turn_sizes) - self.turn_sizes
        self.edges = np.zeros((len(lengths), EDGES), np.float32)
        self.edges[self.turn_starts, 0] = 1
        self.edges[self.turn_starts + self.turn_sizes - 1, 1] = 1
        self.all = Sum.pool(local, turns)
        self.sentences = Sum.pool(local, lengths)
        self.lengths = lengths
        self.by_sentence = Runs(lengths)
        self.by_turn = Runs(self.turn_sizes)
        self.beside = np.ones((len(local) - 1, 1), np.float32)
        self.beside[np.cumsum(turns)[:-1] - 1] = 0  # two turns


class Ties:
    """Expressions of other languages beside English ones: their vectors are to be alike."""

    def __init__(self, pairs: Sequence[tuple[list[str], list[str]]], known: words.Known) -> None:
        index: dict[str, int] = {}
        ids = [[index.setdefault(w, len(index)) for w in side] for pair in pairs for side in pair]
        self.compose = Vocabulary.of(list(index), known).compose(np.arange(len(index)))
        said, meant = ids[::2], ids[1::2]
        self.said = Sum.pool(np.concatenate(said), np.array([len(side) for side in said]))
        self.meant = Sum.pool(np.concatenate(meant), np.array([len(side) for side in meant]))


def _ranges(starts: Ints, counts: Ints) -> Ints:
    """Return starts[0], starts[0] + 1, … counts[0] numbers, then those of the next."""
    before = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    places: Ints = np.arange(int(counts.sum())) + before
    return places
