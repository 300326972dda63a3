"""Anthropic's format at the door: requests become chat requests, answers Anthropic's own types."""

import re
from typing import Any

import msgspec
import pydantic
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from multidict import CIMultiDict

from routor.v1 import types_pb2
from services.edge import messages
from services.edge.messages import fault
from services.errors import Kind, RoutorError

EVENT: Any = pydantic.TypeAdapter(RawMessageStreamEvent)
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
HELLO = {"role": "user", "content": "Hello"}
ENABLED = {"type": "enabled"}


def parsed(*turns: dict[str, Any], **fields: Any):
    body = {"model": "auto", "max_tokens": 100, "messages": list(turns) or [HELLO], **fields}
    return messages.parse(msgspec.json.encode(body))


def inner(*turns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(parsed(*turns, **fields).body)
    return body


def refused(*turns: dict[str, Any], **fields: Any) -> RoutorError:
    with pytest.raises(RoutorError) as caught:
        parsed(*turns, **fields)
    return caught.value


def used(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks) or [USE]}


def result(content: Any = "21", **fields: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **fields}
    return {"role": "user", "content": [block]}


def picture(media_type: str, data: str = "AAAA") -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def test_a_plain_request_becomes_a_chat_request():
    body = inner(system="Be terse.", temperature=0, top_p=0.5, stop_sequences=["END"])
    assert body["messages"] == [{"role": "system", "content": "Be terse."}, HELLO]
    assert body["max_completion_tokens"] == 100
    assert (body["temperature"], body["top_p"], body["stop"]) == (0, 0.5, ["END"])


def test_any_model_id_is_the_callers_choice_and_auto_is_ours():
    assert parsed().profile == types_pb2.PROFILE_AUTO
    named = parsed(model="claude-sonnet-4-6")
    assert (named.profile, named.model) == (types_pb2.PROFILE_DIRECT, "claude-sonnet-4-6")


def test_an_id_of_anthropics_may_be_one_that_only_it_knows():
    assert parsed(model="claude-sonnet-4-5-20250929").other_model == (
        "anthropic/claude-sonnet-4-5-20250929"
    )
    assert parsed(model="openai/gpt-5.5").other_model == ""
    assert parsed(model="claude-x", routor_profile="auto").other_model == ""


def test_there_may_be_more_stop_sequences_than_openai_takes():
    assert inner(stop_sequences=list("ABCDEF"))["stop"] == list("ABCDEF")


def test_a_document_may_be_a_web_address():
    source = {"type": "url", "url": "https://example.org/a.pdf"}
    turn = {"role": "user", "content": [{"type": "document", "source": source, "title": "A"}]}
    (told,) = inner(turn)["messages"][0]["content"]
    assert told["file"] == {"filename": "A", "file_data": "https://example.org/a.pdf"}


def test_what_claude_code_sends_beside_a_request_is_left_out():
    call = parsed(next_months_field={})
    assert call.dropped == ("next_months_field",)
    assert "next_months_field" not in msgspec.json.decode(call.body)


def test_routors_own_fields_work_here_too():
    assert parsed(routor_tier="NANO").profile == types_pb2.PROFILE_TIER
    assert refused(routor_teir="NANO").param == "routor_teir"


def test_tools_calls_and_results_go_over():
    body = inner(HELLO, used(), result(), tools=[TOOL], tool_choice={"type": "any"})
    assert body["tools"][0]["function"]["parameters"] == TOOL["input_schema"]
    assert body["tool_choice"] == "required"
    assert body["messages"][1]["tool_calls"] == [CALL]
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "toolu_1", "content": "21"}


@pytest.mark.parametrize("own", ["functions.f:0", "functions.read file:12", "ünï", "toolu_1"])
def test_an_id_of_any_form_is_told_in_anthropics_and_comes_back_whole(own):
    call = {**CALL, "id": own}
    block = answered({"role": "assistant", "content": None, "tool_calls": [call]})["content"][0]
    streamed_block = next(
        event["content_block"]
        for event in streamed({"tool_calls": [{"index": 0, **call}]}, reason="tool_calls")
        if event["type"] == "content_block_start"
    )
    assert block["id"] == streamed_block["id"]
    assert re.fullmatch("[a-zA-Z0-9_-]+", block["id"])
    back = result(tool_use_id=block["id"])
    _, turn, told = inner(HELLO, used(block), back, tools=[TOOL])["messages"]
    assert turn["tool_calls"][0]["id"] == told["tool_call_id"] == own


@pytest.mark.parametrize("end", ["", "%", "_w", "YQ"])
def test_an_id_that_only_looks_like_one_of_ours_is_kept(end):
    own = f"toolu_whole_{end}"
    call = {**USE, "id": own}
    _, turn, told = inner(HELLO, used(call), result(tool_use_id=own), tools=[TOOL])["messages"]
    assert turn["tool_calls"][0]["id"] == told["tool_call_id"] == own


@pytest.mark.parametrize(
    "choice, wanted",
    [
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tool_choices_have_their_words(choice, wanted):
    assert inner(tools=[TOOL], tool_choice=choice)["tool_choice"] == wanted


def test_one_call_at_a_time_is_passed_on():
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert inner(tools=[TOOL], tool_choice=choice)["parallel_tool_calls"] is False


def test_what_a_result_shows_stays_in_it():
    image = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    failed = result([{"type": "text", "text": "no"}, image], is_error=True)
    *_, told = inner(HELLO, used(), failed, tools=[TOOL])["messages"]
    assert told["is_error"]
    assert told["content"] == [
        {"type": "text", "text": "no"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
    ]


def test_instructions_may_come_later():
    later = {"role": "system", "content": "Be brief."}
    whole = {**later, "anthropic_content": [{"type": "text", "text": "Be brief."}]}
    assert inner(HELLO, later, HELLO)["messages"][1] == whole


def test_documents_become_files_or_text():
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
    plain = {"type": "text", "media_type": "text/plain", "data": "told"}
    blocks = [{"type": "document", "source": pdf}, {"type": "document", "source": plain}]
    (turn,) = inner({"role": "user", "content": blocks})["messages"]
    file, text = turn["content"]
    assert file["file"]["file_data"] == "data:application/pdf;base64,AAAA"
    assert text == {"type": "text", "text": "told"}


def test_a_document_of_blocks_may_hold_images():
    picture = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    blocks = [
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two"},
        {"type": "image", "source": picture},
        {"type": "text", "text": "three"},
    ]
    given = {"type": "document", "title": "Plan", "source": {"type": "content", "content": blocks}}
    (turn,) = inner({"role": "user", "content": [given]})["messages"]
    first, image, last = turn["content"]
    assert (first["text"], last["text"]) == ("Plan\none\ntwo", "three")
    assert image["image_url"]["url"] == "data:image/png;base64,AAAA"


def test_cache_marks_stay_on_what_they_mark():
    mark = {"type": "ephemeral"}
    system = [{"type": "text", "text": "long", "cache_control": mark}]
    body = inner(system=system, tools=[{**TOOL, "cache_control": mark}])
    assert body["messages"][0]["content"][0]["cache_control"] == mark
    assert body["tools"][0]["cache_control"] == mark


def test_what_openais_calls_cannot_hold_stays_on_the_turn():
    mark, caller = {"type": "ephemeral"}, {"type": "code_execution_20250825", "tool_id": "s"}
    for more in ({"cache_control": mark}, {"caller": caller}, {"toolset_name": "browser"}):
        told = inner(HELLO, used({**USE, **more}), result(), tools=[TOOL])["messages"][1]
        assert told["tool_calls"] == [CALL]
        assert told["anthropic_content"] == [{**USE, **more}]
    assert "anthropic_content" not in inner(HELLO, used(), result(), tools=[TOOL])["messages"][1]


def test_signed_thoughts_stay_and_others_become_text():
    signed = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    body = inner(HELLO, used(signed, {"type": "text", "text": "ok"}), HELLO)
    assert body["messages"][1]["thinking_blocks"] == [signed]
    foreign = {"type": "thinking", "thinking": "hm", "signature": ""}
    body = inner(HELLO, used(foreign, {"type": "text", "text": "ok"}), HELLO)
    assert body["messages"][1]["reasoning_content"] == "hm"


@pytest.mark.parametrize(
    "thinking, carried",
    [
        (None, None),
        ({"type": "disabled"}, None),
        ({"type": "adaptive"}, {"summary": "auto", "sealed": True}),
        ({"type": "adaptive", "display": "summarized"}, {"summary": "auto", "sealed": True}),
        ({"type": "adaptive", "display": "omitted"}, {"sealed": True}),
    ],
)
def test_a_wish_for_thinking_is_carried_to_openai(thinking, carried):
    assert inner(thinking=thinking).get("openai") == carried


@pytest.mark.parametrize(
    "fields, effort",
    [
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 60_000}}, "xhigh"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
    ],
)
def test_thinking_has_a_word(fields, effort):
    assert inner(max_tokens=100_000, **fields).get("reasoning_effort") == effort


def test_a_schema_is_passed_on():
    form = {"type": "json_schema", "schema": {"type": "object"}}
    wanted = inner(output_config={"format": form})["response_format"]
    assert wanted["json_schema"]["schema"] == {"type": "object"}


EXACT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
         "additionalProperties": False}  # fmt: skip


@pytest.mark.parametrize(
    "schema, exact",
    [
        (EXACT, True),
        ({**EXACT, "required": []}, False),
        ({**EXACT, "additionalProperties": True}, False),
        ({**EXACT, "properties": {"a": {}}}, False),
        ({**EXACT, "properties": {"a": {"type": "array", "items": {"type": "object"}}}}, False),
        ({**EXACT, "properties": {"a": {"anyOf": [EXACT, {"type": "null"}]}}}, True),
        ({**EXACT, "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": EXACT}}, True),
        ({**EXACT, "allOf": [EXACT]}, False),
        # None of these is a schema: the vendor says so.
        ({**EXACT, "properties": ["a"]}, False),
        ({**EXACT, "properties": 1}, False),
        ({**EXACT, "required": [{}]}, False),
        ({**EXACT, "required": 1}, False),
        ({**EXACT, "anyOf": 1}, False),
        ({**EXACT, "$defs": ["a"]}, False),
    ],
)
def test_openai_is_strict_where_its_strictness_takes_the_schema(schema, exact):
    form = {"type": "json_schema", "schema": schema}
    body = inner(
        output_config={"format": form}, tools=[{**TOOL, "strict": True, "input_schema": schema}]
    )
    assert body["response_format"]["json_schema"]["strict"] is exact
    assert body["tools"][0]["function"]["strict"] is exact
    assert body["anthropic"]["declared"]["f"]["strict"] is True


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"temperature": 2}, "temperature"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, None),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"compaction": {"type": "summarize"}}, "compaction"),
        ({"thinking": {**ENABLED, "budget_tokens": 5}}, "thinking.budget_tokens"),
        ({"thinking": ENABLED}, "thinking.budget_tokens"),
        (
            {"thinking": {**ENABLED, "budget_tokens": None}, "output_config": {"effort": "low"}},
            "thinking.budget_tokens",
        ),
        ({"tools": [{"type": "web_search_20250305"}]}, "tools[0].name"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"model": None}, "model"),
        (user(picture("image/tiff")), "messages[0].content[0].source.media_type"),
        (user(picture("image/png", data="")), "messages[0].content[0].source.data"),
        ({"tools": [TOOL, TOOL]}, "tools[1].name"),
        ({"max_tokens": 2000, "thinking": {**ENABLED, "budget_tokens": 2000}}, "max_tokens"),
    ],
)
def test_faults_name_the_path_that_the_caller_wrote(fields, param):
    error = refused(**fields)
    assert error.kind.rule.http == 400
    if param:
        assert error.param == param


def test_a_role_that_is_none_is_told_those_that_are():
    error = refused({"role": "tool", "content": "x"})
    assert "must be user, assistant or system" in error.message


def test_a_budget_over_several_thoughts_may_be_larger_than_an_answer():
    thinking = {**ENABLED, "budget_tokens": 9000}
    body = {"model": "auto", "max_tokens": 2000, "messages": [HELLO], "thinking": thinking}
    headers = CIMultiDict({"anthropic-beta": "interleaved-thinking-2025-05-14"})
    assert messages.parse(msgspec.json.encode(body), headers).request.reasoning_effort == "medium"


def test_calls_and_results_must_match():
    assert refused(HELLO, used(), HELLO, tools=[TOOL]).param == "messages[2].content"
    assert refused(HELLO, result()).param == "messages[1].content[0].tool_use_id"
    two = used(USE, {**USE, "id": "toolu_2"})
    assert refused(HELLO, two, result(), HELLO, tools=[TOOL]).param == "messages[3].content"
    assert refused(HELLO, used(), used({"type": "text", "text": "a"})).param == (
        "messages[2].content"
    )


def test_results_may_come_in_several_turns_of_the_user():
    """Anthropic makes one of them."""
    second = result()
    second["content"][0]["tool_use_id"] = "toolu_2"
    two = used(USE, {**USE, "id": "toolu_2"})
    told = inner(HELLO, two, second, HELLO, result(), tools=[TOOL])["messages"]
    assert [one["role"] for one in told] == ["user", "assistant", "tool", "user", "tool"]


def test_harmless_fields_are_left_out_and_named():
    call = parsed(output_config={"effort": "low", "tone": "kind"}, billing_policy={"bill_to": "x"})
    assert call.dropped == ("billing_policy", "output_config.tone")


def completion(message: dict[str, Any], reason: str = "stop") -> bytes:
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "model": "openai/gpt-5.5",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 10},
            },
        }
    )


def answered(message: dict[str, Any], reason: str = "stop", **fields: Any) -> dict[str, Any]:
    body = messages.answer(parsed(**fields), completion(message, reason), b'{"model":"m"}')
    Message.model_validate_json(body)
    told: dict[str, Any] = msgspec.json.decode(body)
    return told


@pytest.mark.parametrize("prefix", ["", "chatcmpl-", "resp_", "msg_"])
def test_an_id_is_a_messages(prefix):
    body = completion({"content": "Hi"}).replace(b"chatcmpl-", prefix.encode())
    told = msgspec.json.decode(messages.answer(parsed(), body, b"{}"))
    assert told["id"] == "msg_1"


def test_an_answer_is_a_message():
    told = answered({"content": "Hi", "tool_calls": [CALL]}, "tool_calls")
    assert [block["type"] for block in told["content"]] == ["text", "tool_use"]
    assert told["content"][1]["input"] == {"x": 1}
    assert told["stop_reason"] == "tool_use"
    assert told["routor"] == {"model": "m"}


def test_input_tokens_leave_out_what_the_cache_had_to_do_with():
    assert answered({"content": "Hi"})["usage"] == {
        "input_tokens": 20,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 20,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 0},
    }


@pytest.mark.parametrize(
    "reason, word",
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")],
)
def test_why_it_stopped_has_a_word(reason, word):
    assert answered({"content": "Hi"}, reason)["stop_reason"] == word


def test_a_refusal_in_a_member_of_its_own_has_the_word_for_it():
    said = answered({"content": None, "refusal": "I can't."})
    assert (said["content"][0]["text"], said["stop_reason"]) == ("I can't.", "refusal")
    events = streamed({"refusal": "I "}, {"refusal": "can't."})
    assert events[-2]["delta"]["stop_reason"] == "refusal"


def test_thoughts_are_told_to_those_who_asked_for_them():
    said = {"content": "Hi", "reasoning_content": "hm"}
    assert [block["type"] for block in answered(said)["content"]] == ["text"]
    thinking = answered(said, thinking={"type": "adaptive"})["content"]
    assert [block["type"] for block in thinking] == ["thinking", "text"]


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return msgspec.json.encode({"id": "chatcmpl-1", "model": "m", "choices": [choice]})


USAGE = msgspec.json.encode(
    {"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
)


def written(call):
    return messages.writer(call, call.to_route("req_1"))


def streamed(*deltas: dict[str, Any], reason: str = "stop", **fields: Any) -> list[dict[str, Any]]:
    writer = written(parsed(**fields))
    out = b"".join(writer.chunks([chunk(delta)]) for delta in deltas)
    out += writer.finish([chunk({}, reason)], USAGE, b'{"model":"m"}')
    events = []
    for frame in out.split(b"\n\n")[:-1]:
        name, data = frame.split(b"\n")
        event = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == f"event: {event['type']}".encode()
        if event["type"] != "ping":
            EVENT.validate_python(event)
        events.append(event)
    return events


def test_what_is_too_long_is_told_in_words_that_clients_of_anthropics_look_for():
    for given, told in (
        ("The input token count (9) exceeds 8.", "prompt is too long: The input token count (9)"),
        ("Prompt is too long: 9 > 8.", "Prompt is too long: 9 > 8."),
    ):
        error = RoutorError(Kind.CONTEXT_TOO_LONG, given)
        assert fault.document(error, "req_1")["error"]["message"].startswith(told)
