"""Settle how the model is chosen, and which tier the request belongs to."""

from typing import NamedTuple

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.router.classify import Classification
from services.router.preference import Preference

CODE = (Category.CODING, Category.DEBUGGING)
CODE_FLOORS = {1: Tier.STANDARD, 2: Tier.COMPLEX}
CHAT_FLOORS = {1: Tier.LIGHT, 2: Tier.STANDARD}


class Settled(NamedTuple):
    """The tier, and what moved it from where it was, for people."""

    tier: Tier
    moved_by: str = ""


def profile_of(
    request: router_pb2.RouteRequest, preference: Preference
) -> types_pb2.Profile.ValueType:
    """Return the profile. Where none is given, a model or a tier that is given means its own."""
    if preference.profile != types_pb2.PROFILE_UNSPECIFIED:
        return preference.profile
    if request.model not in ("", "auto"):
        return types_pb2.PROFILE_DIRECT
    return types_pb2.PROFILE_TIER if preference.tier else types_pb2.PROFILE_AUTO


def settle(
    preference: Preference,
    profile: types_pb2.Profile.ValueType,
    classification: Classification,
) -> Settled:
    """Apply floors, then the ceiling, to the classified tier or the caller's.

    The highest floor counts. What the history or a quality level asks for gives way to the
    ceiling; a `tier_floor` above it has been refused before. A tier that the caller names
    is moved by the explicit bounds alone.
    """
    floors: list[tuple[Tier, str]] = []
    if preference.tier_floor:
        floors.append((Tier(preference.tier_floor), "routor_tier_floor"))
    if profile == types_pb2.PROFILE_TIER:
        tier = Tier(preference.tier)
    else:
        tier = classification.tier
        floors += _learned_floors(preference, classification)
    settled = Settled(tier)
    for floor, name in floors:
        if floor > settled.tier:
            settled = Settled(floor, f"raised to {floor.name} by {name}")
    ceiling = preference.tier_ceiling
    if ceiling and settled.tier > ceiling:
        return Settled(Tier(ceiling), f"lowered to {Tier(ceiling).name} by routor_tier_ceiling")
    return settled


def _learned_floors(
    preference: Preference, classification: Classification
) -> list[tuple[Tier, str]]:
    floors = []
    if classification.history_floor is not None:
        floors.append((classification.history_floor, "the conversation"))
    if classification.category in CODE:
        level = CODE_FLOORS.get(preference.code_quality or 0)
        name = "routor_code_quality"
    else:
        level = CHAT_FLOORS.get(preference.chat_quality or 0)
        name = "routor_chat_quality"
    return [*floors, (level, name)] if level is not None else floors
