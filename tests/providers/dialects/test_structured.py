"""What is said of an answer's form reaches every vendor."""

import json

import pytest

from services.providers.dialects import chosen
from tests.providers.dialects.targets import ask, target

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize("outputs", ["json_schema", "json_object", "none"])
@pytest.mark.parametrize("provider", ["openai", "mistral", "moonshot", "anthropic", "google"])
def test_the_description_of_a_schema_is_told(provider: str, outputs: str) -> None:
    named = {"name": "n", "description": "Whole years.", "schema": SCHEMA}
    form = {"type": "json_schema", "json_schema": named}
    dialect, aim, body = chosen(
        target(provider, structured_outputs=outputs), ask(response_format=form)
    )
    assert b"Whole years." in dialect.encode(body, aim).body


def test_a_schemas_own_description_stays() -> None:
    schema = {**SCHEMA, "description": "Months."}
    form = {"type": "json_schema", "json_schema": {"description": "Years.", "schema": schema}}
    dialect, aim, body = chosen(target("anthropic"), ask(response_format=form))
    sent = json.loads(dialect.encode(body, aim).body)["output_config"]["format"]["schema"]
    assert sent["description"] == "Months."
