"""Names of tools: what a vendor does not take is sent as another, and told as it was."""

import json
import re

import pytest

from services.providers.dialects import chosen
from tests.providers.dialects.targets import (
    ask,
    called,
    parameters,
    result,
    run,
    target,
    tool,
    user,
)

LONG = "mcp__" + "a" * 120
ODD = "functions.read file"
LIMITS = {"openai": 64, "mistral": 64, "moonshot": 64, "anthropic": 128, "google": 128}


def sent_names(body: bytes) -> set[str]:
    """Every name of a tool in a request of any dialect."""
    found: set[str] = set()

    def look(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("name"), str):
                found.add(node["name"])
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(json.loads(body))
    return found


@pytest.mark.parametrize("provider", LIMITS)
def test_names_are_sent_as_the_vendor_takes_them(provider: str) -> None:
    body = ask(
        user("hi"),
        called(("call_1", LONG, "{}"), ("call_2", ODD, "{}")),
        result("call_1", "a"),
        result("call_2", "b"),
        tools=[tool(LONG), tool("f")],
        tool_choice={"type": "function", "function": {"name": LONG}},
    )
    dialect, aim, body = chosen(target(provider, parameters=parameters()), body)
    names = sent_names(dialect.encode(body, aim).body)
    fits = re.compile(rf"[a-zA-Z_][a-zA-Z0-9_-]{{0,{LIMITS[provider] - 1}}}")
    assert all(map(fits.fullmatch, names)), names
    assert "f" in names
    assert (LONG in names) is (LIMITS[provider] >= len(LONG))


def test_a_call_comes_back_by_the_name_that_the_caller_knows() -> None:
    dialect, aim, body = chosen(target("openai"), ask(user("hi"), tools=[tool(LONG)]))
    (name,) = sent_names(dialect.encode(body, aim).body)
    assert name != LONG
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    told = dialect.decode(json.dumps({"id": "1", "choices": [choice]}).encode(), aim)
    (made,) = told.body["choices"][0]["message"]["tool_calls"]
    assert made["function"]["name"] == LONG
    delta = {"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}}
    chunks = [{"id": "1", "choices": [delta]}]
    chunks.append({"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    stream = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in chunks)
    made = run(dialect.decoder(aim, body), stream, 7)
    assert LONG in json.dumps([chunk.body for chunk in made[0]])


def test_names_that_fit_are_left_alone() -> None:
    given = ask(user("hi"), called(("call_1", "f", "{}")), result("call_1", "a"), tools=[tool("f")])
    _, aim, body = chosen(target("openai"), given)
    assert body is given
    assert not aim.names


def test_gemini_wants_a_letter_first() -> None:
    dialect, aim, body = chosen(target("google"), ask(user("hi"), tools=[tool("2fa-send")]))
    (name,) = sent_names(dialect.encode(body, aim).body)
    assert name.startswith("t_2fa-send_")
    assert aim.names == {name: "2fa-send"}


def test_names_begin_with_a_letter_where_they_have_to() -> None:
    body = ask(tools=[tool("21st_magic"), tool("_f")])
    for provider, kept in (("moonshot", False), ("google", False), ("openai", True)):
        dialect, aim, own = chosen(target(provider), body)
        names = sent_names(dialect.encode(own, aim).body)
        assert "_f" in names
        assert ("21st_magic" in names) is kept
