"""Settle how the model is chosen, and which tier the request belongs to."""

from typing import NamedTuple

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.router.classify import Classification

CODE = (Category.CODING, Category.DEBUGGING)
CODE_FLOORS = {1: Tier.STANDARD, 2: Tier.COMPLEX}
CHAT_FLOORS = {1: Tier.LIGHT, 2: Tier.STANDARD}


class Settled(NamedTuple):
    """The tier, and what moved it from where it was, for people."""

    tier: Tier
    moved_by: str = ""


def profile_of(request: router_pb2.RouteRequest) -> types_pb2.Profile.ValueType:
    """Return the profile. Where none is given, a model or a tier that is given means its own."""
    profile = request.preferences.profile
    if profile != types_pb2.PROFILE_UNSPECIFIED:
        return profile
    if request.model not in ("", "auto"):
        return types_pb2.PROFILE_DIRECT
    return types_pb2.PROFILE_TIER if request.preferences.tier else types_pb2.PROFILE_AUTO


def settle(
    preferences: router_pb2.Preferences,
    profile: types_pb2.Profile.ValueType,
    classification: Classification,
) -> Settled:
    """Apply floors, then the ceiling, to the classified tier or the caller's.

    The highest floor counts. What the history or a quality level asks for gives way to the
    ceiling; a `tier_floor` above it has been refused before. A tier that the caller names
    is moved by the explicit bounds alone.
    """
    floors: list[tuple[Tier, str]] = []
    if preferences.tier_floor:
        floors.append((Tier(preferences.tier_floor), "routor_tier_floor"))
    if profile == types_pb2.PROFILE_TIER:
        tier = Tier(preferences.tier)
    else:
        tier = classification.tier
        floors += _learned_floors(preferences, classification)
    settled = Settled(tier)
    for floor, name in floors:
        if floor > settled.tier:
            settled = Settled(floor, f"raised to {floor.name} by {name}")
    ceiling = preferences.tier_ceiling
    if ceiling and settled.tier > ceiling:
        return Settled(Tier(ceiling), f"lowered to {Tier(ceiling).name} by routor_tier_ceiling")
    return settled


def _learned_floors(
    preferences: router_pb2.Preferences, classification: Classification
) -> list[tuple[Tier, str]]:
    floors = []
    if classification.history_floor is not None:
        floors.append((classification.history_floor, "the conversation"))
    if classification.category in CODE:
        level = CODE_FLOORS.get(preferences.code_quality)
        name = "routor_code_quality"
    else:
        level = CHAT_FLOORS.get(preferences.chat_quality)
        name = "routor_chat_quality"
    return [*floors, (level, name)] if level is not None else floors
