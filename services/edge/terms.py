"""What a key, or a stored profile, lets its callers do. Pure."""

from fnmatch import fnmatchcase
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from routor.v1 import router_pb2, types_pb2
from services.edge import fields
from services.edge.door import Call
from services.errors import Kind, RoutorError

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Pattern = Annotated[str, Meta(pattern=r"^[!-~]{1,256}$")]
PerMinute = Annotated[int, Meta(ge=1, le=10**12)]
N = TypeVar("N", int, float)
TIERS: Final = ("NANO", "SIMPLE", "LIGHT", "STANDARD", "COMPLEX")


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What limits a key; None or empty means not at all.

    `models` are ids such as "openai/gpt-5.5"; a * stands for anything, as in "openai/*".
    `tiers` are neighbours: the router knows a floor and a ceiling. `profile` names a stored one.
    """

    budget_usd: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    models: Annotated[list[Pattern], Meta(max_length=256)] = []
    tiers: list[fields.Tier] = []
    profile: Name | None = None

    @property
    def metered(self) -> bool:
        """Whether something has to be counted."""
        limits = (self.budget_usd, self.requests_per_minute, self.tokens_per_minute)
        return any(limit is not None for limit in limits)

    @property
    def rules(self) -> "Rules":
        """The tiers as rules."""
        known = [tier for tier in TIERS if tier in self.tiers]
        return Rules(tier_floor=known[0], tier_ceiling=known[-1]) if known else Rules()


class Rules(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A stored profile: the routor_* fields of the same names, as bounds for every request."""

    tier_floor: fields.Tier | None = None
    tier_ceiling: fields.Tier | None = None
    max_cost: fields.Above | None = None
    quality_weight: fields.Share | None = None
    bfcl_min: fields.Share | None = None
    code_quality: fields.Level | None = None
    chat_quality: fields.Level | None = None
    max_latency_ms: fields.Above | None = None
    providers: fields.Providers | None = None


FREE: Final = Terms()


def check(terms: Terms) -> None:
    """Raise INVALID_REQUEST for tiers with a gap."""
    places = sorted({TIERS.index(tier) for tier in terms.tiers})
    if places and places[-1] - places[0] != len(places) - 1:
        text = "tiers: must be neighbours, as LIGHT and STANDARD."
        raise RoutorError(Kind.INVALID_REQUEST, text, param="tiers")


def check_rules(rules: Rules) -> None:
    """Raise INVALID_REQUEST for a floor above the ceiling."""
    if _place(rules.tier_floor, 0) > _place(rules.tier_ceiling, len(TIERS)):
        text = "tier_floor: must not be above tier_ceiling."
        raise RoutorError(Kind.INVALID_REQUEST, text, param="tier_floor")


def bound(call: Call, rules: Rules) -> Call:
    """Return a call that keeps the rules: of each pair of bounds the narrower one.

    Raises PERMISSION_DENIED when it asks for a tier or a provider outside of them.
    """
    own = call.fields
    _check_tiers(own, rules)
    merged = fields.Fields(
        routor_profile=own.routor_profile,
        routor_tier=own.routor_tier,
        routor_tier_floor=_higher(own.routor_tier_floor, rules.tier_floor),
        routor_tier_ceiling=_lower(own.routor_tier_ceiling, rules.tier_ceiling),
        routor_max_cost=_least(own.routor_max_cost, rules.max_cost),
        routor_quality_weight=_first(rules.quality_weight, own.routor_quality_weight),
        routor_bfcl_min=_most(own.routor_bfcl_min, rules.bfcl_min),
        routor_code_quality=_most(own.routor_code_quality, rules.code_quality),
        routor_chat_quality=_most(own.routor_chat_quality, rules.chat_quality),
        routor_max_latency_ms=_least(own.routor_max_latency_ms, rules.max_latency_ms),
        routor_providers=_providers(own.routor_providers, rules.providers),
        routor_session=own.routor_session,
    )
    return msgspec.structs.replace(call, fields=merged)


def restrict(question: router_pb2.RouteRequest, terms: Terms) -> None:
    """Tell the router which models the key may use; a named model is judged by `permit`."""
    if question.preferences.profile != types_pb2.PROFILE_DIRECT:
        question.preferences.only_models.extend(terms.models)


def permit(decision: router_pb2.Decision, terms: Terms) -> None:
    """Take the models out of the chain that the key may not use; raise when none is left.

    A key that is bound to tiers names no models but those on its list: they have no tier.
    """
    direct = decision.profile == types_pb2.PROFILE_DIRECT
    if not terms.models and not (direct and terms.tiers):
        return
    allowed = [one for one in decision.chain if permitted(one.model, terms.models)]
    if not allowed:
        named = decision.chain[0].model if direct else "the models for this request"
        raise RoutorError(
            Kind.PERMISSION_DENIED, f"This API key may not use {named}.", param="model"
        )
    if len(allowed) < len(decision.chain):
        kept = [one.SerializeToString() for one in allowed]
        del decision.chain[:]
        decision.chain.extend(types_pb2.ChainMember.FromString(one) for one in kept)


def permitted(model: str, patterns: list[str]) -> bool:
    """Tell whether one of the patterns fits a model's id."""
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def _check_tiers(own: fields.Fields, rules: Rules) -> None:
    floor, ceiling = _place(rules.tier_floor, 0), _place(rules.tier_ceiling, len(TIERS) - 1)
    asked = {
        "routor_tier": floor <= _place(own.routor_tier, floor) <= ceiling,
        "routor_tier_floor": _place(own.routor_tier_floor, floor) <= ceiling,
        "routor_tier_ceiling": _place(own.routor_tier_ceiling, ceiling) >= floor,
    }
    for name, fits in asked.items():
        if not fits:
            text = f"{name}: this API key or profile takes {TIERS[floor]} to {TIERS[ceiling]}."
            raise RoutorError(Kind.PERMISSION_DENIED, text, param=name)


def _providers(
    own: fields.Providers | None, rule: fields.Providers | None
) -> fields.Providers | None:
    if own is None or rule is None:
        return own or rule
    only = [name.lower() for name in own.only or rule.only or ()]
    if own.only and rule.only:
        only = sorted(set(only) & {name.lower() for name in rule.only})
        if not only:
            text = "routor_providers: this API key or profile allows none of them."
            raise RoutorError(Kind.PERMISSION_DENIED, text, param="routor_providers")
    return fields.Providers(only=only, ignore=[*(own.ignore or ()), *(rule.ignore or ())])


def _place(tier: str | None, without: int) -> int:
    return without if tier is None else TIERS.index(tier)


def _higher(one: fields.Tier | None, other: fields.Tier | None) -> fields.Tier | None:
    return one if _place(one, -1) >= _place(other, -1) else other


def _lower(one: fields.Tier | None, other: fields.Tier | None) -> fields.Tier | None:
    return one if _place(one, len(TIERS)) <= _place(other, len(TIERS)) else other


def _first(one: N | None, other: N | None) -> N | None:
    return other if one is None else one


def _least(one: N | None, other: N | None) -> N | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _most(one: N | None, other: N | None) -> N | None:
    return max((value for value in (one, other) if value is not None), default=None)
