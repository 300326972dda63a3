"""Requests as the vendors' own packages have them: what is not in their types is refused."""

import functools
from typing import Any

import jsonschema
import msgspec
from anthropic.types import beta as anthropic_beta
from anthropic.types import message_create_params
from google.genai import types as genai
from mistralai.client import models as mistral
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from pydantic import BaseModel, ConfigDict, TypeAdapter

Json = dict[str, Any]

# Fields of vendors beside OpenAI's types (the references of their APIs, 2026-11-23). Anthropic's
# sampling fields belong to version 2023-06-01, which the package no longer has.
BESIDE = {
    "deepseek": {"thinking"},
    "zai": {"thinking"},
    "moonshot": {"thinking"},
    "xiaomi": {"thinking"},
    "minimax": {"thinking", "reasoning_split"},
    "alibaba": {"enable_thinking", "thinking_budget", "top_k"},
    "nvidia": {"chat_template_kwargs", "reasoning_budget"},
}
SAMPLING = {"temperature", "top_p", "top_k"}


# What answers hold beside their types (README).
OURS = {"routor", "reasoning_content", "thinking_blocks", "extra_content"}


def foreign(told: Any, path: str = "") -> list[str]:
    """Return what an answer holds that its type does not have."""
    if isinstance(told, list):
        return [found for one in told for found in foreign(one, f"{path}[]")]
    if not isinstance(told, BaseModel):
        return []
    extra = [f"{path}.{name}" for name in told.model_extra or {} if name not in OURS]
    inner = (foreign(getattr(told, name), f"{path}.{name}") for name in type(told).model_fields)
    return [*extra, *(found for one in inner for found in one)]


class Refused(Exception):  # noqa: N818 - a refusal is an answer here
    """A vendor would answer 400."""


def _closed(node: Any) -> Any:
    """Close every object whose members are named."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _closed(value) for key, value in node.items()}
    if "properties" in node and node.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


@functools.cache
def _validator(kind: Any) -> Any:
    schema = _closed(TypeAdapter(kind).json_schema())
    return jsonschema.Draft202012Validator(schema)


def _typed(kind: Any, body: Any) -> None:
    fault = jsonschema.exceptions.best_match(_validator(kind).iter_errors(body))
    if fault is not None:
        raise Refused(f"{fault.json_path}: {fault.message[:300]}")


def chat(vendor: str, body: Json) -> None:
    """Check a request of OpenAI's chat completions, or of an imitator's."""
    own = {name: value for name, value in body.items() if name not in BESIDE.get(vendor, ())}
    own["messages"] = [_plain(vendor, one) for one in body["messages"]]
    streaming = completion_create_params.CompletionCreateParamsStreaming
    whole = completion_create_params.CompletionCreateParamsNonStreaming
    if vendor == "zai" and own.get("reasoning_effort") == "max":
        own["reasoning_effort"] = "high"
    _typed(streaming if body.get("stream") else whole, own)


def _plain(vendor: str, message: Json) -> Json:
    if vendor == "openai":
        return message
    beside = {"reasoning_content", "partial", "cache_control"}
    kept = {name: value for name, value in message.items() if name not in beside}
    if vendor in ("alibaba", "minimax") and isinstance(kept.get("content"), list):
        parts = kept["content"]
        kept["content"] = [{k: v for k, v in part.items() if k not in beside} for part in parts]
    return kept


def responses(body: Json) -> None:
    """Check a request of OpenAI's Responses."""
    streaming = response_create_params.ResponseCreateParamsStreaming
    whole = response_create_params.ResponseCreateParamsNonStreaming
    _typed(streaming if body.get("stream") else whole, body)


def messages(body: Json, beta: str = "") -> None:
    """Check a request of Anthropic's Messages; what it has in beta needs the header."""
    own = {name: value for name, value in body.items() if name not in SAMPLING}
    types = anthropic_beta.message_create_params if beta else message_create_params
    streaming = types.MessageCreateParamsStreaming
    whole = types.MessageCreateParamsNonStreaming
    _typed(streaming if body.get("stream") else whole, own)
    for turn in body["messages"]:
        for block in turn["content"] if isinstance(turn["content"], list) else ():
            if block["type"] == "text" and not block["text"].strip():
                raise Refused("messages: text content blocks must contain non-whitespace text")


class _Generate(BaseModel):
    """The body of generateContent, of the package's own types."""

    model_config = ConfigDict(extra="forbid")

    contents: list[genai.Content]
    systemInstruction: genai.Content | None = None  # noqa: N815 - Google's name
    tools: list[genai.Tool] | None = None
    toolConfig: genai.ToolConfig | None = None  # noqa: N815
    generationConfig: genai.GenerationConfig | None = None  # noqa: N815


def generate(body: Json) -> None:
    """Check a request of Gemini's generateContent."""
    try:
        _Generate.model_validate_json(msgspec.json.encode(body), strict=False)
    except ValueError as error:
        raise Refused(str(error)[:400]) from error


def mistral_chat(body: Json) -> None:
    """Check a request of Mistral's chat completions; the package itself ignores other fields."""
    _named(mistral.ChatCompletionRequest, body, "body")
    kinds: dict[str, type[BaseModel]] = {
        "system": mistral.SystemMessage,
        "user": mistral.UserMessage,
        "assistant": mistral.AssistantMessage,
        "tool": mistral.ToolMessage,
    }
    for place, message in enumerate(body["messages"]):
        _named(kinds[message["role"]], message, f"messages[{place}]")
    try:
        mistral.ChatCompletionRequest.model_validate(body)
    except ValueError as error:
        raise Refused(str(error)[:400]) from error


def _named(kind: type[BaseModel], body: Json, where: str) -> None:
    names = {field.alias or name for name, field in kind.model_fields.items()}
    foreign = body.keys() - names
    if foreign:
        raise Refused(f"{where}: Extra inputs are not permitted: {sorted(foreign)}")
