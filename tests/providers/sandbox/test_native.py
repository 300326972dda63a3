"""The native dialects of Anthropic and Google."""

import base64

import msgspec
import pytest

TOOL = {"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}
DECLARED = {
    "functionDeclarations": [
        {
            "name": "get_weather",
            "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
        {"name": "clock"},
    ]
}


def said(text: str) -> list:
    return [{"role": "user", "parts": [{"text": text}]}]


def events(text: str) -> list[tuple[str, dict]]:
    """Parse named events."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), msgspec.json.decode(data[6:])))
    return found


def chunks(text: str) -> list[dict]:
    return [msgspec.json.decode(line[6:]) for line in text.split("\r\n") if line.startswith("data")]


async def test_anthropic_answers_a_message(sandbox):
    status, answer = await sandbox.post("anthropic")
    assert status == 200
    assert answer["type"] == "message"
    assert answer["role"] == "assistant"
    assert answer["stop_reason"] == "end_turn"
    assert [block["type"] for block in answer["content"]] == ["text"]
    assert "hello wörld" in answer["content"][0]["text"]
    assert answer["usage"]["input_tokens"] > 0


async def test_anthropic_streams_blocks_in_order_without_done(sandbox):
    thinking = {"thinking": {"type": "adaptive"}}
    _, whole = await sandbox.post("anthropic", **thinking)
    _, text = await sandbox.post("anthropic", stream=True, **thinking)
    assert "[DONE]" not in text
    found = events(text)
    assert all(name == event["type"] for name, event in found)
    assert found[0][0] == "message_start"
    assert [name for name, _ in found[-2:]] == ["message_delta", "message_stop"]
    deltas = [event["delta"] for name, event in found if name == "content_block_delta"]
    spoken = "".join(delta.get("text", "") for delta in deltas)
    thought = "".join(delta.get("thinking", "") for delta in deltas)
    proof = [delta["signature"] for delta in deltas if delta["type"] == "signature_delta"]
    assert whole["content"] == [
        {"type": "thinking", "thinking": thought, "signature": proof[0]},
        {"type": "text", "text": spoken},
    ]
    usage = found[-2][1]["usage"]
    assert usage["output_tokens"] == whole["usage"]["output_tokens"]
    assert usage["output_tokens_details"]["thinking_tokens"] > 0


async def test_anthropic_calls_a_tool_and_reads_its_result(sandbox):
    first = {"role": "user", "content": "the weather, please"}
    _, answer = await sandbox.post("anthropic", messages=[first], tools=[TOOL])
    assert answer["stop_reason"] == "tool_use"
    call = answer["content"][0]
    assert call["name"] == "get_weather"
    assert call["id"].startswith("toolu_")
    _, text = await sandbox.post("anthropic", messages=[first], tools=[TOOL], stream=True)
    parts = [e["delta"] for name, e in events(text) if name == "content_block_delta"]
    assert msgspec.json.decode("".join(p["partial_json"] for p in parts)) == call["input"]
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "rain"}
    turns = [first, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    _, answer = await sandbox.post("anthropic", messages=turns, tools=[TOOL])
    assert "rain" in answer["content"][0]["text"]


async def test_anthropic_counts_cached_tokens_apart(sandbox):
    marked = {"type": "text", "text": "x" * 9000, "cache_control": {"type": "ephemeral"}}
    turns = [
        {"role": "user", "content": [marked]},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "on"},
    ]
    _, answer = await sandbox.post("anthropic", messages=turns)
    usage = answer["usage"]
    assert usage["cache_read_input_tokens"] >= 1024
    assert usage["input_tokens"] < 1024


async def test_anthropic_stops_at_the_limit_and_at_a_sequence(sandbox):
    _, answer = await sandbox.post("anthropic", max_tokens=3)
    assert answer["stop_reason"] == "max_tokens"
    assert answer["usage"]["output_tokens"] == 3
    _, answer = await sandbox.post("anthropic", stop_sequences=["wörld"])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "wörld")


async def test_anthropic_pages_its_models(sandbox):
    url = f"{sandbox.base}/anthropic/v1/models?limit=3"
    headers = sandbox.headers("anthropic")
    async with sandbox.session.get(url, headers=headers) as answer:
        first = await answer.json()
    assert (len(first["data"]), first["has_more"]) == (3, True)
    url += f"&after_id={first['last_id']}"
    async with sandbox.session.get(url, headers=headers) as answer:
        second = await answer.json()
    assert second["has_more"] is False
    assert {model["lifecycle"] for model in first["data"] + second["data"]} == {"active"}


async def test_google_answers_and_counts_thoughts_apart(sandbox):
    status, answer = await sandbox.post("google")
    assert status == 200
    candidate = answer["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert "hello wörld" in candidate["content"]["parts"][0]["text"]
    usage = answer["usageMetadata"]
    counted = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert usage["thoughtsTokenCount"] > 0
    assert usage["totalTokenCount"] == sum(usage[name] for name in counted)


async def test_google_streams_whole_responses_and_shows_thoughts_when_asked(sandbox):
    config = {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "low"}}
    _, whole = await sandbox.post("google", generationConfig=config)
    _, text = await sandbox.post("google", stream=True, generationConfig=config)
    found = chunks(text)
    parts = [c["candidates"][0]["content"]["parts"][0] for c in found]
    thought, spoken = whole["candidates"][0]["content"]["parts"]
    assert thought["thought"] is True
    assert "".join(p["text"] for p in parts if p.get("thought")) == thought["text"]
    assert "".join(p["text"] for p in parts if not p.get("thought")) == spoken["text"]
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"
    assert found[-1]["usageMetadata"] == whole["usageMetadata"]
    assert "[DONE]" not in text


async def test_google_streams_an_array_without_sse(sandbox):
    request = sandbox.request("google", stream=True)
    request["url"] = request["url"].removesuffix("?alt=sse")
    async with sandbox.session.post(**request) as answer:
        found = await answer.json()
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_google_signs_a_call_and_wants_the_signature_back(sandbox):
    first = said("the weather in Ulm")
    fields = {"tools": [DECLARED]}
    _, answer = await sandbox.post("google", contents=first, **fields)
    part = answer["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["args"] == {"city": "the weather in Ulm"}
    assert base64.b64decode(part["thoughtSignature"], validate=True)
    assert answer["candidates"][0]["finishReason"] == "STOP"

    result = {"name": "get_weather", "response": {"result": "rain"}}
    reply = {"role": "user", "parts": [{"functionResponse": result}]}

    async def after(call):
        turns = [*first, {"role": "model", "parts": [call]}, reply]
        return await sandbox.post("google", contents=turns, **fields)

    status, answer = await after(part)
    assert status == 200
    assert "rain" in answer["candidates"][0]["content"]["parts"][0]["text"]
    bare = {"functionCall": part["functionCall"]}
    status, answer = await after(bare)
    assert status == 400
    assert "missing a thought_signature" in answer["error"]["message"]
    status, _ = await after({**bare, "thoughtSignature": "Zm9yZWlnbg=="})
    assert status == 400
    status, _ = await after({**bare, "thoughtSignature": "skip_thought_signature_validator"})
    assert status == 200


async def test_google_calls_what_is_forced_among_the_allowed(sandbox):
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["clock"]}}
    _, answer = await sandbox.post("google", tools=[DECLARED], toolConfig=config)
    part = answer["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["name"] == "clock"


async def test_google_takes_the_key_from_the_query_and_pages_its_models(sandbox):
    url = f"{sandbox.base}/google/v1beta/models?key=sandbox-google-key&pageSize=2"
    async with sandbox.session.get(url) as answer:
        page = await answer.json()
    assert page["models"][0]["name"].startswith("models/")
    assert page["nextPageToken"]
    record = (await sandbox.records("google"))[-1]
    assert record["query"]["key"] == "present"


@pytest.mark.parametrize("stream", [False, True])
async def test_google_cuts_at_the_limit(sandbox, stream):
    config = {"maxOutputTokens": 30}
    _, answer = await sandbox.post("google", stream=stream, generationConfig=config)
    last = chunks(answer)[-1] if stream else answer
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"
    usage = last["usageMetadata"]
    assert usage["candidatesTokenCount"] + usage["thoughtsTokenCount"] == 30


async def test_google_takes_snake_case_names_but_leaves_the_callers_own(sandbox):
    properties = {"first_name": {"type": "STRING", "min_length": 2}}
    schema = {"type": "OBJECT", "properties": properties, "required": ["first_name"]}
    config = {"response_mime_type": "application/json", "response_schema": schema}
    status, answer = await sandbox.post("google", generation_config=config)
    assert status == 200, answer
    text = answer["candidates"][0]["content"]["parts"][0]["text"]
    assert list(msgspec.json.decode(text)) == ["first_name"]
