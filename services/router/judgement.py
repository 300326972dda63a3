"""From scores to what is said: probabilities, the tier, and what a turn takes over from others."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

from services.catalog import Tier

TIERS: Final = tuple(Tier)

# Below this probability of the likeliest tier the classifier is unsure and says LIGHT. Five
# equally likely tiers are at 0.2.
UNSURE: Final = 0.3
# Said is the lowest tier that is enough with this probability, NANO to STANDARD: about the median,
# but LIGHT only where little speaks for more. Small models end there, and a hard task given to one
# costs more than an easy one given to a large one. On the tune split: the right tier in 68 %,
# STANDARD and above recognised in 90 %.
ENOUGH: Final = (0.4, 0.4, 0.72, 0.55)


def settled(probabilities: Sequence[float]) -> Tier:
    """Return the lowest tier that is likely enough, LIGHT when no tier is likely at all."""
    if max(probabilities) < UNSURE:
        return Tier.LIGHT
    for tier, reached, enough in zip(TIERS, accumulate(probabilities), ENOUGH, strict=False):
        if reached >= enough:
            return tier
    return TIERS[-1]


def conversation(
    tiers: list[list[float]], kinds: list[list[float]], follows: list[float]
) -> tuple[list[float], list[float], list[float] | None]:
    """Fold user turns, oldest first; return the turn's tiers and categories, the session's tiers.

    A continuation is as hard as the harder of itself and what it continues. An earlier turn
    that says next to nothing (NANO: "thanks") leaves the session where it was.
    """
    tier, kind = tiers[0], kinds[0]
    session = None
    for i in range(1, len(tiers)):
        last = i == len(tiers) - 1
        session = tier
        carried = follows[i] if last else max(follows[i], tiers[i][0])
        harder = _harder(tiers[i], tier) if last else tier
        tier = _blend(tiers[i], harder, carried)
        kind = _blend(kinds[i], kind, carried)
    return tier, kind, session


def _harder(one: list[float], other: list[float]) -> list[float]:
    """Return the distribution of the harder of two tiers that go up and down together."""
    both = [min(pair) for pair in zip(accumulate(one), accumulate(other), strict=True)]
    both[-1] = 1.0
    return [below - above for above, below in pairwise((0.0, *both))]


def _blend(one: list[float], other: list[float], share: float) -> list[float]:
    return [(1 - share) * a + share * b for a, b in zip(one, other, strict=True)]


def softmax(scores: Sequence[float], temperature: float) -> list[float]:
    """Return the probabilities that scores stand for."""
    top, exp = max(scores), math.exp
    powers = [exp((score - top) / temperature) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]
