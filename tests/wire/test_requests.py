"""What reaches the vendors, from every front door: strict imitations take all of it."""

# ruff: noqa: E501 - tables of probes and bodies read better wide

import msgspec
import pytest

from tests.wire.conftest import CATALOG

# A model of every vendor, and further ones that are spoken to differently.
CHATS = [key for key, model in CATALOG.models.items() if model.lifecycle.status != "retired"]
ONES = [
    "openai/gpt-5.5",
    "openai/gpt-5.4-mini",
    "anthropic/claude-opus-4.8",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.6-flash",
    "google/gemini-3.1-pro",
    "deepseek/deepseek-v4-pro",
    "xai/grok-4.3",
    "nvidia/nemotron-3-super",
    "moonshot/kimi-k2.6",
    "minimax/minimax-m3",
    "zai/glm-5.2",
    "alibaba/qwen3.7-plus",
    "mistral/mistral-small-4",
    "microsoft/mai-code-1.1-flash",
    "xiaomi/mimo-v2.6-pro",
]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells it.",
        "parameters": SCHEMA,
        "strict": True,
    },
}
CALL = {
    "id": "call_abcdefgh1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
}
LOOP = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "name": "eve", "content": "Weather?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [CALL, {**CALL, "id": "call_abcdefgh2"}],
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
    },
    {"role": "tool", "tool_call_id": "call_abcdefgh2", "content": "22"},
    {"role": "tool", "tool_call_id": "call_abcdefgh1", "content": "21"},
    {"role": "developer", "content": [{"type": "text", "text": "Now answer."}]},
    {"role": "user", "content": [{"type": "text", "text": " "}, {"type": "text", "text": "And?"}]},
]


def fine(answer):
    """A 200, or a refusal that names the parameter."""
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        error = answer.json()["error"]
        assert error.get("code", "unsupported_parameter") == "unsupported_parameter", error
    return answer


@pytest.mark.parametrize("model", CHATS)
async def test_a_plain_request(wire, model):
    answer = await wire.chat(model, max_tokens=2000)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_loop_of_tools(wire, model, stream):
    answer = await wire.chat(model, LOOP, tools=[TOOL], stream=stream)
    assert answer.status_code == 200, answer.text


FIELDS = {
    "temperature": 0,
    "top_p": 0.5,
    "top_k": 5,
    "seed": 2**40,
    "stop": ["END"],
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"50": 1},
    "logprobs": True,
    "top_logprobs": 2,
    "n": 2,
    "user": "u1",
    "metadata": {"a": "b"},
    "store": True,
    "service_tier": "auto",
    "prediction": {"type": "content", "content": "Hello"},
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "verbosity": "low",
    "modalities": ["text"],
    "max_completion_tokens": 2000,
    "max_tokens": 2000,
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "unheard_of": 1,
}


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("name", FIELDS)
async def test_a_parameter_arrives_or_is_named(wire, model, name):
    """Nothing is dropped silently, and nothing that is refused is sent."""
    fields = {"logprobs": True} if name == "top_logprobs" else {}
    messages = [{"role": "user", "content": "Answer in JSON."}]
    answer = fine(await wire.chat(model, messages, **{name: FIELDS[name]}, **fields))
    if answer.status_code == 400:
        assert answer.json()["error"]["param"] in (name, *fields)
        return
    dropped = answer.json()["routor"].get("droppedParameters", [])
    sent = msgspec.json.encode(wire.upstream.last.body).decode().lower()
    if name in dropped:
        return
    assert OURS.get(name, (name,)) == () or any(word in sent for word in OURS.get(name, (name,)))


# What stands for a parameter in some vendor's request; () where it says what is the default.
OURS = {
    "top_p": ("topp", "top_p"),
    "top_k": ("topk", "top_k"),
    "seed": ("seed",),
    "stop": ("stop",),
    "n": ('"n":', "candidatecount"),
    "presence_penalty": ("presence",),
    "frequency_penalty": ("frequency",),
    "user": ("user_id", '"user":'),
    "metadata": ("metadata",),
    "safety_identifier": ("safety_identifier", "user_id"),
    "modalities": (),
    "max_completion_tokens": ("2000",),
    "max_tokens": ("2000",),
    "reasoning_effort": ("effort", "thinking"),
    "response_format": ("response_format", "responsemimetype", "json object", "routor_json_answer"),
}


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("choice", ["auto", "none", "required", "named", "allowed"])
@pytest.mark.parametrize("effort", [None, "none", "high"])
async def test_the_choice_of_tools(wire, model, choice, effort):
    chosen = {
        "named": {"type": "function", "function": {"name": "weather"}},
        "allowed": {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "weather"}}],
            },
        },
    }
    other = {"type": "function", "function": {"name": "other"}}
    extra = {"reasoning_effort": effort} if effort else {}
    fields = {"tools": [TOOL, other], "tool_choice": chosen.get(choice, choice), **extra}
    answer = fine(await wire.chat(model, **fields))
    if answer.status_code == 400:
        assert answer.json()["error"]["param"] == "tool_choice"


@pytest.mark.parametrize("model", ONES)
async def test_one_call_at_a_time(wire, model):
    answer = fine(await wire.chat(model, tools=[TOOL], parallel_tool_calls=False))
    if answer.status_code == 400:
        assert answer.json()["error"]["param"] == "parallel_tool_calls"


RECURSIVE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Node",
    "type": "object",
    "properties": {
        "value": {"type": ["string", "null"], "default": None},
        "kind": {"const": "node"},
        "level": {"enum": [1, 2]},
        "tags": {"type": "array"},
        "free": {"type": "object", "additionalProperties": True},
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        "definitions": {"type": "string"},
    },
    "required": ["value", "kind", "definitions"],
    "additionalProperties": False,
    "$defs": {
        "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}},
    },
}


@pytest.mark.parametrize("model", ONES)
async def test_hard_schemas(wire, model):
    tool = {"type": "function", "function": {"name": "f", "parameters": RECURSIVE}}
    bare = {"type": "function", "function": {"name": "bare"}}
    empty = {"type": "function", "function": {"name": "empty", "parameters": {"type": "object"}}}
    answer = await wire.chat(model, tools=[tool, bare, empty])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("effort", [None, "high"])
async def test_a_schema_for_the_answer(wire, model, effort):
    form = {"name": "node", "strict": True, "schema": RECURSIVE}
    extra = {"reasoning_effort": effort} if effort else {}
    fields = {"response_format": {"type": "json_schema", "json_schema": form}, **extra}
    fine(await wire.chat(model, **fields))


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
async def test_every_effort(wire, model, effort):
    answer = await wire.chat(model, reasoning_effort=effort, temperature=0.5, max_tokens=3000)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ONES)
async def test_arguments_that_are_none(wire, model):
    broken = [
        {**CALL, "id": f"call-{at}", "function": {"name": "weather", "arguments": text}}
        for at, text in enumerate(("", "{bad", "null", "[1]", '"x"', " "))
    ]
    told = [{"role": "tool", "tool_call_id": one["id"], "content": ""} for one in broken]
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "", "tool_calls": broken},
        *told,
    ]
    answer = await wire.chat(model, messages, tools=[TOOL])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ONES)
async def test_ids_that_are_used_twice(wire, model):
    again = [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "21"},
    ]
    messages = [{"role": "user", "content": "Hi"}, *again, *again, {"role": "user", "content": "?"}]
    answer = await wire.chat(model, messages, tools=[TOOL])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ONES)
async def test_a_prefill_and_what_is_blank(wire, model):
    messages = [
        {"role": "user", "content": "Say A."},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "  "},
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": "A \n"},
    ]
    answer = await wire.chat(model, messages)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("messages", [
    [{"role": "system", "content": "You say hello."}],
    [{"role": "assistant", "content": "Hello"}],
    [{"role": "assistant", "content": "A"}, {"role": "assistant", "content": "B"},
     {"role": "user", "content": "C"}, {"role": "system", "content": "D"}],
    [{"role": "user", "content": "A"}, {"role": "assistant", "content": None, "refusal": "No."},
     {"role": "user", "content": "B"}],
    [{"role": "user", "content": "A"},
     {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
     {"role": "user", "content": "B"}],
])  # fmt: skip
async def test_conversations_of_odd_shapes(wire, model, messages):
    answer = await wire.chat(model, messages)
    assert answer.status_code == 200, answer.text


PARTS = {
    "image": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    "link": {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
    "pdf": {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    },
    "audio": {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
}  # fmt: skip
MODALITY = {"image": "image", "link": "image", "pdf": "file", "audio": "audio"}


# The router sends nothing to a model that cannot read it.
SHOWN = [
    (model, part)
    for model in CHATS
    for part in PARTS
    if MODALITY[part] in CATALOG.models[model].input_modalities
]


@pytest.mark.parametrize(("model", "part"), SHOWN)
async def test_what_is_shown_arrives(wire, model, part):
    messages = [{"role": "user", "content": [{"type": "text", "text": "See"}, PARTS[part]]}]
    answer = await wire.chat(model, messages)
    assert answer.status_code == 200, answer.text
    sent = msgspec.json.encode(wire.upstream.last.body).decode()
    assert {"image": PNG, "link": "https://x.test/a.png"}.get(part, "AAAA") in sent


# --- the other doors


BLOCKS = [
    {"role": "user", "content": [{"type": "text", "text": "Look it up."}]},
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "I will."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
        {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
    ]},
    {"role": "user", "content": [
        {"type": "text", "text": "Here it is."},
        {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": True, "content": "no"},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
            {"type": "text", "text": "21"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ]},
    ]},
]  # fmt: skip


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("stream", [False, True])
async def test_anthropics_clients_reach_everybody(wire, model, stream):
    tools = [{"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}]
    answer = await wire.messages(
        model,
        BLOCKS,
        system=[{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        tools=tools,
        top_k=5,
        temperature=0.5,
        metadata={"user_id": "u"},
        stream=stream,
    )
    assert answer.status_code == 200, answer.text
    sent = msgspec.json.encode(wire.upstream.last.body).decode()
    assert PNG in sent
    if model.startswith("anthropic/"):
        results = wire.upstream.last.body["messages"][-1]["content"]
        assert [one["type"] for one in results] == ["tool_result", "tool_result", "text"]
        assert results[0]["content"][1]["type"] == "image"
        assert results[1]["is_error"]


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("thinking", [
    {"type": "enabled", "budget_tokens": 1024}, {"type": "enabled", "budget_tokens": 4000},
    {"type": "adaptive"}, {"type": "disabled"},
])  # fmt: skip
async def test_thinking_is_asked_of_everybody(wire, model, thinking):
    answer = await wire.messages(model, thinking=thinking, temperature=1)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ONES)
@pytest.mark.parametrize("stream", [False, True])
async def test_responses_reach_everybody(wire, model, stream):
    items = [
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "See"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        ]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "21"},
        {"type": "message", "id": "m", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "text": "21", "annotations": []}]},
        {"role": "user", "content": "And now?"},
    ]  # fmt: skip
    tool = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}
    answer = await wire.responses(
        model, items, instructions="Hi", tools=[tool], stream=stream, reasoning={"effort": "low"}
    )
    assert answer.status_code == 200, answer.text
