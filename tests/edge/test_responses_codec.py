"""OpenAI's Responses at the door: requests become chat requests, answers OpenAI's own types."""

import base64
from typing import Any

import msgspec
import pydantic
import pytest
from openai.types.responses import Response, ResponseStreamEvent

from routor.v1.types_pb2 import Attempt
from services.edge import responses
from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS, chosen
from tests.providers.dialects.targets import parameters, reasoning, sent, target

EVENT: Any = pydantic.TypeAdapter(ResponseStreamEvent)
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
CALLED = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "21"}
HELLO = {"role": "user", "content": "Hello"}
SEALING = {"include": ["reasoning.encrypted_content"]}
TELLING = {"reasoning": {"summary": "auto"}}
OVER_RESPONSES = parameters(tools_with_reasoning=False, tools_over_responses=True)
THINKS = reasoning(switch="reasoning_effort", efforts=("none", "low"))


def parsed(*items: dict[str, Any], **fields: Any):
    body = {"model": "auto", "input": list(items) or "Hello", **fields}
    return responses.parse(msgspec.json.encode(body))


def inner(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(parsed(*items, **fields).body)
    return body


def refused(*items: dict[str, Any], **fields: Any) -> RoutorError:
    with pytest.raises(RoutorError) as caught:
        parsed(*items, **fields)
    return caught.value


def test_an_image_may_be_a_file_stored_at_openai():
    part = {"type": "input_image", "file_id": "file-1", "detail": "low"}
    (message,) = inner(input=[{"role": "user", "content": [part]}])["messages"]
    file = {"type": "file", "file": {"file_id": "file-1"}, "openai_image": {"detail": "low"}}
    assert message["content"] == [file]


def test_text_alone_is_what_the_user_says():
    body = inner(instructions="Be terse.", max_output_tokens=50)
    assert body["messages"] == [{"role": "system", "content": "Be terse."}, HELLO]
    assert body["max_completion_tokens"] == 50


def test_parts_go_over():
    parts = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,A"},
    ]
    (turn,) = inner({"type": "message", "role": "user", "content": parts})["messages"]
    assert [part["type"] for part in turn["content"]] == ["text", "image_url", "file"]
    assert turn["content"][1]["image_url"] == {"url": "https://x.test/a.png", "detail": "low"}


def test_custom_tools_go_over():
    tool = {"type": "custom", "name": "sql", "description": "Runs SQL."}
    called = {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "select 1"}
    result = {"type": "custom_tool_call_output", "call_id": "c1", "output": "1"}
    body = inner(HELLO, called, result, tools=[tool])
    assert body["tools"][0]["custom"]["name"] == "sql"
    assert body["messages"][1]["tool_calls"][0]["custom"] == {"name": "sql", "input": "select 1"}


def test_tools_that_items_add_are_offered_with_the_others():
    space = {"type": "namespace", "name": "functions", "tools": [{**TOOL, "name": "wait"}]}
    first = {"type": "additional_tools", "role": "developer", "id": "at_1", "tools": [space]}
    later = {**first, "tools": [{**TOOL, "description": "again"}, {"type": "web_search"}]}
    call = parsed(first, HELLO, later, tools=[TOOL])
    body = msgspec.json.decode(call.body)
    told = [(one["function"]["name"], one["function"].get("description")) for one in body["tools"]]
    assert told == [("f", "again"), ("functions__wait", None)]
    assert body["openai"]["tools"] == [{"type": "web_search"}]
    assert [one["role"] for one in body["messages"]] == ["user"]
    assert call.view.echo["tools"] == [TOOL]
    assert refused({"type": "additional_tools", "tools": "x"}).param == "input[0].tools"


def test_tools_without_names_are_the_same_when_all_of_them_is():
    servers = [
        {"type": "mcp", "server_label": name, "server_url": f"https://{name}.test"}
        for name in ("a", "b")
    ]
    added = {"type": "additional_tools", "tools": [servers[1], {"type": "web_search"}]}
    told = inner(added, HELLO, tools=servers)["openai"]["tools"]
    assert told == [*servers, {"type": "web_search"}]
    assert inner(added, HELLO, tools=None)["openai"]["tools"] == added["tools"]


def test_the_latest_update_of_a_setting_holds():
    shape = {"type": "json_schema", "name": "s", "schema": {"type": "object"}}
    first = {"type": "configuration_update", "reasoning": {"effort": "low"}}
    later = {"type": "configuration_update", "id": "cu_1", "reasoning": {"effort": "high"}}
    told = {"type": "configuration_update", "text": {"format": shape}}
    body = inner(first, HELLO, told, later, reasoning={"effort": "none"}, text={"verbosity": "low"})
    assert body["messages"] == [HELLO]
    assert (body["reasoning_effort"], body["verbosity"]) == ("high", "low")
    assert body["response_format"]["json_schema"]["name"] == "s"
    plain = {"type": "configuration_update", "text": {"format": {"type": "text"}}}
    assert "response_format" not in inner(told, HELLO, plain)


def test_only_openai_makes_a_conversation_shorter():
    call = parsed(HELLO, {"type": "compaction_trigger"})
    assert call.needs == ("openai_tools",)
    assert parsed({"type": "compaction_trigger"}, HELLO).needs == ()


def test_what_nobody_here_knows_is_left_out_and_named():
    call = parsed(client_metadata={"x": "y"}, max_tool_calls=3, store=True)
    assert call.dropped == ("client_metadata", "max_tool_calls")
    assert "client_metadata" not in msgspec.json.decode(call.body)
    many = parsed(**{f"{number:03}{'x' * 100}": 1 for number in range(100)}).dropped
    assert len(many) == 32
    assert max(map(len, many)) == 64


def test_thoughts_may_be_referred_to_and_are_left_out():
    thought = {"type": "item_reference", "id": "rs_1"}
    call = parsed(HELLO, thought, CALLED, RESULT, tools=[TOOL])
    told = msgspec.json.decode(call.body)["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "tool"]
    assert call.dropped == ("input[].item_reference",)


@pytest.mark.parametrize("thought", [[], [{"type": "item_reference", "id": "rs_1"}]])
def test_what_only_announces_a_call_may_be_referred_to(thought):
    """The Vercel AI SDK does so in every loop of tools, unless it is told not to store."""
    preamble = {"type": "item_reference", "id": "msg_1"}
    for items in ([*thought, preamble], [preamble, *thought]):
        call = parsed(HELLO, *items, CALLED, RESULT, tools=[TOOL])
        told = msgspec.json.decode(call.body)["messages"]
        assert [message["role"] for message in told] == ["user", "assistant", "tool"]
        assert call.dropped == ("input[].item_reference",)


def test_an_answer_that_is_referred_to_is_refused():
    answer = {"type": "item_reference", "id": "msg_1"}
    for items in ([HELLO, answer, HELLO], [HELLO, CALLED, RESULT, answer, HELLO], [HELLO, answer]):
        error = refused(*items, tools=[TOOL])
        assert error.kind is Kind.UNSUPPORTED_PARAMETER
        assert error.param == f"input[{items.index(answer)}].id"
        assert "send the item itself" in error.message


@pytest.mark.parametrize("typed", [{"type": "item_reference"}, {"type": None}, {}])
def test_a_reference_to_an_item_of_the_same_input_says_nothing_new(typed):
    said = [{"type": "output_text", "text": "Hi", "annotations": []}]
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "content": said}
    made = {**CALLED, "id": "fc_1"}
    items = [HELLO, answer, made, RESULT]
    call = parsed(*items, {"id": "msg_1", **typed}, {"id": "fc_1", **typed}, HELLO, tools=[TOOL])
    assert call.dropped == ("input[].item_reference",)
    told = parsed(*items, HELLO, tools=[TOOL])
    assert msgspec.json.decode(call.body) == msgspec.json.decode(told.body)


def test_who_offers_tools_gets_thoughts_to_send_back():
    said = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}
    assert [item["type"] for item in answered(said)["output"]] == ["message"]
    thought, message = answered(said, tools=[TOOL])["output"]
    assert (thought["type"], thought["summary"]) == ("reasoning", [])
    assert inner(HELLO, thought, message)["messages"][1]["reasoning_content"] == "Hm."


@pytest.mark.parametrize(
    ("fields", "carried"),
    [
        ({"reasoning": {"summary": "auto"}}, {"summary": "auto"}),
        ({"reasoning": {"generate_summary": "detailed"}}, {"summary": "detailed"}),
        ({"include": ["reasoning.encrypted_content"]}, {"sealed": True}),
    ],
)
def test_a_wish_for_thoughts_is_carried_to_openai(fields, carried):
    assert inner(**fields)["openai"] == carried
    assert "openai" not in inner(reasoning={"effort": "high"})


def test_a_file_may_be_a_web_address():
    part = {"type": "input_file", "file_url": "https://example.org/a.pdf"}
    body = inner({"role": "user", "content": [part]})
    (told,) = body["messages"][0]["content"]
    assert told == {"type": "file", "file": {"file_data": "https://example.org/a.pdf"}}


def test_what_openai_takes_of_caches_goes_over():
    told = {"prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "explicit"}}
    assert inner(**told).items() >= told.items()


def test_what_stands_inside_known_fields_is_named_too():
    tools = [{**TOOL, "defer_loading": True, "output_schema": None}]
    call = parsed(
        tools=tools, reasoning={"effort": "low", "mode": "pro"}, text={"verbosity": "low"}
    )
    assert call.dropped == ("reasoning.mode", "tools[].defer_loading")


def test_a_wish_to_have_long_input_cut_is_named():
    assert parsed(truncation="auto").dropped == ("truncation",)
    assert parsed(truncation="disabled").dropped == ()


def test_options_of_a_stream_are_named_where_there_is_none():
    options = {"include_obfuscation": False}
    assert parsed(stream_options=options).dropped == ("stream_options",)
    assert parsed(stream_options=options, stream=True).dropped == ()


def test_only_the_allowed_tools_are_offered():
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"name": "f"}]}
    body = inner(tools=[TOOL, {**TOOL, "name": "g"}], tool_choice=choice)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == "required"


def test_the_form_of_the_text_goes_over():
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}
    body = inner(text={"format": form, "verbosity": "low"}, reasoning={"effort": "high"})
    assert body["response_format"]["json_schema"]["name"] == "x"
    assert (body["verbosity"], body["reasoning_effort"]) == ("low", "high")


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "telepathy"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].id"),
        ({"input": [{"type": "item_reference"}]}, "input[0].id"),
        ({"input": [HELLO, {"type": "item_reference", "id": "None"}]}, "input[1].id"),
        ({"input": [{"type": "item_reference", "id": 5}]}, "input[0].id"),
        ({"input": [{"foo": 1}]}, "input[0].type"),
        ({"input": [{"type": "routor_hosted", "whole": {}}]}, "input[0].type"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "program", "code": "1"}]}, "input[0].type"),
        (
            {"input": [{"type": "configuration_update", "reasoning": {"effort": "most"}}]},
            "input[0].reasoning.effort",
        ),
        ({"input": []}, "input"),
        ({"model": ""}, "model"),
        ({"max_tool_calls": "many"}, "max_tool_calls"),
        ({"include": ["reasoning.encrypted_content", "everything"]}, "include[1]"),
        ({"stream_options": 5}, "stream_options"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_file", "file_url": "file:a"}]}
                ]
            },
            "input[0].content[0].file_url",
        ),
        ({"temperature": 3}, "temperature"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": None}]}]},
            "input[0].content[0].image_url",
        ),
    ],
)
def test_faults_name_the_path_that_the_caller_wrote(fields, param):
    error = refused(**fields)
    assert error.kind.rule.http == 400
    assert error.param == param


def completion(message: dict[str, Any], reason: str = "stop") -> bytes:
    usage = {
        "prompt_tokens": 50,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    choice = {"index": 0, "message": message, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "created": 7, "model": "openai/gpt-5.5"}
    return msgspec.json.encode({**head, "choices": [choice], "usage": usage})


def answered(message: dict[str, Any], reason: str = "stop", **fields: Any) -> dict[str, Any]:
    body = responses.answer(parsed(**fields), completion(message, reason), b'{"model":"m"}')
    Response.model_validate_json(body)
    told: dict[str, Any] = msgspec.json.decode(body)
    return told


def test_an_answer_is_a_response():
    told = answered({"content": "Hi", "tool_calls": [CALL]}, "tool_calls", tools=[TOOL])
    assert [item["type"] for item in told["output"]] == ["message", "function_call"]
    assert told["output"][1]["call_id"] == "call_1"
    assert (told["status"], told["tools"]) == ("completed", [TOOL])
    assert told["usage"]["output_tokens_details"]["reasoning_tokens"] == 3
    assert told["routor"] == {"model": "m"}


def test_an_answer_says_again_what_was_asked():
    asked = {
        "max_tool_calls": 3,
        "prompt_cache_key": "p",
        "safety_identifier": "s",
        "top_logprobs": 2,
    }
    assert answered({"role": "assistant", "content": "Hi"}, **asked).items() >= asked.items()


def test_probabilities_tell_the_bytes_that_chat_leaves_out():
    token = {"token": "é", "logprob": -0.1, "bytes": None}
    given = msgspec.json.decode(completion({"content": "é"}))
    given["choices"][0]["logprobs"] = {"content": [{**token, "top_logprobs": [token]}]}
    body = responses.answer(parsed(), msgspec.json.encode(given), b"{}")
    (part,) = Response.model_validate_json(body).output[0].content
    (told,) = part.logprobs
    assert told.bytes == told.top_logprobs[0].bytes == [0xC3, 0xA9]


@pytest.mark.parametrize(
    "reason, why", [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_incomplete_answer_says_why(reason, why):
    told = answered({"content": "Hi"}, reason)
    assert told["status"] == "incomplete"
    assert told["incomplete_details"] == {"reason": why}


def test_thoughts_are_told_and_sealed_as_asked():
    said = {"content": "Hi", "reasoning_content": "hm"}
    assert [item["type"] for item in answered(said)["output"]] == ["message"]
    told = answered(said, **TELLING)["output"][0]
    assert told["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert "encrypted_content" not in told


def test_sealed_thoughts_come_back_as_they_were():
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "sig"}]
    said = {"content": "Hi", "reasoning_content": "hm", "thinking_blocks": blocks}
    items = answered(said, **SEALING)["output"]
    message = inner(HELLO, *items, HELLO)["messages"][1]
    assert message["thinking_blocks"] == blocks
    assert message["reasoning_content"] == "hm"


DEEP = base64.urlsafe_b64encode(b"[" * 99_999).decode()


@pytest.mark.parametrize("parcel", ["gAAAA", "routor.1.", f"routor.1.{DEEP}", "routor.1.W10"])
def test_thoughts_that_are_not_ours_to_open_are_passed_over(parcel):
    foreign = {"type": "reasoning", "summary": [], "encrypted_content": parcel}
    assert inner(HELLO, foreign, HELLO)["messages"] == [HELLO, HELLO]


@pytest.mark.parametrize("summary", [[], [{"type": "summary_text", "text": "hm"}]])
def test_thoughts_that_openai_sealed_before_reach_its_models(summary):
    parcel = "gAAAAABo" + "x" * 92
    theirs = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": parcel}
    body = inner(HELLO, theirs, CALLED, RESULT, tools=[TOOL])
    dialect, one, chosen_body = chosen(
        target("openai", effort="low", parameters=OVER_RESPONSES, reasoning=THINKS), body
    )
    given = sent(dialect.encode(chosen_body, one))["input"]
    back = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": parcel}
    assert back in given
    assert parcel not in str(sent(DIALECTS["anthropic_messages"].encode(body, target("anthropic"))))


def test_a_turn_that_broke_off_before_its_first_word_is_none():
    empty = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    assert inner(HELLO, empty, HELLO)["messages"] == [HELLO, HELLO]


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "model": "m", "created": 7}
    return msgspec.json.encode({**head, "choices": [choice]})


USAGE = msgspec.json.encode({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})


def streamed(*deltas: dict[str, Any], reason: str = "stop", **fields: Any) -> list[dict[str, Any]]:
    call = parsed(**fields)
    writer = responses.writer(call, call.to_route("req_1"))
    out = b"".join(writer.chunks([chunk(delta)]) for delta in deltas)
    out += writer.finish([chunk({}, reason)], USAGE, b'{"model":"m"}')
    return events(out)


def events(out: bytes) -> list[dict[str, Any]]:
    told = []
    for number, frame in enumerate(out.split(b"\n\n")[:-1]):
        name, data = frame.split(b"\n")
        event = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == f"event: {event['type']}".encode()
        assert event["sequence_number"] == number
        EVENT.validate_python(event)
        told.append(event)
    return told


def test_a_stream_tells_its_events_in_openais_order():
    told = streamed({"role": "assistant", "content": ""}, {"content": "He"}, {"content": "y"})
    assert [event["type"].removeprefix("response.") for event in told] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Hey"
    assert told[-1]["response"]["usage"]["total_tokens"] == 7


def test_items_keep_their_places():
    told = streamed(
        {"reasoning_content": "hm"},
        {"content": "Hi"},
        {"tool_calls": [{"index": 0, **CALL}]},
        {"tool_calls": [{"index": 1, **CALL, "id": "call_2"}]},
        reason="tool_calls",
        **TELLING,
    )
    added = [event for event in told if event["type"] == "response.output_item.added"]
    done = [event for event in told if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]
    assert [event["item"]["id"] for event in added] == [event["item"]["id"] for event in done]
    kinds = [item["type"] for item in told[-1]["response"]["output"]]
    assert kinds == ["reasoning", "message", "function_call", "function_call"]


def test_a_stream_ends_with_the_response_that_is_answered_whole():
    for said in ({"content": "Hi"}, {"reasoning_content": "hm"}, {"refusal": "No."}, {}):
        for reason in ("stop", "length"):
            *_, last = streamed(said, reason=reason, **TELLING)
            whole = answered(said, reason, **TELLING)
            assert last["response"]["output"] == whole["output"]
            assert last["response"].keys() == whole.keys()


def test_how_a_request_is_served_is_told_at_once_and_in_the_end():
    told = streamed({"content": "Hi"}, service_tier="flex")
    assert told[0]["response"]["service_tier"] == "flex"
    assert told[-1]["response"]["service_tier"] == "default"
    assert streamed({"content": "Hi"})[0]["response"]["service_tier"] == "auto"


def test_each_part_of_a_message_has_citations_of_its_own():
    where = {"url": "https://x.test", "title": "X", "start_index": 0, "end_index": 1}
    cited = {"type": "url_citation", "url_citation": where}
    parts = [{"content": "a", "annotations": [cited]}, {"refusal": "No."}, {"content": "b"}]
    content = streamed(*parts)[-1]["response"]["output"][0]["content"]
    assert [len(part.get("annotations", ())) for part in content] == [1, 0, 0]


def test_an_answer_cut_by_its_limit_ends_as_incomplete():
    told = streamed({"content": "Hi"}, reason="length")
    assert told[-1]["type"] == "response.incomplete"
    assert told[-1]["response"]["output"][0]["status"] == "incomplete"


def test_a_broken_stream_ends_as_failed():
    call = parsed()
    writer = responses.writer(call, call.to_route("req_1"))
    out = writer.chunks([chunk({"content": "He"})])
    tried = [Attempt(provider="openai", model="openai/gpt-5.5", kind="STREAM_BROKEN")]
    out += writer.broken(RoutorError(Kind.STREAM_BROKEN, "It broke.", attempts=tried), "req_1")
    told = events(out)
    kinds = [event["type"] for event in told]
    assert kinds[-2:] == ["error", "response.failed"]
    assert "response.completed" not in kinds
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    (attempt,) = told[-1]["response"]["routor"]["attempts"]
    assert attempt["kind"] == "STREAM_BROKEN"
