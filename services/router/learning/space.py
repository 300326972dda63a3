"""Where prompts are points: words weighted by how rare they are, facts, meaning and kind.

The kind is the nearest of some centres (k-means over all the rest): what the tasks of a source
have in common, which sums over words alone tell badly.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from services.router.learning.facts import Facts, Vector

Points = npt.NDArray[np.float32]

VOCABULARY: Final = 2000  # most frequent words and pairs of them; more did not help
LEAST_PROMPTS: Final = 2
FACTS_WEIGHT: Final = 0.3  # squared length of all facts together against all words
# ... and that of the meaning: half of it and three times as much ranked pairs a little worse
# (six files, 2026-11).
MEANING_WEIGHT: Final = 1.0
MOST_KINDS: Final = 40
PROMPTS_A_KIND: Final = 60
# From so many prompts on, the kind counts as much as all words; with fewer it is more and more
# chance: it lost up to 0.04 APGR on 400 to 650 prompts, and saved a tenth to a fifth of the cost
# on 2,400 (two splits of one file, 2026-11).
FULL_KIND_PROMPTS: Final = 2400
ROUNDS: Final = 15
FURTHEST: Final = 3.0  # no fact lies further out than so many standard deviations


@dataclass(frozen=True, eq=False)
class Space:
    """Learned from the prompts of given outcomes; `points` puts any prompt into it.

    `columns` maps a word's bucket to its column; `rarity` is per column; `centres` are those of
    the kinds of prompts, (kinds, dimensions); `kind_weight` is the squared length of a kind
    against all words.
    """

    columns: dict[int, int]
    rarity: Vector
    mean: Vector
    spread: Vector
    centres: Points
    kind_weight: float = 0.0

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
        plain = cls(
            columns={bucket: column for column, (bucket, _) in enumerate(kept)},
            rarity=1 + np.log((1 + len(prompts)) / (1 + counts)),
            mean=dense.mean(axis=0),
            spread=np.where(spread > 1e-6, spread, np.inf),
            centres=np.empty((0, 0), np.float32),
        )
        kinds = max(min(MOST_KINDS, len(prompts) // PROMPTS_A_KIND), 1)
        weight = min(1.0, len(prompts) / FULL_KIND_PROMPTS) ** 2
        found = centres(plain.plain(prompts), kinds, ROUNDS)
        return replace(plain, centres=found, kind_weight=weight)

    def points(self, prompts: Sequence[Facts]) -> Points:
        """Return (prompts, dimensions): words, of length 1 together, facts, meaning, kind."""
        points = self.plain(prompts)
        kinds = np.zeros((len(points), len(self.centres)), np.float32)
        kinds[np.arange(len(points)), nearest(points, self.centres)] = np.sqrt(self.kind_weight)
        return np.hstack([points, kinds])

    def plain(self, prompts: Sequence[Facts]) -> Points:
        """Return points without their kind."""
        words = np.zeros((len(prompts), len(self.columns)), np.float32)
        for row, one in enumerate(prompts):
            places = [self.columns.get(bucket, -1) for bucket in one.words.tolist()]
            known = np.flatnonzero(np.array(places) >= 0)
            words[row, np.array(places)[known]] = one.weights[known]
        words *= self.rarity
        words /= np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1e-9)
        dense = (np.array([one.dense for one in prompts]) - self.mean) / self.spread
        dense = np.clip(dense, -FURTHEST, FURTHEST) * np.sqrt(FACTS_WEIGHT / dense.shape[1])
        meaning = np.array([one.meaning for one in prompts]) * np.float32(np.sqrt(MEANING_WEIGHT))
        return np.hstack([words, dense.astype(np.float32), meaning])


def centres(points: Points, count: int, rounds: int) -> Points:
    """Return the centres of k-means, begun at points spread evenly over the given order."""
    places = np.linspace(0, len(points) - 1, min(count, len(points))).astype(int)
    found: Points = points[places]
    for _ in range(rounds):
        mine = nearest(points, found)
        sizes = np.bincount(mine, minlength=len(found))
        sums = np.zeros_like(found)
        np.add.at(sums, mine, points)
        means = sums / np.maximum(sizes, 1)[:, None].astype(np.float32)
        found = np.where(sizes[:, None] > 0, means, found).astype(np.float32)
    return found


def nearest(points: Points, found: Points) -> npt.NDArray[np.int64]:
    """Return the index of the nearest centre of each point."""
    places: npt.NDArray[np.int64] = ((found**2).sum(axis=1) - 2 * points @ found.T).argmin(axis=1)
    return places
