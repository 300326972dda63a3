"""Compare Routor's predictions with simpler policies on outcomes that are known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from services.errors import Kind, RoutorError
from services.router.learning import metrics, plot, policies
from services.router.learning.facts import Facts, Vector
from services.router.learning.metrics import Pair, Point
from services.router.learning.records import Outcomes

QUALITY_SHARE: Final = 0.95


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a policy thinks of prompts: P(success) per model and a ranking for a pair.

    `chances`: (prompts, models), None if it cannot tell the models apart.
    """

    chances: Vector | None
    ranking: Vector | None = None


Policy = Callable[[Outcomes | None, Outcomes], Judgement]


@dataclass(frozen=True, eq=False)
class Report:
    """The figures of one file. Curves are by policy; costs are nan where unknown."""

    outcomes: Outcomes
    curves: Mapping[str, Sequence[Point]]
    best: Point
    best_model: str
    pair: tuple[str, str] | None
    pairs: Mapping[str, Pair]
    calibration: tuple[float, float] | None
    notes: list[str] = field(default_factory=list)

    def svg(self) -> str:
        """Draw the curves; raises INVALID_REQUEST when costs are not known."""
        if np.isnan(self.best.cost):
            raise RoutorError(Kind.INVALID_REQUEST, "--plot needs outcomes with `cost_usd`.")
        lines = {name: metrics.hull(line) for name, line in self.curves.items()}
        return plot.svg("Quality for money", "dollars a prompt", "mean score", lines)

    def __str__(self) -> str:
        """Return the tables."""
        count = int((~np.isnan(self.outcomes.scores)).sum())
        shape = self.outcomes.scores.shape
        lines = [f"{shape[0]} prompts, {shape[1]} models, {count} outcomes", ""]
        lines.append(f"{'policy':24} {'quality':>8} {'cost':>11}   cost for {QUALITY_SHARE:.0%}")
        lines += [self._row(name, line) for name, line in self.curves.items()]
        if self.pair:
            lines += ["", f"{self.pair[0]} over {self.pair[1]}"]
            lines.append(f"{'ranking':24} {'APGR':>8} {'CPT50':>8} {'CPT80':>8}")
            for name, one in self.pairs.items():
                lines.append(f"{name:24} {one.apgr:8.3f} {one.cpt50:8.1%} {one.cpt80:8.1%}")
        if self.calibration:
            error, brier = self.calibration
            lines += ["", f"calibration of P(success): ECE {error:.3f}, Brier {brier:.3f}"]
        return "\n".join([*lines, *self.notes])

    def _row(self, name: str, line: Sequence[Point]) -> str:
        top = line[0]
        share = metrics.cost_of(line, QUALITY_SHARE * self.best.quality) / self.best.cost
        cost = "unknown" if np.isnan(top.cost) else f"${top.cost:.6f}"
        needed = "" if np.isnan(share) else f"{share:.3f} of best single's"
        return f"{name:24} {top.quality:8.4f} {cost:>11}   {needed}"


def evaluate(
    outcomes: Outcomes,
    routor: Policy,
    known: Outcomes | None = None,
    *,
    folds: int = 0,
    pair: tuple[str, str] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Judge every policy on `outcomes`.

    Policies that learn do so from `known`, or from the other `folds` of `outcomes`; without
    either nothing is learned from answers. Raises INVALID_REQUEST for a pair that is not there.
    """
    places = _places(outcomes, pair)
    named: dict[str, Policy] = {"Routor": routor}
    if known is not None or folds:
        named |= {"kNN": _simple(policies.neighbours), "k-means table": _simple(policies.clusters)}
    judged = {}
    for name, policy in named.items():
        tell(f"{name}: {len(outcomes.prompts)} prompts")
        judged[name] = _folded(policy, outcomes, known, folds)
    costs, expected = _costs(outcomes)
    scores = _filled(outcomes.scores)
    best = int(scores.mean(axis=0).argmax())
    curves = _fixed(scores, costs, best)
    curves["longer prompt, stronger"] = _by_length(outcomes.features, scores, costs, best)
    for name, one in judged.items():
        if one.chances is not None:
            curves[name] = metrics.curve(one.chances, scores, costs, expected)
    return Report(
        outcomes=outcomes,
        curves=curves,
        best=curves["best single"][0],
        best_model=outcomes.models[best],
        pair=pair,
        pairs=_pairs(outcomes, judged, places) if places else {},
        calibration=_calibration(judged["Routor"].chances, outcomes.scores),
        notes=["", f"best single: {outcomes.models[best]}"],
    )


def _folded(policy: Policy, outcomes: Outcomes, known: Outcomes | None, folds: int) -> Judgement:
    """Judge every fold by what is learned from the others (and from `known`)."""
    if not folds:
        return policy(known, outcomes)
    count = len(outcomes.prompts)
    part = np.arange(count) % folds
    chances = np.zeros(outcomes.scores.shape)
    ranking = np.zeros(count)
    ranked = False
    for fold in range(folds):
        mine = np.flatnonzero(part == fold)
        judged = policy(outcomes.rows(part != fold), outcomes.rows(mine))
        if judged.chances is not None:
            chances[mine] = judged.chances
        if judged.ranking is not None:
            ranking[mine], ranked = judged.ranking, True
    return Judgement(chances, ranking if ranked else None)


def _simple(look_up: Callable[[Outcomes, Sequence[Facts]], Vector]) -> Policy:
    """Return a policy that needs outcomes to learn from."""

    def judge(known: Outcomes | None, asked: Outcomes) -> Judgement:
        if known is None:
            return Judgement(None)
        return Judgement(_aligned(look_up(known, asked.features), known, asked))

    return judge


def _aligned(chances: Vector, known: Outcomes, asked: Outcomes) -> Vector:
    """Order columns as the models asked for; a model not known counts as the mean of the rest."""
    middle = chances.mean(axis=1)
    columns = [
        chances[:, known.models.index(name)] if name in known.models else middle
        for name in asked.models
    ]
    return np.stack(columns, axis=1)


def _places(outcomes: Outcomes, pair: tuple[str, str] | None) -> tuple[int, int] | None:
    if pair is None:
        return None
    for name in pair:
        if name not in outcomes.models:
            raise RoutorError(
                Kind.INVALID_REQUEST, f"--pair: the outcomes hold no model {name!r}.", param="pair"
            )
    return outcomes.models.index(pair[0]), outcomes.models.index(pair[1])


def _pairs(
    outcomes: Outcomes, judged: Mapping[str, Judgement], places: tuple[int, int]
) -> dict[str, Pair]:
    strong, weak = places
    both = ~np.isnan(outcomes.scores[:, strong] + outcomes.scores[:, weak])
    rankings = {"longer prompt": policies.longer(outcomes.features)}
    for name, one in judged.items():
        if one.ranking is not None:
            rankings[name] = one.ranking
        elif one.chances is not None:
            rankings[name] = one.chances[:, strong] - one.chances[:, weak]
    scores = outcomes.scores[both]
    rankings["random"] = np.zeros(len(outcomes.prompts))
    rankings["oracle"] = outcomes.scores[:, strong] - outcomes.scores[:, weak]
    try:
        return {
            name: metrics.pair(ranking[both], scores[:, strong], scores[:, weak])
            for name, ranking in rankings.items()
        }
    except ValueError as error:
        raise RoutorError(Kind.INVALID_REQUEST, f"--pair: {error}.", param="pair") from None


def _costs(outcomes: Outcomes) -> tuple[Vector, Vector]:
    """Return each answer's cost, and each model's mean, which is what a policy may know."""
    known = ~np.isnan(outcomes.costs_usd)
    count = known.sum(axis=0)
    total = np.where(known, outcomes.costs_usd, 0.0).sum(axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    expected = np.tile(mean, (len(outcomes.prompts), 1))
    if np.isnan(mean).any():
        return np.full_like(expected, np.nan), np.ones_like(expected)
    return np.where(known, outcomes.costs_usd, expected), expected


def _fixed(scores: Vector, costs: Vector, best: int) -> dict[str, list[Point]]:
    """Return the points of policies that need no prediction."""
    rows = np.arange(len(scores))
    order = np.lexsort((costs, -scores), axis=1)[:, 0]
    singles = [
        Point(float(cost), float(quality))
        for cost, quality in zip(costs.mean(axis=0), scores.mean(axis=0), strict=True)
    ]
    everywhere = Point(float(costs.mean()), float(scores.mean()))
    return {
        "oracle": [Point(float(costs[rows, order].mean()), float(scores[rows, order].mean()))],
        "best single": [singles[best]],
        "mixture of singles": [singles[best], *singles],
        "random": [everywhere],
    }


def _by_length(features: Sequence[Facts], scores: Vector, costs: Vector, best: int) -> list[Point]:
    """Send the longest prompts to the best model, the others to the cheapest."""
    cheap = int(costs.mean(axis=0).argmin()) if not np.isnan(costs).any() else 0
    order = np.argsort(-policies.longer(features), kind="stable")
    points = []
    for share in np.linspace(1, 0, 21):
        chosen = np.full(len(scores), cheap)
        chosen[order[: round(share * len(scores))]] = best
        rows = np.arange(len(scores))
        points.append(Point(float(costs[rows, chosen].mean()), float(scores[rows, chosen].mean())))
    return points


def _calibration(chances: Vector | None, scores: Vector) -> tuple[float, float] | None:
    if chances is None:
        return None
    seen = ~np.isnan(scores)
    return (
        metrics.calibration_error(chances[seen], scores[seen]),
        metrics.brier(chances[seen], scores[seen]),
    )


def _filled(scores: Vector) -> Vector:
    return np.where(np.isnan(scores), np.nanmean(scores, axis=0), scores)
