"""OpenAI request to the request of an OpenAI-compatible vendor: model rules, then vendor quirks.

Field lists: openai 3.54.0, types/chat/completion_create_params.py and the message params.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.providers.dialects import (
    conversation,
    history,
    moonshot_schema,
    obliged,
    reasoning,
    structured,
)
from services.providers.dialects.contract import Encoded, Json, Target
from services.providers.dialects.conversation import Turn
from services.providers.dialects.openai_history import conversation_of, left_out
from services.providers.dialects.openai_schema import encoded, known, whole
from services.providers.dialects.parameters import Settled, drop, settle
from services.providers.vendors.contract import Quirks

# OpenAI's own services around an answer. Elsewhere they mean nothing or are refused, and
# leaving them out changes no answer.
_SERVICES = (
    "metadata",
    "prediction",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
    "verbosity",
)
# Everything that OpenAI takes; beside it, vendors have parameters of their own, and callers those
# of another vendor (`top_k` from Anthropic's clients).
_KNOWN = frozenset(_SERVICES) | {
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "modalities",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "web_search_options",
}
# Negative ones and larger ones are refused by Alibaba, and negative ones by Mistral (their
# references of chat completions, 2026-11-23).
_LARGEST_SEED = 0x7FFFFFFF
# Bytes of a JSON string that may still be white space alone.
_LONGEST_BLANK = 64


def encode(body: Json, target: Target) -> Encoded:
    """Translate a request. Raises RoutorError naming the field (see `parameters`)."""
    quirks = target.vendor.quirks
    moot: list[str] = []
    if obliged.is_moot(body, target):
        drop(body := {**body}, ("response_format",), moot)
    if body.get("response_format") is not None:
        body = structured.emulate(conversation.spelled(body), target)
    settled = settle(body, target)
    dropped = [*moot, *settled.dropped]
    values = dict(settled.values)
    drop(values, _foreign(values, target), dropped)
    _reword(values, quirks, dropped)
    if values.get("tools") and target.model is not None and not quirks.any_parameter:
        values["tools"], names = known(values["tools"])
        dropped += names
    messages: Any = conversation.turns(body)
    if not messages or not _fit(messages, settled, target):
        body = conversation.spelled(body)
        messages = conversation_of(body["messages"], settled, target)
        dropped += left_out(body["messages"], target)
    if target.must_call and "tool_choice" not in values:
        messages = [*messages, {"role": "user", "content": obliged.words(values["tools"])}]
        dropped.append("tool_choice")
    if not quirks.strict_tools and any(map(_is_strict, body.get("tools") or ())):
        dropped.append("tools[].function.strict")
    request: Json = {
        "model": target.upstream_model,
        "messages": messages,
        **_parameters(values, settled, target, sent=_limit_field(body, quirks)),
        **quirks.extra_body,
    }
    path = _path(request, quirks)
    return Encoded(path, encoded(request), dropped=tuple(dropped))


def _reword(values: Json, quirks: Quirks, dropped: list[str]) -> None:
    """Say in the vendor's words what it has its own for."""
    if quirks.service_tiers and "service_tier" in values:
        word = quirks.service_tiers.get(str(values["service_tier"]))
        if word is None:
            drop(values, ("service_tier",), dropped)
        else:
            values["service_tier"] = word
    if quirks.greedy_alone and values.get("temperature") == 0:
        if values.get("top_p") not in (None, 1):
            dropped.append("top_p")
        values["top_p"] = 1
    predicted = values.get("prediction")
    if isinstance(predicted, dict) and not quirks.store_and_metadata:
        text = history.said_of(predicted.get("content"), "prediction.content")
        values["prediction"] = {**predicted, "content": text}


def _path(request: Json, quirks: Quirks) -> str:
    """Return the endpoint: a vendor may have another one for answers that are begun."""
    last = request["messages"][-1] if quirks.prefill_path else None
    begun = isinstance(last, dict) and last.get(quirks.prefill_flag)
    return quirks.prefill_path if begun else "/chat/completions"


def _foreign(values: Json, target: Target) -> tuple[str, ...]:
    """Return the names of what the vendor would refuse, or make nothing of."""
    quirks = target.vendor.quirks
    if quirks.any_parameter:
        return _SERVICES
    gone = set(quirks.lacks)
    if not quirks.store_and_metadata:
        gone |= set(_SERVICES) - set(quirks.services)
    if target.model is None:
        # Passed on as it is, but for what only other vendors' doors have.
        return (*gone, *({"top_k"} - set(quirks.parameters)))
    known = _KNOWN | set(quirks.parameters)
    return tuple(name for name in values if name in gone or name not in known)


def _fit(turns: Sequence[Turn], settled: Settled, target: Target) -> bool:
    """Tell whether plain messages can go as they are."""
    quirks, model = target.vendor.quirks, target.model
    roles = {turn.role for turn in turns}
    if "assistant" in roles:
        replays = model is not None and model.reasoning.replay and settled.thinks
        if replays or turns[-1].role == "assistant":
            return False
    if not quirks.store_and_metadata and any(map(_blank, turns)):
        return False
    if quirks.one_system and any(turn.role == "system" for turn in turns[1:]):
        return False
    if not quirks.ends_with_system and turns[-1].role == "system":
        return False
    if quirks.template_order and not _in_template_order(turns):
        return False
    known = {"system", "user", "assistant", *(("developer",) if quirks.developer_role else ())}
    return roles <= known and ("user" in roles or not quirks.needs_user_message)


def _in_template_order(turns: Sequence[Turn]) -> bool:
    """Tell whether nothing but users speak after an answer, and at the end."""
    roles = [turn.role for turn in turns]
    start = roles.index("assistant") if "assistant" in roles else len(roles) - 1
    return {"user", "assistant"}.issuperset(roles[start:])


def _blank(turn: Turn) -> bool:
    """Tell whether a plain message says nothing; a long one is not looked into."""
    raw = turn.content
    return len(memoryview(raw)) < _LONGEST_BLANK and not msgspec.json.decode(raw).strip()


def _is_strict(tool: Json) -> bool:
    return bool((tool.get("function") or {}).get("strict"))


def _limit_field(body: Json, quirks: Quirks) -> str:
    """Return the field of the limit for a model nobody knows: the vendor's, or the caller's."""
    newer = body.get("max_completion_tokens") is not None
    return quirks.unlisted_max_tokens_field or ("max_completion_tokens" if newer else "max_tokens")


def _parameters(values: Json, settled: Settled, target: Target, *, sent: str) -> Json:
    quirks, model = target.vendor.quirks, target.model
    limit = values.pop("max_tokens", None)
    seed = values.pop("seed", None)
    options = values.pop("stream_options", None) or {}
    if limit is not None:
        field = model.parameters.max_tokens_field if model else sent
        values[quirks.max_tokens_field or field] = limit
    if seed is not None:
        own = isinstance(seed, int) and not quirks.store_and_metadata
        values[quirks.seed_field] = seed & _LARGEST_SEED if own else seed
    if values.get("tools"):
        values["tools"] = [_tool(tool, quirks) for tool in values["tools"]]
    if quirks.flavored_schemas:
        _flavor_format(values)
    if values.get("tool_choice") == "required":
        values["tool_choice"] = quirks.required_word
    if model is not None:
        most = limit or model.max_output_tokens
        told = reasoning.switch(settled.effort, model, most, settled.budget)
        values.update(_beside(told, values))
    elif settled.effort:
        values["reasoning_effort"] = settled.effort
    if quirks.thinks_in_streams and values.get("enable_thinking", settled.thinks):
        values["stream"] = True  # the answer is put together again
    if values.get("stream") and quirks.stream_options:
        values["stream_options"] = _stream_options(options, quirks)
    return values


def _stream_options(given: Json, quirks: Quirks) -> Json:
    """Ask for the usage in any case; only OpenAI pads chunks, and knows a word against it."""
    padded = given.get("include_obfuscation") if quirks.store_and_metadata else None
    return {"include_usage": True, **({} if padded is None else {"include_obfuscation": padded})}


def _beside(told: Json, values: Json) -> Json:
    """Return what switches thinking, with what else the caller says in the same field."""
    given = values.get("thinking")
    if "thinking" not in told or not isinstance(given, dict):
        return told
    return {**told, "thinking": {**given, **told["thinking"]}}


def _flavor_format(values: Json) -> None:
    """Tell the schema of an answer as Moonshot takes it."""
    kind, schema = structured.wanted(values)
    if kind == "json_schema":
        form = values["response_format"]
        named = {**form["json_schema"], "schema": moonshot_schema.answer(schema)}
        values["response_format"] = {**form, "json_schema": named}


def _tool(tool: Json, quirks: Quirks) -> Json:
    own = {key: value for key, value in tool.items() if value is not None}
    own.pop("cache_control", None)  # only Anthropic reads it there
    function = own.get("function")
    if isinstance(function, dict):
        kept = {key: value for key, value in function.items() if value is not None}
        if not quirks.strict_tools:
            kept.pop("strict", None)
        if not quirks.store_and_metadata:
            # OpenAI alone lets them be left out (mistralai 3.7.0, models/function.py).
            kept.setdefault("parameters", {"type": "object", "properties": {}})
            # Names of the schema itself, at which grammars stumble (litellm 1.109.1, mistral).
            given = kept["parameters"]
            if "$schema" in given or "$id" in given:
                named = ("$schema", "$id")
                kept["parameters"] = {k: v for k, v in given.items() if k not in named}
        if isinstance(kept.get("parameters"), dict):
            own_kind = moonshot_schema.parameters if quirks.flavored_schemas else whole
            kept["parameters"] = own_kind(kept["parameters"])
        own["function"] = kept
    return own
