"""What the caller prefers, read once per request."""

import msgspec

from routor.v1 import router_pb2, types_pb2

_NAMES: frozenset[str] = frozenset()


class Preference(msgspec.Struct, frozen=True):
    """The fields of `routor.v1.Preferences` that decide; None or 0 is not given."""

    profile: types_pb2.Profile.ValueType = types_pb2.PROFILE_UNSPECIFIED
    tier: int = 0
    tier_floor: int = 0
    tier_ceiling: int = 0
    max_cost_usd: float | None = None
    quality_weight: float | None = None
    bfcl_min: float | None = None
    code_quality: int | None = None
    chat_quality: int | None = None
    max_latency_ms: float | None = None
    only_providers: frozenset[str] = _NAMES
    ignore_providers: frozenset[str] = _NAMES
    only_models: frozenset[str] = _NAMES


def read(request: router_pb2.RouteRequest) -> Preference:
    """Read the preferences as they are, right or wrong."""
    given = {field.name: value for field, value in request.preferences.ListFields()}
    given.pop("session", None)
    for names in ("only_providers", "ignore_providers", "only_models"):
        if names in given:
            given[names] = frozenset(given[names])
    return Preference(**given)
