"""What a request needs of a model, and what its caller allows, read once per request."""

from dataclasses import dataclass
from typing import Final

from routor.v1 import router_pb2, types_pb2
from services.router.pool import Can
from services.tokens import input_tokens

# Parameters that change what comes back; any other is left out where a model lacks it.
PARAMETERS: Final = {
    "logprobs": int(Can.LOGPROBS),
    "top_logprobs": int(Can.LOGPROBS),
    "n": int(Can.SEVERAL_CHOICES),
    "stop": int(Can.STOP),
}
LIMITS: Final = ("max_cost_usd", "max_latency_ms", "bfcl_min")
_MODALITIES: Final = {
    types_pb2.MODALITY_IMAGE: int(Can.IMAGE),
    types_pb2.MODALITY_FILE: int(Can.FILE),
    types_pb2.MODALITY_AUDIO: int(Can.AUDIO),
    types_pb2.MODALITY_VIDEO: int(Can.VIDEO),
}
_CHOICES: Final = {
    router_pb2.TOOL_CHOICE_UNSPECIFIED: int(Can.CHOICE_AUTO),
    router_pb2.TOOL_CHOICE_AUTO: int(Can.CHOICE_AUTO),
    router_pb2.TOOL_CHOICE_NONE: int(Can.CHOICE_NONE),
    router_pb2.TOOL_CHOICE_REQUIRED: int(Can.CHOICE_REQUIRED),
    router_pb2.TOOL_CHOICE_NAMED: int(Can.CHOICE_NAMED),
}
_FORMATS: Final = {
    router_pb2.RESPONSE_FORMAT_JSON_OBJECT: int(Can.JSON_OBJECT),
    router_pb2.RESPONSE_FORMAT_JSON_SCHEMA: int(Can.JSON_SCHEMA),
}


@dataclass(frozen=True, slots=True)
class Need:
    """What must be met.

    `can` is the abilities needed, as bits of `pool.Can`. `tools`: tools are offered.
    `tool_scenario`: and the model may call them. `effort` is the caller's word or "".
    `limited`: at least one of the three limits before it is set.
    """

    can: int
    tools: bool
    tool_scenario: bool
    effort: str
    input_tokens: int
    max_output_tokens: int
    only: frozenset[str]
    ignore: frozenset[str]
    max_cost_usd: float | None
    max_latency_ms: float | None
    bfcl_min: float | None
    limited: bool


def read(request: router_pb2.RouteRequest) -> Need:
    """Read what the request needs."""
    needs, preferences = request.needs, request.preferences
    limits = [_optional(preferences, name) for name in LIMITS]
    return Need(
        can=_can(request),
        tools=bool(request.tools),
        tool_scenario=bool(request.tools) and needs.tool_choice != router_pb2.TOOL_CHOICE_NONE,
        effort=needs.reasoning_effort,
        input_tokens=input_tokens(request),
        max_output_tokens=needs.max_output_tokens,
        only=frozenset(preferences.only_providers),
        ignore=frozenset(preferences.ignore_providers),
        max_cost_usd=limits[0],
        max_latency_ms=limits[1],
        bfcl_min=limits[2],
        limited=any(limit is not None for limit in limits),
    )


def _can(request: router_pb2.RouteRequest) -> int:
    needs = request.needs
    can = _FORMATS.get(needs.response_format, 0)
    for name in needs.parameters:
        can |= PARAMETERS.get(name, 0)
    if request.tools:
        can |= int(Can.TOOLS) | _CHOICES[needs.tool_choice]
        if needs.HasField("parallel_tool_calls"):
            parallel = needs.parallel_tool_calls
            can |= int(Can.PARALLEL_TOOLS if parallel else Can.SERIAL_TOOLS)
    for message in request.messages:
        for kind in message.attachments:
            can |= _MODALITIES.get(kind, 0)
        # A history with tool calls in it can only be told to a model that knows tools.
        if message.tool_calls or message.role == router_pb2.ROLE_TOOL:
            can |= int(Can.TOOLS)
    return can


def _optional(preferences: router_pb2.Preferences, name: str) -> float | None:
    return getattr(preferences, name) if preferences.HasField(name) else None  # type: ignore[arg-type]
