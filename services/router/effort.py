"""Which efforts a model has, and which one a request gets: (model, effort) is the candidate."""

from services.catalog import Effort, Model, Tier
from services.efforts import EFFORTS, meant, nearest
from services.router.tiers import Tiers


def default_of(model: Model) -> Effort:
    """Return what happens when nothing is said. A model that always thinks thinks hard."""
    reasoning = model.reasoning
    if reasoning.switch == "always" and reasoning.default == "none":
        return "high"
    return reasoning.default if reasoning.switch != "none" else "none"


def levels(model: Model) -> tuple[Effort, ...]:
    """Return the efforts a request can be given, ascending.

    A model with a mere switch has "none" and "high", or its default in place of "high".
    """
    reasoning = model.reasoning
    default = default_of(model)
    if reasoning.switch in ("none", "always") and not reasoning.efforts:
        return (default,)
    found = {default, *reasoning.efforts}
    if found == {"none"}:
        found.add("high")
    if reasoning.can_disable:
        found.add("none")
    return tuple(effort for effort in EFFORTS if effort in found)


def by_tier(model: Model, tier: Tier, tiers: Tiers) -> Effort:
    """Return the effort that a tier gets from a model when the caller says nothing."""
    available = levels(model)
    wanted = tiers.of(tier).effort
    return available[0] if wanted == "lowest" else nearest(available, wanted)


def asked(model: Model, word: Effort) -> Effort | None:
    """Return the model's effort for the caller's word, None when the model has no such control."""
    available = levels(model)
    if word == "none":
        return "none" if "none" in available else None
    controlled = model.reasoning.switch not in ("none", "always") or bool(model.reasoning.efforts)
    if available == ("none",) or not controlled:
        return None
    return meant(available, word, model.reasoning.words)
