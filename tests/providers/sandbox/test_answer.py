"""JSON answers fit their schema; the environment and the command line connect a Routor."""

import ast
import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers import sandbox as sandbox_package
from services.providers.sandbox import environment
from services.providers.sandbox.instance import instance

NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["value", "next"],
}
SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["a"]},
    {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 2},
    {"type": "object", "properties": {"n": {"$ref": "#/$defs/node"}}, "required": ["n"],
     "$defs": {"node": NODE}},
    {"allOf": [{"properties": {"a": {"const": 7}}, "required": ["a"]}, {"type": "object"}]},
    {"type": ["null", "string"]},
    {"type": "string", "format": "date-time", "minLength": 5},
    {"type": "boolean"},
    {"oneOf": [{"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}]},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_value_fits_its_schema(schema):
    jsonschema.validate(instance(schema, "a longer text"), schema)


_LEAVES = st.one_of(
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"enum": [3, "x"]}, {"type": "string"}]
    ),
    st.integers(-9, 9).map(lambda low: {"type": "integer", "minimum": low, "maximum": low + 4}),
    st.integers(-9, 9).map(
        lambda low: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 4}
    ),
    st.integers(0, 9).map(lambda n: {"type": "string", "minLength": n, "maxLength": n + 2}),
)


def _nest(inner):
    properties = st.dictionaries(st.text(max_size=3), inner, max_size=3)
    return st.one_of(
        properties.map(lambda p: {"type": "object", "properties": p, "required": list(p)}),
        inner.map(lambda part: {"type": "array", "items": part, "minItems": 2}),
        inner.map(lambda part: {"anyOf": [part, {"type": "null"}]}),
    )


@given(st.recursive(_LEAVES, _nest, max_leaves=8), st.text(max_size=20))
def test_any_value_fits_its_schema(schema, text):
    jsonschema.validate(instance(schema, text), schema)


async def test_json_schema_and_json_object_are_kept(sandbox):
    schema = SCHEMAS[2]
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    _, answer = await sandbox.post("openai", response_format=form)
    value = msgspec.json.decode(answer["choices"][0]["message"]["content"])
    jsonschema.validate(value, schema)
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    _, answer = await sandbox.post("google", generationConfig=config)
    text = answer["candidates"][0]["content"]["parts"][0]["text"]
    jsonschema.validate(msgspec.json.decode(text), schema)
    config = {"format": {"type": "json_schema", "schema": schema}}
    _, answer = await sandbox.post("anthropic", output_config=config)
    jsonschema.validate(msgspec.json.decode(answer["content"][0]["text"]), schema)
    _, answer = await sandbox.post("zai", response_format={"type": "json_object"})
    value = msgspec.json.decode(answer["choices"][0]["message"]["content"])
    assert value["sandbox"] == "[sandbox zai/glm-5.2]"


def test_the_environment_names_every_provider_as_vendors_do():
    variables = environment("http://127.0.0.1:9/")
    assert variables["OPENAI_API_KEY"] == "sandbox-openai-key"
    assert variables["OPENAI_BASE_URL"] == "http://127.0.0.1:9/openai/v1"
    assert variables["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:9/anthropic"
    assert variables["GEMINI_BASE_URL"] == "http://127.0.0.1:9/google"
    assert variables["DEEPSEEK_BASE_URL"] == "http://127.0.0.1:9/deepseek"
    assert variables["ZAI_BASE_URL"] == "http://127.0.0.1:9/zai/api/paas/v4"
    address = variables["DASHSCOPE_BASE_URL"]
    assert address == "http://127.0.0.1:9/alibaba/compatible-mode/v1"
    assert variables["AZURE_OPENAI_ENDPOINT"] == "http://127.0.0.1:9/microsoft"
    assert len(variables) == 26


def test_the_imitation_shares_no_code_with_what_it_imitates_for():
    folder = Path(sandbox_package.__file__).parent
    imported = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    ours = {name for name in imported if name.split(".")[0] in {"services", "routor"}}
    assert ours
    assert all(name.startswith("services.providers.sandbox") for name in ours)


async def test_the_command_serves_until_it_is_told_to_stop(tmp_path):
    models = tmp_path / "models.json"
    models.write_text('{"xiaomi": ["mimo-next"]}')
    arguments = ["-m", "services.providers.sandbox", "--port", "0", "--models", str(models)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, env=os.environ.copy()
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().strip()
    base = line.removeprefix("sandbox ready at ")
    variables = environment(base)
    headers = {"authorization": f"Bearer {variables['MIMO_API_KEY']}"}
    url = f"{variables['MIMO_BASE_URL']}/models"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert [model["id"] for model in (await answer.json())["data"]] == ["mimo-next"]
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
