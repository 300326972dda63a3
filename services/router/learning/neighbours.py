"""What the prompts most alike scored, as a smooth mean: the nearest count most, the last nothing.

Regressions over words say how one fact after the other moves a score; neighbours also tell what
only holds where facts come together.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from services.router.learning.facts import Vector
from services.router.learning.space import Points

# So many neighbours times the root of the number of prompts: of 2 to 8, and of flatter and steeper
# weights, these cost least for 95 % of the best model's quality (four splits of three files,
# 2026-11).
PER_ROOT: Final = 4.0
MOST_KNOWN: Final = 10_000  # of more prompts every second, third, … is kept
CHUNK: Final = 1024


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Prompts whose scores are known.

    `points`: (prompts, dimensions); `apart`: (prompts, models), scores less those of the model
    elsewhere; `places`: which rows of the outcomes they are, ascending.
    """

    points: Points
    apart: Vector
    places: npt.NDArray[np.int64]

    @classmethod
    def of(cls, points: Points, apart: Vector) -> Self:
        """Keep prompts, in the order of the outcomes."""
        places = np.arange(0, len(points), -(-len(points) // MOST_KNOWN))
        return cls(points[places], apart[places], places)

    def expected(self, points: Points) -> Vector:
        """Return (prompts, models): how far from usual the nearest scored."""
        return self._expected(points, np.full(len(points), -1))

    def left_out(self, points: Points) -> Vector:
        """Return the same for the outcomes' own prompts, each without itself; all in order."""
        found = np.searchsorted(self.places, np.arange(len(points)))
        found = np.minimum(found, len(self.places) - 1)
        return self._expected(
            points, np.where(self.places[found] == np.arange(len(points)), found, -1)
        )

    def _expected(self, points: Points, selves: npt.NDArray[np.int64]) -> Vector:
        """`selves`: which of those kept each prompt is, -1 for none of them."""
        found = np.zeros((len(points), self.apart.shape[1]))
        if len(self.points) < 2:
            return found
        count = min(round(PER_ROOT * len(self.points) ** 0.5), len(self.points) - 1)
        for start in range(0, len(points), CHUNK):
            alike = points[start : start + CHUNK] @ self.points.T
            mine = selves[start : start + CHUNK]
            alike[mine >= 0, mine[mine >= 0]] = -np.inf
            nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
            ahead = np.take_along_axis(alike, nearest, axis=1)
            weights = np.sqrt(ahead - ahead.min(axis=1, keepdims=True)) + np.float32(1e-6)
            weights /= weights.sum(axis=1, keepdims=True)
            found[start : start + CHUNK] = np.einsum("pn,pnm->pm", weights, self.apart[nearest])
        return found
