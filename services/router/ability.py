"""How able a model is, by effort and category, from the figures that the catalog cites.

Every figure is an observation of one ability, on the scale of `benchmarks.toml`, with a
variance of its own; observations are pooled by precision (a normal posterior mean). What a
model can do overall is the prior of what it can do in a category, so a model without a figure
for a category counts as it counts overall. All of this is computed once per catalog.
"""

import math
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from services.catalog import Category, Effort, Model
from services.efforts import steps
from services.router.effort import default_of, levels

PATH: Final = Path(__file__).with_name("benchmarks.toml")

# How far a category's ability lies from the overall one, for most models.
CATEGORY_STDDEV: Final = 0.10
# No published figure says more than this about the owner's own requests.
LEAST_STDDEV: Final = 0.03
# How far a model lies from the one that it replaces.
SUCCESSION_STDDEV: Final = 0.08
# Carrying a figure over to another effort is a guess: half of the step, as a standard deviation.
EFFORT_STDDEV: Final = 0.5
# Without any figure, ability at effort "high" follows the price of output, the market's own
# judgement: 0.46 + 0.35 log10(usd_per_mtok), residual 0.16, by least squares over the 28 models of
# the catalog that have both (2026-11).
PRICE_INTERCEPT: Final = 0.46
PRICE_SLOPE: Final = 0.35
PRICE_STDDEV: Final = 0.16
CHEAPEST_USD_PER_MTOK: Final = 0.1  # open weights at no price are no worse than this one


class Estimate(NamedTuple):
    """An ability and how sure it is, as a normal distribution."""

    mean: float
    stddev: float


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores of one benchmark that stand for ability 0 and 1, and the spread around that line.

    `vendor`: figures are the vendors' own, so those without an effort are of the strongest one;
    other figures without an effort are of the default.
    """

    zero: float
    one: float
    stddev: float
    vendor: bool = False


class Benchmarks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The benchmarks that are understood, and what they speak for."""

    benchmark: dict[str, Scale]
    category: dict[Category, tuple[str, ...]]
    effort: dict[Effort, float]


def read(path: Path = PATH) -> Benchmarks:
    """Read the benchmarks; raises ValueError naming the file and the field."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Benchmarks)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def abilities(
    model: Model,
    effort: Effort,
    benchmarks: Benchmarks,
    predecessors: Sequence[Model] = (),
) -> dict[Category, Estimate]:
    """Return the model's ability at `effort` for every category.

    Figures of `predecessors` count, but less. Benchmarks that are not known are left out.
    """
    seen = {}
    for earlier in predecessors:
        for what, value in _observations(earlier, effort, benchmarks):
            seen[what] = Estimate(value.mean, value.stddev + SUCCESSION_STDDEV)
    seen.update(_observations(model, effort, benchmarks))
    overall = _pool([_price(model, effort, benchmarks), *seen.values()])
    prior = Estimate(overall.mean, math.hypot(overall.stddev, CATEGORY_STDDEV))
    result = {}
    for category in Category:
        names = benchmarks.category.get(category, ())
        found = [value for (name, _), value in seen.items() if name in names]
        result[category] = _pool([prior, *found]) if names else overall
    return result


def function_calling(model: Model, effort: Effort) -> float | None:
    """Return the published function-calling accuracy nearest to `effort`, 0..1, or None.

    BFCL where the catalog cites it, else tau2-bench, which also counts solved tasks of
    tool-calling agents.
    """
    for benchmark in ("bfcl", "aa_tau2_bench", "tau2_bench"):
        figures = [score for score in model.scores if score.benchmark == benchmark]
        if figures:
            best = min(figures, key=lambda score: steps(score.effort or default_of(model), effort))
            return best.score / 100
    return None


def _observations(
    model: Model, effort: Effort, benchmarks: Benchmarks
) -> Iterable[tuple[tuple[str, Effort], Estimate]]:
    for score in model.scores:
        scale = benchmarks.benchmark.get(score.benchmark)
        if scale is None:
            continue
        measured = score.effort or (levels(model)[-1] if scale.vendor else default_of(model))
        step = benchmarks.effort[effort] - benchmarks.effort[measured]
        mean = (score.score - scale.zero) / (scale.one - scale.zero) + step
        yield (score.benchmark, measured), Estimate(mean, scale.stddev + EFFORT_STDDEV * abs(step))


def _price(model: Model, effort: Effort, benchmarks: Benchmarks) -> Estimate:
    usd_per_mtok = max(model.price.output, CHEAPEST_USD_PER_MTOK)
    thinks = levels(model) != ("none",)
    step = benchmarks.effort[effort] if thinks else 0.0
    return Estimate(PRICE_INTERCEPT + PRICE_SLOPE * math.log10(usd_per_mtok) + step, PRICE_STDDEV)


def _pool(estimates: list[Estimate]) -> Estimate:
    precisions = [estimate.stddev**-2 for estimate in estimates]
    total = sum(precisions)
    mean = sum(e.mean * p for e, p in zip(estimates, precisions, strict=True)) / total
    return Estimate(min(max(mean, 0.0), 1.0), max(total**-0.5, LEAST_STDDEV))
