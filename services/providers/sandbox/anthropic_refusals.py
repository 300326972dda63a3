"""What the Anthropic Messages API refuses. Pure.

Sources, read 2026-11-23: anthropic 2.12.0 (parameter types), platform.claude.com/docs/en/api/
versioning, litellm (models without sampling or prefill). The wording of messages is our own.
Turns must alternate here: the live API merges some that do not, but promises it for none.
"""

import re
from typing import Any

from services.providers.sandbox.anthropic_messages import blocks, signature, thinks
from services.providers.sandbox.errors import Trouble, names

Json = dict[str, Any]

VERSIONS = frozenset({"2023-06-01", "2026-10-21"})
_FIELDS = names(
    "cache_control container context_management diagnostics inference_geo max_tokens mcp_servers "
    "messages metadata model output_config service_tier speed stop_sequences stream system "
    "temperature thinking tool_choice tools top_k top_p"
)
_SAMPLING = ("temperature", "top_p", "top_k")
_EFFORTS = {
    "claude-opus-4-8": ("low", "medium", "high", "xhigh", "max"),
    "claude-sonnet-4-6": ("low", "medium", "high", "max"),
    "claude-haiku-4-5": (),
}
_BLOCKS = names(
    "text image document tool_use tool_result thinking redacted_thinking search_result "
    "server_tool_use web_search_tool_result web_fetch_tool_result tool_search_tool_result "
    "code_execution_tool_result bash_code_execution_tool_result "
    "text_editor_code_execution_tool_result container_upload"
)
_NEXT = {"user": ("assistant", "system"), "system": ("assistant",), "assistant": ("user",)}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_NAME = re.compile("[a-zA-Z0-9_-]{1,128}")


def check(body: Json, version: str) -> None:
    """Raise Trouble for what the API refuses; `version` is the anthropic-version header."""
    if version not in VERSIONS:
        raise _bad("anthropic-version: a known version is required in this header")
    for field in body.keys() - _FIELDS:
        raise _bad(f"{field}: Extra inputs are not permitted")
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        raise _bad("max_tokens: Field required, an integer of at least 1")
    _messages(body)
    _pairs(body["messages"])
    _sampling(body, version)
    _thinking(body)
    _tools(body)


def _bad(message: str) -> Trouble:
    return Trouble("invalid", message)


def _messages(body: Json) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _bad("messages: at least one message is required")
    before = "assistant"
    for number, message in enumerate(messages):
        role = message.get("role")
        _role(role, before, number, body["model"])
        before = role
        _content(number, message, final=number == len(messages) - 1)
    no_prefill = body["model"].startswith(("claude-opus-4-8", "claude-sonnet-4-6"))
    if before == "assistant" and (no_prefill or thinks(body)):
        raise _bad("This model does not support assistant message prefill.")
    for block in blocks(body.get("system") or []):
        if not str(block.get("text", "")).strip():
            raise _bad("system: text content blocks must be non-empty")


def _role(role: Any, before: str, number: int, model: str) -> None:
    if role not in {"user", "assistant", "system"}:
        raise _bad(f"messages.{number}.role: Input should be 'user', 'assistant' or 'system'")
    if role == "system" and not model.startswith("claude-opus-4-8"):
        raise _bad("role 'system' is not supported on this model")
    if role not in _NEXT[before]:
        raise _bad(f"messages.{number}: roles must alternate, starting with 'user'")


def _content(number: int, message: Json, *, final: bool) -> None:
    content = message.get("content")
    where = f"messages.{number}"
    if not content or not isinstance(content, str | list):
        raise _bad(f"{where}: messages must have non-empty content")
    for place, block in enumerate(blocks(content)):
        kind = block.get("type")
        if kind not in _BLOCKS:
            raise _bad(f"{where}.content.{place}: unknown type '{kind}'")
        if kind == "text" and not str(block.get("text", "")).strip():
            raise _bad(f"{where}.content.{place}: text content blocks must be non-empty")
        _source(f"{where}.content.{place}", block)
        for field in ("id", "tool_use_id"):
            if (
                kind in ("tool_use", "tool_result")
                and field in block
                and not _NAME.fullmatch(block[field])
            ):
                raise _bad(f"{where}.content.{place}.{field}: should match '^[a-zA-Z0-9_-]+$'")
        if kind == "tool_use" and not isinstance(block.get("input"), dict):
            raise _bad(f"{where}.content.{place}.tool_use.input: should be an object")
        if kind == "thinking" and block.get("signature") != signature(block["thinking"]):
            raise _bad(f"{where}.content.{place}: Invalid `signature` in `thinking` block")
    text = blocks(content)[-1].get("text", "")
    if final and message["role"] == "assistant" and text != text.rstrip():
        raise _bad("messages: final assistant content cannot end with trailing whitespace")


def _source(where: str, block: Json) -> None:
    source = block.get("source") or {}
    if block["type"] == "image" and source.get("media_type", _IMAGES[0]) not in _IMAGES:
        raise _bad(f"{where}.image.source.media_type: one of {', '.join(_IMAGES)}")


def _pairs(messages: list[Json]) -> None:
    """Refuse tool_result without tool_use in the turn before, and the other way round."""
    called: set[str] = set()
    for number, message in enumerate(messages):
        content = blocks(message["content"])
        answered = [b["tool_use_id"] for b in content if b["type"] == "tool_result"]
        where = f"messages.{number}"
        if stray := set(answered) - called:
            raise _bad(f"{where}: unexpected `tool_use_id` in `tool_result`: {sorted(stray)}")
        if missing := called - set(answered):
            text = "`tool_use` ids were found without `tool_result` blocks immediately after"
            raise _bad(f"messages.{number - 1}: {text}: {sorted(missing)}")
        kinds = [block["type"] for block in content]
        if answered and "tool_result" in kinds[len(answered) :]:
            raise _bad(f"{where}: `tool_result` blocks must come first")
        ids = [block["id"] for block in content if block["type"] == "tool_use"]
        if len(ids) != len(set(ids)) or len(answered) != len(set(answered)):
            raise _bad(f"{where}: `tool_use` ids must be unique")
        called = set(ids)
    if called:
        raise _bad(f"messages: `tool_use` without `tool_result`: {sorted(called)}")


def _sampling(body: Json, version: str) -> None:
    model = body["model"]
    unable = model.startswith("claude-opus-4-8") or re.match(r"claude-\w+-5", model)
    for field in _SAMPLING:
        if body.get(field) is not None and (unable or version >= "2026-10-21"):
            raise _bad(f"{field}: is not supported for this model or version")
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        raise _bad("temperature: range: 0..1")
    if thinks(body) and temperature not in {None, 1}:
        raise _bad("`temperature` may only be set to 1 when thinking is enabled")


def _thinking(body: Json) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    kind, model = thinking.get("type"), body["model"]
    if kind not in {"adaptive", "enabled", "disabled", "between_tools"}:
        raise _bad("thinking.type: should be adaptive, enabled, disabled or between_tools")
    if kind == "enabled":
        if model.startswith("claude-opus-4-8"):
            raise _bad("thinking.type: 'enabled' is not supported for this model; use adaptive")
        if not 1024 <= thinking.get("budget_tokens", 0) < body["max_tokens"]:
            raise _bad("thinking.budget_tokens: at least 1024 and less than `max_tokens`")
    if kind == "adaptive" and model.startswith("claude-haiku-4-5"):
        raise _bad("adaptive thinking is not supported on this model")
    level = (body.get("output_config") or {}).get("effort")
    allowed = next((e for name, e in _EFFORTS.items() if model.startswith(name)), None)
    if level is not None and allowed is not None and level not in allowed:
        raise _bad(f"output_config.effort: '{level}' is not supported by this model")


def _tools(body: Json) -> None:
    for number, tool in enumerate(body.get("tools") or ()):
        if not _NAME.fullmatch(str(tool.get("name", ""))):
            raise _bad(f"tools.{number}.name: should match '^[a-zA-Z0-9_-]{{1,128}}$'")
        if "type" not in tool and (tool.get("input_schema") or {}).get("type") != "object":
            raise _bad(f"tools.{number}.input_schema.type: should be 'object'")
        if {"allOf", "anyOf", "oneOf"} & (tool.get("input_schema") or {}).keys():
            text = "input_schema does not take allOf, anyOf or oneOf at its root"
            raise _bad(f"tools.{number}.custom.input_schema: {text}")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in {"auto", "any", "none", "tool"}:
        raise _bad("tool_choice: an object with type auto, any, none or tool")
    if not body.get("tools"):
        raise _bad("tool_choice may only be specified while providing tools")
    if thinks(body) and choice["type"] in {"any", "tool"}:
        raise _bad("Thinking may not be enabled when tool_choice forces tool use.")
    if choice["type"] == "tool" and choice.get("name") not in {t["name"] for t in body["tools"]}:
        raise _bad("tool_choice.name: no such tool")
