from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import (
    ask,
    called,
    parameters,
    reasoning,
    result,
    sent,
    target,
    tool,
    user,
)

DIALECT = DIALECTS["anthropic_messages"]
BUDGET = reasoning(switch="anthropic_budget", efforts=("none", "low", "medium", "high"))
ADAPTIVE = reasoning(switch="anthropic_adaptive", efforts=("low", "medium", "high", "max"))


def encode(body: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return sent(DIALECT.encode(body, target("anthropic", **facts)))


# --- requests ---


def test_max_tokens_is_always_there() -> None:
    assert encode(ask())["max_tokens"] == 16384
    assert encode(ask(), max_output_tokens=4096)["max_tokens"] == 4096
    assert encode(ask(max_completion_tokens=7))["max_tokens"] == 7
    assert encode(ask(max_tokens=8), known=False)["max_tokens"] == 8


def test_systems_lead_or_stay_in_their_place() -> None:
    body = encode(
        ask(
            {"role": "system", "content": "one"},
            {"role": "developer", "content": [{"type": "text", "text": "two"}]},
            user("hi"),
            {"role": "assistant", "content": "ho"},
            {"role": "system", "content": "three"},
            user("go"),
        )
    )
    assert [block["text"] for block in body["system"]] == ["one", "two"]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    last = [block["text"] for block in body["messages"][2]["content"]]
    assert "three" in last[0]
    assert last[1] == "go"


def test_a_model_that_takes_system_turns_gets_them_where_they_may_stand() -> None:
    turn = {"role": "system", "content": [{"type": "text", "text": "be terse"}]}
    late = {"role": "system", "content": "be terse", "anthropic_content": turn["content"]}
    able = parameters(system_turns=True)
    end = encode(ask(user("hi"), late, late), parameters=able)["messages"]
    assert end[1:] == [{"role": "system", "content": turn["content"] * 2}]
    said = {"role": "assistant", "content": "ho"}
    middle = encode(ask(user("hi"), late, said, user("go")), parameters=able)["messages"]
    assert middle[1] == turn
    assert [one["role"] for one in middle] == ["user", "system", "assistant", "user"]
    # Before more of the user's, after a call, for a model without them, and of clients that are not
    # Anthropic's: marked, in its place.
    asked = [called(("call_1", "f", "{}")), late, result("call_1", "1")]
    for messages, facts in (
        ([user("hi"), late, user("go")], {"parameters": able}),
        ([user("hi"), *asked], {"parameters": able}),
        ([user("hi"), late], {}),
        ([user("hi"), {"role": "system", "content": "be terse"}], {"parameters": able}),
    ):
        body = encode(ask(*messages, tools=[tool()]), **facts)
        assert "system" not in {one["role"] for one in body["messages"]}
        assert "<system>\\nbe terse\\n</system>" in str(body["messages"])


def test_a_system_message_alone_becomes_the_users() -> None:
    body = encode(ask({"role": "system", "content": "only"}))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "only"}]}]


def test_parallel_results_share_one_turn_before_text() -> None:
    body = encode(
        ask(
            user("go"),
            called(("call_1", "f", '{"x":1}'), ("call|2", "g", "")),
            result("call|2", "two"),
            result("call_1", ""),
            user("and?"),
            tools=[tool("f"), tool("g")],
        )
    )
    _, assistant, after = body["messages"]
    uses = assistant["content"]
    assert [(use["name"], use["input"]) for use in uses] == [("f", {"x": 1}), ("g", {})]
    assert [block["type"] for block in after["content"]] == ["tool_result"] * 2 + ["text"]
    told = [block["tool_use_id"] for block in after["content"][:2]]
    assert told == [use["id"] for use in uses]
    assert "content" not in after["content"][0]
    assert "|" not in uses[1]["id"]


def test_media() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,BBBB", "filename": "a.pdf"},
        },
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
        {"type": "file", "file": {"file_data": "data:application/json;base64,e30="}},
        {"type": "file", "file": {"file_data": "e30=", "filename": "a.json"}},
    ]
    blocks = encode(ask(user(parts)))["messages"][0]["content"]
    assert [block["source"] for block in blocks] == [
        {"type": "base64", "media_type": "image/png", "data": "AAAA"},
        {"type": "url", "url": "https://example.com/a.png"},
        {"type": "base64", "media_type": "application/pdf", "data": "BBBB"},
        {"type": "text", "media_type": "text/plain", "data": "hi"},
        *[{"type": "text", "media_type": "text/plain", "data": "{}"}] * 2,
    ]
    assert blocks[2]["title"] == "a.pdf"
    with pytest.raises(RoutorError) as caught:
        encode(ask(user([{"type": "input_audio", "input_audio": {}}])))
    assert caught.value.param == "messages[0].content[0].type"
    archive = {"type": "file", "file": {"file_data": "data:application/zip;base64,UEs="}}
    with pytest.raises(RoutorError) as caught:
        encode(ask(user([archive])))
    assert caught.value.param == "messages[0].content[0].file.file_data"


@pytest.mark.parametrize("provider", ["anthropic", "google"])
@pytest.mark.parametrize("url", ["data:image/png;base64,", "data:image/png;base64", "data:,x"])
def test_a_picture_without_its_data_is_refused(provider: str, url: str) -> None:
    aim = target(provider)
    with pytest.raises(RoutorError) as caught:
        DIALECTS[aim.vendor.dialect].encode(
            ask(user([{"type": "image_url", "image_url": {"url": url}}])), aim
        )
    assert caught.value.kind is Kind.INVALID_REQUEST
    assert caught.value.param == "messages[0].content[0].image_url.url"


def test_documents_are_pdf_or_text() -> None:
    sheet = "data:application/vnd.ms-excel;base64,AAAA"
    with pytest.raises(RoutorError) as caught:
        encode(ask(user([{"type": "file", "file": {"file_data": sheet}}])))
    assert caught.value.kind is Kind.UNSUPPORTED_PARAMETER
    assert caught.value.param == "messages[0].content[0].file.file_data"


@pytest.mark.parametrize(
    ("choice", "parallel", "word"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ("none", None, {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
    ],
)
def test_tool_choice(choice: Any, parallel: Any, word: Any) -> None:
    rules = parameters(parallel_tool_calls=True)
    body = ask(tools=[tool()], tool_choice=choice, parallel_tool_calls=parallel)
    assert encode(body, parameters=rules).get("tool_choice") == word


def test_tools() -> None:
    encoded = DIALECT.encode(
        ask(
            tools=[
                tool(strict=True, description="d"),
                {"type": "function", "function": {"name": "g"}},
            ]
        ),
        target("anthropic"),
    )
    first, second = sent(encoded)["tools"]
    assert first["input_schema"]["properties"] == {"x": {"type": "integer"}}
    assert first["description"] == "d"
    assert second["input_schema"] == {"type": "object", "properties": {}}
    assert encoded.dropped == ("tools[].function.strict",)


def test_calls_in_history_declare_their_tools() -> None:
    body = encode(ask(user("a"), called(("c", "f", "{}")), result("c", "r")))
    assert [one["name"] for one in body["tools"]] == ["f"]
    assert body["tool_choice"] == {"type": "none"}


def test_a_long_name_of_a_user_stays_as_it_is() -> None:
    """Only OpenAI's are short; Claude Code's hold the account and the session."""
    name = "user_" + "f" * 64 + "_account_" + "a" * 36 + "_session_" + "5" * 36
    assert encode(ask(user("hi"), user=name))["metadata"] == {"user_id": name}


@pytest.mark.parametrize(
    ("name", "personal"),
    [
        ("bob@example.com", True),
        ("tenant 7: Bob <bob.b@mail.example.com>", True),
        ("+1 (415) 555-2671", True),
        ("415-555-2671", True),
        ("41555526", False),
        ("user_1@tenant", False),
        ("0b9cd4f6-7f64-4c1e-9f5e-1c6f0c9a2a11", False),
        ('{"device_id":"d","session_id":"s"}', False),
    ],
)
def test_a_user_who_is_named_by_an_address_goes_by_its_digest(name: str, personal: bool) -> None:
    told = encode(ask(user("hi"), user=name))["metadata"]["user_id"]
    assert (told != name) is personal
    assert told == encode(ask(user("hi"), user=name))["metadata"]["user_id"]
    assert "@example" not in told


def test_sampling() -> None:
    encoded = DIALECT.encode(
        ask(temperature=1.5, top_p=0.9, stop=["END", " "], seed=1, user="u", top_k=5),
        target("anthropic"),
    )
    body = sent(encoded)
    assert (body["temperature"], body["stop_sequences"], body["top_k"]) == (1, ["END"], 5)
    assert body["metadata"] == {"user_id": "u"}
    assert set(encoded.dropped) == {"top_p", "stop", "seed"}
    assert encode(ask(temperature=0))["temperature"] == 0
    fixed = parameters(temperature="fixed")
    assert "temperature" not in encode(ask(temperature=0), parameters=fixed)


def test_thinking_by_effort() -> None:
    body = encode(ask(reasoning_effort="high"), reasoning=ADAPTIVE)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}
    for display, told in (("", {}), ("omitted", {"display": "omitted"})):
        native = {"thinking": {"type": "adaptive"}, "display": display}
        body = encode(ask(reasoning_effort="high", anthropic=native), reasoning=ADAPTIVE)
        assert body["thinking"] == {"type": "adaptive", **told}
    body = encode(ask(reasoning_effort="none"), reasoning=ADAPTIVE)
    assert body["thinking"] == {"type": "disabled"}
    assert "thinking" not in encode(ask(), reasoning=ADAPTIVE)


@given(st.integers(1, 70_000), st.sampled_from(["low", "medium", "high", "xhigh", "max"]))
def test_thinking_budget_keeps_the_rules(limit: int, effort: str) -> None:
    body = encode(ask(max_tokens=limit, reasoning_effort=effort, temperature=0.2), reasoning=BUDGET)
    if body["thinking"]["type"] == "enabled":
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
        assert "temperature" not in body
    else:
        assert limit <= 1024
        assert body["temperature"] == 0.2


def test_thinking_gives_way_to_forced_tools_and_to_calls_without_thoughts() -> None:
    forced = ask(tools=[tool()], tool_choice="required", reasoning_effort="high")
    encoded = DIALECT.encode(forced, target("anthropic", reasoning=ADAPTIVE))
    assert sent(encoded)["thinking"] == {"type": "disabled"}
    assert encoded.dropped == ("reasoning_effort",)
    loop = [user("a"), called(("c", "f", "{}")), result("c", "r")]
    body = encode(ask(*loop, reasoning_effort="high", tools=[tool()]), reasoning=BUDGET)
    assert body["thinking"] == {"type": "disabled"}
    loop[1]["thinking_blocks"] = [
        {"index": 0, "type": "thinking", "thinking": "t", "signature": "s"}
    ]
    body = encode(ask(*loop, reasoning_effort="high", tools=[tool()]), reasoning=BUDGET)
    assert body["thinking"]["type"] == "enabled"
    first = body["messages"][1]["content"][0]
    assert first == {"type": "thinking", "thinking": "t", "signature": "s"}


def test_final_assistant_turn() -> None:
    turns = [user("a"), {"role": "assistant", "content": "The answer is \n"}]
    prefill = encode(ask(*turns), parameters=parameters(prefill=True))["messages"]
    assert prefill[-1]["content"][-1]["text"] == "The answer is"
    without = encode(ask(*turns))["messages"]
    assert without[-1]["role"] == "user"


def test_an_answer_in_the_output_format_is_not_begun() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    turns = [user("a"), {"role": "assistant", "content": "{"}]
    body = encode(ask(*turns, response_format=form), parameters=parameters(prefill=True))
    assert "format" in body["output_config"]
    assert body["messages"][-1]["role"] == "user"
    assert body["messages"][-2]["content"] == [{"type": "text", "text": "{"}]


BLANKS = st.sampled_from(["", " ", "\n", "x", "y "])
PARTS = st.one_of(st.none(), BLANKS, st.lists(BLANKS.map(lambda t: {"type": "text", "text": t})))
MESSAGES = st.lists(
    st.one_of(
        st.builds(
            lambda role, content: {"role": role, "content": content},
            st.sampled_from(["system", "developer", "user", "assistant"]),
            PARTS,
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(MESSAGES)
def test_never_null_or_blank_and_roles_take_turns(messages: list[dict[str, Any]]) -> None:
    encoded = DIALECT.encode(ask(*messages), target("anthropic"))
    body = sent(encoded)
    assert b"null" not in encoded.body
    turns = body["messages"]
    assert turns[0]["role"] == "user"
    assert all(a["role"] != b["role"] for a, b in pairwise(turns))
    blocks = [block for turn in turns for block in turn["content"]] + body.get("system", [])
    assert all(block["text"].strip() for block in blocks)
    assert all(turn["content"] for turn in turns)


# --- answers ---


def decode(content: list[Any], stop: str, usage: Any = None) -> Any:
    body = {
        "id": "msg_1",
        "type": "message",
        "content": content,
        "stop_reason": stop,
        "usage": usage or {},
    }
    answer = DIALECT.decode(msgspec.json.encode(body), target("anthropic"))
    ChatCompletion.model_validate(answer.body, strict=True)
    return answer


def test_answer() -> None:
    answer = decode(
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "ok"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        ],
        "tool_use",
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 3,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 2},
        },
    )
    choice = answer.body["choices"][0]
    message = choice["message"]
    assert choice["finish_reason"] == "tool_calls"
    assert (message["content"], message["reasoning_content"]) == ("ok", "hm")
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert message["thinking_blocks"][0]["signature"] == "s"
    usage = answer.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (18, 5, 3)
    assert (usage.output_tokens, usage.reasoning_tokens) == (7, 2)
    assert usage.cache_write_hour_tokens == 2
    assert answer.body["created"] == 1_790_000_000


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("pause_turn", "length"),
        ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons(word: str, reason: str) -> None:
    answer = decode([{"type": "text", "text": "x"}], word)
    assert answer.body["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", Kind.PROVIDER_UNAVAILABLE),
        (b"<html>", Kind.PROVIDER_UNAVAILABLE),
        (b'{"type":"message","content":null}', Kind.PROVIDER_UNAVAILABLE),
        (b'{"type":"error","error":{"type":"overloaded_error"}}', Kind.PROVIDER_UNAVAILABLE),
        (b'{"type":"error","error":{"type":"rate_limit_error"}}', Kind.PROVIDER_RATE_LIMITED),
    ],
)
def test_nonsense_with_200(content: bytes, kind: Kind) -> None:
    with pytest.raises(RoutorError) as caught:
        DIALECT.decode(content, target("anthropic"))
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,/9j/4AAQ", ("image/jpeg", "/9j/4AAQ")),
        ("data:image/jpg;base64,/9j/4AAQ", ("image/jpeg", "/9j/4AAQ")),
        ("data:image/jpeg;base64,iVBORw0KGgoAAAA=", ("image/png", "iVBORw0KGgoAAAA=")),
        ("data:image/gif;base64,AAAA", ("image/gif", "AAAA")),
    ],
)
def test_a_picture_is_called_by_what_it_is(url: str, source: tuple[str, str]) -> None:
    made = encode(ask(user([{"type": "image_url", "image_url": {"url": url}}])))
    told = made["messages"][0]["content"][0]["source"]
    assert (told["media_type"], told["data"]) == source
