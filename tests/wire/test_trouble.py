"""What clients read when a vendor fails, and who is asked next."""

import asyncio

import pytest

from tests.wire.test_answers import ANY, CLAUDE, GEMINI, HI, OPENAI, whole
from tests.wire.upstream import (
    Reply,
    answer,
    chunk,
    events,
    gemini,
    hello,
    message,
    message_events,
    response,
)


def begun(name):
    """The beginning of a stream, and no end."""
    match name:
        case "openai_chat":
            return events(chunk({"role": "assistant", "content": "A"}), done=False).body
        case "anthropic_messages":
            full = message_events(({"type": "text", "text": "A"}, [])).body
            return full[: full.index(b"event: message_delta")]
        case "google_generate":
            return events(gemini({"text": "A"}, finish=None), done=False).body
        case _:
            head = {"type": "response.created", "response": response(status="in_progress")}
            said = {"type": "response.output_text.delta", "delta": "A"}
            return events(head, said, done=False, named=True).body


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("door", ["chat", "messages", "responses"])
async def test_a_broken_stream_never_looks_finished(wire, name, drop, door):
    stream = {"Content-Type": "text/event-stream"}
    wire.upstream.script = lambda _: Reply(begun(name), headers=stream, drop=drop)
    model, _ = ANY[name]
    tool = {"name": "f", "input_schema": {"type": "object"}}
    flat = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
    if door == "chat":
        told = await wire.chat(model, stream=True, **ANY[name][1])
        assert "[DONE]" not in told.text and '"finish_reason":"' not in told.text
    elif door == "messages":
        extra = {"tools": [tool]} if "resp" in name else {}
        told = await wire.messages(model, stream=True, **extra)
        assert "message_stop" not in told.text
    else:
        extra = {"tools": [flat]} if "resp" in name else {}
        told = await wire.responses(model, stream=True, **extra)
        assert "response.completed" not in told.text and "response.failed" in told.text
    assert '"error"' in told.text and "sandbox-" not in told.text


def unterminated(seen, torn):
    """A greeting without what follows the last event's data, and without the end of that."""
    reply = hello(seen)
    body = reply.body.removesuffix(b"data: [DONE]\n\n").rstrip(b"\n")
    return Reply(body[:-torn] if torn else body, headers=reply.headers)


@pytest.mark.parametrize("name", ANY)
async def test_a_last_event_may_lack_its_blank_line(wire, name):
    wire.upstream.script = lambda seen: unterminated(seen, 0)
    model, more = ANY[name]
    told = await wire.chat(model, stream=True, **more)
    assert "Hello" in told.text and '"error"' not in told.text
    assert told.text.endswith("data: [DONE]\n\n") and '"finish_reason":"stop"' in told.text


@pytest.mark.parametrize("name", [name for name in ANY if name != "anthropic_messages"])
@pytest.mark.parametrize("torn", [1, 9])
async def test_a_torn_last_event_is_a_broken_stream(wire, name, torn):
    # Anthropic's last event says nothing that is not told before.
    wire.upstream.script = lambda seen: unterminated(seen, torn)
    model, more = ANY[name]
    told = await wire.chat(model, stream=True, **more)
    assert '"error"' in told.text and "[DONE]" not in told.text


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", [
    Reply(b"<html><body>Bad gateway</body></html>", 502, {"Content-Type": "text/html"}),
    Reply(b"<html>Sign in</html>", 200, {"Content-Type": "text/html"}),
    Reply(b"", 200), Reply(b"{", 200), Reply(b"[]", 200), Reply(b"null", 200),
    Reply(b'{"choices": []}', 200), Reply(b'{"error": {"message": "broken"}}', 200),
    Reply(b"", 503), Reply(b"overloaded", 529), Reply(b"", drop=True),
])  # fmt: skip
async def test_nonsense_is_a_502_in_json(wire, name, stream, reply):
    told = await whole(wire, reply, name, stream=stream)
    assert 500 <= told.status_code < 505, told.text
    assert told.json()["error"]["message"]
    assert "x-should-retry" not in told.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status, error, headers, want", [
    (400, {"message": "Bad image.", "type": "invalid_request_error", "param": "messages[0]",
           "code": "invalid_image_url"}, {}, (400, "invalid_image_url", "messages[0]")),
    (400, {"message": "This model's maximum context length is 10 tokens.",
           "code": "context_length_exceeded"}, {}, (400, "context_length_exceeded", None)),
    (404, {"message": "The model `m` does not exist", "code": "model_not_found"}, {},
     (404, "model_not_found", None)),
    (422, {"message": "Unprocessable"}, {}, (400, None, None)),
    (429, {"message": "Slow down", "code": "rate_limit_exceeded"}, {"Retry-After": "7"},
     (429, "rate_limit_exceeded", None)),
    (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, {},
     (429, "insufficient_quota", None)),
    (401, {"message": "Incorrect API key provided: sandbox-openai-key", "code": "invalid_api_key"},
     {}, (502, "provider_auth", None)),
    (500, {"message": "Oops"}, {}, (502, "provider_unavailable", None)),
])  # fmt: skip
async def test_errors_keep_their_meaning(wire, stream, status, error, headers, want):
    told = await whole(wire, answer({"error": error}, status, **headers), stream=stream)
    fault = told.json()["error"]
    assert (told.status_code, fault["code"], fault["param"]) == want
    if status != 401:
        assert error["message"] in fault["message"]
    assert "sandbox-openai-key" not in told.text
    if headers:
        assert told.headers["Retry-After"] == "7"


@pytest.mark.parametrize("name", ANY)
async def test_a_client_that_goes_takes_the_call_along(wire, name):
    stream = {"Content-Type": "text/event-stream"}
    wire.upstream.script = lambda _: Reply(begun(name), headers=stream, hang=True)
    model, fields = ANY[name]
    body = {"model": model, "messages": HI, "stream": True, **fields}
    async with wire.client.stream("POST", "/v1/chat/completions", json=body) as told:
        await anext(told.aiter_bytes())
    await asyncio.wait_for(wire.upstream.gone.wait(), 10)


async def test_a_request_of_its_own_fault_goes_to_one_provider(wire):
    wire.upstream.script = lambda _: answer({"error": {"message": "Bad"}}, 400)
    told = await wire.chat(f"{OPENAI},{CLAUDE},{GEMINI}")
    assert (told.status_code, len(wire.upstream.seen)) == (400, 1)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 429, 500, 502, 503, 529])
async def test_a_providers_fault_goes_on_to_the_next(wire, status):
    def script(seen):
        if seen.vendor == "openai":
            return answer({"error": {"message": "No"}}, status)
        return answer(message({"type": "text", "text": "Hello"}))

    wire.upstream.script = script
    told = await wire.chat(f"{OPENAI},{CLAUDE}")
    assert (told.status_code, told.json()["model"]) == (200, CLAUDE)


UNFETCHED = [
    "Error while downloading https://x.test/a.png. Upstream status code: 403.",
    "Unable to download the file. Please verify the URL and try again.",
    "Cannot fetch content from the provided URL.",
    "File could not be fetched from url https://x.test/a.png",
    "<400> InternalError.Algo.InvalidParameter: Failed to download multimodal content",
]


@pytest.mark.parametrize("text", UNFETCHED)
async def test_an_image_that_one_vendor_cannot_fetch_goes_to_another(wire, text):
    """From where another stands the address may be reached; the caller is told when it is not."""
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    messages = [{"role": "user", "content": [image]}]

    def script(seen):
        if seen.vendor == "openai":
            return answer({"error": {"message": text, "type": "invalid_request_error"}}, 400)
        return answer(message({"type": "text", "text": "A cat."}))

    wire.upstream.script = script
    told = await wire.chat(f"{OPENAI},{CLAUDE}", messages)
    assert (told.status_code, told.json()["model"]) == (200, CLAUDE)
    alone = await wire.chat(OPENAI, messages)
    assert (alone.status_code, alone.json()["error"]["code"]) == (400, "invalid_image_url")
    assert text in alone.json()["error"]["message"]


async def test_anthropics_clients_read_what_was_tried(wire):
    wire.upstream.script = lambda _: Reply(b"", 503)
    told = await wire.messages(f"{OPENAI},{CLAUDE}")
    attempts = told.json()["error"]["routor"]["attempts"]
    assert [one["model"] for one in attempts] == [OPENAI, CLAUDE]
    assert told.json()["error"]["type"] == "api_error"
