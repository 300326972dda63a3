"""Predicted probability that a model does a request well.

A two-parameter logistic curve (item response theory): ability against what the difficulty
asks for. A request of difficulty 0.5 is done well half of the time by ability 0.08, and the
hardest (1.0) by 0.62, where the strongest models of 2026 have 0.85.
"""

from collections.abc import Iterable
from math import exp
from typing import Final, NamedTuple, Protocol

from services.router.ability import Estimate

SLOPE: Final = 6.0
ASKED_AT_ZERO: Final = -0.46
ASKED_PER_DIFFICULTY: Final = 1.08


class Able(Protocol):
    """Whatever has a `lead`."""

    @property
    def lead(self) -> float:
        """By how much an ability exceeds what difficulty 0 asks for."""


class Prediction(NamedTuple):
    """P(success), 0..1, and its standard deviation."""

    quality: float
    stddev: float


def predict(ability: Estimate, difficulty: float) -> Prediction:
    """Predict from one ability at a difficulty (0 to 1)."""
    asked = ASKED_PER_DIFFICULTY * difficulty
    quality = 1 / (1 + exp(SLOPE * (asked - lead(ability))))
    return Prediction(quality, stddev(quality, ability))


def lead(ability: Estimate) -> float:
    """Return by how much an ability exceeds what difficulty 0 asks for."""
    return ability.mean - ASKED_AT_ZERO


def qualities(contenders: Iterable[Able], difficulty: float) -> list[float]:
    """Predict P(success) of each, 0..1, at a difficulty (0 to 1)."""
    asked = ASKED_PER_DIFFICULTY * difficulty
    return [1 / (1 + exp(SLOPE * (asked - one.lead))) for one in contenders]


def stddev(quality: float, ability: Estimate) -> float:
    """Return the standard deviation of a quality: the ability's, carried through the curve.

    To first order; `quality` is what `qualities` predicted from `ability`.
    """
    return SLOPE * quality * (1 - quality) * ability.stddev
