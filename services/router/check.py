"""Refuse requests that make no sense, naming the field as the HTTP caller knows it."""

import difflib
from collections.abc import Iterable
from typing import Final

from routor.v1 import router_pb2, types_pb2
from services.efforts import EFFORTS
from services.errors import Kind, RoutorError
from services.router.preference import Preference

_LEVELS: Final = 2
_PROFILES: Final = frozenset(types_pb2.Profile.values())
_TIERS: Final = frozenset(types_pb2.Tier.values())


def check(
    request: router_pb2.RouteRequest, preference: Preference, providers: frozenset[str]
) -> None:
    """Raise INVALID_REQUEST for the first wrong field. `providers` are those known by name."""
    _range("quality_weight", preference.quality_weight, 0, 1)
    _range("bfcl_min", preference.bfcl_min, 0, 1)
    _range("code_quality", preference.code_quality, 0, _LEVELS)
    _range("chat_quality", preference.chat_quality, 0, _LEVELS)
    _range("max_cost", preference.max_cost_usd, 0, float("inf"))
    _range("max_latency_ms", preference.max_latency_ms, 0, float("inf"))
    _bounds(preference)
    _effort(request.needs.reasoning_effort)
    if not preference.only_providers <= providers:
        raise _unknown(request.preferences.only_providers, "only", providers)
    if not preference.ignore_providers <= providers:
        raise _unknown(request.preferences.ignore_providers, "ignore", providers)
    if preference.profile not in _PROFILES:
        raise _invalid("routor_profile", "must be auto, tier or direct.")
    if preference.profile == types_pb2.PROFILE_TIER and not preference.tier:
        raise _invalid("routor_tier", "is needed with routor_profile tier.")
    if preference.profile == types_pb2.PROFILE_DIRECT and request.model in ("", "auto"):
        raise _invalid("model", "must name a model with routor_profile direct.")
    if not request.messages:
        raise _invalid("messages", "must hold at least one message.")


def _range(name: str, value: float | None, low: float, high: float) -> None:
    # The negated form also refuses NaN.
    if value is not None and not low <= value <= high:
        upper = f"from {low:g} to {high:g}" if high != float("inf") else f"{low:g} or more"
        raise _invalid(f"routor_{name}", f"must be {upper}.")


def _bounds(preference: Preference) -> None:
    floor, ceiling = preference.tier_floor, preference.tier_ceiling
    given = {"tier": preference.tier, "tier_floor": floor, "tier_ceiling": ceiling}
    if not _TIERS.issuperset(given.values()):
        wrong = next(name for name, tier in given.items() if tier not in _TIERS)
        raise _invalid(f"routor_{wrong}", "must be NANO, SIMPLE, LIGHT, STANDARD or COMPLEX.")
    if floor and ceiling and floor > ceiling:
        raise _invalid("routor_tier_floor", "must not be above routor_tier_ceiling.")


def _effort(word: str) -> None:
    if word and word not in EFFORTS:
        raise _invalid("reasoning_effort", f"must be one of {', '.join(EFFORTS)}.")


def _unknown(names: Iterable[str], part: str, known: frozenset[str]) -> RoutorError:
    name = next(name for name in names if name not in known)
    near = difflib.get_close_matches(name, sorted(known), 1)
    hint = f"; did you mean {near[0]}?" if near else "."
    return _invalid(f"routor_providers.{part}", f"names an unknown provider{hint}")


def _invalid(field: str, fault: str) -> RoutorError:
    return RoutorError(Kind.INVALID_REQUEST, f"{field} {fault}", param=field)
