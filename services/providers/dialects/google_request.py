"""OpenAI request to Gemini's generateContent request.

Shapes: google-genai 3.4.0, types.py; https://ai.google.dev/api/generate-content (2026-11-23).
"""

from typing import Any
from urllib.parse import quote

import msgspec

from services.providers.dialects import history, structured
from services.providers.dialects.contract import Encoded, Json, Target
from services.providers.dialects.google_history import conversation
from services.providers.dialects.google_schema import native, simple
from services.providers.dialects.parameters import Settled, drop, settle, tool_choice_kind

_NAMES = {  # OpenAI's name -> generationConfig's
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_LEVELS = {"none": "minimal", "xhigh": "high", "max": "high"}


def encode(body: Json, target: Target) -> Encoded:
    """Translate a request. Raises RoutorError naming the field."""
    kind, schema = structured.wanted(body)
    native = target.model is None or target.model.structured_outputs == "json_schema"
    body = body if native or kind == "json_object" else structured.emulate(body, target)
    kind, schema = structured.wanted(body)
    settled = settle(body, target)
    values, dropped = dict(settled.values), list(settled.dropped)
    system, contents = conversation(body["messages"])
    config = {**_config(values, settled, target), **_format(kind, schema)}
    request: Json = {
        "contents": contents,
        **({"systemInstruction": {"parts": system}} if system else {}),
        **_tools(values, target, dropped),
        **({"generationConfig": config} if config else {}),
    }
    stream = values.pop("stream", False)
    for name in ("response_format", "stream_options"):
        values.pop(name, None)
    drop(values, tuple(values), dropped)
    if target.model is None and settled.effort:
        dropped.append("reasoning_effort")  # levels or a budget: nobody knows this model's switch
    dropped += history.names_of(body["messages"])
    step = "streamGenerateContent?alt=sse" if stream else "generateContent"
    path = f"/v1beta/models/{quote(target.upstream_model, safe='')}:{step}"
    return Encoded(path, msgspec.json.encode(request), dropped=tuple(dropped))


def _config(values: Json, settled: Settled, target: Target) -> Json:
    config: Json = {
        theirs: values.pop(ours) for ours, theirs in _NAMES.items() if values.get(ours) is not None
    }
    seed = config.get("seed")
    if isinstance(seed, int) and not -(2**31) <= seed < 2**31:  # an int32, there
        config["seed"] = seed & 0x7FFFFFFF
    if config.get("candidateCount") == 1:
        del config["candidateCount"]
    stop = values.pop("stop", None)
    if words := [word for word in ([stop] if isinstance(stop, str) else stop or []) if word]:
        config["stopSequences"] = words
    if values.pop("logprobs", False):
        config["responseLogprobs"] = True
        config["logprobs"] = values.pop("top_logprobs", 0)
    model, effort = target.model, settled.effort
    if model is not None and model.reasoning.switch == "google_level" and effort:
        level = effort if effort in model.reasoning.efforts else _LEVELS.get(effort, effort)
        config["thinkingConfig"] = {"thinkingLevel": level, "includeThoughts": True}
    return config


def _format(kind: str, schema: Json) -> Json:
    if kind == "text":
        return {}
    form: Json = {"responseMimeType": "application/json"}
    return {**form, "responseJsonSchema": native(schema)} if schema else form


def _tools(values: Json, target: Target, dropped: list[str]) -> Json:
    tools, choice = values.pop("tools", None), values.pop("tool_choice", None)
    values.pop("parallel_tool_calls", None)  # no switch: the answer is cut to one call
    if not tools:
        return {}
    made: Json = {
        "tools": [
            {"functionDeclarations": [_tool(one, at, dropped) for at, one in enumerate(tools)]}
        ]
    }
    if choice is not None:
        kind = tool_choice_kind(choice)
        calling: Json = {"mode": _MODES[kind]}
        if kind == "named":
            calling["allowedFunctionNames"] = [choice["function"]["name"]]
        made["toolConfig"] = {"functionCallingConfig": calling}
    return made


def _tool(tool: Any, place: int, dropped: list[str]) -> Json:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        path = f"tools[{place}].function"
        raise history.invalid(f"{path} must be a function with a name.", path)
    if function.get("strict") and "tools[].function.strict" not in dropped:
        dropped.append("tools[].function.strict")
    made: Json = {"name": function["name"]}
    if function.get("description"):
        made["description"] = function["description"]
    parameters = simple(function.get("parameters") or {})
    # An object without properties is refused: such a function has no parameters at all.
    return {**made, "parameters": parameters} if parameters.get("properties") else made
