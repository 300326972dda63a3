"""What answers say: content, finish reasons, tokens, and the bytes of their streams."""

# ruff: noqa: E501 - tables of probes and bodies read better wide

import json

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.test_answers import CLAUDE, GEMINI, OPENAI, chunks, gathered, lines, streamed, whole
from tests.wire.upstream import (
    Reply,
    answer,
    chat_body,
    chunk,
    events,
    gemini,
    message,
    message_events,
)

LOGPROBS = {
    "content": [{"token": "A", "logprob": -1.0, "bytes": None, "top_logprobs": []}],
    "refusal": None,
}
SOUND = {"id": "au", "data": "AA", "expires_at": 5, "transcript": "A"}
USED = {
    "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 2},
    "completion_tokens_details": {
        "reasoning_tokens": 1, "audio_tokens": 1, "accepted_prediction_tokens": 2,
        "rejected_prediction_tokens": 1,
    },
}  # fmt: skip


def of_openai_alone(stream):
    """Two choices with log probabilities, sound and a refusal."""
    head = {"service_tier": "flex", "system_fingerprint": "fp"}
    if stream:
        first = chunk({"role": "assistant", "content": ""}, **head)
        said = chunk({"content": "A"}, **head)
        said["choices"][0]["logprobs"] = LOGPROBS
        return events(
            first, chunk({"role": "assistant"}, index=1, **head), said,
            chunk({"refusal": "No."}, index=1, **head), chunk({"audio": SOUND}, **head),
            chunk({}, "stop", 1, **head), chunk({}, "stop", **head), chunk(usage=USED, **head),
        )  # fmt: skip
    body = chat_body({"content": "A", "refusal": None, "audio": SOUND}, usage=USED, **head)
    body["choices"][0]["logprobs"] = LOGPROBS
    body["choices"].append(
        {**chat_body({"content": None, "refusal": "No."})["choices"][0], "index": 1}
    )
    return answer(body)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_openai_alone_has_survives(wire, stream):
    fields = {
        "n": 2, "logprobs": True, "top_logprobs": 1, "user": "u", "metadata": {"a": "b"},
        "service_tier": "flex", "store": False,
        "prediction": {"type": "content", "content": "A"},
    }  # fmt: skip
    options = {"stream_options": {"include_usage": True}} if stream else {}
    told = await whole(wire, of_openai_alone(stream), stream=stream, **fields, **options)
    sent = wire.upstream.last.body
    assert {name: sent[name] for name in fields} == fields
    if stream:
        bodies = chunks(told.text)
        deltas = [choice for one in bodies for choice in one["choices"]]
        assert [one["logprobs"] for one in deltas if one["logprobs"]] == [LOGPROBS]
        assert [one["delta"]["refusal"] for one in deltas if "refusal" in one["delta"]] == ["No."]
        assert [one["delta"]["audio"] for one in deltas if "audio" in one["delta"]] == [SOUND]
        last = bodies[-1]
    else:
        last = told.json()
        ChatCompletion.model_validate(last)
        one, two = last["choices"]
        assert (one["logprobs"], one["message"]["audio"]) == (LOGPROBS, SOUND)
        assert (two["message"]["content"], two["message"]["refusal"]) == (None, "No.")
    assert (last["service_tier"], last["system_fingerprint"]) == ("flex", "fp")
    counted = last["usage"]
    assert counted["prompt_tokens_details"]["audio_tokens"] == 2
    assert counted["completion_tokens_details"] == USED["completion_tokens_details"]


WORDS = [
    *[("openai_chat", word, want) for word, want in (
        ("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"),
        ("eos", "stop"), ("model_length", "length"), ("sensitive", "content_filter"),
        ("never_heard", "stop"))],
    *[("anthropic_messages", word, want) for word, want in (
        ("end_turn", "stop"), ("max_tokens", "length"), ("stop_sequence", "stop"),
        ("pause_turn", "length"), ("refusal", "content_filter"), ("never_heard", "stop"),
        ("model_context_window_exceeded", "length"))],
    *[("google_generate", word, want) for word, want in (
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"), ("BLOCKLIST", "content_filter"), ("OTHER", "content_filter"),
        ("NEVER_HEARD", "stop"))],
]  # fmt: skip


@pytest.mark.parametrize("name, word, want", WORDS)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_finish_has_openais_word(wire, name, word, want, stream):
    if name == "openai_chat":
        reply = answer(chat_body({"content": "A"}, word))
        if stream:
            reply = events(chunk({"content": "A"}), chunk({}, word))
    elif name == "anthropic_messages":
        text = {"type": "text", "text": "A"}
        reply = answer(message(text, stop=word))
        if stream:
            reply = message_events((text, []), stop=word)
    else:
        body = gemini({"text": "A"}, finish=word)
        reply = events(body, done=False) if stream else answer(body)
    told = await whole(wire, reply, name, stream=stream)
    if stream:
        assert gathered(chunks(told.text))[2] == want
    else:
        assert told.json()["choices"][0]["finish_reason"] == want


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("parts", [[], [{"text": "Half of"}]])
async def test_what_gemini_breaks_off_is_never_told_as_whole(wire, stream, parts):
    body = gemini(*parts, finish="OTHER")
    begun = [gemini(part, finish=None) for part in parts] * 4
    reply = events(*begun, body, done=False) if stream else answer(body)
    told = await whole(wire, reply, "google_generate", stream=stream)
    assert ("content_filter" if parts else "broke off its answer (OTHER)") in told.text
    assert '"finish_reason":"stop"' not in told.text
    assert told.status_code == (200 if parts else 502)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt_of_gemini(wire, stream):
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}
    reply = events(body, done=False) if stream else answer(body)
    told = await whole(wire, reply, "google_generate", stream=stream)
    if stream:
        assert gathered(chunks(told.text))[2] == "content_filter"
    else:
        assert told.json()["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_stop_sequence_is_told_to_anthropics_clients(wire, stream):
    text = {"type": "text", "text": "A"}
    reply = answer(message(text, stop="stop_sequence", stop_sequence="END"))
    if stream:
        reply = message_events((text, []), stop="stop_sequence", stop_sequence="END")
    wire.upstream.script = lambda _: reply
    told = await wire.messages(CLAUDE, stop_sequences=["END"], stream=stream)
    made = json.loads(lines(told.text)[-2])["delta"] if stream else told.json()
    assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "END")
    # OpenAI's have no place for it.
    told = await wire.chat(CLAUDE, stop=["END"], stream=stream)
    assert '"finish_reason":"stop"' in told.text
    assert "stop_reason" not in told.text


@pytest.mark.parametrize("stream", [False, True])
async def test_why_claude_refuses_is_told_to_openais_clients(wire, stream):
    details = {"type": "refusal", "category": "cyber", "explanation": "No cyber."}
    reply = answer(message(stop="refusal", stop_details=details))
    if stream:
        reply = message_events(stop="refusal", stop_details=details)
    told = await whole(wire, reply, "anthropic_messages", stream=stream)
    assert '"refusal":"No cyber."' in told.text
    assert '"finish_reason":"content_filter"' in told.text
    # Anthropic's have it among the details, and no text.
    told = await wire.messages(CLAUDE, stream=stream)
    assert "No cyber." in told.text
    assert '"text"' not in told.text


async def test_what_claude_cites_from_the_web_is_told_to_openais_clients(wire):
    place = {"type": "web_search_result_location", "encrypted_index": "e", "cited_text": "c"}
    cited = {**place, "url": "https://e.org", "title": "T"}
    page = {"type": "char_location", "cited_text": "c", "document_index": 0}
    texts = ({"type": "text", "text": "Now: "}, {"type": "text", "text": "found."})
    reply = answer(message(texts[0], {**texts[1], "citations": [page, cited]}))
    said = (await whole(wire, reply, "anthropic_messages")).json()["choices"][0]["message"]
    citation = {"url": "https://e.org", "title": "T", "start_index": 5, "end_index": 11}
    assert said["annotations"] == [{"type": "url_citation", "url_citation": citation}]
    assert said["content"] == "Now: found."
    # The type of a stream's deltas has no place for them.
    deltas = [{"type": "citations_delta", "citation": one} for one in (page, cited)]
    reply = message_events((texts[0], []), (texts[1], deltas))
    told = await whole(wire, reply, "anthropic_messages", stream=True)
    assert gathered(chunks(told.text))[0] == "Now: found."


async def test_an_empty_last_word_of_anthropic_is_an_answer(wire):
    told = await whole(wire, answer(message()), "anthropic_messages")
    assert told.status_code == 200, told.text
    assert told.json()["choices"][0]["message"]["content"] == ""


USAGES = [
    (CLAUDE, message({"type": "text", "text": "A"}, usage={
        "input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2,
        "output_tokens": 4}), (10, 4, 3)),
    (CLAUDE, message({"type": "text", "text": "A"}, usage={
        "input_tokens": 5, "cache_read_input_tokens": None, "output_tokens": 4}), (5, 4, 0)),
    (GEMINI, {**gemini({"text": "A"}), "usageMetadata": {
        "promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 7,
        "cachedContentTokenCount": 1}}, (5, 9, 1)),
    (GEMINI, {**gemini({"text": "A"}), "usageMetadata": None}, (0, 0, 0)),
    ("xai/grok-4.3", chat_body({"content": "A"}, usage={
        "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 17,
        "completion_tokens_details": {"reasoning_tokens": 10}}), (5, 12, 0)),
    ("deepseek/deepseek-v4-pro", chat_body({"content": "A"}, usage={
        "prompt_tokens": 5, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}), (5, 2, 4)),
    (OPENAI, chat_body({"content": "A"}, usage=None), (0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize("model, body, want", USAGES)
async def test_tokens_are_counted_openais_way(wire, model, body, want):
    wire.upstream.script = lambda _: answer(body)
    usage = (await wire.chat(model)).json()["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], cached) == want
    assert usage["total_tokens"] == want[0] + want[1]


# --- bytes


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_streams_are_read_from_bytes(wire, size):
    text = "Ω – 日本 \u2028\u2029\u0085 🎉"
    raw = (
        ": keep-alive\r\n\r\nid: 5\r\nretry: 3\r\n"
        f"data:{json.dumps(chunk({'content': text}), ensure_ascii=False)}\r\n\r\n"
        "event: message\r\n"
        + "".join(
            f"data: {line}\r\n"
            for line in json.dumps(chunk({"content": "!"}), indent=1).splitlines()
        )
        + "\r\n"
        f"data: {json.dumps(chunk({}, 'stop'))}\n\ndata: [DONE]\n\n"
    ).encode()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    told = await streamed(wire, Reply(pieces, headers={"Content-Type": "text/event-stream"}))
    assert gathered(chunks(told))[0] == text + "!"


async def test_events_of_300_kb(wire):
    text = "x" * 300_000
    told = await streamed(wire, events(chunk({"content": text}), chunk({}, "stop")))
    assert gathered(chunks(told))[0] == text


# --- other kinds of answers


async def test_a_schema_is_answered_by_a_forced_tool_where_there_is_none(wire):
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "routor_json_answer", "arguments": '{"a":1}'},
    }
    reply = answer(chat_body({"content": None, "tool_calls": [call]}, "tool_calls"))
    form = {"name": "n", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    told = await whole(
        wire, reply, model="microsoft/mai-code-1.1-flash",
        response_format={"type": "json_schema", "json_schema": form},
    )  # fmt: skip
    choice = told.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize("model", ["openai/text-embedding-3-small", "google/gemini-embedding-001",
                                   "mistral/mistral-embed", "alibaba/text-embedding-v4"])  # fmt: skip
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings(wire, model, encoding):
    body = {"model": model, "input": ["a", "b"], "encoding_format": encoding}
    told = await wire.post("/v1/embeddings", body)
    assert told.status_code == 200, told.text
    one, _ = told.json()["data"]
    assert one["embedding"] == ([0.5, 1.0] if encoding == "float" else "AAAAPwAAgD8=")
