"""P(success) of models learned from outcomes.

score(model, prompt) = mean(model) + ease(prompt) + leaning(model, prompt): what all models share
is learned from all of them, and what sets a model apart is shrunk harder. Both are ridge
regressions over one space of words and facts, how hard they are shrunk being chosen by the
leave-one-out error, which has a closed form. Part of what they say is left to what the prompts
most alike scored. No seed, no iteration: same outcomes, same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.router.learning.calibration import LEAST, Curve
from services.router.learning.facts import Facts, Vector
from services.router.learning.neighbours import Neighbours
from services.router.learning.records import Outcomes
from services.router.learning.space import Points, Space

SHRINKAGE: Final = np.geomspace(0.1, 3000, 24)
# A model's mean counts as if it had also been seen this often at everybody's mean.
PRIOR_OUTCOMES: Final = 4.0
# Of what sets a prompt apart, so much is read off its neighbours. Against none: the cost of 95 % of
# the best model's quality .279 -> .262 and .779 -> .709, APGR of ten pairs the same (means of four
# and three splits, 2026-11).
NEIGHBOURS_SHARE: Final = 0.4
# Without this, choosing by P(success) lost up to 3.6 points against the best single model on a
# task of a file of outcomes; with it 1.8, at the same cost for 95 % of its quality (2026-11).
LUCK, LUCK_RANGE = 0.03, 0.06


@dataclass(frozen=True, eq=False)
class Ridge:
    """A ridge regression of several columns over one space.

    `left_out`: what each row was predicted to be by all others, (rows, columns). `noise`:
    the columns' mean squared error there.
    """

    weights: Vector
    shrinkage: float
    left_out: Vector
    noise: float


@dataclass(frozen=True, eq=False)
class Basis:
    """The singular vectors of a centred matrix of points: everything a ridge needs."""

    centre: Vector
    left: Vector
    values: Vector
    right: Vector

    def fit(self, targets: Vector) -> Ridge:
        """Fit columns of mean 0; the leave-one-out error chooses the shrinkage."""
        pulled = self.left.T @ targets
        squares = self.values**2
        tried = []
        for shrinkage in SHRINKAGE:
            kept = squares / (squares + shrinkage)
            leverage = (self.left**2) @ kept + 1 / len(targets)
            residual = targets - self.left @ (kept[:, None] * pulled)
            residual /= np.maximum(1 - leverage, 1e-6)[:, None]
            tried.append(residual)
        chosen = _cautious([(residual**2).mean(axis=1) for residual in tried])
        spread = self.values / (squares + SHRINKAGE[chosen])
        return Ridge(
            weights=self.right @ (spread[:, None] * pulled),
            shrinkage=float(SHRINKAGE[chosen]),
            left_out=targets - tried[chosen],
            noise=float((tried[chosen] ** 2).mean()),
        )

    def doubt(self, points: Vector, ridge: Ridge) -> Vector:
        """Return the posterior variance of each point's prediction, in units of the noise."""
        inside = points @ self.right
        squares = self.values**2
        outside = np.maximum((points**2).sum(axis=1) - (inside**2).sum(axis=1), 0)
        within: Vector = (inside**2 / (squares + ridge.shrinkage)).sum(axis=1)
        doubt: Vector = within + outside / ridge.shrinkage
        return doubt


def _cautious(errors: Sequence[Vector]) -> int:
    """Return the strongest shrinkage that is not clearly worse than the best one.

    `errors`: by shrinkage, ascending, one per row. Clearly: by half a standard error.
    """
    best = int(np.argmin([error.mean() for error in errors]))
    chosen = best
    for place in range(best + 1, len(errors)):
        worse = errors[place] - errors[best]
        if worse.mean() <= 0.5 * worse.std() / np.sqrt(len(worse)):
            chosen = place
    return chosen


@dataclass(frozen=True, eq=False)
class Learned:
    """What outcomes taught about models, whatever their names."""

    models: tuple[str, ...]
    space: Space
    basis: Basis
    means: Vector
    mean_stddevs: Vector
    ease: Ridge
    leaning: Ridge
    neighbours: Neighbours
    curve: Curve

    def predict(self, prompts: Sequence[Facts]) -> tuple[Vector, Vector, Vector]:
        """Return P(success), its standard deviation and the sum it comes from.

        All are (prompts, models). Differences of models are best read off the sums.
        """
        placed = self.space.points(prompts)
        points = placed.astype(np.float64) - self.basis.centre
        apart = points @ (self.ease.weights + self.leaning.weights)
        alike = self.neighbours.expected(_without_kind(placed, self.space))
        sums: Vector = self.means + _mixed(apart, alike)
        variance = self.ease.noise * self.basis.doubt(points, self.ease)
        variance += self.leaning.noise * self.basis.doubt(points, self.leaning)
        stddevs = np.sqrt(variance[:, None] + self.mean_stddevs**2)
        chances = _wary(self.curve(sums), int(self.means.argmax()))
        return chances, np.minimum(stddevs, 0.5), sums


def _wary(chances: Vector, best: int) -> Vector:
    """Take a little off models that seem to beat the one that is best overall.

    Whoever looks best among several owes part of it to luck. Less is taken off the further they
    are behind, so that the order of a model's prompts stays.
    """
    ahead = chances - chances[:, [best]]
    luck = LUCK * np.clip(1 + ahead / LUCK_RANGE, 0, 1)
    luck[:, best] = 0.0
    wary: Vector = np.maximum(chances - luck, LEAST)
    return wary


def learn(outcomes: Outcomes) -> Learned:
    """Learn every model of `outcomes`."""
    scores = outcomes.scores
    seen = ~np.isnan(scores)
    means, stddevs = _means(scores, seen)
    space = Space.of(outcomes.features)
    points = space.points(outcomes.features)
    basis = _basis(points.astype(np.float64))
    # What was not observed is taken to be as the model's mean and the prompt's ease have it.
    rest = np.where(seen, scores - means, 0.0)
    shared = rest.sum(axis=1) / seen.sum(axis=1)
    ease = basis.fit((shared - shared.mean())[:, None])
    apart = np.where(seen, rest - ease.left_out, 0.0)
    leaning = basis.fit(apart - apart.mean(axis=0))
    plain = _without_kind(points, space)
    neighbours = Neighbours.of(plain, rest)
    sums = means + _mixed(ease.left_out + leaning.left_out, neighbours.left_out(plain))
    curve = Curve.fit(sums[seen], scores[seen])
    return Learned(outcomes.models, space, basis, means, stddevs, ease, leaning, neighbours, curve)


def _without_kind(points: Points, space: Space) -> Points:
    """Return points as `Space.plain` gives them: neighbours of one kind are no nearer for it."""
    return points[:, : points.shape[1] - len(space.centres)]


def _mixed(apart: Vector, alike: Vector) -> Vector:
    mixed: Vector = (1 - NEIGHBOURS_SHARE) * apart + NEIGHBOURS_SHARE * alike
    return mixed


def _means(scores: Vector, seen: Vector) -> tuple[Vector, Vector]:
    """Return each model's mean and its standard error, drawn to everybody's mean."""
    count = seen.sum(axis=0)
    total = np.where(seen, scores, 0.0).sum(axis=0)
    everybody = total.sum() / count.sum()
    means = (total + PRIOR_OUTCOMES * everybody) / (count + PRIOR_OUTCOMES)
    return means, np.sqrt(np.maximum(means * (1 - means), 0.01) / (count + PRIOR_OUTCOMES))


def _basis(points: Vector) -> Basis:
    """Decompose by way of the smaller Gram matrix."""
    centre = points.mean(axis=0)
    points = points - centre
    tall = points.shape[0] > points.shape[1]
    gram = points.T @ points if tall else points @ points.T
    squares, vectors = np.linalg.eigh(gram)
    kept = squares > max(squares[-1], 1e-12) * 1e-9
    values, vectors = np.sqrt(squares[kept]), vectors[:, kept]
    if tall:
        return Basis(centre, points @ vectors / values, values, vectors)
    return Basis(centre, vectors, values, points.T @ vectors / values)
