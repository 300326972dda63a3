import asyncio

import grpc
import msgspec
import pytest

from routor.v1.providers_pb2 import ListProvidersRequest, ProbeRequest
from services import rpc
from services.errors import Kind, RoutorError
from services.providers.vendors import VENDORS
from tests.providers.conftest import BODY, CHAIN, PATIENT, members, request, running


async def failure(call) -> RoutorError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return rpc.error_of(caught.value, "providers")


async def test_complete_answers_from_the_first_model_and_says_what_it_took(service):
    answer = await service.complete(request())
    body = msgspec.json.decode(answer.body)
    assert body["model"] == CHAIN[0]
    assert body["choices"][0]["message"]["content"]
    assert body["choices"][0]["finish_reason"] == "stop"
    served = answer.served
    assert (served.model, served.provider, served.fallback) == (CHAIN[0], "openai", False)
    assert served.usage.input_tokens == body["usage"]["prompt_tokens"] > 0
    assert [attempt.kind for attempt in served.attempts] == [""]
    attempt = served.attempts[0]
    assert attempt.http_status == 200
    # A whole answer does not show when its first token was made.
    assert attempt.latency_ms > attempt.first_token_ms == 0
    assert attempt.ended_at_s > 1.7e9
    # 0.75 and 4.50 dollars per million tokens.
    usage = served.usage
    assert served.cost_usd == pytest.approx(
        (usage.input_tokens * 0.75 + usage.output_tokens * 4.5) / 1e6
    )


async def test_stream_gives_chunks_and_one_finish(service):
    whole = msgspec.json.decode((await service.complete(request())).body)
    streamed = await service.stream(request(stream=True))
    assert streamed.text == whole["choices"][0]["message"]["content"]
    assert all(chunk["model"] == CHAIN[0] for chunk in streamed.chunks)
    assert all(not chunk["choices"][0]["finish_reason"] for chunk in streamed.chunks)
    endings = [msgspec.json.decode(chunk) for chunk in streamed.finish.chunks]
    assert [ending["choices"][0]["finish_reason"] for ending in endings] == ["stop"]
    assert streamed.finish.usage_chunk == b""
    attempt = streamed.finish.served.attempts[0]
    assert attempt.latency_ms >= attempt.first_token_ms > 0
    assert streamed.finish.served.usage.output_tokens == whole["usage"]["completion_tokens"]


async def test_stream_reports_usage_to_who_asks_for_it(service):
    body = {**BODY, "stream_options": {"include_usage": True}}
    streamed = await service.stream(request(stream=True, body=body))
    usage = msgspec.json.decode(streamed.finish.usage_chunk)
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens"] == streamed.finish.served.usage.input_tokens > 0
    endings = [msgspec.json.decode(chunk) for chunk in streamed.finish.chunks]
    assert all(chunk["usage"] is None for chunk in [*streamed.chunks, *endings])
    unasked = await service.stream(request(stream=True))
    assert not any("usage" in chunk for chunk in unasked.chunks)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    "model", ["openai/gpt-5.5", "anthropic/claude-opus-4.8", "google/gemini-3.5-flash"]
)
async def test_every_dialect_answers(service, model, stream):
    asked = request(stream=stream, chain=members(model))
    if stream:
        assert (await service.stream(asked)).text
    else:
        body = msgspec.json.decode((await service.complete(asked)).body)
        assert body["choices"][0]["message"]["content"]


@pytest.mark.parametrize("token", ["", "a test's tokem", "a test's token "])
async def test_nobody_is_answered_without_the_token(service, sandbox, token):
    for call in (service.stub.Complete(request(), metadata=rpc.metadata(token)),
                 service.stub.ListProviders(ListProvidersRequest(), metadata=rpc.metadata(token)),
                 service.stub.Probe(ProbeRequest(provider="openai"))):  # fmt: skip
        assert (await failure(call)).kind is Kind.UNAUTHENTICATED
    stream = service.stub.Stream(request(stream=True), metadata=rpc.metadata(token))
    assert (await failure(anext(aiter(stream)))).kind is Kind.UNAUTHENTICATED
    assert await sandbox.requests("openai") == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(service, content):
    asked = request()
    asked.body = content
    error = await failure(service.complete(asked))
    assert (error.kind, error.param) == (Kind.INVALID_REQUEST, "body")


async def test_an_id_that_no_catalog_lists_is_passed_on(service, sandbox):
    member = members("openai/gpt-5.5")[0]
    member.model, member.upstream_model = "openai/custom-of-mine", "custom-of-mine"
    answer = await service.complete(request(chain=[member]))
    assert msgspec.json.decode(answer.body)["model"] == "openai/custom-of-mine"
    assert answer.served.cost_usd == 0
    assert (await sandbox.requests("openai"))[0]["body"]["model"] == "custom-of-mine"


async def test_what_was_left_out_for_the_model_is_told(service, sandbox):
    body = {**BODY, "temperature": 0.5}
    chain = members("openai/gpt-5.5", effort="medium")
    answer = await service.complete(request(chain=chain, body=body))
    assert list(answer.served.dropped_parameters) == ["temperature"]
    sent = (await sandbox.requests("openai"))[0]["body"]
    assert sent["reasoning_effort"] == "medium"
    assert "temperature" not in sent


async def test_the_deadline_ends_with_an_error_that_says_what_was_tried(hostile):
    async def silent(reader, writer):
        while await reader.read(65536):
            pass

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(silent)}
    async with running(environ, PATIENT) as service:
        error = await failure(
            service.complete(request(chain=members("openai/gpt-5.5")), timeout=0.5)
        )
    assert error.kind is Kind.PROVIDER_TIMEOUT
    assert [attempt.model for attempt in error.attempts] == ["openai/gpt-5.5"]


async def test_an_empty_chain_is_refused(service):
    error = await failure(service.complete(request(chain=[])))
    assert (error.kind, error.param) == (Kind.INVALID_REQUEST, "chain")


async def test_probe_lists_the_models_and_pays_nothing(service, sandbox):
    for provider in VENDORS:
        answer = await service.stub.Probe(
            ProbeRequest(provider=provider), metadata=service.metadata
        )
        assert (answer.kind, answer.message) == ("", "")
        assert answer.upstream_models
        assert [one["method"] for one in await sandbox.requests(provider)] == ["GET"]


async def test_probe_tells_why_it_failed(service, sandbox):
    async def probe(provider: str):
        return await service.stub.Probe(ProbeRequest(provider=provider), metadata=service.metadata)

    await sandbox.fault("openai", "list_models_down", status=401)
    assert (await probe("openai")).kind == "PROVIDER_AUTH"
    await sandbox.fault("anthropic", "list_models_down", status=503)
    assert (await probe("anthropic")).kind == "PROVIDER_UNAVAILABLE"
    assert (await failure(probe("nobody"))).kind is Kind.NOT_FOUND
    async with running({}) as bare:
        answer = await bare.stub.Probe(ProbeRequest(provider="openai"), metadata=bare.metadata)
        assert answer.kind == "PROVIDER_AUTH"
        assert "OPENAI_API_KEY" in answer.message


async def test_providers_are_listed_without_secrets(service):
    answer = await service.stub.ListProviders(ListProvidersRequest(), metadata=service.metadata)
    assert {one.id for one in answer.providers} == set(VENDORS)
    assert all(one.connected and one.base_url for one in answer.providers)
    assert b"sandbox-openai-key" not in answer.SerializeToString()


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_the_upstream_call_ends_when_the_caller_leaves(hostile, stream):
    asked, left = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer):
        asked.set()
        while await reader.read(65536):
            pass
        left.set()

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(silent)}
    async with running(environ, PATIENT) as service:
        sent = request(stream=stream, chain=members("openai/gpt-5.5"))
        method = service.stub.Stream if stream else service.stub.Complete
        call = method(sent, metadata=service.metadata)
        waiting = asyncio.ensure_future(anext(aiter(call)) if stream else call)
        await asyncio.wait_for(asked.wait(), 5)
        call.cancel()
        await asyncio.wait_for(left.wait(), 5)
        await asyncio.gather(waiting, return_exceptions=True)


async def test_the_upstream_stream_ends_when_the_reader_leaves_midway(hostile):
    left = asyncio.Event()
    chunk = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'

    async def endless(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(chunk * 100)
                await writer.drain()
                await asyncio.sleep(0)
        finally:
            left.set()

    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": await hostile(endless)}
    async with running(environ, PATIENT) as service:
        sent = request(stream=True, chain=members("openai/gpt-5.5"))
        call = service.stub.Stream(sent, metadata=service.metadata)
        await anext(aiter(call))
        call.cancel()
        await asyncio.wait_for(left.wait(), 5)
