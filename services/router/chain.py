"""The order in which models are tried: best value first, the premium reference last."""

from collections.abc import Container, Sequence
from typing import Final

from services.router.contender import Contender
from services.router.rank import Ranking

LENGTH: Final = 5
# With fewer members, or all of one provider, models below the tier's quality floor are better than
# no answer at all.
ENOUGH: Final = 3


def suffices(strong: Sequence[Contender], resting: Container[str]) -> bool:
    """Tell whether a chain of those that reach the quality floor needs no others."""
    providers = {one.provider for one in strong}
    awake = any(one.key not in resting for one in strong)
    return len(strong) >= ENOUGH and len(providers) > 1 and awake


def link(ranking: Ranking) -> list[int]:
    """Return the places of the chain's members, at most `LENGTH`.

    The best of the ranking goes first. Next ones are of providers that are not in the chain yet,
    as long as there are such that are well and good enough, so that one outage costs one
    attempt; then of another provider than the one just before. The tier's reference goes last;
    where it is not ranked, or is the best itself, the strongest of the others does. Models below
    the quality floor only fill a chain that would not suffice, and go first only when all others
    asked for rest.
    """
    able = _able(ranking)
    first, rest = able[0], able[1:]
    if not rest:
        return [first]
    last = _premium(rest, ranking)
    rest.remove(last)
    chain = [first]
    while rest and len(chain) < LENGTH - 1:
        closing = len(rest) == 1 or len(chain) == LENGTH - 2
        following = _following(rest, ranking, chain, last, closing=closing)
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


def _following(
    rest: list[int], ranking: Ranking, chain: list[int], last: int, *, closing: bool
) -> int:
    """Return who comes next; `closing`: only `last` follows."""
    providers = [one.provider for one in ranking.contenders]
    before, after = providers[chain[-1]], providers[last]
    sound = [place for place in rest if ranking.enough[place] and ranking.ready(place)]
    for places, avoided in (
        (sound, {after, *(providers[place] for place in chain)}),
        (rest, {before, after} if closing else {before}),
        (rest, {before}),
    ):
        for place in places:
            if providers[place] not in avoided:
                return place
    return rest[0]
