"""Which request parameters a model takes: kept, clamped, left out or refused, by catalog facts.

What changes nothing but the style of an answer (temperature, penalties, seed) is left out and
named; what the caller relies on (n, stop, logprobs, tool_choice) is refused, so that the chain
goes on to a model that has it. A 0 is a value; null is not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from services.catalog import Model, Parameters
from services.errors import Kind, RoutorError
from services.providers.dialects import (
    anthropic_native,
    openai_native,
    own_switch,
    reasoning,
    room,
    stopping,
    structured,
)
from services.providers.dialects.contract import Json, Target

_PENALTIES = ("presence_penalty", "frequency_penalty")
_IDENTIFIERS = ("user", "safety_identifier", "prompt_cache_key")
# OpenAI refuses more: github.com/maximhq/bifrost/pull/1000 and mnfst/llm-gateway/pull/2789
# (2026-08). Claude Code, whom Anthropic takes so, names its user by 150 characters
# (ujisati/claude-code-provider-proxy/pull/11); it refuses over 512, in its reference once over 256.
IDENTIFIER_CHARS = {"openai_chat": 64, "anthropic_messages": 256}


@dataclass(frozen=True)
class Settled:
    """A request's parameters, in OpenAI's names, as one model takes them.

    `values` never holds null. `max_tokens` stands for both of OpenAI's fields. `effort` is
    resolved ("" leaves the model its default) and `thinks` says whether the model will, of `budget`
    tokens where the caller says so.
    """

    values: Json
    dropped: tuple[str, ...]
    effort: str
    thinks: bool
    budget: int = 0


def _shorten(values: Json, most: int) -> None:
    """Tell longer names of users and caches apart by digests: they say the same, and are taken."""
    for name in _IDENTIFIERS:
        given = values.get(name)
        if isinstance(given, str) and len(given) > most:
            values[name] = sha256(given.encode()).hexdigest()


def settle(body: Json, target: Target) -> Settled:
    """Apply the model's rules to everything in `body` but its messages.

    A target without model keeps everything. Raises RoutorError(UNSUPPORTED_PARAMETER or
    INVALID_REQUEST) naming the field.
    """
    for name in ("functions", "function_call"):
        if body.get(name) is not None:
            raise RoutorError(
                Kind.INVALID_REQUEST, f"{name} is no longer taken; use tools instead.", param=name
            )
    left_out = ("messages", "model", "reasoning_effort", "max_completion_tokens")
    values = {
        name: value for name, value in body.items() if value is not None and name not in left_out
    }
    if target.vendor.quirks.store_and_metadata and target.vendor.dialect in IDENTIFIER_CHARS:
        _shorten(values, IDENTIFIER_CHARS[target.vendor.dialect])
    said = target.effort in ("", body.get("reasoning_effort"))
    budget = anthropic_native.budget(values) if said else 0
    dropped = _foreign(values, target)
    if not is_openai(target):
        _refuse_openais(values, target)
        _allow(values)
    word = reasoning.asked(body, target)
    name, limit = _limit(body)
    if limit is not None:
        values["max_tokens"] = limit
    model = target.model
    if model is None:
        _fewer_stops(values, target, dropped)
        return Settled(values, tuple(dropped), word, thinks=word not in ("", "none"))
    still = not model.parameters.media_with_reasoning and _plays(body["messages"])
    effort, thinks = _thought(word, values, model, dropped, still=still)
    if limit is not None and (longest := room.longest(limit, body, model)) < limit:
        values["max_tokens"] = longest
        dropped.append(name)
    _sampling(values, model.parameters, thinks, dropped)
    if not stopping.is_taken(model, thinks):
        drop(values, ("stop",), dropped)  # the text is cut by us (`stopping`)
    _fewer_stops(values, target, dropped)
    _refuse(values, target, thinks)
    return Settled(values, tuple(dropped), effort, thinks, budget)


def _fewer_stops(values: Json, target: Target, dropped: list[str]) -> None:
    """Leave out what is more than the vendor takes, where we cut the text, and what is empty."""
    words = stopping.words_of(values)
    own = stopping.taken(target, target.vendor.dialect, words)
    if own != words:
        dropped.append("stop")
    given = values.pop("stop", None)
    if own:
        text = isinstance(given, str) and not target.vendor.quirks.most_stops
        values["stop"] = given if text else list(own)


def _foreign(values: Json, target: Target) -> list[str]:
    """Take out what other vendors' models alone know; return its names."""
    dropped: list[str] = []
    if anthropic_native.NAME in values and target.vendor.dialect != "anthropic_messages":
        dropped += anthropic_native.leave_out(values, target)
    if openai_native.NAME in values:  # OpenAI's Responses have taken it before
        dropped += openai_native.leave_out(values, target)
    return dropped


def unsupported(param: str, model: Model, advice: str = "leave it out") -> RoutorError:
    """Return the refusal of a parameter, naming it and what to do."""
    return _refusal(param, model.key, model.provider, advice)


def _refusal(param: str, key: str, provider: str, advice: str) -> RoutorError:
    return RoutorError(
        Kind.UNSUPPORTED_PARAMETER,
        f"{key} does not take {param}; {advice} or choose another model.",
        param=param,
        provider=provider,
        model=key,
    )


def is_openai(target: Target) -> bool:
    """Whether the vendor has what OpenAI alone offers, or is an imitator nobody knows enough of."""
    vendor = target.vendor
    imitates = vendor.dialect == "openai_chat"
    return imitates and (target.model is None or vendor.quirks.store_and_metadata)


def _refuse_openais(values: Json, target: Target) -> None:
    """Refuse what the caller would miss: sound as answer, OpenAI's search."""
    asked: list[str] = [name for name in ("audio", "web_search_options") if name in values]
    if set(values.pop("modalities", ())) - {"text"}:
        asked.append("modalities")
    for name in asked:
        raise _refusal(name, target.key, target.vendor.id, "leave it out")


def _allow(values: Json) -> None:
    """Offer the allowed tools alone, which is what `allowed_tools` means."""
    choice = values.get("tool_choice")
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if not isinstance(allowed, dict):
        return
    names = {called(tool) for tool in allowed.get("tools") or ()}
    values["tools"] = [tool for tool in values.get("tools") or () if called(tool) in names]
    values["tool_choice"] = allowed.get("mode") or "auto"
    if not values["tools"]:
        text = "tool_choice.allowed_tools.tools names none of the tools."
        param = "tool_choice.allowed_tools.tools"
        raise RoutorError(Kind.INVALID_REQUEST, text, param=param)


def called(tool: Any) -> str:
    """Return a tool's name."""
    declared = tool.get(tool.get("type") or "function") if isinstance(tool, dict) else None
    return str(declared.get("name") or "") if isinstance(declared, dict) else ""


def drop(values: Json, names: tuple[str, ...], dropped: list[str]) -> None:
    """Take `names` out of `values`, and put those that were there into `dropped`."""
    for name in names:
        if values.pop(name, None) is not None:
            dropped.append(name)


def _limit(body: Json) -> tuple[str, int | None]:
    """Return how long the answer may be, and by which name it was said."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise RoutorError(
                Kind.INVALID_REQUEST, f"{name} must be a whole number above 0.", param=name
            )
        return name, value
    return "", None


def _plays(messages: Sequence[Any]) -> bool:
    """Tell whether there is sound or film in a conversation."""
    contents = (one.get("content") for one in messages if isinstance(one, dict))
    parts = (part for one in contents if isinstance(one, list) for part in one)
    kinds = (part.get("type") for part in parts if isinstance(part, dict))
    return any(kind in ("input_audio", "video_url") for kind in kinds)


def _thought(
    word: str, values: Json, model: Model, dropped: list[str], *, still: bool
) -> tuple[str, bool]:
    """Return the effort and whether the model will think; a switch that is overruled is named.

    `still`: there is what it does not think about.
    """
    own = own_switch.take(values, model, dropped)
    effort = _effort(word or own.effort(model), values, model, dropped, still=still)
    thinks = reasoning.thinks(effort, model)
    if own.on not in (None, thinks):
        dropped.append(own.name)
    if model.reasoning.switch == "enable_thinking" and not thinks:
        drop(values, ("thinking_budget",), dropped)  # refused without thinking
    return effort, thinks


def _effort(word: str, values: Json, model: Model, dropped: list[str], *, still: bool) -> str:
    effort = reasoning.resolve(word, model)
    if reasoning.thinks(effort, model) and model.reasoning.can_disable:
        effort = "none" if still or _held_back(values, model.parameters) else effort
    always = model.reasoning.switch == "always"
    unheard = effort == "" if always else effort in ("", "none") and word != "none"
    if word and unheard:
        dropped.append("reasoning_effort")
    return effort


def _held_back(values: Json, rules: Parameters) -> bool:
    """Tell whether the request has what the model takes only while it does not think."""
    if not rules.json_with_reasoning and structured.wanted(values)[0] != "text":
        return True
    if not values.get("tools"):
        return False
    kind = _kind(values, rules)
    return not rules.thinks_with_tools or kind in rules.tool_choice_without_reasoning


def _sampling(values: Json, rules: Parameters, thinks: bool, dropped: list[str]) -> None:
    for name, rule in (("temperature", rules.temperature), ("top_p", rules.top_p)):
        if rule == "fixed" or (rule == "without_reasoning" and thinks):
            drop(values, (name,), dropped)
    if rules.temperature == "fixed":
        drop(values, ("top_k",), dropped)
    heat = values.get("temperature")
    if isinstance(heat, int | float):
        values["temperature"] = min(max(heat, rules.temperature_min), rules.temperature_max)
        if heat > rules.temperature_max:
            dropped.append("temperature")
    share = values.get("top_p")
    if isinstance(share, int | float):
        values["top_p"] = max(share, rules.top_p_min)
    sober = rules.temperature == "without_reasoning" and thinks
    if sober or not rules.penalties:
        drop(values, _PENALTIES, dropped)
    if sober:
        drop(values, ("logit_bias",), dropped)
    if not rules.seed:
        drop(values, ("seed",), dropped)


def _refuse(values: Json, target: Target, thinks: bool) -> None:
    model = cast(Model, target.model)
    rules = model.parameters
    if not rules.n and values.pop("n", 1) != 1:
        raise unsupported("n", model, "ask for one choice")
    if values.get("logprobs") and thinks and rules.temperature == "without_reasoning":
        raise unsupported("logprobs", model, 'set reasoning_effort to "none"')
    if not rules.logprobs:
        if values.pop("logprobs", False):
            raise unsupported("logprobs", model)
        values.pop("top_logprobs", None)
    _tool_choice(values, model, thinks=thinks, worded=bool(target.must_call))


def _tool_choice(values: Json, model: Model, *, thinks: bool, worded: bool) -> None:
    if not values.get("tools"):
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            values.pop(name, None)
        return
    if not model.tools:
        raise unsupported("tools", model)
    rules = model.parameters
    if values.get("parallel_tool_calls") is True or not rules.parallel_tool_calls:
        # True is every vendor's default; where there is no switch, the answer is cut to one call.
        values.pop("parallel_tool_calls", None)
    kind = _kind(values, rules)
    takes = {*rules.tool_choice, *(() if thinks else rules.tool_choice_without_reasoning)}
    if kind == "named" and values["tool_choice"] == "required":
        only = {"name": called(values["tools"][0])}
        values["tool_choice"] = {"type": "function", "function": only}
    if kind not in takes:
        _replace_choice(kind, takes, values, model, worded=worded)


def _replace_choice(
    kind: str, takes: Collection[str], values: Json, model: Model, *, worded: bool
) -> None:
    """Say a tool_choice by other means, or refuse it; `worded`: words will do (`obliged`)."""
    if kind == "none":
        # No tools, no calls: the same to the caller.
        del values["tools"], values["tool_choice"]
    elif kind == "auto" or (kind == "required" and worded):
        del values["tool_choice"]
    elif kind == "named" and (worded or "required" in takes):
        values["tools"] = [_named(values["tools"], values["tool_choice"]["function"]["name"])]
        del values["tool_choice"]
        if "required" in takes:
            values["tool_choice"] = "required"
    else:
        raise unsupported("tool_choice", model, 'use "auto"')


def _kind(values: Json, rules: Parameters) -> str:
    """Return the kind of tool_choice; to require the only tool is to name it."""
    kind = tool_choice_kind(values.get("tool_choice"))
    takes = {*rules.tool_choice, *rules.tool_choice_without_reasoning}
    named = kind == "required" and kind not in takes and "named" in takes
    return "named" if named and len(values["tools"]) == 1 else kind


def tool_choice_kind(choice: Any) -> str:
    """Return "auto", "none", "required" or "named".

    Raises RoutorError(INVALID_REQUEST) for anything that OpenAI does not know.
    """
    if choice is None:
        return "auto"
    if choice in ("auto", "none", "required"):
        return str(choice)
    given = choice if isinstance(choice, dict) else {}
    if called(given):
        return "named"
    allowed = given.get("allowed_tools")
    mode = allowed.get("mode") if isinstance(allowed, dict) else None
    if mode in ("auto", "required"):
        return str(mode)
    raise RoutorError(
        Kind.INVALID_REQUEST,
        'tool_choice must be "auto", "none", "required" or {"type": "function", '
        '"function": {"name": …}}.',
        param="tool_choice",
    )


def _named(tools: list[Any], name: str) -> Any:
    for tool in tools:
        if tool.get("function", {}).get("name") == name:
            return tool
    raise RoutorError(
        Kind.INVALID_REQUEST,
        "tool_choice names a function that is not among tools.",
        param="tool_choice.function.name",
    )
