"""What Routor is compared with: policies that choose a model by simpler means.

Each gives P(success) of every model for every prompt, so that all are swept in the same way.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from services.router.learning.facts import NAMES, Facts, Vector
from services.router.learning.records import Outcomes
from services.router.learning.space import ROUNDS, Space, centres, nearest

NEIGHBOURS: Final = 40
CLUSTERS: Final = 20
CHUNK: Final = 1024

_LENGTH: Final = NAMES.index("characters")


def longer(prompts: Sequence[Facts]) -> Vector:
    """Rank prompts by their length."""
    return np.array([one.dense[_LENGTH] for one in prompts])


def neighbours(known: Outcomes, prompts: Sequence[Facts], count: int = NEIGHBOURS) -> Vector:
    """Average the scores of the prompts most alike (kNN, by cosine of words and facts)."""
    space = Space.of(known.features)
    points = space.plain(known.features)
    filled = _filled(known.scores)
    found = []
    for start in range(0, len(prompts), CHUNK):
        alike = space.plain(prompts[start : start + CHUNK]) @ points.T
        closest = np.argpartition(-alike, min(count, alike.shape[1] - 1), axis=1)[:, :count]
        found.append(filled[closest].mean(axis=1))
    return np.vstack(found)


def clusters(known: Outcomes, prompts: Sequence[Facts], count: int = CLUSTERS) -> Vector:
    """Look up a table of each model's mean score by cluster of prompts (k-means)."""
    space = Space.of(known.features)
    points = space.plain(known.features)
    middles = centres(points, count, ROUNDS)
    mine = nearest(points, middles)
    filled = _filled(known.scores)
    overall = filled.mean(axis=0)
    table = np.array([
        (filled[mine == cluster].sum(axis=0) + overall) / ((mine == cluster).sum() + 1)
        for cluster in range(len(middles))
    ])  # fmt: skip
    result: Vector = table[nearest(space.plain(prompts), middles)]
    return result


def _filled(scores: Vector) -> Vector:
    return np.where(np.isnan(scores), np.nanmean(scores, axis=0), scores)
