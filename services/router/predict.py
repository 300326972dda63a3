"""Predicted probability that a model does a request well.

A two-parameter logistic curve (item response theory): ability against what the difficulty
asks for. A request of difficulty 0.5 is done well half of the time by ability 0.08, and the
hardest (1.0) by 0.62, where the strongest models of 2026 have 0.85.
"""

import math
from typing import Final, NamedTuple

from services.router.ability import Estimate

SLOPE: Final = 6.0
ASKED_AT_ZERO: Final = -0.46
ASKED_PER_DIFFICULTY: Final = 1.08


class Prediction(NamedTuple):
    """P(success), 0..1, and its standard deviation."""

    quality: float
    stddev: float


def predict(ability: Estimate, difficulty: float) -> Prediction:
    """Predict from an ability and a difficulty (0 to 1).

    The standard deviation is the ability's, carried through the curve to first order.
    """
    margin = SLOPE * (ability.mean - ASKED_AT_ZERO - ASKED_PER_DIFFICULTY * difficulty)
    quality = 1 / (1 + math.exp(-margin))
    return Prediction(quality, SLOPE * quality * (1 - quality) * ability.stddev)
