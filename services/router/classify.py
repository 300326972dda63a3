"""Tell what kind of task a request is and how demanding: pooled word vectors and a small net.

Word vectors are added up over each sentence, and learned detectors of three neighbouring words
("trios") give the strongest of what they find in it. Learned gates tell which sentences of a turn
are the request and which are pasted or small talk. The sentences so weighed, the whole turn and
each part of its context go with the facts through one hidden layer. A turn is judged for itself;
if it reads as a continuation ("ok, go on"), it takes on the judgement of the turns it continues
to the extent that it does.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from services.catalog import Category, Tier
from services.router import words
from services.router.features import (
    DENSE,
    MARKS,
    VERSION,
    Features,
    Floats,
    Part,
    Passage,
)
from services.router.judgement import TIERS, conversation, settled, softmax
from services.router.vectors import Bytes, WordVectors

WEIGHTS: Final = Path(__file__).parent / "weights" / "classify.npz"
CATEGORIES: Final = tuple(Category)

# Columns of scores: categories, tiers, and whether the turn continues the one before.
CATEGORY: Final = slice(0, len(CATEGORIES))
TIER: Final = slice(CATEGORY.stop, CATEGORY.stop + len(TIERS))
FOLLOWS: Final = TIER.stop
COLUMNS: Final = FOLLOWS + 1

VALUES: Final = 64  # of a word's vector
TRIOS: Final = 64  # detectors of three neighbouring words
SENTENCE: Final = VALUES + TRIOS  # of what is known of a sentence
HIDDEN: Final = 128  # the second half sees nothing of the context: it is for the tier
ATTENTION: Final = 2  # ways to weigh a turn's sentences
EDGES: Final = 2  # whether a sentence is the first, whether it is the last
CONTEXT: Final = (Part.SYSTEM, Part.ANSWER, Part.TOOLS)
WHOLE: Final = slice(ATTENTION * SENTENCE, ATTENTION * SENTENCE + VALUES)  # the turn's words
FACTS: Final = slice(WHOLE.stop, WHOLE.stop + len(DENSE))
INPUTS: Final = FACTS.stop + len(CONTEXT) * VALUES


class Signal(NamedTuple):
    """A word or fact that moved the judgement; positive weights speak for it."""

    name: str
    difficulty_weight: float
    category_weight: float


@dataclass(frozen=True)
class Classification:
    """What the classifier thinks of a turn. Probabilities are calibrated and sum to 1.

    `tier_probabilities` and `category_probabilities` are in the order of the enums.
    `confidence` is the probability of `tier`. `difficulty`: expected tier, 0 (NANO) to 1
    (COMPLEX). `history_floor`: the tier of what the turn continues, None if it continues
    nothing. `signals`: what moved difficulty and category most, strongest first; they are
    computed when asked for.
    """

    tier: Tier
    confidence: float
    tier_probabilities: tuple[float, ...]
    category: Category
    category_confidence: float
    category_probabilities: tuple[float, ...]
    difficulty: float
    history_floor: Tier | None
    explain: Callable[[], tuple[Signal, ...]] = field(repr=False, compare=False)

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """Return what moved the judgement most, strongest first."""
        return self.explain()


@dataclass(frozen=True)
class Calibration:
    """How scores become probabilities: a temperature per softmax, a slope and bias per sigmoid."""

    category_temperature: float = 1.0
    tier_temperature: float = 1.0
    follows_slope: float = 1.0
    follows_bias: float = 0.0

    def follows(self, score: float) -> float:
        """Return the probability that a turn continues the one before it."""
        return 1 / (
            1 + math.exp(-min(max(self.follows_slope * score + self.follows_bias, -30), 30))
        )


@dataclass(frozen=True, eq=False)
class Net:
    """Learned weights, those of the table in bytes with a scale per column.

    `tags` and `rows`: `words.Known`; `table`: (ROWS, VALUES), see `words`; `trios`: (VALUES + 1,
    3 * TRIOS), what a word says to the detectors it is the last, the middle and the first word of,
    and their thresholds; `gates`: (SENTENCE + EDGES, ATTENTION); `first`: (INPUTS, HIDDEN); `last`:
    (INPUTS + HIDDEN, COLUMNS).
    """

    tags: words.Shorts
    rows: words.Shorts
    table: Bytes
    table_scale: Floats
    trios: Floats
    gates: Floats
    first: Floats
    last: Floats

    def __post_init__(self) -> None:
        shapes = (
            (2**words.SLOT_BITS,),
            (2**words.SLOT_BITS,),
            (words.ROWS, VALUES),
            (VALUES + 1, 3 * TRIOS),
            (SENTENCE + EDGES, ATTENTION),
            (INPUTS, HIDDEN),
            (INPUTS + HIDDEN, COLUMNS),
        )
        arrays = (*self.known, self.table, self.trios, self.gates, self.first, self.last)
        if tuple(array.shape for array in arrays) != shapes:
            raise ValueError("these weights do not fit the features: train them again")

    @property
    def known(self) -> words.Known:
        """The words of which something is known."""
        return words.Known(self.tags, self.rows)


class Classifier:
    """The learned weights at work. One instance serves all threads; `version` names the weights."""

    def __init__(self, net: Net, calibration: Calibration, version: str) -> None:
        self.net = net
        self.calibration = calibration
        self.version = version
        self._gates = np.ascontiguousarray(net.gates[:SENTENCE].T)
        self._first_gate, self._last_gate = net.gates[SENTENCE:].tolist()
        self._vectors = WordVectors(net.known, net.table, net.table_scale, net.trios)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read weights as `learning.train` writes them.

        Raises ValueError when they were trained for other features.
        """
        with np.load(path, allow_pickle=False) as file:
            if int(file["features"]) != VERSION:
                raise ValueError(f"{path.name} is of other features: train it again")
            net = Net(*(file[name] for name in Net.__dataclass_fields__))
            calibration = Calibration(*file["calibration"].tolist())
            return cls(net, calibration, str(file["version"]))

    def classify(self, features: Features) -> Classification:
        """Judge the current turn in its context."""
        calibration = self.calibration
        tiers, kinds, follows = [], [], []
        for row in self._scores(features).tolist():
            tiers.append(softmax(row[TIER], calibration.tier_temperature))
            kinds.append(softmax(row[CATEGORY], calibration.category_temperature))
            follows.append(calibration.follows(row[FOLLOWS]))
        tier_dist, kind_dist, session = conversation(tiers, kinds, follows)
        floor = None
        if session is not None and follows[-1] >= 0.5:
            floor = settled(session)
        tier = settled(tier_dist)
        if floor is not None:
            tier = max(tier, floor)
        best = max(kind_dist)
        category = kind_dist.index(best)
        return Classification(
            tier=tier,
            confidence=tier_dist[tier - 1],
            tier_probabilities=tuple(tier_dist),
            category=CATEGORIES[category],
            category_confidence=best,
            category_probabilities=tuple(kind_dist),
            difficulty=sum(i * p for i, p in enumerate(tier_dist)) / (len(TIERS) - 1),
            history_floor=floor,
            explain=lambda: self._signals(features, category, session),
        )

    def _scores(self, features: Features) -> Floats:
        """Return (user turns, COLUMNS) scores; the last row is the turn's, with its context."""
        passages, users = features.passages, features.turn + 1
        read = passages[0].words
        if len(passages) > 1:
            read = [word for passage in passages for word in passage.words]
        values, trios = self._vectors.look_up(read)
        share, spans = _shares(passages, users, len(read))
        pooled: Floats = share.dot(values)
        sentences = np.empty((len(spans), SENTENCE), np.float32)
        sentences[:, :VALUES] = pooled[len(passages) :]
        _detect(trios, spans, sentences[:, VALUES:])
        inputs = np.zeros((users, INPUTS + HIDDEN), np.float32)
        inputs[:, WHOLE] = pooled[:users]
        inputs[:, FACTS] = features.dense
        for i in range(users, len(passages)):
            at = FACTS.stop + CONTEXT.index(passages[i].part) * VALUES
            inputs[-1, at : at + VALUES] = pooled[i]
        scores = np.empty((users, COLUMNS), np.float32)
        begin = 0
        # Row by row: a product of matrices so small costs twice that of vectors.
        for i, turn in enumerate(inputs):
            end = begin + len(passages[i].ends)
            self._attend(sentences[begin:end], turn)
            np.maximum(turn[:INPUTS].dot(self.net.first), 0, out=turn[INPUTS:])
            turn.dot(self.net.last, out=scores[i])
            begin = end
        return scores

    def _attend(self, sentences: Floats, turn: Floats) -> None:
        """Weigh a turn's sentences and fill in what they come to."""
        if len(sentences) == 1:
            turn[:SENTENCE] = turn[SENTENCE : 2 * SENTENCE] = sentences[0]
            return
        # Plain numbers: on so few of them an operation of arrays costs more than all of these.
        gates: list[list[float]] = self._gates.dot(sentences.T).tolist()
        for gate, first, last in zip(gates, self._first_gate, self._last_gate, strict=True):
            gate[0] += first
            gate[-1] += last
        weights = np.array([softmax(gate, 1.0) for gate in gates], np.float32)
        weights.dot(sentences, out=turn[: ATTENTION * SENTENCE].reshape(ATTENTION, SENTENCE))

    def _signals(
        self, features: Features, category: int, session: list[float] | None, top: int = 12
    ) -> tuple[Signal, ...]:
        """Take away each word, fact and part of the context in turn and see what changes."""
        whole = self._scores(features)[-1]
        found = []
        for name, rest in _without(features):
            harder, kind = _moves(whole - self._scores(rest)[-1], category)
            found.append(Signal(name, harder, kind))
        if session is not None:
            found.append(
                Signal(
                    "earlier turns' tier", sum(i * p for i, p in enumerate(session, -2)) / 4, 0.0
                )
            )
        found.sort(key=lambda signal: (-max(map(abs, signal[1:])), signal.name))
        return tuple(found[:top])


def _detect(trios: Floats, spans: Sequence[tuple[int, int, bool]], found: Floats) -> None:
    """Fill in the most that the detectors find around the words of each sentence, at least 0."""
    count = spans[-1][1]
    last, middle, first = trios[0, :count], trios[1, :count], trios[2, :count]
    for begin, _, opens in spans[1:]:
        if opens:  # no trio spans two passages
            first[begin - 1] = last[begin] = 0
    middle[1:] += first[:-1]
    middle[:-1] += last[1:]
    for (begin, end, _), most in zip(spans, found, strict=True):
        middle[begin:end].max(axis=0, out=most)
    np.maximum(found, 0, out=found)


def _shares(
    passages: Sequence[Passage], users: int, count: int
) -> tuple[Floats, list[tuple[int, int, bool]]]:
    """Return the weight of each word in each pool; of each sentence, its words and if it is first.

    Pools: each passage, users' turns first; then each sentence of users' turns. Sentences: from
    which word up to which, and whether it opens its passage.
    """
    spans = []
    begin = 0
    for passage in passages[:users]:
        last = begin
        for end in passage.ends:
            spans.append((last, begin + end, last == begin))
            last = begin + end
        begin = last
    share = np.zeros((len(passages) + len(spans), count), np.float32)
    begin = 0
    for row, passage in zip(share, passages, strict=False):
        size = len(passage.words)
        row[begin : begin + size] = size**-0.5
        begin += size
    for row, (begin, end, _) in zip(share[len(passages) :], spans, strict=True):
        row[begin:end] = (end - begin) ** -0.5
    return share, spans


def _without(features: Features) -> Iterator[tuple[str, Features]]:
    """Yield the features without each distinct word, each fact and each part of the context."""
    turn = features.turn
    passages = features.passages
    mine = passages[turn]
    for word in dict.fromkeys(mine.words):
        if word in MARKS:
            continue
        rest = _passage_without(mine, word)
        yield (
            f"word: {word}",
            replace(features, passages=(*passages[:turn], rest, *passages[turn + 1 :])),
        )
    for i in np.flatnonzero(features.dense[turn]).tolist()[1:]:
        dense = features.dense.copy()
        dense[turn, i] = 0
        yield DENSE[i], replace(features, dense=dense)
    for i in range(turn + 1, len(passages)):
        kept = (*passages[:i], *passages[i + 1 :])
        yield passages[i].part.name.lower(), replace(features, passages=kept)


def _passage_without(passage: Passage, word: str) -> Passage:
    words = [other for other in passage.words if other != word]
    ends = [end - passage.words[:end].count(word) for end in passage.ends]
    return replace(passage, words=words, ends=ends)


def _moves(scores: Floats, category: int) -> tuple[float, float]:
    """Return how far scores move difficulty, and the category against the others."""
    centred = np.arange(len(TIERS)) - (len(TIERS) - 1) / 2
    kinds = scores[CATEGORY]
    return float(scores[TIER] @ centred) / len(TIERS), float(kinds[category] - kinds.mean())
