"""From sums to probabilities: a monotone curve through what really happened.

Sums of means and ridge regressions run past 0 and 1 and are too sure near them. The curve is
isotonic regression over bins of equal size (pool adjacent violators), joined by straight lines.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from services.router.learning.facts import Vector

BINS: Final = 15
LEAST_IN_BIN: Final = 40
# A part of the sum stays, so that no two prompts become equal that were not.
KEPT: Final = 0.1
LEAST, MOST = 0.005, 0.995


@dataclass(frozen=True, eq=False)
class Curve:
    """Sums and the probabilities that belong to them, both ascending."""

    sums: Vector
    chances: Vector

    @classmethod
    def fit(cls, sums: Vector, scores: Vector) -> Self:
        """Fit to sums that were made without looking at their own scores."""
        count = min(BINS, len(sums) // LEAST_IN_BIN)
        if count < 3:
            return cls(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        order = np.argsort(sums, kind="stable")
        bins = np.array_split(order, count)
        return cls(
            np.array([sums[one].mean() for one in bins]),
            _ascending(np.array([scores[one].mean() for one in bins])),
        )

    def __call__(self, sums: Vector) -> Vector:
        """Return probabilities, strictly ascending with the sums inside the bounds."""
        straight = np.interp(sums, self.sums, self.chances)
        bounded: Vector = np.clip((1 - KEPT) * straight + KEPT * sums, LEAST, MOST)
        return bounded


def _ascending(values: Vector) -> Vector:
    """Average neighbours that are out of order until none is."""
    pooled: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, size = value, 1
        while pooled and pooled[-1][0] > mean:
            before, many = pooled.pop()
            mean, size = (mean * size + before * many) / (size + many), size + many
        pooled.append((mean, size))
    return np.repeat([mean for mean, _ in pooled], [size for _, size in pooled])
