"""What OpenAI's two dialects say of tools' schemas."""

import msgspec
import pytest

from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import ask, target, tool, user


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses"])
def test_schemas_say_what_openai_wants_to_know(name: str) -> None:
    """Servers of tools leave out what Anthropic and Google do without."""
    tools = [
        tool("a", parameters={"type": "object"}),
        tool("b", parameters={}),
        tool("c", parameters={"type": "object", "properties": {"x": {"type": "array"}}}),
    ]
    body = DIALECTS[name].encode(ask(user("hi"), tools=tools), target("openai")).body
    made = [one.get("function", one)["parameters"] for one in msgspec.json.decode(body)["tools"]]
    assert made[:2] == [{"type": "object", "properties": {}}] * 2
    assert made[2]["properties"] == {"x": {"type": "array", "items": {}}}
