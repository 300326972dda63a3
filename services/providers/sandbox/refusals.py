"""What OpenAI-style vendors refuse that a careless gateway sends. Pure.

Every vendor has a tuple of checks; a check looks at one thing and raises Trouble. Sources, all
read 2026-11: litellm's transformations of the vendors (gpt_reasoning, xai, moonshot, minimax),
npm @mariozechner/pi-ai 0.73.1 (roles), community.openai.com/t/1386454 (tools with reasoning),
hex/claude-council v2026.8.3 (Kimi's temperature), platform.xiaomimimo.com error codes. MiniMax's
temperature range and forced tools while thinking (Qwen; DeepSeek:
github.com/deepseek-ai/DeepSeek-V3/issues/1376) are common reports, not in the vendors' references.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.providers.sandbox import mimo_refusals, mistral_refusals
from services.providers.sandbox.errors import Trouble, names
from services.providers.sandbox.openai_chat import effort, thinks
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]
Check = Callable[[Vendor, Json], None]

_OPENAI_FIELDS = names(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction "
    "presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention "
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options"
)
_EFFORTS = frozenset({"none", "low", "medium", "high", "xhigh"})
_OPENAI_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def check(vendor: Vendor, body: Json) -> None:
    """Raise Trouble for what the vendor refuses in this request."""
    _shape(vendor, body)
    for one in _CHECKS.get(vendor.id, ()):
        one(vendor, body)
    _tool_turns(vendor, body)


def _unsupported(field: str, message: str, code: str | None = None) -> Trouble:
    return Trouble("unsupported", message, param=field, code=code)


def _shape(_vendor: Vendor, body: Json) -> None:
    """Refuse what nobody accepts: no messages, unknown roles, wrong numbers."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Trouble("invalid", "Missing required parameter: 'messages'.", param="messages")
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or message.get("role") not in _OPENAI_ROLES:
            raise Trouble("invalid", f"Invalid value for '{where}.role'.", param=f"{where}.role")
        if message.get("content") is None and not message.get("tool_calls"):
            text = f"Invalid value for 'content' in {where}: expected a string, got null."
            raise Trouble("invalid", text, param=f"{where}.content")
    for field in ("max_tokens", "max_completion_tokens", "n"):
        value = body.get(field)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise Trouble("invalid", f"Invalid '{field}': must be at least 1.", param=field)
    if (body.get("n") or 1) > 128:
        raise Trouble("invalid", "Invalid 'n': must be at most 128.", param="n")


def _tool_turns(_vendor: Vendor, body: Json) -> None:
    """Refuse tool results without their calls, and calls without their results."""
    open_ids: set[str] = set()
    for number, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_ids:
                text = "Messages with role 'tool' must respond to a preceding 'tool_calls'."
                raise Trouble("invalid", text, param=f"messages[{number}].role")
            open_ids.remove(message["tool_call_id"])
        elif open_ids:
            break
        else:
            open_ids = {call["id"] for call in message.get("tool_calls") or ()}
    if open_ids:
        text = "An assistant message with 'tool_calls' must be followed by tool messages"
        missing = ", ".join(sorted(open_ids))
        raise Trouble("invalid", f"{text} for each id. Missing: {missing}", param="messages")


def _openai_fields(_vendor: Vendor, body: Json) -> None:
    for field in body.keys() - _OPENAI_FIELDS:
        raise Trouble("invalid", f"Unknown parameter: '{field}'.", field, "unknown_parameter")
    if "stream_options" in body and not body.get("stream"):
        raise Trouble("invalid", "'stream_options' needs 'stream'.", param="stream_options")
    for field in ("tool_choice", "parallel_tool_calls"):
        if body.get(field) is not None and not body.get("tools"):
            text = f"'{field}' is only allowed when 'tools' are specified."
            raise Trouble("invalid", text, param=field)


def _openai_reasoning(vendor: Vendor, body: Json) -> None:
    """Refuse what GPT-5 and later do not take; other models are left alone."""
    model = body["model"]
    if not model.startswith(("gpt-5", "gpt-6")):
        return
    if body.get("max_tokens") is not None:
        text = "Unsupported parameter: 'max_tokens' is not supported with this model."
        raise _unsupported("max_tokens", text + " Use 'max_completion_tokens' instead.")
    level = effort(vendor, body)
    if level not in _EFFORTS:
        text = f"Unsupported value: 'reasoning_effort' does not support '{level}' here."
        raise _unsupported("reasoning_effort", text, "unsupported_value")
    if level == "none":
        return
    _openai_sampling(body)
    if body.get("tools"):
        text = f"Function tools with reasoning_effort are not supported for {model} in"
        text += " /v1/chat/completions. Use /v1/responses or set reasoning_effort to 'none'."
        raise Trouble("invalid", text, param="reasoning_effort")


def _openai_sampling(body: Json) -> None:
    """Refuse what goes only without reasoning."""
    if body.get("temperature") not in {None, 1}:
        text = "Unsupported value: 'temperature' supports only the default (1) with this model."
        raise _unsupported("temperature", text, "unsupported_value")
    for field in ("stop", "presence_penalty", "frequency_penalty", "logit_bias"):
        if body.get(field):
            raise _unsupported(field, f"Unsupported parameter: '{field}' is not supported.")
    for field in ("top_p", "logprobs", "top_logprobs"):
        if body.get(field) not in {None, False} and (field, body[field]) != ("top_p", 1):
            raise _unsupported(field, f"Unsupported parameter: '{field}' is not supported.")


def _developer_role(_vendor: Vendor, body: Json) -> None:
    for number, message in enumerate(body["messages"]):
        if message["role"] == "developer":
            text = f"messages[{number}].role: unknown variant 'developer'"
            raise Trouble("invalid", text, param=f"messages[{number}].role")


def _message_name(_vendor: Vendor, body: Json) -> None:
    for number, message in enumerate(body["messages"]):
        if message["role"] != "tool" and message.get("name") is not None:
            text = f"messages[{number}].name is not supported."
            raise Trouble("invalid", text, param=f"messages[{number}].name")


def _strict_tools(_vendor: Vendor, body: Json) -> None:
    for number, tool in enumerate(body.get("tools") or ()):
        if (tool.get("function") or {}).get("strict") is not None:
            field = f"tools[{number}].function.strict"
            raise _unsupported(field, f"Argument not supported: {field}")


def _without(*fields: str) -> Check:
    """Return a check that refuses each of the fields when it is set."""

    def refuse(_vendor: Vendor, body: Json) -> None:
        for field in fields:
            if body.get(field) is not None:
                raise _unsupported(field, f"Argument not supported on this model: {field}")

    return refuse


def _only(field: str, *allowed: object) -> Check:
    """Return a check that refuses any other value of the field."""

    def refuse(_vendor: Vendor, body: Json) -> None:
        if body.get(field) is not None and body[field] not in allowed:
            names = " or ".join(map(str, allowed))
            text = f"invalid {field}: only {names} is allowed for this model"
            raise Trouble("invalid", text, param=field)

    return refuse


def _grok_effort(_vendor: Vendor, body: Json) -> None:
    """Refuse reasoning_effort where the id alone says whether the model thinks."""
    if body["model"].startswith("grok-4.20") and body.get("reasoning_effort") is not None:
        raise _unsupported("reasoning_effort", "Model does not support reasoningEffort.")


def _replayed_reasoning(vendor: Vendor, body: Json) -> None:
    """Refuse assistant turns without their reasoning while thinking; at Kimi those with calls."""
    if not thinks(vendor, body):
        return
    for number, message in enumerate(body["messages"]):
        due = vendor.id != "moonshot" or message.get("tool_calls")
        if message["role"] == "assistant" and due and not message.get("reasoning_content"):
            text = "thinking is enabled but reasoning_content is missing in assistant message"
            raise Trouble("invalid", f"{text} at index {number}", param="messages")


def _deepseek_prefix(_vendor: Vendor, body: Json) -> None:
    """Refuse a begun answer that does not say so, or is asked for while thinking."""
    last = body["messages"][-1]
    if last["role"] == "assistant" and not last.get("prefix"):
        raise Trouble("invalid", "the last message must be from the user or a tool")


def _deepseek_format(_vendor: Vendor, body: Json) -> None:
    if (body.get("response_format") or {}).get("type") == "json_schema":
        raise Trouble("invalid", "This response_format type is unavailable now")


def _minimax_temperature(_vendor: Vendor, body: Json) -> None:
    temperature = body.get("temperature")
    if temperature is not None and not 0 < temperature <= 1:
        raise Trouble("invalid", "temperature must be in (0, 1]", param="temperature")


def _share(_vendor: Vendor, body: Json) -> None:
    """Refuse a top_p of nothing (sources: the catalog)."""
    if body.get("top_p") == 0:
        text = "Invalid top_p value, the valid range of top_p is (0, 1.0]"
        raise Trouble("invalid", text, param="top_p")


def _one_system(_vendor: Vendor, body: Json) -> None:
    """Refuse a system message behind another (github.com/MiniMax-AI/MiniMax-M2/issues/51)."""
    if any(message["role"] == "system" for message in body["messages"][1:]):
        raise Trouble("invalid", "invalid params, invalid chat setting (2013)", param="messages")


def _user_turn(_vendor: Vendor, body: Json) -> None:
    if all(message["role"] != "user" for message in body["messages"]):
        raise Trouble("invalid", "messages: no user message", param="messages", code="1214")


def _forced_choice(vendor: Vendor, body: Json) -> None:
    choice = body.get("tool_choice")
    if thinks(vendor, body) and (choice == "required" or isinstance(choice, dict)):
        raise Trouble("invalid", "no required or object in thinking mode", param="tool_choice")


def _qwen_streams(vendor: Vendor, body: Json) -> None:
    if thinks(vendor, body) and not body.get("stream"):
        text = "parameter.enable_thinking must be set to false for non-streaming calls"
        raise Trouble("invalid", text, code="invalid_parameter_error")


def _qwen_json(_vendor: Vendor, body: Json) -> None:
    kind = (body.get("response_format") or {}).get("type", "text")
    if kind != "text" and body.get("enable_thinking", body["model"].startswith("qwen3.7")):
        raise Trouble("invalid", "Json mode is not supported when enable_thinking is true")


def _thinking(*words: str) -> Check:
    """Return a check that refuses other words for thinking, Anthropic's among them."""

    def refuse(_vendor: Vendor, body: Json) -> None:
        given = body.get("thinking") or {}
        if given.get("type", words[0]) not in words or "budget_tokens" in given:
            text = f"thinking.type: only {' or '.join(words)}"
            raise Trouble("invalid", text, param="thinking.type")

    return refuse


def _tool_name(_vendor: Vendor, body: Json) -> None:
    for number, message in enumerate(body["messages"]):
        if message["role"] == "tool" and "name" in message:
            where = f"messages[{number}].name"
            raise Trouble("invalid", f"Unknown parameter: '{where}'.", where, "unknown_parameter")


def _kimi_choice(vendor: Vendor, body: Json) -> None:
    choice = body.get("tool_choice")
    if choice == "required" or (isinstance(choice, dict) and thinks(vendor, body)):
        text = "tool_choice 'required' or 'specified' is incompatible with thinking enabled"
        raise Trouble("invalid", text, param="tool_choice")


def _empty_answers(_vendor: Vendor, body: Json) -> None:
    """Refuse assistant turns that say nothing (github.com/MoonshotAI/kimi-code/issues/1985)."""
    for number, message in enumerate(body["messages"]):
        says = message.get("content") or message.get("tool_calls")
        if message["role"] == "assistant" and not says:
            text = f"the message at position {number} with role 'assistant' must not be empty"
            raise Trouble("invalid", f"Invalid request: {text}")


def _text_is_string(_vendor: Vendor, body: Json) -> None:
    """Refuse lists of text: only models that see take lists (docs.z.ai, chat completion)."""
    for number, message in enumerate(body["messages"]):
        parts = message["content"] if isinstance(message.get("content"), list) else ()
        if parts and all(part["type"] == "text" for part in parts):
            raise Trouble("invalid", f"messages[{number}].content: not a string", code="1214")


_CHECKS: Mapping[str, tuple[Check, ...]] = {
    "openai": (_openai_fields, _openai_reasoning, _tool_name),
    "microsoft": (_openai_fields, _openai_reasoning, _tool_name),
    "deepseek": (
        _developer_role,
        _share,
        _deepseek_prefix,
        _deepseek_format,
        _forced_choice,
        _replayed_reasoning,
    ),
    "xai": (
        _developer_role,
        _message_name,
        _strict_tools,
        _grok_effort,
        _without("stop", "frequency_penalty", "presence_penalty"),
    ),
    "moonshot": (
        _developer_role,
        _strict_tools,
        _only("temperature", 1),
        _only("top_p", 0.95),
        _only("n", 1),
        _only("frequency_penalty", 0),
        _only("presence_penalty", 0),
        _kimi_choice,
        _thinking("enabled", "disabled"),
        _empty_answers,
        _replayed_reasoning,
    ),
    "minimax": (
        _developer_role,
        _one_system,
        _only("n", 1),
        _minimax_temperature,
        _thinking("adaptive", "disabled"),
    ),
    "zai": (
        _developer_role,
        _message_name,
        _strict_tools,
        _without("frequency_penalty", "presence_penalty"),
        _only("tool_choice", "auto"),
        _user_turn,
        _text_is_string,
        _thinking("enabled", "disabled"),
    ),
    "alibaba": (_developer_role, _forced_choice, _qwen_json, _qwen_streams),
    "mistral": (
        *mistral_refusals.CHECKS,
        _share,
        _empty_answers,
        _only("reasoning_effort", "none", "high"),
    ),
    "xiaomi": (
        _developer_role,
        _share,
        _replayed_reasoning,
        _thinking("enabled", "disabled"),
        mimo_refusals.text,
    ),
}
