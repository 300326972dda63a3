"""The fields of Routor's own in a request: checked, taken out, never forwarded. Pure."""

import difflib
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from routor.v1 import router_pb2, types_pb2
from services.edge import document
from services.errors import Kind, RoutorError

PREFIX = "routor_"
AUTO = frozenset({"", "auto", "routor/auto"})
PROFILES = frozenset({None, "auto", "tier", "direct"})

Tier = Literal["NANO", "SIMPLE", "LIGHT", "STANDARD", "COMPLEX"]
Share = Annotated[float, Meta(ge=0, le=1)]
Level = Annotated[int, Meta(ge=0, le=2)]
Above = Annotated[float, Meta(gt=0)]
Provider = Annotated[str, Meta(min_length=1, max_length=64)]


class Providers(Struct, forbid_unknown_fields=True):
    """Which providers may be used; empty `only` means all."""

    only: list[Provider] | None = None
    ignore: list[Provider] | None = None


class Fields(Struct, frozen=True, kw_only=True):
    """All of them; None means not given."""

    # auto, tier, direct, or the name of a stored profile.
    routor_profile: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    routor_tier: Tier | None = None
    routor_tier_floor: Tier | None = None
    routor_tier_ceiling: Tier | None = None
    routor_max_cost: Above | None = None
    routor_quality_weight: Share | None = None
    routor_bfcl_min: Share | None = None
    routor_code_quality: Level | None = None
    routor_chat_quality: Level | None = None
    routor_max_latency_ms: Above | None = None
    routor_providers: Providers | None = None
    routor_session: Annotated[str, Meta(max_length=256)] | None = None


NONE = Fields()
NAMES = [field.name for field in structs.fields(Fields)]


def take(tree: dict[str, Any]) -> Fields:
    """Remove all routor_* fields from `tree` and return them checked.

    Raises INVALID_REQUEST naming the field that is unknown or has a wrong value.
    """
    own = {name: tree.pop(name) for name in list(tree) if name.lower().startswith(PREFIX)}
    for name in own:
        if name not in NAMES:
            near = difflib.get_close_matches(name[:64], NAMES, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            shown = name[:64]
            raise RoutorError(
                Kind.INVALID_REQUEST, f"There is no field {shown!r}{hint}", param=shown
            )
    for name in ("routor_tier", "routor_tier_floor", "routor_tier_ceiling"):
        if isinstance(own.get(name), str):
            own[name] = own[name].upper()
    fields = document.convert(own, Fields)
    _check(fields)
    return fields


def _check(fields: Fields) -> None:
    if fields.routor_profile == "tier" and fields.routor_tier is None:
        raise document.invalid("routor_tier", 'is needed with routor_profile "tier"')
    floor, ceiling = _tier(fields.routor_tier_floor), _tier(fields.routor_tier_ceiling)
    if floor and ceiling and floor > ceiling:
        raise document.invalid("routor_tier_floor", "must not be above routor_tier_ceiling")


def profile(fields: Fields, model: str) -> "types_pb2.Profile.ValueType":
    """Return how the model is chosen.

    A profile that is given holds. Else, or with a stored one, a model id means direct, a tier
    means tier, and everything else auto.
    """
    if fields.routor_profile == "direct":
        if model in AUTO:
            raise document.invalid("model", 'must be a model id with routor_profile "direct"')
        return types_pb2.PROFILE_DIRECT
    if fields.routor_profile == "tier":
        return types_pb2.PROFILE_TIER
    if fields.routor_profile == "auto":
        return types_pb2.PROFILE_AUTO
    if model not in AUTO:
        return types_pb2.PROFILE_DIRECT
    return types_pb2.PROFILE_TIER if fields.routor_tier else types_pb2.PROFILE_AUTO


def preferences(fields: Fields, chosen_by: "types_pb2.Profile.ValueType") -> router_pb2.Preferences:
    """Return the fields as the router takes them."""
    if fields is NONE:
        return router_pb2.Preferences(profile=chosen_by)
    providers = fields.routor_providers or Providers()
    return router_pb2.Preferences(
        profile=chosen_by,
        tier=_tier(fields.routor_tier),
        tier_floor=_tier(fields.routor_tier_floor),
        tier_ceiling=_tier(fields.routor_tier_ceiling),
        max_cost_usd=fields.routor_max_cost,
        quality_weight=fields.routor_quality_weight,
        bfcl_min=fields.routor_bfcl_min,
        code_quality=fields.routor_code_quality,
        chat_quality=fields.routor_chat_quality,
        max_latency_ms=fields.routor_max_latency_ms,
        only_providers=[name.lower() for name in providers.only or ()],
        ignore_providers=[name.lower() for name in providers.ignore or ()],
        session=fields.routor_session or "",
    )


def _tier(word: str | None) -> "types_pb2.Tier.ValueType":
    return types_pb2.Tier.Value(f"TIER_{word}") if word else types_pb2.TIER_UNSPECIFIED
