"""Whatever is written into a valid body, the answer is an answer or a 4xx that says why."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
DOORS = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": MESSAGES,
    "/v1/responses": RESPONSES,
    "/v1/embeddings": EMBEDDINGS,
}
GONE = object()
values = st.one_of(
    st.just(GONE),
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 1, 2**31, 2**63 - 1, -0.5, 1e300, "", " ", "\u0000", "\ud7ff", "x" * 600]
    ),
    st.sampled_from(["data:", "data:;base64,", "data:image/png;base64,!", "https://", "#/$defs/x"]),
    st.sampled_from(
        [[], {}, [[]], [None], {"": {}}, {"type": 1}, {"type": "object"}, {"$ref": "#"}]
    ),
    st.sampled_from(["function", "user", "tool", "assistant", "developer", "text", "tool_result"]),
    st.lists(st.sampled_from([{}, [], None, "a", {"type": "text", "text": "a"}]), max_size=3),
)


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
    made = copy.deepcopy(body)
    *way, last = path
    node = made
    for step in way:
        node = node[step]
    if value is GONE:
        del node[last]
    else:
        node[last] = value
    return made


@st.composite
def mutations(draw, body):
    """A body with one or two places of it changed."""
    made = body
    for _ in range(draw(st.integers(1, 2))):
        places = [path for path in paths(made) if path]
        made = changed(made, draw(st.sampled_from(places)), draw(values))
        if not isinstance(made, dict) or not made:
            break
    return made


@pytest.mark.parametrize("path", DOORS)
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
async def test_never_a_500(wire, path, data):
    model = (
        data.draw(st.sampled_from(MODELS)) if DOORS[path] is not EMBEDDINGS else EMBEDDINGS["model"]
    )
    body = data.draw(mutations({**DOORS[path], "model": model, "stream": data.draw(st.booleans())}))
    answer = await wire.client.post(path, json=body)
    assert answer.status_code in (200, 400, 404, 413), (answer.status_code, answer.text)
    if answer.status_code != 200:
        assert answer.json()["error"]["message"]
    if not isinstance(body.get("model"), str) or body["model"] not in MODELS:
        wire.parts.breakers.reset()


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
