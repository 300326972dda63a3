"""OpenAI's Responses as a way upstream: requests OpenAI's own types take, answers as chat."""

from typing import Any

import msgspec
import pydantic
import pytest
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

from services.errors import Kind, RoutorError
from services.providers.dialects import chosen
from services.providers.dialects.openai_responses import OpenAIResponses
from tests.providers.dialects.targets import (
    CALL,
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

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
HELLO = {"role": "user", "content": "Hello"}
DIALECT = OpenAIResponses()
REQUEST: Any = pydantic.TypeAdapter(ResponseCreateParamsNonStreaming)
STREAMED: Any = pydantic.TypeAdapter(ResponseCreateParamsStreaming)


def thinking(effort: str = "high"):
    return target(
        effort=effort,
        reasoning=reasoning(
            switch="reasoning_effort", efforts=("none", "low", "high"), default="low"
        ),
        parameters=parameters(parallel_tool_calls=True),
    )


def encoded(effort: str = "high", **body: Any) -> dict[str, Any]:
    request = sent(
        DIALECT.encode({"messages": [HELLO], "tools": [WEATHER], **body}, thinking(effort))
    )
    (STREAMED if request.get("stream") else REQUEST).validate_python(request)
    return request


def refused(**body: Any) -> RoutorError:
    with pytest.raises(RoutorError) as caught:
        encoded(**body)
    return caught.value


def test_a_request_keeps_its_effort_and_stores_nothing():
    request = encoded(max_completion_tokens=500, parallel_tool_calls=False, tool_choice="required")
    assert request["reasoning"] == {"effort": "high"}
    assert request["store"] is False
    assert request["include"] == ["reasoning.encrypted_content"]
    assert request["max_output_tokens"] == 500
    assert request["parallel_tool_calls"] is False
    assert request["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("effort", "told"),
    [("high", {"effort": "high", "summary": "auto"}), ("none", {"effort": "none"})],
)
def test_a_summary_is_asked_for_where_the_model_thinks(effort, told):
    assert encoded(effort, openai={"summary": "auto"})["reasoning"] == told


@pytest.mark.parametrize("wish", [{"summary": "auto"}, {"sealed": True}])
def test_who_is_told_thoughts_is_answered_over_responses(wish):
    facts = {"tools_over_responses": True}
    aim = thinking()
    aim = msgspec.structs.replace(
        aim, model=msgspec.structs.replace(aim.model, parameters=parameters(**facts))
    )
    body = {"messages": [HELLO], "openai": wish}
    assert isinstance(chosen(aim, body)[0], OpenAIResponses)
    silent = msgspec.structs.replace(aim, effort="none")
    assert not isinstance(chosen(silent, body)[0], OpenAIResponses)
    assert not isinstance(chosen(aim, {"messages": [HELLO], "openai": {}})[0], OpenAIResponses)


def test_tools_are_flat_and_as_strict_as_they_were():
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    loose, hard = encoded(tools=[WEATHER, strict])["tools"]
    assert loose["name"] == "weather"
    assert loose["strict"] is False
    assert hard["strict"] is True


def test_a_named_tool_is_chosen_by_its_name():
    choice = {"type": "function", "function": {"name": "weather"}}
    assert encoded(tool_choice=choice)["tool_choice"] == {"type": "function", "name": "weather"}


def test_a_conversation_keeps_its_order_and_its_calls():
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    request = encoded(
        messages=[
            {"role": "system", "content": "Be terse."},
            HELLO,
            {"role": "assistant", "content": "Looking.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
        ]
    )
    kinds = [item.get("role") or item["type"] for item in request["input"]]
    assert kinds == ["developer", "user", "assistant", "function_call", "function_call_output"]
    assert request["input"][3]["arguments"] == "{}"
    assert request["input"][4] == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "21 degrees",
    }


def test_sealed_thoughts_return_to_openai_and_those_of_others_do_not():
    foreign = {"type": "thinking", "thinking": "hm", "signature": "abc"}
    own = {"type": "redacted_thinking", "data": "openai.rs_1.gAAA"}
    told = {"type": "thinking", "thinking": "Hm.", "signature": "openai.rs_2.gBBB"}
    turn = {"role": "assistant", "content": "Yes", "thinking_blocks": [foreign, own, told]}
    items = encoded(messages=[HELLO, turn, HELLO])["input"]
    thoughts = [item for item in items if item["type"] == "reasoning"]
    assert thoughts == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
    ]


@pytest.mark.parametrize("given", [5, {}, "text", [5, None], [[]]])
def test_what_is_no_item_of_openais_tools_is_passed_over(given):
    said = {"role": "assistant", "content": "Yes.", "openai_items": given}
    told = encoded(messages=[HELLO, said, HELLO])["input"]
    assert [item["type"] for item in told] == ["message"] * 3


def test_images_and_files_go_along():
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,A"},
        },
    ]
    (item,) = encoded(messages=[{"role": "user", "content": parts}])["input"]
    kinds = [part["type"] for part in item["content"]]
    assert kinds == ["input_text", "input_image", "input_file"]


@pytest.mark.parametrize("failed", [False, True])
def test_what_a_tool_shows_stands_in_its_result_as_it_came(failed):
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}}
    parts = [{"type": "text", "text": "before"}, image, {"type": "text", "text": "after"}]
    error = {"is_error": True} if failed else {}
    turns = [called(("c1", "f", "{}")), {**result("c1", parts), **error}]
    told = encoded(messages=[{"role": "user", "content": "a"}, *turns])["input"][-1]["output"]
    assert [part.get("text", part.get("image_url")) for part in told] == [
        *(["Error:"] if failed else []), "before", "https://x.test/a.png", "after",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "part, told",
    [
        (
            {"file": {"file_data": "https://x.test/a.pdf", "filename": "a.pdf"}},
            {"type": "input_file", "file_url": "https://x.test/a.pdf"},
        ),
        (
            {"file": {"file_id": "file-1"}, "openai_image": {"detail": "low"}},
            {"type": "input_image", "file_id": "file-1", "detail": "low"},
        ),
    ],
)
def test_files_that_chat_completions_do_not_take_go_over_responses(part, told):
    body = {"messages": [{"role": "user", "content": [{"type": "file", **part}]}]}
    able = target(parameters=parameters(tools_over_responses=True))
    dialect, one, body = chosen(able, body)
    request = sent(dialect.encode(body, one))
    assert request["input"][0]["content"] == [told]
    REQUEST.validate_python(request)
    dialect, one, body = chosen(target("mistral"), body)
    with pytest.raises(RoutorError, match=r"^messages\[0\]\.content\[0\]\.file\.file_"):
        dialect.encode(body, one)


def test_a_schema_becomes_the_format_of_the_text():
    shape = {"name": "x", "schema": {"type": "object"}, "strict": True}
    form = {"type": "json_schema", "json_schema": shape}
    assert encoded(response_format=form)["text"]["format"] == {"type": "json_schema", **shape}


@pytest.mark.parametrize(
    "name, value",
    [
        ("n", 2),
        ("logit_bias", {"1": 2}),
        ("modalities", ["text", "audio"]),
        ("web_search_options", {}),
    ],
)
def test_what_the_caller_would_miss_is_refused(name, value):
    error = refused(**{name: value})
    assert error.kind is Kind.UNSUPPORTED_PARAMETER
    assert error.param == name


def test_what_is_harmless_is_left_out_and_named():
    asked = {"messages": [HELLO], "tools": [WEATHER], "seed": 3, "stop": "END"}
    made = DIALECT.encode(asked, thinking())
    assert set(made.dropped) == {"seed", "stop"}


def response(*items: dict[str, Any], **facts: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 40,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "error": None,
        "output": list(items),
        "usage": usage,
        **facts,
    }


TEXT = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Sunny", "annotations": []}],
}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
SEALED = {"type": "redacted_thinking", "data": "openai.rs_1.gAAA"}


def decoded(body: dict[str, Any]):
    return DIALECT.decode(msgspec.json.encode(body), target())


def test_an_answer_with_a_call_finishes_with_tool_calls():
    answer = decoded(response(THOUGHT, TEXT, CALL))
    (choice,) = answer.body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Sunny"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Rome"}'
    assert choice["message"]["thinking_blocks"] == [SEALED]
    assert (answer.usage.input_tokens, answer.usage.cached_input_tokens) == (10, 4)
    assert (answer.usage.output_tokens, answer.usage.reasoning_tokens) == (30, 20)


@pytest.mark.parametrize(
    "reason, finish", [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
def test_an_incomplete_answer_says_why(reason, finish):
    body = response(TEXT, status="incomplete", incomplete_details={"reason": reason})
    assert decoded(body).body["choices"][0]["finish_reason"] == finish


def test_a_failed_response_is_an_error():
    error = {"code": "server_error", "message": "Try again."}
    with pytest.raises(RoutorError) as caught:
        decoded(response(status="failed", error=error))
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


def events(*told: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (one["type"].encode(), msgspec.json.encode(one))
        for one in told
    )


STARTED = {"type": "response.created", "response": response(status="in_progress", usage=None)}
DONE = {"type": "response.completed", "response": response(THOUGHT, TEXT, CALL)}


def test_a_stream_tells_text_at_once_and_calls_when_whole():
    decoder = DIALECT.decoder(target(), {})
    told = decoder.feed(
        events(
            STARTED,
            {"type": "response.output_item.done", "item": THOUGHT},
            {"type": "response.output_text.delta", "delta": "Sun"},
            {"type": "response.output_text.delta", "delta": "ny"},
            {"type": "response.output_item.done", "item": TEXT},
            {"type": "response.function_call_arguments.delta", "delta": '{"city"'},
            {"type": "response.output_item.done", "item": CALL},
            DONE,
        )
    )
    deltas = [chunk.body["choices"][0]["delta"] for chunk in told]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Sunny"
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [call["function"]["name"] for call in calls] == ["weather"]
    assert [delta["thinking_blocks"] for delta in deltas if "thinking_blocks" in delta] == [
        [{"index": 0, **SEALED}]
    ]
    assert decoder.done
    assert decoder.close().finish_reason == "tool_calls"
    assert decoder.close().usage.output_tokens == 30


def test_parts_of_a_summary_are_paragraphs():
    parts = [{"type": "summary_text", "text": text} for text in ("One.", "Two.")]
    thought = {**THOUGHT, "summary": parts}
    message = decoded(response(thought, TEXT)).body["choices"][0]["message"]
    assert message["reasoning_content"] == "One.\n\nTwo."
    told = [
        event
        for number, part in enumerate(parts)
        for event in (
            {"type": "response.reasoning_summary_part.added", "summary_index": number},
            {"type": "response.reasoning_summary_text.delta", "delta": part["text"]},
        )
    ]
    chunks = DIALECT.decoder(target(), {}).feed(events(STARTED, *told, DONE))
    deltas = [chunk.body["choices"][0]["delta"] for chunk in chunks]
    thoughts = [delta.get("reasoning_content") or "" for delta in deltas]
    assert "".join(thoughts) == "One.\n\nTwo."


def test_a_stream_without_its_end_is_broken():
    decoder = DIALECT.decoder(target(), {})
    decoder.feed(events(STARTED, {"type": "response.output_text.delta", "delta": "Sun"}))
    with pytest.raises(RoutorError) as caught:
        decoder.close()
    assert caught.value.kind is Kind.STREAM_BROKEN


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "server_error", "message": "no", "param": None},
        {
            "type": "response.failed",
            "response": response(status="failed", error={"code": "server_error", "message": "no"}),
        },
    ],
)
def test_a_stream_that_fails_is_an_error(event):
    decoder = DIALECT.decoder(target(), {})
    with pytest.raises(RoutorError) as caught:
        decoder.feed(events(STARTED, event))
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("named", "param"),
    [
        ("input[2].content[0].text", "messages"),
        ("input", "messages"),
        ("max_output_tokens", "max_completion_tokens"),
        ("reasoning.effort", "reasoning_effort"),
        ("text.format.schema", "response_format.json_schema.schema"),
        ("tools[0].parameters", "tools[0].parameters"),
        ("temperature", "temperature"),
        (None, None),
    ],
)
def test_an_error_names_its_field_as_chat_completions_do(named, param):
    told = {"type": "invalid_request_error", "message": "Odd.", "param": named, "code": None}
    error = DIALECT.error(400, {}, msgspec.json.encode({"error": told}), thinking())
    assert (error.kind, error.param) == (Kind.INVALID_REQUEST, param)


def test_an_empty_message_is_an_input_all_the_same() -> None:
    asked = ask(user(" "), tools=[tool()], reasoning_effort="high")
    made = sent(DIALECT.encode(asked, target("openai")))
    assert made["input"] == [{"type": "message", "role": "user", "content": ""}]
