"""OpenAI request to the request of an OpenAI-compatible vendor: model rules, then vendor quirks.

Field lists: openai 3.54.0, types/chat/completion_create_params.py and the message params.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import conversation, history, reasoning, structured
from services.providers.dialects.contract import Encoded, Json, Target
from services.providers.dialects.conversation import Turn
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
# What an assistant turn may hold; clients echo more (`model_dump` of our own answers).
_ASSISTANT = (
    "role",
    "content",
    "name",
    "refusal",
    "audio",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "prefix",
    "cache_control",
)
_OURS = ("routor", "thinking_blocks", "annotations")


def encode(body: Json, target: Target) -> Encoded:
    """Translate a request. Raises RoutorError naming the field (see `parameters`)."""
    quirks = target.vendor.quirks
    if body.get("response_format") is not None:
        body = structured.emulate(conversation.spelled(body), target)
    settled = settle(body, target)
    dropped = list(settled.dropped)
    values = dict(settled.values)
    drop(values, _foreign(values, target), dropped)
    messages: Any = conversation.turns(body)
    if not messages or not _fit(messages, settled, target):
        body = conversation.spelled(body)
        messages = _messages(body["messages"], settled, target)
    dropped += _unsaid(body, messages, target)
    request: Json = {
        "model": target.upstream_model,
        "messages": messages,
        **_parameters(values, settled, target, sent=_limit_field(body)),
        **quirks.extra_body,
    }
    path = _path(request, quirks)
    return Encoded(path, msgspec.json.encode(request), dropped=tuple(dropped))


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
    known = {"system", "user", "assistant", *(("developer",) if quirks.developer_role else ())}
    return roles <= known and ("user" in roles or not quirks.needs_user_message)


def _unsaid(body: Json, messages: Any, target: Target) -> list[str]:
    """Return the names of what the vendor's quirks take out of tools and messages."""
    quirks = target.vendor.quirks
    functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
    names = []
    if not quirks.strict_tools and any(one.get("strict") for one in functions):
        names.append("tools[].function.strict")
    plain = messages is body["messages"]
    if not (plain or quirks.message_name) and any(one.get("name") for one in body["messages"]):
        names.append("messages[].name")
    return names


def _limit_field(body: Json) -> str:
    """Return the field in which the caller gave the limit: right for a model nobody knows."""
    newer = body.get("max_completion_tokens") is not None
    return "max_completion_tokens" if newer else "max_tokens"


def _parameters(values: Json, settled: Settled, target: Target, *, sent: str) -> Json:
    quirks, model = target.vendor.quirks, target.model
    limit = values.pop("max_tokens", None)
    seed = values.pop("seed", None)
    options = values.pop("stream_options", None) or {}
    if limit is not None:
        field = model.parameters.max_tokens_field if model else sent
        values[quirks.max_tokens_field or field] = limit
    if seed is not None:
        values[quirks.seed_field] = seed
    if values.get("stream") and quirks.stream_options:
        values["stream_options"] = {**options, "include_usage": True}
    if values.get("tools"):
        values["tools"] = [_tool(tool, quirks) for tool in values["tools"]]
    if values.get("tool_choice") == "required":
        values["tool_choice"] = quirks.required_word
    if model is not None:
        values.update(reasoning.switch(settled.effort, model))
    elif settled.effort:
        values["reasoning_effort"] = settled.effort
    return values


def _tool(tool: Json, quirks: Quirks) -> Json:
    own = {key: value for key, value in tool.items() if value is not None}
    if not quirks.cache_control:
        own.pop("cache_control", None)
    function = own.get("function")
    if isinstance(function, dict):
        kept = {key: value for key, value in function.items() if value is not None}
        if not quirks.strict_tools:
            kept.pop("strict", None)
        if not quirks.store_and_metadata:
            # OpenAI alone lets them be left out (mistralai 3.7.0, models/function.py).
            kept.setdefault("parameters", {"type": "object", "properties": {}})
        own["function"] = kept
    return own


def _messages(given: list[Json], settled: Settled, target: Target) -> list[Json]:
    quirks = target.vendor.quirks
    fit = history.nine_id if quirks.tool_call_id == "nine_alphanumerics" else history.short_id
    turns = _shown(history.with_ids(given, fit))
    messages = [_message(one, settled, target) for one in turns]
    if quirks.needs_user_message and not any(one["role"] == "user" for one in messages):
        systems = [place for place, one in enumerate(messages) if one["role"] == "system"]
        if systems:
            messages[systems[-1]] = {**messages[systems[-1]], "role": "user"}
        else:
            messages.insert(0, {"role": "user", "content": "Continue."})
    model, last = target.model, messages[-1]
    if quirks.prefill_flag and last["role"] == "assistant":
        # Who has a flag for it refuses a conversation that ends so without.
        if model is not None and model.parameters.prefill:
            last[quirks.prefill_flag] = True
        else:
            messages.append({"role": "user", "content": "Continue."})
    return messages


def _shown(messages: list[Json]) -> list[Json]:
    """Return tool messages as text; what else a tool returned follows its turn, as the user's."""
    out: list[Json] = []
    waiting: list[Json] = []
    for place, message in enumerate(messages):
        own = message
        if message.get("role") == "tool":
            text, shown = history.result_of(message, f"messages[{place}].content")
            waiting += [part for _, part in shown]
            if shown or message.get("is_error") is not None:
                own = {**message, "content": text}
                own.pop("is_error", None)
        elif waiting:
            out.append({"role": "user", "content": waiting})
            waiting = []
        out.append(own)
    return [*out, {"role": "user", "content": waiting}] if waiting else out


def _message(message: Json, settled: Settled, target: Target) -> Json:
    quirks = target.vendor.quirks
    kept = {key: value for key, value in message.items() if value is not None}
    for name in _OURS:
        kept.pop(name, None)
    if kept["role"] == "developer" and not quirks.developer_role:
        kept["role"] = "system"
    if not quirks.message_name:
        kept.pop("name", None)
    if not quirks.cache_control:
        kept.pop("cache_control", None)
    if kept["role"] == "assistant":
        kept = _assistant(kept, settled, target)
    if kept["role"] == "tool":
        kept.setdefault("content", "")
    if isinstance(kept.get("content"), list):
        _check_files(kept["content"], target)
        kept["content"] = _content(kept["content"], quirks)
    return kept


def _check_files(parts: list[Any], target: Target) -> None:
    """Raise for a file that others would fetch; here only images may be web addresses."""
    for part in parts:
        file = part.get("file") if isinstance(part, dict) else None
        data = file.get("file_data") if isinstance(file, dict) else None
        if isinstance(data, str) and data[:8].lower().startswith(("http://", "https://")):
            text = f"{target.vendor.name} does not fetch files; send the data instead of the URL."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param="file_data")


def _content(parts: list[Any], quirks: Quirks) -> Any:
    """Return parts without blank text; as one string where the vendor wants that."""
    solid = history.parts_of(parts, "content")
    if not quirks.text_parts and all(part.get("type") == "text" for part in solid):
        return "\n".join(part["text"] for part in solid)
    if not quirks.cache_control:
        solid = [{k: v for k, v in part.items() if k != "cache_control"} for part in solid]
    return solid or ""


def _assistant(message: Json, settled: Settled, target: Target) -> Json:
    model, quirks = target.model, target.vendor.quirks
    kept = {key: value for key, value in message.items() if model is None or key in _ASSISTANT}
    if not quirks.store_and_metadata and "refusal" in kept:
        refusal = kept.pop("refusal")
        kept["content"] = kept.get("content") or refusal
    elif kept.get("refusal") and not kept.get("content") and not kept.get("tool_calls"):
        # A turn needs content or calls; there, a refusal is a part of it.
        kept["content"] = [{"type": "refusal", "refusal": kept.pop("refusal")}]
    calls = kept.pop("tool_calls", None)
    if calls:
        kept["tool_calls"] = [_call(call, quirks) for call in calls]
        if not kept.get("content"):
            kept["content"] = None
    if model is None and quirks.store_and_metadata:
        kept.pop("reasoning_content", None)  # OpenAI itself refuses it
    if model is not None:
        thought = kept.pop("reasoning_content", None)
        if model.reasoning.replay and settled.thinks:
            # The placeholder stands for thoughts of another vendor (or none): an absent field is
            # refused, a single space is taken (litellm 1.109.1, moonshot transformation).
            kept["reasoning_content"] = thought or " "
    return kept


def _call(call: Json, quirks: Quirks) -> Json:
    custom = call.get("custom")
    if isinstance(custom, dict) and quirks.store_and_metadata:
        said = {"name": custom.get("name", ""), "input": custom.get("input") or ""}
        return {"id": call["id"], "type": "custom", "custom": said}
    arguments = msgspec.json.encode(history.arguments_of(call)).decode()
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": history.name_of(call), "arguments": arguments},
    }
