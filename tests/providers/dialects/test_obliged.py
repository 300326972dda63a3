"""A call that has to come: what is left of response_format beside it."""

from typing import Any

import pytest

from services.providers.dialects import chosen
from tests.providers.dialects.targets import ask, parameters, sent, target, tool

SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
OBJECT = {"type": "json_object"}


def encoded(provider: str, facts: dict[str, Any], **body: Any) -> tuple[dict[str, Any], Any]:
    dialect, aim, body = chosen(target(provider, **facts), ask(tools=[tool()], **body))
    one = dialect.encode(body, aim)
    return sent(one), one.dropped


@pytest.mark.parametrize("form", [SCHEMA, OBJECT])
@pytest.mark.parametrize("outputs", ["json_object", "json_schema", "none"])
def test_who_is_told_in_words_to_call_is_not_told_to_answer_with_json(
    form: dict[str, Any], outputs: str
) -> None:
    words = {"structured_outputs": outputs, "parameters": parameters(tool_choice=["auto"])}
    body, dropped = encoded("zai", words, response_format=form, tool_choice="required")
    assert "response_format" not in body
    assert "Answer by calling" in body["messages"][-1]["content"]
    assert not any("JSON" in message["content"] for message in body["messages"])
    assert {"response_format", "tool_choice"} <= {*dropped}


def test_a_forced_call_is_not_forbidden_by_json_mode() -> None:
    able = {"structured_outputs": "json_object"}
    body, dropped = encoded("deepseek", able, response_format=SCHEMA, tool_choice="required")
    assert body["tool_choice"] == "required"
    assert ("response_format" in body, len(body["messages"])) == (False, 1)
    assert "response_format" in dropped


def test_a_schema_stays_where_the_call_is_free_or_the_vendor_takes_both() -> None:
    free, _ = encoded("deepseek", {"structured_outputs": "json_object"}, response_format=SCHEMA)
    assert free["response_format"] == OBJECT
    both, dropped = encoded("openai", {}, response_format=SCHEMA, tool_choice="required")
    assert (both["response_format"], dropped) == (SCHEMA, ())
