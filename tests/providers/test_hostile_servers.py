"""Servers that break the rules of HTTP, and what the application sees of it."""

import asyncio
import gc
import gzip
import struct

import grpc
import msgspec
import pytest

from services import rpc
from services.errors import Kind
from services.providers.call import Call
from services.providers.dialects import faults
from services.providers.sandbox import environment
from services.providers.transport import HttpReply
from tests.providers.conftest import (
    BODY,
    CHAIN,
    FAST,
    PATIENT,
    Streamed,
    members,
    read_request,
    request,
    running,
)
from tests.providers.test_faults import MODES, answered, failed

ANSWER = msgspec.json.encode(
    {
        "id": "c",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "fine"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
)


def head(status: str = "200 OK", **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def says(content: bytes, hold: bool = False):
    """Return a server that answers every request with these bytes, then closes or is silent."""

    async def talk(reader, writer):
        await read_request(reader)
        writer.write(content)
        await writer.drain()
        if hold:
            await reader.read()

    return talk


async def resets(reader, writer):
    await read_request(reader)
    plug = writer.get_extra_info("socket")
    plug.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER
    writer.transport.abort()


def bomb() -> bytes:
    content = gzip.compress(b'{"choices": "' + b"0" * (40 << 20), 9)
    return head(content_encoding="gzip", content_length=len(content)) + content


def comment_bomb() -> bytes:
    content = gzip.compress(b": x\n\n" * (8 << 20), 9)
    return head(content_encoding="gzip", content_length=len(content)) + content


def nested_bomb() -> bytes:
    content = gzip.compress(gzip.compress(b"0" * (32 << 20)))
    return head(content_encoding="gzip, gzip", content_length=len(content)) + content


EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
NASTY = {
    "closes at once": (says(b""), "closed"),
    "reset": (resets, "closed"),
    "no HTTP": (says(b"220 smtp.example.com ESMTP\r\n\r\n"), "HTTP"),
    "large header": (says(head(x_filler="x" * (1 << 20), content_length=2) + b"{}"), "HTTP"),
    "half JSON": (says(head(content_length=len(ANSWER)) + ANSWER[:50]), "cut off"),
    "broken chunk": (says(head(transfer_encoding="chunked") + b"zz\r\n"), ""),
    "head, then silence": (says(head(content_length=len(ANSWER)), hold=True), "within"),
    "gzip bomb": (says(bomb()), "larger than 32 MB"),
    "comment bomb": (says(comment_bomb()), "larger than 32 MB"),
    "nested bomb": (says(nested_bomb()), "encoding"),
    "no gzip": (says(head(content_encoding="gzip", content_length=2) + b"{}"), "decompressed"),
    "role, then silence": (says(head() + EVENT, hold=True), "within"),
    "only comments": (says(head() + b": keep-alive\n\n" * 3, hold=True), "within"),
    "invalid UTF-8": (says(head(content_length=4) + b'"\xff\xfe"'), ""),
    "cut-off error": (says(head("503 Busy", content_length=99) + b"{"), "503"),
    "deep JSON": (says(head(content_length=200_000) + b"[" * 200_000), ""),
}


@MODES
@pytest.mark.parametrize("name", NASTY)
async def test_a_nasty_server_is_survived(sandbox, hostile, name, stream):
    talk, said = NASTY[name]
    environ = {**environment(sandbox.base), "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ, FAST if said == "within" else PATIENT) as service:
        text, served = await answered(service, request(stream), stream)
    assert text
    assert served.model == CHAIN[1]
    first = served.attempts[0]
    assert first.kind in ("PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT")
    if not stream:
        assert said in first.message


@MODES
@pytest.mark.parametrize("name", ["comment bomb", "half JSON", "role, then silence"])
async def test_what_was_read_of_a_bad_answer_is_let_go_of_at_once(hostile, name, stream):
    talk, said = NASTY[name]
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ, FAST if said == "within" else PATIENT) as service:
        gc.collect()
        gc.disable()
        try:
            await failed(service, request(stream, members(CHAIN[0])), stream)
            assert not [one for one in gc.get_objects() if isinstance(one, Call | HttpReply)]
        finally:
            gc.enable()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_no_redirect_is_followed(hostile, status):
    trapped = []

    async def trap(reader, writer):
        trapped.append(await reader.readuntil(b"\r\n\r\n"))

    where = await hostile(trap)
    talk = says(head(status, location=where, content_length=0))
    environ = {"OPENAI_API_KEY": "secret-key", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        error = await failed(service, request(chain=members(CHAIN[0])))
    assert error.kind is Kind.PROVIDER_UNAVAILABLE
    assert trapped == []


async def test_a_kept_connection_that_died_is_no_failure(hostile):
    served = []

    async def once(reader, writer):
        """Answer one request; swallow the second on the same connection."""
        for number in range(2):
            await read_request(reader)
            served.append(number)
            if number == 0:
                writer.write(head(content_length=len(ANSWER)) + ANSWER)
                await writer.drain()

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(once)}
    async with running(environ) as service:
        for _ in range(2):
            answer = await service.complete(request(chain=members(CHAIN[0])))
            assert len(answer.served.attempts) == 1
    assert served == [0, 1, 0]


async def test_an_outage_of_kept_connections_is_not_multiplied(hostile):
    """A request that finds its connection dead is sent again, but not at every provider."""
    dead, asked = asyncio.Event(), []

    async def talk(reader, writer):
        while True:
            await read_request(reader)
            asked.append(dead.is_set())
            if dead.is_set():
                return
            writer.write(head(content_length=len(ANSWER)) + ANSWER)
            await writer.drain()

    chain = ("openai/gpt-5.4-mini", "deepseek/deepseek-v4-flash", "xai/grok-4.3", "zai/glm-5.2")
    environ = {}
    for model in chain:
        name = model.partition("/")[0].upper()
        environ |= {f"{name}_API_KEY": "k", f"{name}_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        for model in chain:
            await service.complete(request(chain=members(model)))
        dead.set()
        error = await failed(service, request(chain=members(*chain)))
    assert [attempt.model for attempt in error.attempts] == list(chain)
    assert sum(asked) == 5


async def test_whom_only_those_precede_who_cannot_do_it_is_asked_again_on_a_fresh_connection(
    sandbox, hostile
):
    said = {
        "type": "message",
        "content": [{"type": "text", "text": "fine"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    content = msgspec.json.encode(said)

    async def once(reader, writer):
        await read_request(reader)
        writer.write(head(content_length=len(content)) + content)
        await writer.drain()
        await read_request(reader)

    where = (await hostile(once)).removesuffix("/v1")
    environ = {**environment(sandbox.base), "ANTHROPIC_BASE_URL": where}
    own = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    chain = members("google/gemini-3.5-flash", CHAIN[1], "mistral/mistral-small-4")
    body = {**BODY, "anthropic": own}
    async with running(environ) as service:
        for _ in range(2):
            answer = await service.complete(request(chain=chain, body=body))
            kinds = [attempt.kind for attempt in answer.served.attempts]
            assert kinds == ["UNSUPPORTED_PARAMETER", ""]


async def test_a_finished_streams_connection_is_used_again(hostile):
    connections = []
    event = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":%s}]}'
    body = event % b"null" + b"\n\n" + event % b'"stop"' + b"\n\ndata: [DONE]\n\n"

    async def talk(reader, writer):
        connections.append(writer)
        while True:
            await read_request(reader)
            writer.write(head(transfer_encoding="chunked") + b"%x\r\n%s\r\n" % (len(body), body))
            await writer.drain()
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        for _ in range(3):
            assert (await service.stream(request(True, members(CHAIN[0])))).text == "hihi"
    assert len(connections) == 1


async def test_cookies_are_neither_kept_nor_sent(hostile):
    heads = []

    async def talk(reader, writer):
        for _ in range(2):
            heads.append(await read_request(reader))
            writer.write(head(content_length=len(ANSWER), set_cookie="a=b") + ANSWER)
            await writer.drain()

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        for _ in range(2):
            await service.complete(request(chain=members(CHAIN[0])))
    assert len(heads) == 2
    assert not any(b"cookie" in one.lower() for one in heads)


async def test_a_long_tool_call_outlasts_the_first_token_limit(hostile):
    """Its arguments are held until complete; that they grow is progress enough."""
    call = b'data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[%s]}}]}\n\n'
    begin = b'{"index":0,"id":"t","function":{"name":"f","arguments":"{\\"a\\":\\""}}'
    more = b'{"index":0,"function":{"arguments":"x"}}'
    last = b'{"index":0,"function":{"arguments":"\\"}"}}'
    ending = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n'

    async def talk(reader, writer):
        await read_request(reader)
        writer.write(head())
        for piece in (begin, *[more] * 20, last):
            writer.write(call % piece)
            await writer.drain()
            await asyncio.sleep(0.03)
        writer.write(ending + b"data: [DONE]\n\n")
        await writer.drain()

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ, FAST) as service:
        streamed = await service.stream(request(stream=True, chain=members(CHAIN[0])))
    calls = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in streamed.chunks]
    arguments = [one[0]["function"]["arguments"] for one in calls if one]
    assert arguments == ['{"a":"' + "x" * 20 + '"}']


TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
FINISH = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("last", [b'{"error":{"message":"boom"}}', b'{"id":', b"[]", b'"\xff"'])
async def test_what_came_together_with_a_fault_is_shown_before_it(hostile, last, times):
    """Which events share a packet is chance; what the application sees of an answer is not."""
    body = TEXT * times + b"data: " + last + b"\n\n"
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(says(head() + body))}
    async with running(environ, FAST) as service:
        shown = []
        asked = service.stub.Stream(request(True, members(CHAIN[0])), metadata=service.metadata)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for one in asked:
                shown.append(one)
    assert Streamed(shown).text == "hi" * times
    assert rpc.error_of(caught.value, "providers").kind is Kind.STREAM_BROKEN


async def test_what_came_together_with_a_fault_is_not_shown_where_another_answers(hostile):
    bad = TEXT + b'data: {"error":{"message":"boom"}}\n\n'
    good = TEXT.replace(b"hi", b"whole") + FINISH
    environ = {
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": await hostile(says(head() + bad)),
        "DEEPSEEK_API_KEY": "k",
        "DEEPSEEK_BASE_URL": await hostile(says(head() + good)),
    }
    async with running(environ, FAST) as service:
        streamed = await service.stream(
            request(True, members(CHAIN[0], "deepseek/deepseek-v4-pro"))
        )
    assert streamed.text == "whole"


@pytest.mark.parametrize("member", ["message", "param"])
async def test_a_key_that_a_provider_repeats_goes_no_further(hostile, member):
    key = "a-key-of-no-usual-form"
    said = msgspec.json.encode({"error": {"message": "no", "code": key, member: f"<{key}>"}})
    talk = says(head("400 Bad", content_length=len(said)) + said)
    environ = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        error = await failed(service, request(chain=members(CHAIN[0])))
    assert key not in f"{error.message} {error.param} {error.code}"
    assert "[redacted]" in str(getattr(error, member))


@pytest.mark.parametrize("shown", [4, 12, 21])
async def test_a_key_at_which_a_long_message_is_cut_goes_no_further(hostile, shown):
    key = "a-key-of-no-usual-form"
    words = ("no " * faults.MESSAGE_LIMIT)[: faults.MESSAGE_LIMIT - shown - 1]
    said = msgspec.json.encode({"error": {"message": f"{words} {key} {words}"}})
    talk = says(head("400 Bad", content_length=len(said)) + said)
    environ = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        error = await failed(service, request(chain=members(CHAIN[0])))
    assert key[:shown] not in error.message
    assert error.message.startswith("no no ")


@pytest.mark.parametrize("hold", [False, True], ids=["closes", "is silent"])
async def test_an_answer_is_whole_once_it_is_finished_whatever_becomes_of_its_stream(hostile, hold):
    """Neither [DONE] nor the last chunk of the transfer comes."""
    body = TEXT + FINISH
    talk = says(head(transfer_encoding="chunked") + b"%x\r\n%s\r\n" % (len(body), body), hold)
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ, FAST) as service:
        streamed = await service.stream(request(True, members(CHAIN[0])))
    assert streamed.text == "hi"
    assert [attempt.kind for attempt in streamed.finish.served.attempts] == [""]


@pytest.mark.parametrize("hold", [False, True], ids=["ends", "is silent"])
async def test_a_finish_in_every_event_of_gemini_cuts_nothing(hostile, hold):
    body = b"".join(
        b'data: {"candidates":[{"content":{"parts":[{"text":"%s"}]},"finishReason":"STOP"}],'
        b'"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}\n\n' % piece
        for piece in (b"He", b"llo")
    )
    end = b'data: {"candidates":[{"finishReason":"STOP"}]}\n\n'
    talk = says(head() + body + (end if hold else b""), hold)
    environ = {"GEMINI_API_KEY": "k", "GEMINI_BASE_URL": await hostile(talk)}
    async with running(environ, FAST) as service:
        chain = members("google/gemini-3.5-flash")
        streamed = await service.stream(request(stream=True, chain=chain))
    assert streamed.text == "Hello"
    assert [attempt.kind for attempt in streamed.finish.served.attempts] == [""]


async def test_empty_choices_for_ever_are_no_answer(hostile):
    async def talk(reader, writer):
        await read_request(reader)
        writer.write(head())
        while not writer.is_closing():
            writer.write(b'data: {"id":"c","choices":[]}\n\n')
            await writer.drain()
            await asyncio.sleep(0.03)

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ, FAST) as service:
        error = await failed(service, request(chain=members(CHAIN[0]), stream=True), stream=True)
    assert error.kind is Kind.PROVIDER_TIMEOUT
    assert "first token" in error.message
