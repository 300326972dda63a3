"""The order in which models are tried: best value first, the premium reference last."""

from collections.abc import Container, Sequence
from typing import Final

from services.router.contender import Contender
from services.router.rank import Ranking

LENGTH: Final = 5
# With fewer members, models below the tier's quality floor are better than no answer at all.
ENOUGH: Final = 3


def suffices(strong: Sequence[Contender], resting: Container[str]) -> bool:
    """Tell whether a chain of those that reach the quality floor needs no others."""
    return len(strong) >= ENOUGH and any(one.key not in resting for one in strong)


def link(ranking: Ranking) -> list[int]:
    """Return the places of the chain's members, at most `LENGTH`.

    The best of the ranking goes first. Next ones avoid the provider just before, so that one
    outage costs one attempt. The tier's reference goes last; where it is not ranked, or is the best
    itself, the strongest of the others does. Models below the quality floor only fill a chain
    that would not suffice, and go first only when all others asked for rest.
    """
    able = _able(ranking)
    first, rest = able[0], able[1:]
    if not rest:
        return [first]
    last = _premium(rest, ranking)
    rest.remove(last)
    contenders = ranking.contenders
    chain = [first]
    while rest and len(chain) < LENGTH - 1:
        closing = len(rest) == 1 or len(chain) == LENGTH - 2
        after = contenders[last].provider if closing else ""
        following = _following(rest, contenders, contenders[chain[-1]].provider, after)
        rest.remove(following)
        chain.append(following)
    return [*chain, last]


def _able(ranking: Ranking) -> list[int]:
    """Return the places that may enter the chain, best first."""
    if all(ranking.enough):
        return list(ranking.order)
    weak = [place for place in ranking.order if not ranking.enough[place]]
    too_many = weak[ENOUGH:]
    return [place for place in ranking.order if place not in too_many]


def _premium(rest: list[int], ranking: Ranking) -> int:
    if ranking.reference is not None and ranking.reference in rest:
        return ranking.reference
    return max(rest, key=lambda place: (ranking.ready(place), ranking.qualities[place]))


def _following(rest: list[int], contenders: Sequence[Contender], before: str, after: str) -> int:
    """Return the best of another provider than those before and, if it can be, after."""
    for avoided in ((before, after), (before,)):
        for place in rest:
            if contenders[place].provider not in avoided:
                return place
    return rest[0]
