"""What the Gemini API refuses. Pure.

Sources, read 2026-11-23: google-genai 3.4.0 (Schema, FunctionDeclaration, GenerationConfig),
ai.google.dev on thought signatures. The wording of messages is our own.
"""

import re
from collections.abc import Mapping
from typing import Any

from services.providers.sandbox.errors import Trouble, names
from services.providers.sandbox.google_generate import signed

Json = dict[str, Any]

_FIELDS = names(
    "cachedContent contents generationConfig labels model safetySettings serviceTier store "
    "systemInstruction toolConfig tools"
)
_CONFIG = names(
    "audioTimestamp candidateCount enableEnhancedCivicAnswers frequencyPenalty imageConfig "
    "logprobs maxOutputTokens mediaResolution presencePenalty responseJsonSchema responseLogprobs "
    "responseMimeType responseModalities responseSchema seed speechConfig stopSequences "
    "temperature thinkingConfig topK topP"
)
_SCHEMA = names(
    "anyOf default description enum example format items maxItems maxLength maxProperties maximum "
    "minItems minLength minProperties minimum nullable pattern properties propertyOrdering "
    "required title type"
)
_DECLARATION = names(
    "behavior description name parameters parametersJsonSchema response responseJsonSchema"
)
_PARTS = names(
    "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult"
)
_PART_EXTRAS = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution"})


def check(model: str, body: Json) -> None:
    """Raise Trouble for what the API refuses."""
    _known(body, _FIELDS, "")
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Trouble("invalid", "contents: is not specified")
    for number, content in enumerate(contents):
        _content(f"contents[{number}]", content)
    if body.get("systemInstruction"):
        _content("system_instruction", body["systemInstruction"])
    _turns(model, contents)
    _config(model, body.get("generationConfig") or {})
    _tools(body)


def _known(value: Json, names: frozenset[str], where: str) -> None:
    for name in value.keys() - names:
        at = f" at '{where}'" if where else ""
        text = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
        raise Trouble("invalid", text)


def _content(where: str, content: Json) -> None:
    _known(content, frozenset({"role", "parts"}), where)
    if where != "system_instruction" and content.get("role", "user") not in {"user", "model"}:
        raise Trouble("invalid", f"{where}.role: Please use a valid role: user, model.")
    if not content.get("parts"):
        raise Trouble("invalid", f"{where}.parts must not be empty.")
    for number, part in enumerate(content["parts"]):
        _known(part, _PARTS | _PART_EXTRAS, f"{where}.parts[{number}]")
        if len(part.keys() & _PARTS) != 1:
            text = "required oneof field 'data' must have one initialized field"
            raise Trouble("invalid", f"{where}.parts[{number}].data: {text}")


def _turns(model: str, contents: list[Json]) -> None:
    """Refuse unsigned function calls, and responses that do not match the calls before."""
    due = 0
    for number, content in enumerate(contents):
        parts = content["parts"]
        calls = [part for part in parts if "functionCall" in part]
        responses = sum("functionResponse" in part for part in parts)
        if responses != due:
            text = "Please ensure that the number of function response parts is equal to the"
            raise Trouble("invalid", f"{text} number of function call parts of the call turn.")
        due = len(calls)
        if calls and number == 0:
            text = "Please ensure that function call turn comes immediately after a user turn."
            raise Trouble("invalid", text)
        if calls and not re.match(r"gemini-[12]", model):
            proof = calls[0].get("thoughtSignature")
            if not proof:
                text = "Function call is missing a thought_signature in functionCall parts."
                raise Trouble("invalid", text)
            if not signed(proof):
                raise Trouble("invalid", "Corrupted thought signature.")
    if due:
        raise Trouble("invalid", "Please ensure that function calls are answered.")


def _config(model: str, config: Json) -> None:
    _known(config, _CONFIG, "generation_config")
    forms = config.keys() & {"responseSchema", "responseJsonSchema"}
    if len(forms) == 2:
        raise Trouble("invalid", "Only one of response_schema and response_json_schema is allowed.")
    if forms and config.get("responseMimeType") not in {"application/json", "text/x.enum"}:
        raise Trouble("invalid", "A response schema needs response_mime_type application/json.")
    if config.get("responseSchema"):
        _schema(config["responseSchema"], "generation_config.response_schema")
    if not 0 <= config.get("temperature", 1) <= 2:
        raise Trouble("invalid", "temperature must be in the range [0.0, 2.0].")
    if len(config.get("stopSequences") or ()) > 5:
        raise Trouble("invalid", "At most 5 stop_sequences are allowed.")
    if config.get("maxOutputTokens", 1) < 1:
        raise Trouble("invalid", "max_output_tokens must be positive.")
    thinking = config.get("thinkingConfig") or {}
    where = "generation_config.thinking_config"
    _known(thinking, frozenset({"includeThoughts", "thinkingLevel", "thinkingBudget"}), where)
    if {"thinkingLevel", "thinkingBudget"} <= thinking.keys():
        raise Trouble("invalid", "Only one of thinking_level and thinking_budget is allowed.")
    level = str(thinking.get("thinkingLevel", "low")).lower()
    levels = {"low", "medium", "high"} | (set() if "pro" in model else {"minimal"})
    if level not in levels:
        raise Trouble("invalid", f"Thinking level {level.upper()} is not supported here.")
    if thinking.get("thinkingBudget") == 0 and "pro" in model:
        raise Trouble("invalid", "Budget 0 is invalid. This model only works in thinking mode.")


def _tools(body: Json) -> None:
    declared = []
    for number, tool in enumerate(body.get("tools") or ()):
        for place, function in enumerate(tool.get("functionDeclarations") or ()):
            where = f"tools[{number}].function_declarations[{place}]"
            _known(function, _DECLARATION, where)
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", str(function.get("name", ""))):
                raise Trouble("invalid", f"{where}.name: Invalid function name.")
            if {"parameters", "parametersJsonSchema"} <= function.keys():
                raise Trouble("invalid", f"{where}: only one form of parameters is allowed.")
            if function.get("parameters"):
                _schema(function["parameters"], f"{where}.parameters")
            declared.append(function["name"])
    if len(declared) != len(set(declared)):
        raise Trouble("invalid", "Duplicate function declaration found.")
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = calling.get("mode", "AUTO")
    if mode not in {"AUTO", "ANY", "NONE", "VALIDATED"}:
        raise Trouble("invalid", f"Invalid function calling mode: {mode}")
    names = calling.get("allowedFunctionNames") or []
    if names and mode not in {"ANY", "VALIDATED"}:
        text = "Allowed function names are only for the function calling mode ANY or VALIDATED."
        raise Trouble("invalid", text)
    if not set(names) <= set(declared):
        raise Trouble("invalid", "An allowed function name is not declared.")


def _schema(schema: Any, where: str) -> None:
    """Refuse keys outside the OpenAPI subset, at any depth; JSON Schema fields take all."""
    if not isinstance(schema, Mapping):
        raise Trouble("invalid", f"Invalid value at '{where}'")
    _known(dict(schema), _SCHEMA, where)
    if isinstance(schema.get("type"), list):
        raise Trouble("invalid", f"Invalid value at '{where}.type': Proto field is not repeating.")
    for name, part in (schema.get("properties") or {}).items():
        _schema(part, f"{where}.properties[{name}]")
    for part in schema.get("anyOf") or ():
        _schema(part, f"{where}.any_of")
    if "items" in schema:
        _schema(schema["items"], f"{where}.items")
