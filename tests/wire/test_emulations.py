"""What a vendor has no word for, and gets said by other means."""

import json

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.test_answers import chunks
from tests.wire.test_requests import TOOL
from tests.wire.upstream import (
    answer,
    chat_body,
    chunk,
    dialect,
    events,
    gemini,
    message,
    message_events,
    response,
    streams,
)

SECOND = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}
NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize("choice", ["required", NAMED])
@pytest.mark.parametrize("effort", [None, "high"])
async def test_qwen_is_forced_to_a_tool_without_thinking(wire, choice, effort):
    asked = {"reasoning_effort": effort} if effort else {}
    told = await wire.chat("alibaba/qwen3.7-max", tools=[TOOL, SECOND], tool_choice=choice, **asked)
    body = wire.upstream.last.body
    assert (body["tool_choice"], body["enable_thinking"]) == (choice, False)
    assert told.json()["routor"].get("droppedParameters", []).count("reasoning_effort") == len(
        asked
    )


@pytest.mark.parametrize("choice", ["required", NAMED])
async def test_kimi_is_forced_to_its_only_tool_by_name(wire, choice):
    await wire.chat("moonshot/kimi-k2.6", tools=[TOOL], tool_choice=choice)
    body = wire.upstream.last.body
    assert (body["tool_choice"], body["thinking"]) == (NAMED, {"type": "disabled"})


async def test_no_call_is_no_tool_where_there_is_only_auto(wire):
    await wire.chat("zai/glm-5.2", tools=[TOOL], tool_choice="none")
    assert "tools" not in wire.upstream.last.body


def choices(told):
    """The choices of a stream's chunks."""
    return [choice for one in chunks(told.text) for choice in one["choices"]]


def one_two(seen):
    """Say "one STOP two", and call a tool."""
    said, call = "one STOP two", {"name": "f", "arguments": "{}"}
    calls = [{"index": 0, "id": "c1", "type": "function", "function": call}]
    item = {"type": "message", "content": [{"type": "output_text", "text": said}]}
    if dialect(seen) == "openai_responses":
        if not streams(seen):
            return answer(response(item))
        pieces = [
            {"type": "response.output_text.delta", "delta": one} for one in ("one ST", "OP two")
        ]
        first = {"type": "response.created", "response": response(status="in_progress")}
        last = {"type": "response.completed", "response": response(item)}
        return events(first, *pieces, last, done=False, named=True)
    if not streams(seen):
        return answer(chat_body({"content": said, "tool_calls": calls}, "tool_calls"))
    pieces = [chunk({"content": one}) for one in ("one ", "ST", "OP two")]
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return events(
        *pieces, chunk({"tool_calls": calls}), chunk({}, "tool_calls"), chunk(usage=usage)
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["xai/grok-4.3", "minimax/minimax-m3", "openai/gpt-5.5"])
async def test_a_stop_sequence_ends_the_answer_where_no_vendor_looks_for_it(wire, model, stream):
    wire.upstream.script = one_two
    tools = {"tools": [TOOL]} if model == "openai/gpt-5.5" else {}
    told = await wire.chat(model, stop=["STOP", "never"], stream=stream, **tools)
    assert "stop" not in wire.upstream.last.body
    if not stream:
        (choice,) = told.json()["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("one ", "stop")
        assert not choice["message"].get("tool_calls")
        assert told.json()["usage"]["completion_tokens"] == 2
        return
    spoken = choices(told)
    assert "".join(one["delta"].get("content") or "" for one in spoken) == "one "
    assert not any(one["delta"].get("tool_calls") for one in spoken)
    assert spoken[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["openai/gpt-5.4-mini", "microsoft/mai-code-1.1-flash"])
async def test_a_stop_sequence_ends_the_answer_where_the_vendor_refuses_to_look(
    wire, model, stream
):
    text = "Unsupported parameter: 'stop' is not supported with this model."
    refusal = {"message": text, "type": "invalid_request_error"}
    refusal |= {"param": "stop", "code": "unsupported_parameter"}

    def script(seen):
        return answer({"error": refusal}, 400) if "stop" in seen.body else one_two(seen)

    wire.upstream.script = script
    told = await wire.chat(model, stop=["STOP"], stream=stream)
    assert told.status_code == 200, told.text
    if stream:
        spoken = choices(told)
        assert "".join(one["delta"].get("content") or "" for one in spoken) == "one "
        assert spoken[-1]["finish_reason"] == "stop"
    else:
        assert told.json()["choices"][0]["message"]["content"] == "one "
        assert told.json()["routor"]["droppedParameters"] == ["stop"]
    assert len(wire.upstream.seen) == 2


@pytest.mark.parametrize(
    "model", ["anthropic/claude-haiku-4.5", "openai/gpt-5.4", "openai/gpt-5.5"]
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_the_limit_cuts_is_told_as_it_is(wire, model, stream):
    cut = '{"city": "Ro'

    def script(seen):
        if dialect(seen) == "anthropic_messages":
            block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
            delta = {"type": "input_json_delta", "partial_json": cut}
            if streams(seen):
                return message_events((block, [delta]), stop="max_tokens")
            return answer(message({**block, "input": {"city": "Ro"}}, stop="max_tokens"))
        if dialect(seen) == "openai_responses":
            item = {"type": "function_call", "call_id": "c1", "name": "weather"}
            item |= {"arguments": cut, "status": "incomplete"}
            whole = response(
                item, status="incomplete", incomplete_details={"reason": "max_output_tokens"}
            )
            if not streams(seen):
                return answer(whole)
            first = {"type": "response.created", "response": response(status="in_progress")}
            done = {"type": "response.output_item.done", "item": item}
            last = {"type": "response.incomplete", "response": whole}
            return events(first, done, last, done=False, named=True)
        call = {"index": 0, "id": "c1", "type": "function"}
        calls = [{**call, "function": {"name": "weather", "arguments": cut}}]
        if streams(seen):
            return events(chunk({"tool_calls": calls}), chunk({}, "length"))
        return answer(chat_body({"content": None, "tool_calls": calls}, "length"))

    wire.upstream.script = script
    told = await wire.chat(model, tools=[TOOL], stream=stream)
    assert told.status_code == 200, told.text
    if stream:
        spoken = choices(told)
        finish = spoken[-1]["finish_reason"]
        (call,) = [call for one in spoken for call in one["delta"].get("tool_calls") or ()]
        arguments = call["function"]["arguments"]
    else:
        (choice,) = told.json()["choices"]
        finish = choice["finish_reason"]
        arguments = choice["message"]["tool_calls"][0]["function"]["arguments"]
    assert finish == "length"
    assert arguments == cut or json.loads(arguments) == {"city": "Ro"}


@pytest.mark.parametrize("stream", [False, True])
async def test_equal_calls_of_two_answers_have_ids_of_their_own(wire, stream):
    def script(seen):
        call = {"functionCall": {"name": "weather", "args": {"city": "Rome"}}}
        body = gemini(call)
        return events(body, done=False) if streams(seen) else answer(body)

    wire.upstream.script = script
    told = [await wire.chat("google/gemini-3.6-flash", tools=[TOOL], stream=stream) for _ in "ab"]
    if stream:
        deltas = [one["delta"] for each in told for one in choices(each)]
        ids = [call["id"] for delta in deltas for call in delta.get("tool_calls") or ()]
    else:
        ids = [each.json()["choices"][0]["message"]["tool_calls"][0]["id"] for each in told]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_log_probabilities_of_mistral_are_openais(wire, stream):
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "token_id": 7}

    def script(seen):
        if not streams(seen):
            body = chat_body({"content": "Hi"})
            body["choices"][0]["logprobs"] = {"content": [token]}
            return answer(body)
        first = chunk({"role": "assistant", "content": "Hi"})
        first["choices"][0]["logprobs"] = {"content": [token]}
        return events(first, chunk({}, "stop"))

    wire.upstream.script = script
    told = await wire.chat("mistral/mistral-large-3", logprobs=True, top_logprobs=2, stream=stream)
    body = wire.upstream.last.body
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    if stream:
        given = [one["logprobs"] for one in choices(told) if one.get("logprobs")]
    else:
        ChatCompletion.model_validate(told.json(), strict=True)
        given = [told.json()["choices"][0]["logprobs"]]
    (one,) = given
    assert one["content"][0]["token"] == "Hi"
    assert one["content"][0]["top_logprobs"] == []


async def test_qwen_thinks_in_streams_and_answers_as_a_whole(wire):
    """Its API refuses thinking outside of streams; the caller sees nothing of it."""
    function = {"name": "weather", "arguments": '{"city":"Rome"}'}
    calls = [{"index": 0, "id": "c1", "type": "function", "function": function}]
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    usage["completion_tokens_details"] = {"reasoning_tokens": 3}
    wire.upstream.script = lambda seen: events(
        chunk({"role": "assistant", "content": None, "reasoning_content": "hm"}),
        chunk({"reasoning_content": "m"}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({"tool_calls": calls}),
        chunk({}, "tool_calls"),
        chunk(usage=usage),
    )
    told = await wire.chat("alibaba/qwen3.7-max", tools=[TOOL], reasoning_effort="high")
    body = wire.upstream.last.body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    ChatCompletion.model_validate(told.json(), strict=True)
    (choice,) = told.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Hello"
    assert choice["message"]["reasoning_content"] == "hmm"
    assert choice["message"]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": function}
    ]
    assert told.json()["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


async def test_qwen_without_thoughts_answers_as_a_whole_by_itself(wire):
    await wire.chat("alibaba/qwen3.7-max", reasoning_effort="none")
    assert wire.upstream.last.body["stream"] is False


@pytest.mark.parametrize("ends", [False, True])
async def test_a_stream_that_broke_off_is_no_whole_answer(wire, ends):
    wire.upstream.script = lambda seen: events(chunk({"content": "Hel"}), done=ends)
    told = await wire.chat("alibaba/qwen3.7-max")
    assert told.status_code == 502
    assert told.json()["error"]["code"] == "provider_unavailable"


@pytest.mark.parametrize("model", ["anthropic/claude-haiku-4.5", "google/gemini-3.6-flash"])
async def test_a_file_may_be_bare_base64(wire, model):
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0xLjQK"}}
    await wire.chat(model, [{"role": "user", "content": [file]}])
    sent = json.dumps(wire.upstream.last.body)
    assert "application/pdf" in sent and '"JVBERi0xLjQK"' in sent


async def test_names_of_image_types_that_only_clients_know(wire):
    image = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}}
    await wire.chat("anthropic/claude-haiku-4.5", [{"role": "user", "content": [image]}])
    assert '"image/jpeg"' in json.dumps(wire.upstream.last.body)
    image = {"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}}
    told = await wire.chat("anthropic/claude-haiku-4.5", [{"role": "user", "content": [image]}])
    assert told.status_code == 400
    assert told.json()["error"]["param"] == "messages[0].content[0].image_url.url"


async def test_an_unlisted_model_of_openai_thinks_with_tools_where_it_can(wire):
    await wire.chat("openai/gpt-next", tools=[TOOL], reasoning_effort="high")
    assert wire.upstream.last.path.endswith("/responses")
    assert wire.upstream.last.body["reasoning"] == {"effort": "high"}
    await wire.chat("openai/gpt-next", tools=[TOOL])
    assert wire.upstream.last.path.endswith("/chat/completions")


@pytest.mark.parametrize(
    "model", ["anthropic/claude-next", "google/gemini-next", "openai/gpt-next"]
)
async def test_a_model_that_nobody_knows_gets_what_its_vendor_takes(wire, model):
    told = await wire.chat(model, max_tokens=50, reasoning_effort="high")
    body = json.dumps(wire.upstream.last.body)
    dropped = told.json()["routor"].get("droppedParameters", [])
    if model.startswith("openai"):
        assert '"max_completion_tokens": 50' in body and '"reasoning_effort": "high"' in body
    else:
        assert dropped == ["reasoning_effort"]


async def test_each_door_names_fields_by_its_own_words(wire):
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object"}}
    text = {"verbosity": "low"}
    told = await wire.responses("deepseek/deepseek-v4-pro", text=text)
    assert told.json()["routor"]["droppedParameters"] == ["text.verbosity"]
    told = await wire.messages("zai/glm-5.2", metadata={"user_id": "u"})
    assert told.json()["routor"]["droppedParameters"] == ["metadata.user_id"]
    told = await wire.responses("microsoft/phi-4", text={"format": form})
    assert (told.status_code, told.json()["error"]["param"]) == (400, "text.format")
    assert "text.format" in told.json()["error"]["message"]
