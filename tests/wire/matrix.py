"""The support matrix of the README, proven by running probes through doors and dialects.

`python -m tests.wire.matrix` writes it into README.md. native: the vendor's own form of it is in
the request. emulated: something else stands for it. left out: named in `routor.droppedParameters`.
refused: a 400 that names the field.
"""

# ruff: noqa: E501 - tables of probes and bodies read better wide

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from services import catalog
from services.edge import chat, messages, responses
from services.errors import RoutorError
from services.providers.dialects import DIALECTS, fitted
from services.providers.dialects.contract import Target
from services.providers.vendors import VENDORS

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- support matrix: begin -->", "<!-- support matrix: end -->"
CATALOG = catalog.read()
MODELS = {
    "openai_chat": "openai/gpt-5.4-mini",
    "openai_responses": "openai/gpt-5.5",
    "anthropic_messages": "anthropic/claude-haiku-4.5",
    "google_generate": "google/gemini-3.5-flash",
}
Json = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
PDF = "data:application/pdf;base64,AAAA"
PNG = "data:image/png;base64,AAAA"


class Probe(NamedTuple):
    """A feature as each door spells it (None: the door has no word for it), and its native marks."""

    name: str
    chat: Json | None
    responses: Json | None
    messages: Json | None
    marks: tuple[str, str, str, str]  # in the order of MODELS; "" when there is none
    param: str = ""  # by which it is named when it is left out


def shown(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [part]}]}


def given(part: Json) -> Json:
    return {"input": [{"role": "user", "content": [part]}]}


FUNCTION = {"name": "f", "parameters": SCHEMA}
CHAT_TOOL = {"tools": [{"type": "function", "function": FUNCTION}]}
FLAT_TOOL = {"tools": [{"type": "function", **FUNCTION}]}
CLAUDE_TOOL = {"tools": [{"name": "f", "input_schema": SCHEMA}]}
CALLS = ('"function"', '"type":"function"', '"input_schema"', '"functionDeclarations"')


def choice(word: Any, flat: Any, claude: Any, marks: tuple[str, str, str, str]) -> tuple[Any, ...]:
    return (
        {**CHAT_TOOL, "tool_choice": word},
        {**FLAT_TOOL, "tool_choice": flat},
        {**CLAUDE_TOOL, "tool_choice": claude},
        marks,
    )


B64 = {"type": "base64", "data": "AAAA"}
PROBES = [
    Probe("text, streams", {"stream": True}, {"stream": True}, {"stream": True},
          ('"stream":true', '"stream":true', '"stream":true', '"contents"')),
    Probe("system messages", {"messages": [{"role": "system", "content": "A"}, {"role": "user", "content": "B"}]},
          {"instructions": "A"}, {"system": "A"},
          ('"system"', '"developer"', '"system":', '"systemInstruction"')),
    Probe("images, data", shown({"type": "image_url", "image_url": {"url": PNG}}),
          given({"type": "input_image", "image_url": PNG}),
          shown({"type": "image", "source": {**B64, "media_type": "image/png"}}),
          ('"image_url"', '"input_image"', '"image"', '"inlineData"')),
    Probe("images, https", shown({"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}),
          given({"type": "input_image", "image_url": "https://x.test/a.png"}),
          shown({"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}),
          ('"image_url"', '"input_image"', '"image"', '"fileData"')),
    Probe("PDF", shown({"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}),
          given({"type": "input_file", "filename": "a.pdf", "file_data": PDF}),
          shown({"type": "document", "source": {**B64, "media_type": "application/pdf"}}),
          ('"file_data"', '"input_file"', '"document"', '"inlineData"')),
    Probe("audio", shown({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
          given({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}), None,
          ('"input_audio"', "", "", '"inlineData"')),
    Probe("tools", CHAT_TOOL, FLAT_TOOL, CLAUDE_TOOL, CALLS),
    Probe("tools of free text", {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
          {"tools": [{"type": "custom", "name": "f"}]}, None,
          ('"custom"', '"custom"', "", "")),
    Probe("tools that OpenAI runs", None, {"tools": [{"type": "web_search"}]}, None,
          ("", '"web_search"', "", ""), "tools[].web_search"),
    Probe("Anthropic's own tools", None, None, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
          ("", "", '"web_search_20250305"', "")),
    Probe("tool_choice required", *choice("required", "required", {"type": "any"},
          ('"required"', '"required"', '"any"', '"ANY"'))),
    Probe("tool_choice named", *choice(
        {"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"},
        {"type": "tool", "name": "f"}, ('"tool_choice":{', '"tool_choice":{', '"tool"', '"allowedFunctionNames"'))),
    Probe("one tool call at a time", {**CHAT_TOOL, "parallel_tool_calls": False},
          {**FLAT_TOOL, "parallel_tool_calls": False},
          {**CLAUDE_TOOL, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
          ('"parallel_tool_calls":false', '"parallel_tool_calls":false', '"disable_parallel_tool_use":true', "")),
    Probe("JSON object", {"response_format": {"type": "json_object"}},
          {"text": {"format": {"type": "json_object"}}}, None,
          ('"json_object"', '"json_object"', "", '"application/json"')),
    Probe("JSON schema", {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
          {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}},
          {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
          ('"json_schema"', '"json_schema"', '"json_schema"', '"responseJsonSchema"')),
    Probe("thinking", {"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}},
          {"thinking": {"type": "enabled", "budget_tokens": 16000}, "max_tokens": 40000},
          ('"reasoning_effort"', '"effort":"high"', '"budget_tokens"', '"thinkingLevel"')),
    Probe("n above 1", {"n": 2}, None, None, ('"n":2', "", "", '"candidateCount"')),
    Probe("seed", {"seed": 1}, None, None, ('"seed"', "", "", '"seed"'), "seed"),
    Probe("stop", {"stop": ["END"]}, None, {"stop_sequences": ["END"]},
          ('"stop"', "", '"stop_sequences"', '"stopSequences"')),
    Probe("logprobs", {"logprobs": True}, {"top_logprobs": 1}, None, ('"logprobs"', "", "", "")),
    Probe("top_k", {"top_k": 5}, None, {"top_k": 5}, ("", "", '"top_k"', '"topK"'), "top_k"),
    Probe("user", {"user": "u"}, {"user": "u"}, {"metadata": {"user_id": "u"}},
          ('"user":"u"', '"user":"u"', '"user_id"', ""), "user"),
    Probe("metadata", {"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}, None,
          ('"metadata"', '"metadata"', "", ""), "metadata"),
    Probe("service_tier", {"service_tier": "auto"}, {"service_tier": "auto"}, {"service_tier": "auto"},
          ('"service_tier"', '"service_tier"', '"service_tier"', ""), "service_tier"),
    Probe("prediction", {"prediction": {"type": "content", "content": "A"}}, None, None,
          ('"prediction"', "", "", ""), "prediction"),
]  # fmt: skip
DOORS = {
    "chat": (chat.parse, {"messages": [{"role": "user", "content": "Hi"}]}),
    "responses": (responses.parse, {"input": "Hi"}),
    "messages": (messages.parse, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4000}),
}  # fmt: skip


def cell(probe: Probe, door: str, dialect: str) -> str:
    """Return what becomes of a feature from a door to a dialect."""
    asked = getattr(probe, door)
    if asked is None:
        return "–"
    parse, plain = DOORS[door]
    model = CATALOG.models[MODELS[dialect]]
    target = Target(VENDORS[model.provider], model.upstream, model.key, model)
    try:
        inner = json.loads(parse(json.dumps({"model": model.key, **plain, **asked}).encode()).body)
        target, inner = fitted(dialect, target, inner)
        encoded = DIALECTS[dialect].encode(inner, target)
    except RoutorError:
        return "refused"
    if probe.param in encoded.dropped:
        return "left out"
    mark = probe.marks[list(MODELS).index(dialect)]
    return "native" if mark and mark.encode() in encoded.body else "emulated"


def table() -> str:
    """Return the matrix as Markdown: a row for each feature, three doors in each cell."""
    head = ["feature", *(f"`{name}`" for name in MODELS)]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for probe in PROBES:
        cells = []
        for dialect in MODELS:
            told = [cell(probe, door, dialect) for door in DOORS]
            same = {word for word in told if word != "–"}
            whole = len(same) == 1 and "–" not in told
            cells.append(told[0] if whole else " / ".join(told))
        rows.append("| " + " | ".join([probe.name, *cells]) + " |")
    return "\n".join(rows)


def filled(readme: str) -> str:
    """Return the README with the matrix in its place."""
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
    sys.stdout.write(f"{README.name} is up to date.\n")
