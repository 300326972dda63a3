"""How good a routing is: gains recovered, costs, calibration. Pure.

PGR = (quality - weak) / (strong - weak), APGR the area under it over the share of calls sent to
the strong model, CPT(x) the share of strong calls needed for x of the gain: RouteLLM, arXiv
2406.18665. Qualities are mean scores, 0 to 1.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from services.router.learning.facts import Vector

BINS: Final = 10
# Prices of a point of quality that are swept: from "never mind the cost" to "never mind quality".
EXCHANGE: Final = np.concatenate(([0.0], np.geomspace(1e-3, 1e3, 121)))


class Pair(NamedTuple):
    """A ranking of prompts for a strong and a weak model. `cpt50`, `cpt80` are nan if not met."""

    apgr: float
    cpt50: float
    cpt80: float


class Point(NamedTuple):
    """Where a policy stands: dollars and mean score a prompt."""

    cost: float
    quality: float


def pair(ranking: Vector, strong: Vector, weak: Vector) -> Pair:
    """Send prompts of the highest `ranking` to the strong model first; ties count as shuffled.

    Raises ValueError when the strong model is not the better one.
    """
    gains = strong - weak
    if gains.sum() <= 0:
        raise ValueError("the strong model is not better than the weak one")
    order = np.argsort(-ranking, kind="stable")
    _, group = np.unique(-ranking[order], return_inverse=True)
    level = np.bincount(group, gains[order]) / np.bincount(group)
    recovered = np.concatenate(([0.0], np.cumsum(level[group]))) / gains.sum()
    share = np.linspace(0, 1, len(recovered))
    return Pair(
        float(((recovered[1:] + recovered[:-1]) / 2).mean()),
        _first(share, recovered >= 0.5 - 1e-9),
        _first(share, recovered >= 0.8 - 1e-9),
    )


def _first(share: Vector, reached: Sequence[bool] | np.ndarray) -> float:
    places = np.flatnonzero(reached)
    return float(share[places[0]]) if len(places) else float("nan")


def calibration_error(chances: Vector, scores: Vector) -> float:
    """Return the expected calibration error over ten bins of equal width."""
    place = np.minimum((chances * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(place, chances - scores, BINS)).sum() / len(chances))


def brier(chances: Vector, scores: Vector) -> float:
    """Return the mean squared error of P(success)."""
    return float(((chances - scores) ** 2).mean())


def curve(chances: Vector, scores: Vector, costs: Vector, expected: Vector) -> list[Point]:
    """Choose by `chances - price * expected cost` at every price.

    All are (prompts, models); `expected` is what a policy may know of the costs.
    """
    unit = np.nanmean(expected)
    rows = np.arange(len(scores))
    points = []
    for price in EXCHANGE:
        chosen = np.argmax(chances - price * expected / max(unit, 1e-12), axis=1)
        points.append(Point(float(costs[rows, chosen].mean()), float(scores[rows, chosen].mean())))
    return points


def hull(points: Sequence[Point]) -> list[Point]:
    """Return the points that no mixture of others beats, by rising cost and quality."""
    best: list[Point] = []
    for point in sorted(points, key=lambda one: (one.cost, -one.quality)):
        if best and point.quality <= best[-1].quality:
            continue
        while len(best) > 1 and _below(best[-2], best[-1], point):
            best.pop()
        best.append(point)
    return best


def _below(left: Point, middle: Point, right: Point) -> bool:
    rise = (right.quality - left.quality) * (middle.cost - left.cost)
    return (middle.quality - left.quality) * (right.cost - left.cost) <= rise


def cost_of(points: Sequence[Point], quality: float) -> float:
    """Return the least cost at which mixtures of the points reach a quality; nan if they do not."""
    best = hull(points)
    for left, right in zip([best[0], *best], best, strict=False):
        if right.quality >= quality:
            rise = right.quality - left.quality
            part = max((quality - left.quality) / rise, 0.0) if rise > 0 else 1.0
            return left.cost + part * (right.cost - left.cost)
    return float("nan")
