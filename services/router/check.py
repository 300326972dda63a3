"""Refuse preferences that make no sense, naming the field as the HTTP caller knows it."""

import difflib
from collections.abc import Iterable

from routor.v1 import router_pb2, types_pb2
from services.errors import Kind, RoutorError
from services.router.tiers import EFFORTS

_LEVELS = 2


def check(request: router_pb2.RouteRequest, providers: Iterable[str]) -> None:
    """Raise INVALID_REQUEST for the first wrong field. `providers` are those known by name."""
    preferences = request.preferences
    _range(preferences, "quality_weight", 0, 1)
    _range(preferences, "bfcl_min", 0, 1)
    _range(preferences, "code_quality", 0, _LEVELS)
    _range(preferences, "chat_quality", 0, _LEVELS)
    _range(preferences, "max_cost_usd", 0, float("inf"))
    _range(preferences, "max_latency_ms", 0, float("inf"))
    _bounds(preferences)
    _effort(request.needs.reasoning_effort)
    known = frozenset(providers)
    _providers(preferences.only_providers, "only", known)
    _providers(preferences.ignore_providers, "ignore", known)
    if preferences.profile not in types_pb2.Profile.values():
        raise _invalid("routor_profile", "must be auto, tier or direct.")
    if preferences.profile == types_pb2.PROFILE_TIER and not preferences.tier:
        raise _invalid("routor_tier", "is needed with routor_profile tier.")
    if preferences.profile == types_pb2.PROFILE_DIRECT and request.model in ("", "auto"):
        raise _invalid("model", "must name a model with routor_profile direct.")


def _range(preferences: router_pb2.Preferences, name: str, low: float, high: float) -> None:
    if not preferences.HasField(name):  # type: ignore[arg-type]  # one of the optional fields
        return
    # The negated form also refuses NaN.
    if not low <= getattr(preferences, name) <= high:
        public = "routor_max_cost" if name == "max_cost_usd" else f"routor_{name}"
        upper = f"from {low:g} to {high:g}" if high != float("inf") else f"{low:g} or more"
        raise _invalid(public, f"must be {upper}.")


def _bounds(preferences: router_pb2.Preferences) -> None:
    for name in ("tier", "tier_floor", "tier_ceiling"):
        if getattr(preferences, name) not in types_pb2.Tier.values():
            raise _invalid(f"routor_{name}", "must be NANO, SIMPLE, LIGHT, STANDARD or COMPLEX.")
    floor, ceiling = preferences.tier_floor, preferences.tier_ceiling
    if floor and ceiling and floor > ceiling:
        raise _invalid("routor_tier_floor", "must not be above routor_tier_ceiling.")


def _effort(word: str) -> None:
    if word and word not in EFFORTS:
        raise _invalid("reasoning_effort", f"must be one of {', '.join(EFFORTS)}.")


def _providers(names: Iterable[str], part: str, known: frozenset[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise _invalid(f"routor_providers.{part}", f"names an unknown provider{hint}")


def _invalid(field: str, fault: str) -> RoutorError:
    return RoutorError(Kind.INVALID_REQUEST, f"{field} {fault}", param=field)
