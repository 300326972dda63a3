"""Rank what is capable: value = w * quality + (1 - w) * saving."""

from collections.abc import Sequence
from typing import Final

import msgspec

from services.router.contender import Contender

# Values this near are a tie: the healthier, then the faster model goes first.
NEAR: Final = 0.01
# So many steps of value another model has to be better than the one that knows the conversation:
# what is lost with the switch beside the cache, such as its style and its own thoughts.
SWITCH: Final = 2
# A model ten times as dear as the reference is no worse a choice than one twice as dear.
LEAST_SAVING: Final = -1.0
# More than values can differ: what is below the tier's floor is behind all that is above.
_WEAK: Final = 1_000
# What asked for rest is behind all that did not.
_RESTING: Final = 2 * _WEAK


class Ranking(msgspec.Struct, frozen=True, gc=False):
    """Contenders with every term of their scores: one column per term, one place per contender.

    `enough`: whether the quality reaches the tier's floor. `reference`: the place of the tier's
    reference, None where it cannot take the request. `order`: places, best first. `warm`: the
    model whose cache holds the conversation, "" for none.
    """

    contenders: Sequence[Contender]
    costs_usd: Sequence[float]
    qualities: Sequence[float]
    savings: Sequence[float]
    values: Sequence[float]
    enough: Sequence[bool]
    reference: int | None
    resting: frozenset[str]
    order: Sequence[int]
    warm: str = ""

    def ready(self, place: int) -> bool:
        """Tell whether neither the model nor its provider asked for rest."""
        return self.contenders[place].key not in self.resting


def savings(costs_usd: Sequence[float], reference_usd: float) -> list[float]:
    """Return how much cheaper than the reference each is, 1 for free, negative for dearer."""
    if reference_usd <= 0:
        return [0.0] * len(costs_usd)
    dearest = (1 - LEAST_SAVING) * reference_usd
    return [1 - usd / reference_usd if usd < dearest else LEAST_SAVING for usd in costs_usd]


def values(
    qualities: Sequence[float], savings: Sequence[float], quality_weight: float
) -> list[float]:
    """Blend quality and saving."""
    rest = 1 - quality_weight
    return [
        quality_weight * quality + rest * saving
        for quality, saving in zip(qualities, savings, strict=True)
    ]


def order(
    contenders: Sequence[Contender],
    values: Sequence[float],
    enough: Sequence[bool],
    resting: frozenset[str],
    warm: str = "",
) -> list[int]:
    """Return the places of the contenders, best first.

    Ready ones go before `resting` ones, then those that are good enough before those that are
    not, then the better value; what is near stays in the contenders' own order. The model that
    is `warm` stays first until another is better by `SWITCH` steps.
    """
    keys: list[float] = [
        (0 if good else _WEAK) - round(value / NEAR)
        for value, good in zip(values, enough, strict=True)
    ]
    if resting:
        for place, one in enumerate(contenders):
            if one.key in resting:
                keys[place] += _RESTING
    for place, one in enumerate(contenders if warm else ()):
        if one.key == warm:
            keys[place] -= SWITCH + 0.5
    return sorted(range(len(keys)), key=keys.__getitem__)
