"""Rank what is capable: value = w * quality + (1 - w) * saving."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.catalog import Category
from services.router import cost
from services.router.capable import Drop, over_limits, too_long
from services.router.need import Need
from services.router.pool import Entry, Option
from services.router.predict import predict
from services.router.standing import Standing, Standings

# Values this near are a tie: the healthier, then the faster model goes first.
NEAR: Final = 0.01
# A model ten times as dear as the reference is no worse a choice than one twice as dear.
LEAST_SAVING: Final = -1.0


@dataclass(slots=True, eq=False)
class Candidate:
    """A capable model at its effort, with every term of its score.

    `enough`: its quality reaches the tier's floor. `ready`: its provider did not ask for rest.
    """

    entry: Entry
    option: Option
    cost_usd: float
    quality: float
    stddev: float
    saving: float
    value: float
    latency_ms: float
    enough: bool = True
    healthy: bool = True
    ready: bool = True

    @property
    def order(self) -> tuple[bool, bool, float, bool, float, str]:
        """Return the key that sorts the best first; equal for no two models."""
        steps = -round(self.value / NEAR)
        return (
            not self.ready,
            not self.enough,
            steps,
            not self.healthy,
            self.latency_ms,
            self.entry.key,
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What all candidates of a request are scored with."""

    need: Need
    category: Category
    difficulty: float
    size: cost.Work
    reference_usd: float
    quality_weight: float
    standings: Standings
    now: datetime

    def quality(self, option: Option) -> tuple[float, float]:
        """Return predicted quality and its standard deviation."""
        abilities = option.tool_abilities if self.need.tool_scenario else option.abilities
        return predict(abilities[self.category], self.difficulty)


def score(entry: Entry, option: Option, terms: Terms) -> Candidate | Drop:
    """Score one capable model, or tell which limit it exceeds."""
    need = terms.need
    output_tokens = terms.size.output_tokens(option)
    drop = too_long(entry, need, int(output_tokens))
    if drop is not None:
        return drop
    expected_usd = cost.cost_usd(entry, terms.size, output_tokens, terms.now)
    provider = terms.standings.providers[entry.provider]
    model = terms.standings.models.get(entry.key, _UNWATCHED)
    latency_ms = model.p95_first_token_ms or option.first_token_ms
    if need.limited:
        drop = over_limits(option, entry, need, expected_usd, latency_ms)
        if drop is not None:
            return drop
    quality, stddev = terms.quality(option)
    saving = _saving(expected_usd, terms.reference_usd)
    weight = terms.quality_weight
    return Candidate(
        entry=entry,
        option=option,
        cost_usd=expected_usd,
        quality=quality,
        stddev=stddev,
        saving=saving,
        value=weight * quality + (1 - weight) * saving,
        latency_ms=latency_ms,
        healthy=provider.healthy and model.healthy,
        ready=not (provider.resting or model.resting),
    )


_UNWATCHED: Final = Standing()


def _saving(cost_usd: float, reference_usd: float) -> float:
    """Return how much cheaper than the reference, 1 for free, negative for dearer."""
    if reference_usd <= 0:
        return 0.0
    return max(1 - cost_usd / reference_usd, LEAST_SAVING)
