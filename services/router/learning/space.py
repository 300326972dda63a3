"""Where prompts are points: facts on a common scale beside words weighted by how rare they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from services.router.learning.facts import Facts, Vector

Points = npt.NDArray[np.float32]

VOCABULARY: Final = 2000  # most frequent words and pairs of them; more did not help
LEAST_PROMPTS: Final = 2
FACTS_WEIGHT: Final = 0.3  # squared length of all facts together against all words
FURTHEST: Final = 3.0  # no fact lies further out than so many standard deviations


@dataclass(frozen=True, eq=False)
class Space:
    """Learned from the prompts of given outcomes; `points` puts any prompt into it.

    `columns` maps a word's bucket to its column; `rarity` is per column.
    """

    columns: dict[int, int]
    rarity: Vector
    mean: Vector
    spread: Vector

    @classmethod
    def of(cls, prompts: Sequence[Facts]) -> Self:
        """Choose the words and measure the facts."""
        seen: Counter[int] = Counter()
        for one in prompts:
            seen.update(one.words.tolist())
        # Ties are settled by the bucket, so that the order of prompts does not matter.
        ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:VOCABULARY]
        kept = [(bucket, count) for bucket, count in ranked if count >= LEAST_PROMPTS]
        counts = np.array([count for _, count in kept], np.float64)
        dense = np.array([one.dense for one in prompts])
        spread = dense.std(axis=0)
        return cls(
            columns={bucket: column for column, (bucket, _) in enumerate(kept)},
            rarity=1 + np.log((1 + len(prompts)) / (1 + counts)),
            mean=dense.mean(axis=0),
            spread=np.where(spread > 1e-6, spread, np.inf),
        )

    def points(self, prompts: Sequence[Facts]) -> Points:
        """Return (prompts, dimensions): words, of length 1 together, then facts."""
        words = np.zeros((len(prompts), len(self.columns)), np.float32)
        for row, one in enumerate(prompts):
            places = [self.columns.get(bucket, -1) for bucket in one.words.tolist()]
            known = np.flatnonzero(np.array(places) >= 0)
            words[row, np.array(places)[known]] = one.weights[known]
        words *= self.rarity
        words /= np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1e-9)
        dense = (np.array([one.dense for one in prompts]) - self.mean) / self.spread
        dense = np.clip(dense, -FURTHEST, FURTHEST) * np.sqrt(FACTS_WEIGHT / dense.shape[1])
        return np.hstack([words, dense.astype(np.float32)])
