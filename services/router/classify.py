"""Tell what kind of task a request is and how demanding: linear heads over hashed features.

Scores are sums of learned weights, so every probability can be traced to the words that moved
it. A turn is judged for itself; if it reads as a continuation ("ok, go on"), it takes on the
judgement of the turns it continues to the extent that it does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from services.catalog import Category, Tier
from services.router.features import BUCKETS, DENSE, VERSION, Features, Floats, Part

WEIGHTS: Final = Path(__file__).parent / "weights" / "classify.npz"
CATEGORIES: Final = tuple(Category)
TIERS: Final = tuple(Tier)

# Columns of the weights: categories, tiers, and whether the turn continues the one before.
CATEGORY: Final = slice(0, len(CATEGORIES))
TIER: Final = slice(CATEGORY.stop, CATEGORY.stop + len(TIERS))
FOLLOWS: Final = TIER.stop
COLUMNS: Final = FOLLOWS + 1

# Below this probability of the likeliest tier the classifier is unsure and says LIGHT. Five
# equally likely tiers are at 0.2. Of the corpus' 257 tuning turns, 22 were below 0.5; the
# likeliest tier was right in 7 of them, LIGHT in 1 only, so the line is drawn lower (4 turns).
UNSURE: Final = 0.4

Probabilities = npt.NDArray[np.float64]


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


class Classifier:
    """The learned weights. Immutable; one instance serves all threads.

    `weights`: (BUCKETS, COLUMNS), added up over a request's n-grams; `dense`: (len(DENSE),
    COLUMNS). `version` names them.
    """

    def __init__(
        self, weights: Floats, dense: Floats, calibration: Calibration, version: str
    ) -> None:
        if weights.shape != (BUCKETS, COLUMNS) or dense.shape != (len(DENSE), COLUMNS):
            raise ValueError(f"weights {version} do not fit these features: train them again")
        self.weights = weights
        self.dense = dense
        self.calibration = calibration
        self.version = version

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read weights as `learning.train` writes them.

        Raises ValueError when they were trained for other features.
        """
        with np.load(path, allow_pickle=False) as file:
            if int(file["features"]) != VERSION:
                raise ValueError(f"{path.name} is of other features: train it again")
            weights = file["weights"].astype(np.float32) * file["scale"]
            calibration = Calibration(*file["calibration"].tolist())
            return cls(weights, file["dense"], calibration, str(file["version"]))

    def classify(self, features: Features) -> Classification:
        """Judge the current turn in its context."""
        scores = self._scores(features)
        user = scores[: features.turn + 1]
        tiers = _softmax(user[:, TIER] / self.calibration.tier_temperature)
        kinds = _softmax(user[:, CATEGORY] / self.calibration.category_temperature)
        follows = self._follows(user[:, FOLLOWS])
        tier_dist, kind_dist, session = _conversation(tiers, kinds, follows)
        floor = None
        if session is not None and follows[-1] >= 0.5:
            floor = likeliest(session)
        tier = likeliest(tier_dist)
        if floor is not None:
            tier = max(tier, floor)
        category = int(kind_dist.argmax())
        return Classification(
            tier=tier,
            confidence=float(tier_dist[tier - 1]),
            tier_probabilities=tuple(tier_dist.tolist()),
            category=CATEGORIES[category],
            category_confidence=float(kind_dist[category]),
            category_probabilities=tuple(kind_dist.tolist()),
            difficulty=float(tier_dist @ np.arange(len(TIERS))) / (len(TIERS) - 1),
            history_floor=floor,
            explain=lambda: self._signals(features, category, session),
        )

    def _scores(self, features: Features) -> Floats:
        """Return (passages, COLUMNS) scores; the turn's row includes its context."""
        share = np.zeros((len(features.passages), len(features.buckets)), np.float32)
        share[features.owners, np.arange(len(features.buckets))] = features.scales
        scores: Floats = share @ self.weights[features.buckets] + features.dense @ self.dense
        scores[features.turn] += scores[features.turn + 1 :].sum(axis=0)
        return scores

    def _follows(self, scores: Floats) -> Probabilities:
        """Return the probability of each user turn to continue the one before it."""
        margin = self.calibration.follows_slope * scores.astype(np.float64)
        probabilities = 1 / (1 + np.exp(-np.clip(margin + self.calibration.follows_bias, -30, 30)))
        probabilities[0] = 0.0
        return probabilities

    def _signals(
        self, features: Features, category: int, session: Probabilities | None, top: int = 12
    ) -> tuple[Signal, ...]:
        """Sum the weights of n-grams by the word they begin in, of context by its part."""
        rows = self.weights[features.buckets] * features.scales[:, None]
        moved = _moves(rows, category)
        names = _names(features)
        totals: dict[str, tuple[float, float]] = {}
        mine = np.flatnonzero(features.owners >= features.turn)
        facts = _moves(features.dense[features.turn][:, None] * self.dense, category)
        named = [(names[int(features.positions[i])], moved[i]) for i in mine]
        named += list(zip(DENSE[1:], facts[1:], strict=True))
        for name, (harder, kind) in named:
            before = totals.get(name, (0.0, 0.0))
            totals[name] = (before[0] + float(harder), before[1] + float(kind))
        if session is not None:
            totals["earlier turns' tier"] = (float(session @ np.arange(-2, 3)) / 4, 0.0)
        ranked = sorted(totals.items(), key=lambda item: (-max(map(abs, item[1])), item[0]))
        return tuple(Signal(name, *weights) for name, weights in ranked[:top])


def likeliest(probabilities: Probabilities) -> Tier:
    """Return the likeliest tier, LIGHT when none is likely enough."""
    best = int(probabilities.argmax())
    return TIERS[best] if probabilities[best] >= UNSURE else Tier.LIGHT


def _conversation(
    tiers: Probabilities, kinds: Probabilities, follows: Probabilities
) -> tuple[Probabilities, Probabilities, Probabilities | None]:
    """Fold user turns, oldest first; return the turn's tiers and categories, the session's tiers.

    A continuation is as hard as the harder of itself and what it continues. An earlier turn
    that says next to nothing (NANO: "thanks") leaves the session where it was.
    """
    tier, kind = tiers[0], kinds[0]
    session = None
    for i in range(1, len(tiers)):
        last = i == len(tiers) - 1
        session = tier
        carried = float(follows[i] if last else max(follows[i], tiers[i][0]))
        both = np.minimum(np.cumsum(tiers[i]), np.cumsum(tier))
        harder = np.diff(both, prepend=0.0)
        harder[-1] += 1 - harder.sum()
        if not last:
            harder = tier
        tier = (1 - carried) * tiers[i] + carried * harder
        kind = (1 - carried) * kinds[i] + carried * kind
    return tier, kind, session


def _softmax(scores: Floats) -> Probabilities:
    exact = scores.astype(np.float64)
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    result: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return result


def _moves(rows: Floats, category: int) -> Floats:
    """Return (rows, 2): how far each row moves difficulty and the category, against the others."""
    tiers = rows[:, TIER]
    centred = np.arange(len(TIERS)) - (len(TIERS) - 1) / 2
    kinds = rows[:, CATEGORY]
    return np.stack(
        (tiers @ centred.astype(np.float32) / len(TIERS), kinds[:, category] - kinds.mean(axis=1)),
        axis=1,
    )


def _names(features: Features) -> dict[int, str]:
    """Name each position of the turn by the word around it, of its context by its part."""
    names = {}
    for passage in features.passages[features.turn :]:
        word: list[int] = []
        for i, character in enumerate(passage.text):
            place = passage.start + i
            if passage.part is not Part.TURN:
                names[place] = passage.part.name.lower()
                continue
            if not character.isalnum():
                names[place] = "spacing and punctuation"
                continue
            word.append(i)
            if i + 1 == len(passage.text) or not passage.text[i + 1].isalnum():
                text = f"word: {passage.text[word[0] : i + 1]}"
                names.update((passage.start + j, text) for j in word)
                word = []
    return names
