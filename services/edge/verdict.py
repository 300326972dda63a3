"""What an answer tells about its decision: the `routor` object and the X-Routor-* headers. Pure."""

import msgspec

from routor.v1 import router_pb2, types_pb2
from routor.v1.providers_pb2 import Served
from services.errors import Kind, RoutorError


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `routor` object of an answer; None where it is not known.

    `savingsPct` is percent against the baseline model (Claude Opus 4.8), `attempts` the number
    of calls to providers, `droppedParameters` what the model did not take and can do without.
    `continued`: another call had begun the answer and was cut; `model` is who finished it.
    """

    request_id: str
    model: str
    tier: str | None
    category: str | None
    profile: str | None
    confidence: float
    method: str
    savingsPct: float | None  # noqa: N815 - names of the public interface
    costUsd: float | None  # noqa: N815
    fallback: bool
    attempts: int
    droppedParameters: tuple[str, ...] = ()  # noqa: N815
    continued: bool = False


_TIERS = {number: name.removeprefix("TIER_") for name, number in types_pb2.Tier.items()}
_CATEGORIES = {
    number: name.removeprefix("CATEGORY_").lower() for name, number in types_pb2.Category.items()
}
_PROFILES = {
    number: name.removeprefix("PROFILE_").lower() for name, number in types_pb2.Profile.items()
}


def tier_word(tier: "types_pb2.Tier.ValueType") -> str | None:
    """Return "LIGHT" and the like; None for none."""
    return _TIERS.get(tier) if tier else None


def category_word(category: "types_pb2.Category.ValueType") -> str | None:
    """Return "coding" and the like; None for none."""
    return _CATEGORIES.get(category) if category else None


def profile_word(profile: "types_pb2.Profile.ValueType") -> str | None:
    """Return "auto", "tier" or "direct"; None for none."""
    return _PROFILES.get(profile) if profile else None


def check(decision: router_pb2.Decision) -> None:
    """Raise NO_CAPABLE_MODEL for a decision without a chain: there is nobody to ask."""
    if not decision.chain:
        raise RoutorError(Kind.NO_CAPABLE_MODEL, "No connected model can take this request.")


def expected(decision: router_pb2.Decision, model: str) -> Report:
    """Report what is known when a stream starts; `model` is the one that has begun to answer.

    `attempts` is its place in the chain; the end of the stream tells the true number.
    """
    chain = decision.chain
    place = next((at for at, member in enumerate(chain) if member.model == model), 0)
    member = chain[place]
    return _report(
        decision,
        model=model or member.model,
        savings=_saving(decision, member),
        cost_usd=None,
        fallback=place > 0,
        attempts=place + 1,
    )


def actual(decision: router_pb2.Decision, served: Served, left_out: tuple[str, ...]) -> Report:
    """Report how the request went; `left_out` are parameters that the model did not get."""
    model, cost_usd, chain = served.model, served.cost_usd, decision.chain
    member = chain[0]
    if member.model != model:
        member = next((other for other in chain if other.model == model), member)
    priced = cost_usd > 0 or _priced(decision, member)
    return _report(
        decision,
        model=model,
        savings=_saving(decision, member),
        cost_usd=round(cost_usd, 10) if priced else None,
        fallback=served.fallback,
        attempts=len(served.attempts),
        dropped=left_out,
        continued=served.continued,
    )


def headers(report: Report) -> dict[str, str]:
    """Return the X-Routor-* headers; what is not known is left out."""
    named = {
        "X-Routor-Model": report.model,
        "X-Routor-Confidence": f"{report.confidence:g}",
        "X-Routor-Fallback": "true" if report.fallback else "false",
        "X-Routor-Attempts": str(report.attempts),
    }
    if report.tier is not None:
        named["X-Routor-Tier"] = report.tier
    if report.category is not None:
        named["X-Routor-Category"] = report.category
    if report.profile is not None:
        named["X-Routor-Profile"] = report.profile
    if report.savingsPct is not None:
        named["X-Routor-Savings"] = f"{report.savingsPct:g}"
    return named


def _report(
    decision: router_pb2.Decision,
    *,
    model: str,
    savings: float | None,
    cost_usd: float | None,
    fallback: bool,
    attempts: int,
    dropped: tuple[str, ...] = (),
    continued: bool = False,
) -> Report:
    return Report(
        request_id=decision.request_id,
        model=model,
        tier=tier_word(decision.tier),
        category=category_word(decision.category),
        profile=profile_word(decision.profile),
        confidence=round(decision.confidence, 4),
        method=decision.method,
        savingsPct=None if savings is None else round(100 * savings, 1),
        costUsd=cost_usd,
        fallback=fallback,
        attempts=attempts,
        droppedParameters=dropped,
        continued=continued,
    )


def _saving(decision: router_pb2.Decision, member: types_pb2.ChainMember) -> float | None:
    """Return 1 - cost/baseline of the model that answers, at least 0; None when not known.

    Both are expected costs of this request. The baseline never answered, so an actual cost on one
    side alone would show how long the answer was and not what the choice has saved.
    """
    baseline_usd = decision.baseline_cost_usd
    if baseline_usd <= 0 or not _priced(decision, member):
        return None
    return max(0.0, 1 - member.expected_cost_usd / baseline_usd)


def _priced(decision: router_pb2.Decision, member: types_pb2.ChainMember) -> bool:
    """Tell a free model from one without a known price, which only a caller can have named."""
    if member.expected_cost_usd > 0 or decision.profile != types_pb2.PROFILE_DIRECT:
        return True
    return decision.savings > 0
