"""Structured outputs where a model has no native ones: by instruction, or by a forced tool."""

from typing import Any

import msgspec

from services.catalog import Model
from services.errors import Kind, RoutorError
from services.providers.dialects import anthropic_native, history, reasoning
from services.providers.dialects.anthropic_schema import closed
from services.providers.dialects.completion import ANSWER_TOOL
from services.providers.dialects.contract import Json, Target

JSON_INSTRUCTION = "Answer with one JSON object and nothing else: no prose, no code fence."


def wanted(body: Json) -> tuple[str, Json]:
    """Return the kind of response_format ("text", "json_object", "json_schema") and its schema.

    What it is for, said beside the schema, is in it: others than OpenAI have no other place.
    Raises RoutorError(INVALID_REQUEST) naming the faulty field.
    """
    given = body.get("response_format")
    if given is None:
        return "text", {}
    kind = given.get("type") if isinstance(given, dict) else None
    if kind in ("text", "json_object"):
        return str(kind), {}
    if kind != "json_schema":
        raise RoutorError(
            Kind.INVALID_REQUEST,
            'response_format.type must be "text", "json_object" or "json_schema".',
            param="response_format.type",
        )
    named = given.get("json_schema")
    schema = named.get("schema", {}) if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise RoutorError(
            Kind.INVALID_REQUEST,
            "response_format.json_schema.schema must be a JSON Schema object.",
            param="response_format.json_schema.schema",
        )
    told = named.get("description") if isinstance(named, dict) else None
    return "json_schema", {"description": told, **schema} if told else schema


def instruction(schema: Json) -> str:
    """Return what to tell a model that must answer with JSON of this schema."""
    if not schema:
        return JSON_INSTRUCTION
    text = msgspec.json.encode(schema).decode()
    return f"{JSON_INSTRUCTION} It must be valid against this JSON Schema:\n{text}"


def answer_tool(schema: Json) -> Json:
    """Return the OpenAI tool whose arguments are the answer; open without a schema of an object."""
    is_object = schema.get("type") == "object"
    parameters = schema if is_object else {"type": "object", "additionalProperties": True}
    return {
        "type": "function",
        "function": {
            "name": ANSWER_TOOL,
            "description": "Give the answer to the user.",
            "parameters": parameters,
        },
    }


def instructed(messages: list[Any], text: str) -> list[Any]:
    """Return `messages` with a system message after the leading ones."""
    place = 0
    while place < len(messages) and messages[place].get("role") in ("system", "developer"):
        place += 1
    added = history.Added({"role": "system", "content": text})
    return [*messages[:place], added, *messages[place:]]


def emulate(body: Json, target: Target) -> Json:
    """Return a body whose response_format the model takes.

    json_schema on a model with json_object alone: json_object and the schema as instruction.
    json_object where nobody says "JSON": the same, as vendors refuse it otherwise, or write on.
    On a model without either: the answer becomes a forced tool call (beside the caller's tools
    one of several), which the decoders turn back into content. Raises
    RoutorError(UNSUPPORTED_PARAMETER) when that cannot be.
    """
    kind, schema = wanted(body)
    model = target.model
    if model is None or kind == "text":
        return body
    native = model.structured_outputs == "json_schema"
    if native and (kind == "json_schema" or _says_json(body, target)):
        return body
    messages = instructed(body["messages"], instruction(schema))
    if native or model.structured_outputs == "json_object":
        return {**body, "messages": messages, "response_format": {"type": "json_object"}}
    # Where the tool's parameters do not say what to answer, words do.
    told = body if schema.get("type") == "object" else {**body, "messages": messages}
    return forced(told, model, schema)


def _says_json(body: Json, target: Target) -> bool:
    """Tell whether the conversation speaks of JSON; to OpenAI it goes as it is.

    "'messages' must contain the word 'json' in some form" (Qwen, as OpenAI:
    github.com/agno-agi/agno/pull/5317, 2025-11)
    """
    as_it_is = target.vendor.quirks.store_and_metadata
    return as_it_is or b"json" in msgspec.json.encode(body["messages"]).lower()


def by_tool(body: Json, target: Target) -> bool:
    """Tell whether the answer is to come as a tool's arguments (`forced`).

    It is asked once, before the request is encoded: what reads the answer has to know it, too.
    """
    kind, schema = wanted(body)
    model = target.model
    if kind == "text" or model is None or (body.get("tools") and not _joins(body, model)):
        return False
    own = target.vendor.dialect == "anthropic_messages" and model.tools
    return model.structured_outputs == "none" or (own and _is_open(kind, schema, body, target))


def _is_open(kind: str, schema: Json, body: Json, target: Target) -> bool:
    """Tell whether a schema has open objects, which tools have, and Anthropic's format has not.

    Not where the caller wants thoughts or tools of Anthropic's own: a forced tool has none.
    """
    if reasoning.asked(body, target) not in ("", "none"):
        return False
    own = anthropic_native.take({**body})
    thinks = own.thinking is not None and own.thinking.get("type") != "disabled"
    able = not (own.tools or thinks)
    return able and kind == "json_schema" and schema.get("type") == "object" and not closed(schema)


def _joins(body: Json, model: Model) -> bool:
    """Tell whether the tool of the answer may stand beside the caller's, one of which is called.

    Agents ask for both (openai-agents 0.24.0, `output_type`): they call until all is known.
    """
    free = body.get("tool_choice") in (None, "auto")
    return (
        free and model.structured_outputs == "none" and "required" in model.parameters.tool_choice
    )


def forced(body: Json, model: Model, schema: Json) -> Json:
    """Return a body in which the answer is the arguments of a tool that has to be called."""
    rest = {key: value for key, value in body.items() if key != "response_format"}
    return {**rest, **_forced(rest, model, schema)}


def _forced(body: Json, model: Model, schema: Json) -> Json:
    takes, tools = model.parameters.tool_choice, body.get("tools") or []
    able = _joins(body, model) if tools else {"named", "required"} & set(takes)
    if not (model.tools and able):
        raise RoutorError(
            Kind.UNSUPPORTED_PARAMETER,
            f"{model.key} has no structured outputs{' beside tools' if tools else ''}; leave out "
            "response_format or choose a model that has them.",
            param="response_format",
            provider=model.provider,
            model=model.key,
        )
    named: Json = {"type": "function", "function": {"name": ANSWER_TOOL}}
    return {
        "tools": [*tools, answer_tool(schema)],
        "tool_choice": named if "named" in takes and not tools else "required",
    }
