"""What OpenAI's models thought, as Anthropic's own client reads it and sends it back."""

from typing import Any

import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic

from tests.edge.fakes import KEY
from tests.wire.upstream import answer, events, message, response, streams

GPT = "openai/gpt-5.5"
ASKED: Any = {"type": "adaptive"}
HELLO: Any = {"role": "user", "content": "Hi"}
TOOL: Any = {"name": "f", "input_schema": {"type": "object"}}
RESULT = {"type": "tool_result", "tool_use_id": "call_1", "content": "1"}
AGAIN: Any = {"role": "user", "content": [RESULT]}
SUMMARY = [{"type": "summary_text", "text": text} for text in ("First.", "Then.")]
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": SUMMARY, "encrypted_content": "parcel"}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}
UNVERIFIED = {
    "error": {
        "message": "Your organization must be verified to generate reasoning summaries.",
        "type": "invalid_request_error",
        "param": "reasoning.summary",
        "code": "unsupported_value",
    }
}


def streamed(output):
    """Return the events of thoughts, a message and calls."""
    told = [{"type": "response.created", "response": response(status="in_progress")}]
    for item in output:
        begun = {**item, "summary": [], "content": []}
        told.append({"type": "response.output_item.added", "item": begun})
        for place, part in enumerate(item.get("summary", ())):
            at = {"item_id": item["id"], "summary_index": place}
            told.append({"type": "response.reasoning_summary_part.added", **at, "part": part})
            delta = {"type": "response.reasoning_summary_text.delta", **at, "delta": part["text"]}
            told.append(delta)
        for part in item.get("content", ()):
            at = {"item_id": item["id"], "content_index": 0}
            told.append({"type": "response.output_text.delta", **at, "delta": part["text"]})
        told.append({"type": "response.output_item.done", "item": item})
    told.append({"type": "response.completed", "response": response(*output)})
    return events(*told, done=False, named=True)


def says(*output):
    """Return a script that says so, in a stream or whole."""
    return lambda seen: streamed(output) if streams(seen) else answer(response(*output))


@pytest_asyncio.fixture(loop_scope="session")
async def client(wire):
    async with AsyncAnthropic(base_url=wire.url, api_key=KEY, max_retries=0) as made:
        yield made


async def asked(client, stream, *messages, **fields):
    """Return the message that a client of Anthropic's makes of the answer."""
    given = {"max_tokens": 4096, "messages": messages or [HELLO], **fields}
    if not stream:
        return await client.messages.create(model=GPT, **given)
    async with client.messages.stream(model=GPT, **given) as running:
        return await running.get_final_message()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("thinking", [ASKED, {"type": "enabled", "budget_tokens": 2048}])
async def test_a_summary_is_told_as_thinking_and_comes_back(wire, client, stream, thinking):
    wire.upstream.script = says(THOUGHT, SAID, CALL)
    fields = {"thinking": thinking, "tools": [TOOL]}
    told = await asked(client, stream, **fields)
    request = wire.upstream.last.body
    assert request["reasoning"]["summary"] == "auto"
    thought, said, call = told.content
    assert (thought.type, thought.thinking) == ("thinking", "First.\n\nThen.")
    assert thought.signature
    assert (said.text, call.id) == ("I look.", "call_1")
    turn = {"role": "assistant", "content": [one.model_dump() for one in told.content]}
    await asked(client, stream, HELLO, turn, AGAIN, **fields)
    sent = wire.upstream.last.body["input"]
    assert [one["type"] for one in sent[1:]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert (sent[1]["id"], sent[1]["encrypted_content"]) == ("rs_1", "parcel")


async def test_thoughts_are_told_without_tools_too(wire, client):
    wire.upstream.script = says(THOUGHT, SAID)
    told = await asked(client, True, thinking=ASKED)
    assert [one.type for one in told.content] == ["thinking", "text"]


async def test_who_does_not_ask_for_thinking_is_told_none(wire, client):
    wire.upstream.script = says(THOUGHT, SAID, CALL)
    told = await asked(client, False, tools=[TOOL], output_config={"effort": "high"})
    assert [one.type for one in told.content] == ["text", "tool_use"]
    assert "summary" not in wire.upstream.last.body["reasoning"]


async def test_thinking_that_is_to_be_omitted_is_sealed_alone(wire, client):
    wire.upstream.script = says({**THOUGHT, "summary": []}, SAID)
    told = await asked(client, False, thinking={**ASKED, "display": "omitted"})
    assert "summary" not in wire.upstream.last.body["reasoning"]
    assert [one.type for one in told.content] == ["redacted_thinking", "text"]


@pytest.mark.parametrize("stream", [False, True])
async def test_who_gets_no_summaries_is_answered_without(wire, client, stream):
    def unverified(seen):
        if "summary" in seen.body["reasoning"]:
            return answer(UNVERIFIED, 400)
        return says({**THOUGHT, "summary": []}, SAID)(seen)

    wire.upstream.script = unverified
    told = await asked(client, stream, thinking=ASKED)
    assert [one.type for one in told.content] == ["redacted_thinking", "text"]
    assert len(wire.upstream.seen) == 2
    whole = await wire.messages(GPT, thinking=ASKED)
    assert whole.json()["routor"]["droppedParameters"] == ["thinking"]


async def test_another_refusal_is_told_as_it_is(wire):
    other = {"error": {**UNVERIFIED["error"], "param": "reasoning.effort"}}
    wire.upstream.script = lambda _: answer(other, 400)
    told = await wire.messages(GPT, thinking=ASKED)
    assert (told.status_code, len(wire.upstream.seen)) == (400, 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_items_of_openai_keep_their_order(wire, client, stream):
    later = {**THOUGHT, "id": "rs_2", "encrypted_content": "second"}
    after = {**CALL, "id": "fc_2", "call_id": "call_2"}
    wire.upstream.script = says(THOUGHT, CALL, later, SAID, after)
    told = await asked(client, stream, thinking=ASKED, tools=[TOOL])
    kinds = [one.type for one in told.content]
    assert kinds == ["thinking", "tool_use", "thinking", "text", "tool_use"]


async def test_thoughts_of_openai_are_nothing_to_anthropic(wire):
    signed = {"type": "thinking", "thinking": "First.", "signature": "openai.rs_1.parcel"}
    call = {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
    turns = [HELLO, {"role": "assistant", "content": [signed, call]}, AGAIN]
    wire.upstream.script = lambda _: answer(message({"type": "text", "text": "Yes."}))
    model = "anthropic/claude-haiku-4.5"
    budget = {"type": "enabled", "budget_tokens": 2048}
    await wire.messages(model, turns, tools=[TOOL], thinking=budget)
    sent = wire.upstream.last.body
    assert [one["type"] for one in sent["messages"][1]["content"]] == ["tool_use"]
    assert sent["thinking"]["type"] == "disabled"
