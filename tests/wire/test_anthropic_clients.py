"""What Anthropic's clients, Claude Code first of all, send and read beside what all doors have."""

import json

import anthropic.types
import pytest
from pydantic import TypeAdapter

from services.providers.sandbox.anthropic_messages import signature
from tests.wire.test_answers import ANY, CLAUDE, OPENAI, lines
from tests.wire.test_requests import ONES
from tests.wire.upstream import answer, message, message_events


def started(text):
    """The usage at the start of a stream, and at its end."""
    told = [json.loads(one) for one in lines(text)]
    (start,) = (one for one in told if one["type"] == "message_start")
    (end,) = (one for one in told if one["type"] == "message_delta")
    return start["message"]["usage"], end["usage"]


@pytest.mark.parametrize("name", ANY)
async def test_a_stream_tells_the_size_of_its_input_at_once(wire, name):
    """Of Anthropic its own figure, of others the estimate of count_tokens; the truth at the end."""
    model, _ = ANY[name]
    tools = [{"name": "f", "input_schema": {"type": "object"}}] if "resp" in name else []
    asked = [{"role": "user", "content": "How are you today? " * 20}]
    body = {"model": model, "messages": asked, "tools": tools}
    estimate = (await wire.post("/v1/messages/count_tokens", body)).json()["input_tokens"]
    told = await wire.messages(model, asked, stream=True, tools=tools)
    start, end = started(told.text)
    assert start["input_tokens"] == (7 if name == "anthropic_messages" else estimate)
    assert end["input_tokens"] == 7
    assert "usage_at_start" not in json.dumps(wire.upstream.last.body)


async def test_what_anthropic_read_from_its_cache_is_told_at_once(wire):
    text = ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "Hi"}])
    reply = message_events(text)
    cached = b'"usage": {"input_tokens": 7, "cache_read_input_tokens": 90, "output_tokens": 2}'
    counted = b'"usage": {"input_tokens": 7, "output_tokens": 2}'
    assert counted in reply.body
    reply.body = reply.body.replace(counted, cached)
    wire.upstream.script = lambda _: reply
    start, end = started((await wire.messages(CLAUDE, stream=True)).text)
    for usage in (start, end):
        assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (7, 90)


async def test_openais_clients_read_no_usage_before_the_end(wire):
    for model in (CLAUDE, OPENAI):
        told = await wire.chat(model, stream=True, stream_options={"include_usage": True})
        counted = [bool(json.loads(one).get("usage")) for one in lines(told.text)[:-1]]
        assert counted.index(True) == len(counted) - 1


# --- what only Anthropic knows


OPUS = "anthropic/claude-opus-4.8"
BETA = {"anthropic-beta": "claude-code-20250219, interleaved-thinking-2025-05-14"}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
BASH = {
    "name": "Bash",
    "description": "Runs.",
    "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
        "additionalProperties": False,
    },
    "eager_input_streaming": True,
}
FOUND = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [
            {
                "type": "web_search_result",
                "title": "T",
                "url": "https://x.test",
                "encrypted_content": "E",
                "page_age": None,
            }
        ],
    },
    {
        "type": "text",
        "text": "It is 21.",
        "citations": [
            {
                "type": "web_search_result_location",
                "cited_text": "21",
                "encrypted_index": "I",
                "title": "T",
                "url": "https://x.test",
            }
        ],
    },
]
CODE = {
    "max_tokens": 32000,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [BASH, {**BASH, "name": "Read", "cache_control": {"type": "ephemeral"}}],
    "metadata": {"user_id": "user_" + "a" * 64 + "_account__session_" + "b" * 36},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "high"},
    "stream": True,
}
LOOP = [
    {"role": "user", "content": [{"type": "text", "text": "List the files."}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": signature("hm")},
            {"type": "text", "text": "I will."},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a"}],
    },
]
SEARCHED = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": FOUND},
    {"role": "user", "content": "And tomorrow?"},
]
_event = TypeAdapter(anthropic.types.RawMessageStreamEvent)


def dropped(told):
    """What `routor` names in a stream or a message."""
    text = told.text
    if text.startswith("{"):
        return set(told.json()["routor"].get("droppedParameters", ()))
    (end,) = (json.loads(one) for one in lines(text) if '"message_delta"' in one)
    return set(end["routor"].get("droppedParameters", ()))


@pytest.mark.parametrize("model", ONES)
async def test_what_claude_code_sends_reaches_everybody(wire, model):
    path = "/v1/messages?beta=true"
    told = await wire.post(path, {"model": model, "messages": LOOP, **CODE}, **BETA)
    assert told.status_code == 200, told.text
    named = {"anthropic-beta", "thinking.display", "tools[].eager_input_streaming"}
    ours = model.startswith("anthropic/")
    assert dropped(told) & named == (set() if ours else named)
    assert ("context_management" in dropped(told)) is not ours
    if ours:
        sent = wire.upstream.last
        assert sent.body["context_management"] == CODE["context_management"]
        assert sent.headers["anthropic-beta"] == BETA["anthropic-beta"].replace(" ", "")
        assert sent.headers["anthropic-version"] == "2023-06-01"
        assert sent.body["thinking"]["display"] == "summarized"
        assert all(tool["eager_input_streaming"] for tool in sent.body["tools"])


@pytest.mark.parametrize("model", ONES)
async def test_long_names_of_tools_are_anthropics_and_reach_everybody(wire, model):
    """Servers of tools have long names, and Anthropic takes 128 characters."""
    long = "mcp__" + "server__" * 10 + "read"
    use = {"type": "tool_use", "id": "toolu_1", "name": long, "input": {"command": "ls"}}
    talk = [LOOP[0], {"role": "assistant", "content": [use]}, LOOP[2]]
    choice = {"type": "auto"}
    told = await wire.messages(model, talk, tools=[{**BASH, "name": long}], tool_choice=choice)
    assert told.status_code == 200, told.text


@pytest.mark.parametrize("model", ONES)
async def test_results_in_several_turns_reach_everybody(wire, model):
    uses = [{**LOOP[1]["content"][2], "id": f"toolu_{at}"} for at in (1, 2)]
    answers = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{at}"}]}
        for at in (2, 1)
    ]
    talk = [LOOP[0], {"role": "assistant", "content": uses}, *answers]
    told = await wire.messages(model, talk, tools=[BASH])
    assert told.status_code == 200, told.text


@pytest.mark.parametrize("word", ["a b", "a\u00e9", "x" * 101, "a;b", ",".join(["beta"] * 500)])
async def test_a_beta_that_is_no_word_is_refused(wire, word):
    headers = {b"anthropic-beta": word.encode("latin-1")}
    body = {"model": CLAUDE, "max_tokens": 9, "messages": SEARCHED[:1]}
    told = await wire.client.post("/v1/messages", json=body, headers=headers)
    assert (told.status_code, wire.upstream.seen) == (400, [])
    assert "anthropic-beta" in told.json()["error"]["message"]


async def test_tools_of_anthropics_own_are_its_models_alone(wire):
    choice = {"type": "tool", "name": "web_search"}
    fields = {"tools": [BASH, SEARCH], "tool_choice": choice, "thinking": {"type": "adaptive"}}
    told = await wire.messages(OPUS, **fields)
    # A tool that has to be called excludes thinking.
    assert (told.status_code, dropped(told)) == (200, {"thinking"})
    sent = wire.upstream.last.body
    assert sent["tools"][1] == SEARCH
    assert sent["tool_choice"] == choice
    assert sent["thinking"] == {"type": "disabled"}
    refused = await wire.messages(OPENAI, tools=[BASH, SEARCH])
    assert (refused.status_code, len(wire.upstream.seen)) == (400, 1)
    assert "tools[1].type" in refused.json()["error"]["message"]
    assert (await wire.messages(f"{OPENAI},{OPUS}", tools=[SEARCH])).status_code == 200


@pytest.mark.parametrize("model", ONES)
async def test_what_such_tools_found_stays_in_the_history(wire, model):
    told = await wire.messages(model, SEARCHED, tools=[BASH])
    assert told.status_code == 200, told.text
    if model.startswith("anthropic/"):
        assert wire.upstream.last.body["messages"][1]["content"] == FOUND
        assert dropped(told) == set()
    else:
        start = "messages[].content[]."
        kinds = ("citations", "server_tool_use", "web_search_tool_result")
        assert {start + kind for kind in kinds} <= dropped(told)
        sent = json.dumps(wire.upstream.last.body)
        assert "It is 21." in sent and "srvtoolu_1" not in sent and "encrypted_index" not in sent


async def test_what_such_tools_did_is_told(wire):
    wire.upstream.script = lambda _: answer(message(*FOUND, stop="pause_turn"))
    told = (await wire.messages(OPUS, tools=[SEARCH])).json()
    anthropic.types.Message.model_validate(told)
    assert (told["content"], told["stop_reason"]) == (FOUND, "pause_turn")


async def test_what_such_tools_did_is_told_in_streams(wire):
    use, result, text = FOUND
    asked = {"type": "input_json_delta", "partial_json": '{"query": "q"}'}
    wire.upstream.script = lambda _: message_events(
        ({**use, "input": {}}, [asked]),
        (result, []),
        (
            {"type": "text", "text": ""},
            [
                {"type": "citations_delta", "citation": text["citations"][0]},
                {"type": "text_delta", "text": text["text"]},
            ],
        ),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": " Bye."}]),
        stop="pause_turn",
    )
    told = await wire.messages(OPUS, tools=[SEARCH], stream=True)
    events = [_event.validate_json(one) for one in lines(told.text) if '"ping"' not in one]
    starts = [one.content_block for one in events if one.type == "content_block_start"]
    kinds = ["server_tool_use", "web_search_tool_result", "text", "text"]
    assert [one.type for one in starts] == kinds
    assert starts[1].content[0].encrypted_content == "E"
    deltas = [one.delta for one in events if one.type == "content_block_delta"]
    asked_for = [one.partial_json for one in deltas if one.type == "input_json_delta"]
    assert [json.loads(one) for one in asked_for] == [use["input"]]
    (cited,) = (one.citation for one in deltas if one.type == "citations_delta")
    assert cited.encrypted_index == "I"
    assert "".join(one.text for one in deltas if one.type == "text_delta") == "It is 21. Bye."
    assert events[-2].delta.stop_reason == "pause_turn"


OWN = {
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    "service_tier": "standard",
}
CLEARED = {
    "applied_edits": [
        {"type": "clear_tool_uses_20250919", "cleared_input_tokens": 9, "cleared_tool_uses": 1}
    ]
}
REFUSED = {"type": "refusal", "category": "cyber", "explanation": "No."}


async def test_what_only_anthropic_counts_and_explains_is_told(wire):
    whole = message({"type": "text", "text": "I"}, stop="refusal", stop_details=REFUSED)
    whole["usage"] |= OWN
    wire.upstream.script = lambda _: answer(whole)
    told = (await wire.messages(OPUS)).json()
    anthropic.types.Message.model_validate(told)
    assert told["usage"].items() >= OWN.items()
    assert told["stop_details"] == REFUSED
    choice = (await wire.chat(OPUS)).json()["choices"][0]
    assert "anthropic_ending" not in choice


async def test_what_only_anthropic_counts_and_explains_is_told_in_streams(wire):
    text = ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "I"}])
    reply = message_events(text, stop="refusal", stop_details=REFUSED)
    counted = b'"usage": {"input_tokens": 7,'
    own = json.dumps(OWN)[1:-1].encode()
    reply.body = reply.body.replace(counted, counted + own + b",")
    wire.upstream.script = lambda _: reply
    told = (await wire.messages(OPUS, stream=True)).text
    start, end = started(told)
    assert start.items() >= OWN.items()
    assert end["server_tool_use"] == OWN["server_tool_use"]
    assert end.keys().isdisjoint(("cache_creation", "service_tier"))
    (last,) = (one for one in map(json.loads, lines(told)) if one["type"] == "message_delta")
    assert last["delta"]["stop_details"] == REFUSED


async def test_what_became_of_a_context_is_told(wire):
    whole = {**message({"type": "text", "text": "I"}), "context_management": CLEARED}
    wire.upstream.script = lambda _: answer(whole)
    told = (await wire.messages(OPUS)).json()
    assert anthropic.types.beta.BetaMessage.model_validate(told).context_management
    reply = message_events(({"type": "text", "text": ""}, [{"type": "text_delta", "text": "I"}]))
    kind = b'"type": "message_delta"'
    more = b', "context_management": ' + json.dumps(CLEARED).encode()
    assert kind in reply.body
    reply.body = reply.body.replace(kind, kind + more)
    wire.upstream.script = lambda _: reply
    told = (await wire.messages(OPUS, stream=True)).text
    (last,) = (one for one in map(json.loads, lines(told)) if one["type"] == "message_delta")
    assert last["context_management"] == CLEARED


RAN = {"id": "container_1", "expires_at": "2026-11-24T00:00:00Z", "skills": None}
MCP = [
    {
        "type": "mcp_tool_use",
        "id": "mcptoolu_1",
        "name": "read",
        "server_name": "docs",
        "input": {"path": "a"},
    },
    {
        "type": "mcp_tool_result",
        "tool_use_id": "mcptoolu_1",
        "is_error": False,
        "content": [{"type": "text", "text": "It says a."}],
    },
]
REACHED = {
    "container": "container_1",
    "mcp_servers": [{"type": "url", "name": "docs", "url": "https://docs.test/mcp"}],
}


async def test_containers_and_servers_of_tools_are_told(wire):
    whole = {**message(*MCP), "container": RAN}
    wire.upstream.script = lambda _: answer(whole)
    asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, **REACHED}
    beta = {"anthropic-beta": "mcp-client-2025-11-20"}
    told = (await wire.post("/v1/messages", {"model": OPUS, **asked}, **beta)).json()
    assert wire.upstream.last.body.items() >= REACHED.items()
    anthropic.types.beta.BetaMessage.model_validate(told)
    assert (told["content"], told["container"]) == (MCP, RAN)


async def test_containers_and_servers_of_tools_are_told_in_streams(wire):
    use, result = MCP
    asked = {"type": "input_json_delta", "partial_json": '{"path": "a"}'}
    reply = message_events(({**use, "input": {}}, [asked]), (result, []))
    end = b'"stop_reason": "end_turn"'
    assert end in reply.body
    reply.body = reply.body.replace(end, end + b', "container": ' + json.dumps(RAN).encode())
    wire.upstream.script = lambda _: reply
    told = [json.loads(one) for one in lines((await wire.messages(OPUS, stream=True)).text)]
    starts = [one["content_block"] for one in told if one["type"] == "content_block_start"]
    assert starts == [{**use, "input": {}}, result]
    (last,) = (one["delta"] for one in told if one["type"] == "message_delta")
    assert last["container"] == RAN


@pytest.mark.parametrize("model", ONES)
async def test_documents_that_are_to_be_cited(wire, model):
    """Anthropic's models get them as they are; others read them, and citing is named."""
    source = {"type": "text", "media_type": "text/plain", "data": "Rome has 21 degrees."}
    paper = {"type": "document", "source": source, "title": "T", "citations": {"enabled": True}}
    asked = [{"role": "user", "content": [paper, {"type": "text", "text": "How warm?"}]}]
    told = await wire.messages(model, asked)
    assert told.status_code == 200, told.text
    if model.startswith("anthropic/"):
        assert wire.upstream.last.body["messages"][0]["content"][0] == paper
        assert dropped(told) == set()
    else:
        assert "messages[].content[].citations" in dropped(told)
        assert "Rome has 21 degrees." in json.dumps(wire.upstream.last.body)


async def test_what_is_cited_is_told(wire):
    where = {
        "type": "char_location",
        "cited_text": "21",
        "document_index": 0,
        "document_title": "T",
        "start_char_index": 9,
        "end_char_index": 11,
        "file_id": None,
    }
    text = {"type": "text", "text": "21.", "citations": [where]}
    wire.upstream.script = lambda _: answer(message(text))
    assert (await wire.messages(OPUS)).json()["content"] == [text]
    assert (await wire.chat(OPUS)).json()["choices"][0]["message"]["content"] == "21."


@pytest.mark.parametrize("model", ONES)
async def test_tools_that_a_search_found(wire, model):
    found = [{"type": "tool_reference", "tool_name": "Read"}]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": found}
    tools = [BASH, {**BASH, "name": "Read", "defer_loading": True}]
    told = await wire.messages(
        model, [*LOOP[:2], {"role": "user", "content": [result]}], tools=tools
    )
    assert told.status_code == 200, told.text
    if model.startswith("anthropic/"):
        sent = wire.upstream.last.body
        assert sent["messages"][-1]["content"][0]["content"] == found
        assert sent["tools"][1]["defer_loading"]
    else:
        assert "messages[].content[].tool_reference" in dropped(told)


@pytest.mark.parametrize(
    "thinking",
    [{"type": "adaptive", "display": "summarized"}, {"type": "enabled", "budget_tokens": 3000}],
)
async def test_a_model_that_only_anthropic_knows_thinks_as_it_is_asked_to(wire, thinking):
    newer = "anthropic/claude-opus-5-5"
    told = await wire.messages(newer, thinking=thinking, output_config={"effort": "xhigh"})
    assert (told.status_code, dropped(told)) == (200, set())
    sent = wire.upstream.last.body
    assert (sent["thinking"], sent["output_config"]) == (thinking, {"effort": "xhigh"})


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("claude-opus-5-5", False),
        ("claude-opus-4-9-20260901", False),
        ("claude-sonnet-4-5-20250929", True),
        ("claude-3-haiku-20240307", True),
    ],
)
async def test_newer_models_get_no_sampling_parameters(wire, name, taken):
    told = await wire.chat(f"anthropic/{name}", temperature=0.5)
    assert ("temperature" in wire.upstream.last.body) is taken
    assert ("temperature" in dropped(told)) is not taken
