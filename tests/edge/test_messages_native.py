"""What only Anthropic has, at its clients' door: carried to it, named or refused elsewhere."""

from typing import Any

import msgspec
import pytest

from services.edge import messages
from services.errors import RoutorError
from services.providers.dialects import chosen
from tests.providers.dialects.targets import sent, target

HELLO = {"role": "user", "content": "Hello"}
STORED = {"type": "file", "file_id": "file_1"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CLEARING = {"edits": [{"type": "clear_tool_uses_20250919"}]}


def parsed(*turns: Any, **fields: Any) -> Any:
    body = {"model": "auto", "max_tokens": 100, "messages": list(turns) or [HELLO], **fields}
    return messages.parse(msgspec.json.encode(body))


def encoded(provider: str, call: Any) -> Any:
    facts = {"input_modalities": ("text", "image", "file")}
    dialect, one, body = chosen(target(provider, **facts), msgspec.json.decode(call.body))
    return dialect.encode(body, one)


@pytest.mark.parametrize(
    "fields, name",
    [
        ({"context_management": CLEARING}, "context_management"),
        ({"diagnostics": {"previous_message_id": "msg_1"}}, "diagnostics"),
        ({"speed": "fast"}, "speed"),
        ({"inference_geo": "global"}, "inference_geo"),
        ({"output_config": {"task_budget": {"total": 9}}}, "output_config.task_budget"),
    ],
)
def test_fields_reach_anthropic_and_are_named_elsewhere(fields: Any, name: str):
    call = parsed(**fields)
    assert (call.dropped, call.needs) == ((), ())
    body = sent(encoded("anthropic", call))
    assert {key: body[key] for key in fields} == fields
    assert name in encoded("openai", call).dropped


@pytest.mark.parametrize(
    "fields",
    [
        {"inference_geo": "us"},
        {"container": "container_1"},
        {"container": {"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}},
        {"mcp_servers": [{"type": "url", "name": "docs", "url": "https://docs.test/mcp"}]},
    ],
)
def test_what_anthropic_alone_can_reach_goes_nowhere_else(fields: Any):
    call = parsed(**fields)
    ((name, value),) = fields.items()
    assert call.needs == ("anthropic",)
    assert sent(encoded("anthropic", call))[name] == value
    with pytest.raises(RoutorError, match=rf"^{name}: only Anthropic's") as caught:
        encoded("openai", call)
    assert caught.value.param == name


def test_the_tools_of_a_server_and_their_listing_go_to_anthropic():
    toolset = {"type": "mcp_toolset", "mcp_server_name": "docs"}
    listing = {"type": "mcp_tool_listing", "mcp_server_name": "docs", "tools": []}
    turns = [HELLO, {"role": "assistant", "content": [listing]}, HELLO]
    call = parsed(*turns, tools=[TOOL, toolset, {**toolset, "mcp_server_name": "files"}])
    assert call.needs == ("anthropic_tools",)
    body = sent(encoded("anthropic", call))
    assert body["tools"][1] == toolset
    assert body["messages"][1]["content"] == [listing]
    with pytest.raises(RoutorError) as caught:
        encoded("openai", call)
    assert caught.value.param == "tools[1].type"


@pytest.mark.parametrize("kind", ["document", "image"])
def test_a_stored_file_goes_to_anthropic_alone(kind: str):
    file = {"type": kind, "source": STORED}
    turn = {"role": "user", "content": [{"type": "text", "text": "x"}, file]}
    call = parsed(turn, system="Be terse.")
    assert call.needs == ("anthropic",)
    (told,) = sent(encoded("anthropic", call))["messages"]
    assert told["content"] == turn["content"]
    for provider in ("openai", "google", "mistral"):
        with pytest.raises(RoutorError) as caught:
            encoded(provider, call)
        # The door says it in its caller's words (`spelling.placed`): the system comes first.
        assert caught.value.param == "messages[1].content[1].file"


def test_a_file_for_a_container_goes_to_anthropic_alone():
    upload = {"type": "container_upload", "file_id": "file_1"}
    turn = {"role": "user", "content": [{"type": "text", "text": "x"}, upload]}
    call = parsed(turn)
    assert call.needs == ("anthropic",)
    assert sent(encoded("anthropic", call))["messages"] == [turn]
    with pytest.raises(RoutorError, match="file"):
        encoded("openai", call)


def test_tools_stay_in_their_order():
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    shell = {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}
    given = [search, TOOL, {**TOOL, "name": "g"}, shell]
    told = sent(encoded("anthropic", parsed(tools=given)))["tools"]
    assert [tool["name"] for tool in told] == [tool["name"] for tool in given]
    assert told[3] == shell


def test_a_set_of_tools_needs_no_name():
    toolset = {"type": "computer_toolset_20260801"}
    assert sent(encoded("anthropic", parsed(tools=[toolset])))["tools"] == [toolset]


def test_a_stored_file_may_be_a_tools_result():
    shown = [{"type": "image", "source": STORED}]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": shown}
    turns = [{"role": "assistant", "content": [USE]}, {"role": "user", "content": [result]}]
    body = sent(encoded("anthropic", parsed(HELLO, *turns, tools=[TOOL])))
    assert body["messages"][2]["content"][0]["content"] == shown


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"compaction": {"type": "summarize"}}, "compaction"),
        (
            {"context_management": {"edits": [{"type": "compact_20260112"}]}},
            "context_management.edits[0]",
        ),
    ],
)
def test_what_makes_another_thing_of_the_answer_is_refused(fields: Any, param: str):
    with pytest.raises(RoutorError) as caught:
        parsed(**fields)
    assert caught.value.param == param


def test_what_the_sdk_sends_as_headers_is_no_field():
    # anthropic 2.12.0, resources/messages/messages.py: anthropic-user-profile-id, -workspace-id.
    assert parsed(user_profile_id="u", workspace_id="w").dropped == (
        "user_profile_id",
        "workspace_id",
    )
