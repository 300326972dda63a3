"""The order in which models are tried: best value first, the premium reference last."""

from collections.abc import Sequence
from typing import Final

from services.router.rank import Candidate

LENGTH: Final = 5
# With fewer members, models below the tier's quality floor are better than no answer at all.
ENOUGH: Final = 3


def link(candidates: Sequence[Candidate], reference: str) -> list[Candidate]:
    """Return the chain of `candidates`, at most `LENGTH` long, each model once.

    The best by `Candidate.order` goes first. Next ones avoid the provider just before, so that
    one outage costs one attempt. `reference` goes last; where it is not a candidate, or is the
    best itself, the strongest of the others does. Models below the quality floor only fill a
    short chain, and go first only when all others asked for rest.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.order)
    if not ordered:
        return []
    able = [candidate for candidate in ordered if candidate.enough]
    if len(able) < ENOUGH or not any(candidate.ready for candidate in able):
        weak = [candidate for candidate in ordered if not candidate.enough]
        able = sorted([*able, *weak[:ENOUGH]], key=lambda candidate: candidate.order)
    first, rest = able[0], able[1:]
    if not rest:
        return [first]
    last = _premium(rest, reference)
    rest.remove(last)
    chain = [first]
    while rest and len(chain) < LENGTH - 1:
        before = chain[-1].entry.provider
        closing = len(rest) == 1 or len(chain) == LENGTH - 2
        after = last.entry.provider if closing else ""
        others = [c for c in rest if c.entry.provider != before] or rest
        following = next((c for c in others if c.entry.provider != after), others[0])
        rest.remove(following)
        chain.append(following)
    return [*chain, last]


def _premium(rest: Sequence[Candidate], reference: str) -> Candidate:
    for candidate in rest:
        if candidate.entry.key == reference:
            return candidate
    return max(rest, key=lambda candidate: (candidate.ready, candidate.quality))
