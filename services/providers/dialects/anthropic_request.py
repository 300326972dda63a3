"""OpenAI request to Anthropic's Messages request.

Shapes: anthropic 2.12.0, types/message_create_params.py (2026-11-23).
"""

import re
from hashlib import sha256
from typing import Any, cast

import msgspec

from services.catalog import Model
from services.errors import Kind, RoutorError
from services.providers.dialects import (
    anthropic_native,
    anthropic_thinking,
    history,
    schema,
    stopping,
    structured,
)
from services.providers.dialects.anthropic_history import SINCE_OPUS_4_8, conversation, used_tools
from services.providers.dialects.anthropic_native import Native
from services.providers.dialects.anthropic_schema import strict
from services.providers.dialects.contract import Encoded, Json, Target
from services.providers.dialects.parameters import Settled, drop, settle, tool_choice_kind

# max_tokens is required. Room for a long answer, and twice that where thinking counts towards it.
_DEFAULT_TOKENS = 16384
_DEFAULT_TOKENS_THINKING = 32768
_STRICT = "tools[].function.strict"
# "user_id appears to contain an email address. Please send a uuid or hash value instead"
# (github.com/BerriAI/litellm/issues/10106, 2025-04); telephone numbers are no more welcome
# (types/metadata_param.py). Digits alone are an id as well.
_PERSONAL = re.compile(
    r".*[^\s@]@[^\s@]+\.\w.*|\+\d[\d\s().-]{6,}|\(?\d{2,4}[\s).-][\d\s().-]{5,}", re.S
)


def encode(body: Json, target: Target) -> Encoded:
    """Translate a request. Raises RoutorError naming the field."""
    body = {**body}
    own = anthropic_native.take(body)
    kind, wanted = structured.wanted(body)
    native = target.model is None or target.model.structured_outputs == "json_schema"
    if not native:
        body = structured.emulate(body, target)
    elif target.by_tool:
        native, body = False, structured.forced(body, cast(Model, target.model), wanted)
    form = kind if native else ""
    settled = settle(body, target)
    values, dropped = dict(settled.values), list(settled.dropped)
    if target.model is None and SINCE_OPUS_4_8.match(target.upstream_model):
        # They take none (https://platform.claude.com/docs/en/api/versioning, 2026-11-23).
        drop(values, ("temperature", "top_p", "top_k"), dropped)
    limit = _limit(values, settled, target)
    thinking = anthropic_thinking.told(
        body["messages"], settled, target, own, limit=limit, dropped=dropped
    )
    thinks = thinking.get("thinking", {}).get("type") != "disabled" and settled.thinks
    system, turns = _conversation(body["messages"], target, form, thinks=thinks)
    request: Json = {
        "model": target.upstream_model,
        "max_tokens": limit,
        "messages": turns,
        **({"system": system} if system else {}),
        **_sampling(values, dropped, thinks=thinks),
        **thinking,
        **_tools(values, turns, own, dropped),
        **_account(values),
        **anthropic_thinking.fields(own, thinking, dropped),
    }
    if form == "json_schema":
        told = {"type": form, "schema": strict(wanted)}
        request["output_config"] = {**request.get("output_config", {}), "format": told}
    if values.pop("stream", False):
        request["stream"] = True
    for name in ("response_format", "stream_options"):
        values.pop(name, None)
    drop(values, tuple(values), dropped)
    dropped += history.names_of(body["messages"])
    headers = {"anthropic-beta": own.beta} if own.beta else {}
    return Encoded("/v1/messages", msgspec.json.encode(request), headers, tuple(dropped))


def _conversation(
    messages: list[Any], target: Target, form: str, *, thinks: bool
) -> tuple[list[Json], list[Json]]:
    """Return the system blocks and the turns of a request for an answer of a `form`."""
    if form == "json_object":
        messages = structured.instructed(messages, structured.JSON_INSTRUCTION)
    able = target.model is None or target.model.parameters.prefill
    # "Message prefilling: incompatible with JSON outputs"
    # (https://platform.claude.com/docs/en/build-with-claude/structured-outputs, 2026-11-23).
    able = able and form != "json_schema" and not thinks
    return conversation(messages, target, thinks=thinks, prefill=able)


def _limit(values: Json, settled: Settled, target: Target) -> int:
    given = values.pop("max_tokens", None)
    if given is not None:
        return int(given)
    limit = _DEFAULT_TOKENS_THINKING if settled.thinks else _DEFAULT_TOKENS
    return min(limit, target.model.max_output_tokens) if target.model else limit


def _sampling(values: Json, dropped: list[str], *, thinks: bool) -> Json:
    if values.pop("n", 1) != 1:
        raise _unsupported("n", "Ask for one choice.")
    if values.pop("logprobs", False):
        raise _unsupported("logprobs", "Leave it out.")
    if thinks:
        drop(values, ("temperature", "top_p", "top_k"), dropped)
    if "temperature" in values:
        # One of both: "temperature and top_p cannot both be specified" since Claude 4.5.
        drop(values, ("top_p",), dropped)
    made: Json = {name: values.pop(name) for name in ("top_p", "top_k") if name in values}
    if "temperature" in values:
        made["temperature"] = min(values.pop("temperature"), 1)
    # Blank ones are refused, and looked for by us.
    words = stopping.words_of(values)
    solid = [word for word in words if word.strip()]
    if values.pop("stop", None) and len(solid) < len(words):
        dropped.append("stop")
    return {**made, "stop_sequences": solid} if solid else made


def _unsupported(param: str, advice: str) -> RoutorError:
    message = f"Anthropic's models do not take {param}. {advice}"
    return RoutorError(Kind.UNSUPPORTED_PARAMETER, message, param=param)


def _tools(values: Json, turns: list[Json], own: Native, dropped: list[str]) -> Json:
    given, choice = values.pop("tools", None) or [], values.pop("tool_choice", None)
    single = values.pop("parallel_tool_calls", True) is False
    declared = [_tool(tool, place, own, dropped) for place, tool in enumerate(given)]
    if not given:
        named = {tool.get("name") for tool in own.tools}
        declared = [tool for tool in used_tools(turns) if tool["name"] not in named]
    tools = own.among(declared)
    if not given and not own.tools:
        return {"tools": tools, "tool_choice": {"type": "none"}} if tools else {}
    kind = tool_choice_kind(choice)
    word: Json = {"type": {"required": "any", "named": "tool"}.get(kind, kind)}
    if kind == "named":
        word["name"] = choice["function"]["name"]
    if single and kind != "none":
        word["disable_parallel_tool_use"] = True
    word = own.tool_choice or word
    asked = choice is not None or single or own.tool_choice
    return {"tools": tools, **({"tool_choice": word} if asked else {})}


def _tool(tool: Any, place: int, own: Native, dropped: list[str]) -> Json:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        path = f"tools[{place}].function"
        raise history.invalid(f"{path} must be a function with a name.", path)
    more = own.declared.get(function["name"], {})
    if function.get("strict") and "strict" not in more and _STRICT not in dropped:
        dropped.append(_STRICT)
    parameters = schema.rooted(function.get("parameters") or {"properties": {}})
    made: Json = {"name": function["name"], "input_schema": parameters, **more}
    if function.get("description"):
        made["description"] = function["description"]
    mark = tool.get("cache_control") or function.get("cache_control")
    return {**made, "cache_control": mark} if mark else made


def _account(values: Json) -> Json:
    """Return what Anthropic has of OpenAI's account fields."""
    made: Json = {}
    user = values.pop("safety_identifier", None) or values.get("user")
    values.pop("user", None)
    if user:
        personal = isinstance(user, str) and _PERSONAL.fullmatch(user)
        opaque = sha256(user.encode()).hexdigest() if personal else user
        made["metadata"] = {"user_id": opaque}
    tier = {"auto": "auto", "default": "standard_only"}.get(str(values.get("service_tier")))
    if tier:
        del values["service_tier"]
        made["service_tier"] = tier
    return made
