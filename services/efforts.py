"""What a word for how much to think means to a model: the one rule of all services."""

from collections.abc import Mapping, Sequence
from typing import Final, get_args

from services.catalog import Effort

EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)
# OpenAI's word for a budget of thinking tokens; the steps of `dialects/reasoning.py`, halfway. The
# least is not "minimal": to some models that says not to think at all.
_UP_TO: Final[tuple[tuple[int, Effort], ...]] = (
    (5_119, "low"),
    (12_287, "medium"),
    (24_575, "high"),
)


def of_budget(tokens: int) -> Effort:
    """Return the effort that a budget of thinking tokens stands for."""
    return next((word for most, word in _UP_TO if tokens <= most), "xhigh")


def nearest(available: Sequence[Effort], wanted: Effort) -> Effort:
    """Return the effort fewest steps away, the lower one of two: nobody pays for more."""
    return min(available, key=lambda effort: (steps(effort, wanted), EFFORTS.index(effort)))


def meant(available: Sequence[Effort], wanted: Effort, words: Mapping[Effort, Effort]) -> Effort:
    """Return the effort for a caller's word; `words` is how the vendor itself maps it.

    "none" is taken at its word. The others mean the nearest that thinks at all, but not
    "minimal" where the least thinking is far more and none is nearer.
    """
    wanted = words.get(wanted, wanted)
    if wanted in available:
        return wanted
    found = nearest([effort for effort in available if effort != "none"] or available, wanted)
    off = wanted == "minimal" and "none" in available and steps(found, wanted) > 1
    return "none" if off else found


def steps(one: Effort, other: Effort) -> int:
    """Return how many steps lie between two efforts."""
    return abs(EFFORTS.index(one) - EFFORTS.index(other))
