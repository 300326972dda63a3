"""What a request needs of a model, and what its caller allows, read once per request."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from routor.v1 import router_pb2, types_pb2
from services.router.pool import Can
from services.router.preference import Preference
from services.tokens import input_tokens

# Parameters that change what comes back; any other is left out where a model lacks it.
PARAMETERS: Final = {
    "logprobs": int(Can.LOGPROBS),
    "top_logprobs": int(Can.LOGPROBS),
    "n": int(Can.SEVERAL_CHOICES),
    "stop": int(Can.STOP),
    "openai_tools": int(Can.OPENAI_TOOLS),  # one that OpenAI runs is to be called
    "anthropic": int(Can.ANTHROPIC),  # files, servers or a place that its models alone have
    "anthropic_tools": int(Can.ANTHROPIC_TOOLS),  # of a request at the door of Anthropic's clients
}
_MODALITIES: Final = {
    types_pb2.MODALITY_IMAGE: int(Can.IMAGE),
    types_pb2.MODALITY_IMAGE_URL: int(Can.IMAGE_URLS),
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
_NO_LIMITS: Final = (None, None, None)
_TOOLS: Final = int(Can.TOOLS)
_PARALLEL: Final = int(Can.PARALLEL_TOOLS)


class Need(msgspec.Struct, frozen=True):
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
    models: frozenset[str]
    ignore: frozenset[str]
    max_cost_usd: float | None
    max_latency_ms: float | None
    bfcl_min: float | None
    limited: bool

    def names(self, key: str) -> bool:
        """Tell whether a model is among those that may be chosen; without any named all may."""
        return not self.models or any(fnmatchcase(key, wanted) for wanted in self.models)


def read(
    request: router_pb2.RouteRequest, preference: Preference, texts: Sequence[str] | None = None
) -> Need:
    """Read what the request needs; `texts`: those of its messages, if they were read before."""
    needs = request.needs
    tools = len(request.tools) > 0
    limits = (preference.max_cost_usd, preference.max_latency_ms, preference.bfcl_min)
    return Need(
        can=_can(request, tools),
        tools=tools,
        tool_scenario=tools and needs.tool_choice != router_pb2.TOOL_CHOICE_NONE,
        effort=needs.reasoning_effort,
        input_tokens=input_tokens(request, texts),
        max_output_tokens=needs.max_output_tokens,
        only=preference.only_providers,
        models=preference.only_models,
        ignore=preference.ignore_providers,
        max_cost_usd=limits[0],
        max_latency_ms=limits[1],
        bfcl_min=limits[2],
        limited=limits != _NO_LIMITS,
    )


def _can(request: router_pb2.RouteRequest, tools: bool) -> int:
    needs = request.needs
    can = _FORMATS.get(needs.response_format, 0)
    # Slices: protobuf's repeated fields are slow to iterate over.
    for name in needs.parameters[:]:
        can |= PARAMETERS.get(name, 0)
    if tools:
        can |= _TOOLS | _CHOICES[needs.tool_choice]
        if needs.parallel_tool_calls:
            can |= _PARALLEL
    for message in request.messages[:]:
        if attachments := message.attachments:
            for kind in attachments:
                can |= _MODALITIES.get(kind, 0)
        # A history with tool calls in it can only be told to a model that knows tools.
        if message.tool_calls or message.role == router_pb2.ROLE_TOOL:
            can |= _TOOLS
    return can
