"""Whatever is written into a valid body, the answer is an answer or a 4xx that says why."""

# ruff: noqa: E501 - tables of probes and bodies read better wide

import json
import random

import pytest

from tests.wire.test_anthropic_clients import BASH, FOUND, SEARCH, SEARCHED
from tests.wire.test_requests import BLOCKS, LOOP, PARTS, PNG, SCHEMA, TOOL

MODELS = [
    "openai/gpt-5.5",
    "openai/unlisted",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.6-flash",
    "mistral/mistral-small-4",
    "deepseek/deepseek-v4-pro",
    "zai/glm-5.2",
]
CHAT = {
    "model": MODELS[0],
    "messages": [*LOOP, {"role": "user", "content": list(PARTS.values())}],
    "tools": [TOOL, {"type": "custom", "custom": {"name": "sh"}}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    "stream_options": {"include_usage": True},
    "stop": ["a"],
    "n": 1,
    "temperature": 1,
    "seed": 1,
    "logit_bias": {"1": 1},
    "metadata": {"a": "b"},
    "modalities": ["text"],
    "prediction": {"type": "content", "content": "A"},
    "reasoning_effort": "low",
    "max_tokens": 5000,
    "routor_session": "s",
}
MESSAGES = {
    "model": MODELS[0],
    "max_tokens": 5000,
    "messages": BLOCKS,
    "system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "weather", "description": "A", "input_schema": SCHEMA}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["a"],
    "metadata": {"user_id": "u"},
    "top_k": 3,
}
RESPONSES = {
    "model": MODELS[0],
    "input": [
        {"role": "user", "content": [
            {"type": "input_text", "text": "A"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        ]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "A"}],
         "encrypted_content": "routor.1.e30"},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "A"}]},
    ],
    "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}],
    "tool_choice": "auto",
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 5000,
}  # fmt: skip
EMBEDDINGS = {
    "model": "openai/text-embedding-3-small",
    "input": ["a", "b"],
    "dimensions": 8,
    "encoding_format": "float",
    "user": "u",
}
# What only Anthropic's models take, and what clients refer to.
OWN = {
    **MESSAGES,
    "messages": [
        *SEARCHED,
        {"role": "assistant", "content": [*FOUND, {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "Bash"}]},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"},
             "citations": {"enabled": True}},
        ]},
    ],
    "tools": [BASH, {**BASH, "name": "Read", "defer_loading": True}, SEARCH],
    "tool_choice": {"type": "tool", "name": "web_search"},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "high"},
}  # fmt: skip
REFERRING = {
    **RESPONSES,
    "input": [
        {"role": "user", "content": "A"},
        {"type": "item_reference", "id": "rs_1"},
        {"type": "item_reference", "id": "msg_1"},
        *RESPONSES["input"][1:3],
        RESPONSES["input"][1],
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        RESPONSES["input"][3],
    ],
}
CARRIED = {
    **CHAT,
    "anthropic": {
        "beta": "a-1",
        "tools": [SEARCH],
        "places": [0],
        "declared": {"weather": {"defer_loading": True}},
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "adaptive"},
        "names": ["a"],
    },
}
FURTHER = {"/v1/chat/completions": CARRIED, "/v1/messages": OWN, "/v1/responses": REFERRING}
DOORS = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": MESSAGES,
    "/v1/responses": RESPONSES,
    "/v1/embeddings": EMBEDDINGS,
}
GONE = object()
VALUES = [
    GONE, None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -0.5, 1e300, "", " ", "\u0000", "x" * 600,
    "data:", "data:;base64,", "data:image/png;base64,!", "https://", [], {}, [[]], [None],
    {"": {}}, {"type": 1}, {"type": "object"}, {"$ref": "#"}, [{"type": "text", "text": "a"}],
    "function", "user", "tool", "assistant", "developer", "text", "tool_result",
]  # fmt: skip


def paths(node, at=()):
    yield at
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in inner:
        yield from paths(value, (*at, key))


def changed(body, path, value):
    made = json.loads(json.dumps(body))
    *way, last = path
    node = made
    for step in way:
        node = node[step]
    if value is GONE:
        del node[last]
    else:
        node[last] = value
    return made


def mutated(body, dice):
    """A body with one or two places of it changed."""
    for _ in range(dice.randint(1, 2)):
        places = [path for path in paths(body) if path]
        if places:
            body = changed(body, dice.choice(places), dice.choice(VALUES))
    return body


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("seed", range(4))
async def test_never_a_500(wire, path, seed):
    dice = random.Random(seed)
    for _ in range(25):
        model = dice.choice(MODELS) if path != "/v1/embeddings" else EMBEDDINGS["model"]
        stream = {"stream": dice.random() < 0.5} if path != "/v1/embeddings" else {}
        whole = FURTHER.get(path, DOORS[path]) if dice.random() < 0.4 else DOORS[path]
        body = mutated({**whole, "model": model, **stream}, dice)
        answer = await wire.client.post(path, json=body)
        assert answer.status_code in (200, 400, 404, 413, 422), (answer.text, body)
        if answer.status_code != 200:
            assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path, change, param", [
    ("/v1/chat/completions", (("messages", 6, "content", 0, "type"), "sound"), "messages[6].content[0].type"),
    ("/v1/chat/completions", (("messages", 0, "role"), "boss"), "messages[0].role"),
    ("/v1/chat/completions", (("messages", 2, "tool_calls", 1, "function", "name"), 5),
     "messages[2].tool_calls[1].function.name"),
    ("/v1/chat/completions", (("temperature",), "hot"), "temperature"),
    ("/v1/chat/completions", (("tools", 0, "function", "parameters"), []), "tools[0].function.parameters"),
    ("/v1/messages", (("messages", 1, "content", 2, "input"), "x"), "messages[1].content[2].input"),
    ("/v1/messages", (("messages", 2, "content", 2, "content", 1, "source", "type"), "tape"), None),
    ("/v1/responses", (("input", 0, "content", 1, "image_url"), 5), "input[0].content[1].image_url"),
    ("/v1/embeddings", (("input", 1), 5), "input[1]"),
])  # fmt: skip
async def test_faults_are_named_by_their_path(wire, path, change, param):
    answer = await wire.client.post(path, json=changed(DOORS[path], *change))
    assert answer.status_code == 400
    error = answer.json()["error"]
    if path != "/v1/messages":
        assert error["param"] == param
    assert (param or "messages[2].content[2].content[1].source.type") in error["message"]
    assert not wire.upstream.seen
