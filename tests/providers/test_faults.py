"""What the application sees of a provider's faults: nothing, or an honest error."""

import asyncio
import re
import time
from dataclasses import replace

import grpc
import msgspec
import pytest

from routor.v1.providers_pb2 import Envelope
from services import rpc
from services.errors import Kind, RoutorError
from services.providers.sandbox import environment
from tests.providers.conftest import (
    BODY,
    CHAIN,
    FAST,
    members,
    only_chunks,
    request,
    running,
)

# Sandbox fault -> its facts and the kind that must be recorded.
FAULTS = [
    ("status", {"status": 500}, "PROVIDER_UNAVAILABLE"),
    ("status", {"status": 502}, "PROVIDER_UNAVAILABLE"),
    ("status", {"status": 503}, "PROVIDER_UNAVAILABLE"),
    ("status", {"status": 529}, "PROVIDER_UNAVAILABLE"),
    ("status", {"status": 408}, "PROVIDER_TIMEOUT"),
    ("status", {"status": 401}, "PROVIDER_AUTH"),
    ("status", {"status": 403}, "PROVIDER_AUTH"),
    ("status", {"status": 404}, "MODEL_GONE"),
    ("status", {"status": 429, "retry_after": 7}, "PROVIDER_RATE_LIMITED"),
    ("quota", {}, "PROVIDER_QUOTA"),
    ("reset", {}, "PROVIDER_UNAVAILABLE"),
    ("close", {}, "PROVIDER_UNAVAILABLE"),
    ("redirect", {}, "PROVIDER_UNAVAILABLE"),
    ("empty", {}, "PROVIDER_UNAVAILABLE"),
    ("not_json", {}, "PROVIDER_UNAVAILABLE"),
    ("error_in_200", {}, "PROVIDER_UNAVAILABLE"),
    ("no_choices", {}, "PROVIDER_UNAVAILABLE"),
]
STREAM_FAULTS = [
    ("stream_cut", "PROVIDER_UNAVAILABLE"),
    ("stream_reset", "PROVIDER_UNAVAILABLE"),
    ("stream_error_event", "PROVIDER_UNAVAILABLE"),
    ("stream_malformed_chunk", "PROVIDER_UNAVAILABLE"),
]
MODES = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


async def answered(service, asked, stream):
    """Return (text, served) of a whole answer."""
    if stream:
        streamed = await service.stream(asked)
        assert streamed.finish.chunks
        return streamed.text, streamed.finish.served
    answer = await service.complete(asked)
    return msgspec.json.decode(answer.body)["choices"][0]["message"]["content"], answer.served


async def failed(service, asked, stream=False) -> RoutorError:
    call = service.stream(asked) if stream else service.complete(asked)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return rpc.error_of(caught.value, "providers")


@MODES
@pytest.mark.parametrize(
    ("kind", "facts", "cause"), FAULTS, ids=[f"{k}{f.get('status', '')}" for k, f, _ in FAULTS]
)
async def test_a_fault_of_the_first_model_is_not_seen(service, sandbox, stream, kind, facts, cause):
    expected, _ = await answered(service, request(stream, members(CHAIN[1])), stream)
    await sandbox.fault("openai", kind, **facts)
    text, served = await answered(service, request(stream), stream)
    assert text == expected
    assert (served.model, served.fallback) == (CHAIN[1], True)
    assert [attempt.kind for attempt in served.attempts] == [cause, ""]
    assert served.attempts[0].message
    # One connection serves all vendors of the sandbox; when a kept one dies it is tried anew.
    assert len(await sandbox.requests("openai")) <= (2 if kind in ("reset", "close") else 1)


@MODES
async def test_a_provider_that_hangs_is_not_seen(hasty, sandbox, stream):
    await sandbox.fault("openai", "timeout")
    text, served = await answered(hasty, request(stream), stream)
    assert text
    assert [attempt.kind for attempt in served.attempts] == ["PROVIDER_TIMEOUT", ""]


async def test_a_stream_that_hangs_before_content_is_not_seen(hasty, sandbox):
    await sandbox.fault("openai", "stream_stall", after_chunks=0)
    streamed = await hasty.stream(request(stream=True))
    assert {chunk["model"] for chunk in streamed.chunks} == {CHAIN[1]}
    assert [a.kind for a in streamed.finish.served.attempts] == ["PROVIDER_TIMEOUT", ""]


async def test_half_an_answer_is_not_seen(service, sandbox):
    await sandbox.fault("openai", "cut_json")
    _, served = await answered(service, request(), stream=False)
    assert [attempt.kind for attempt in served.attempts] == ["PROVIDER_UNAVAILABLE", ""]


@pytest.mark.parametrize(("kind", "cause"), STREAM_FAULTS)
async def test_a_stream_that_fails_before_content_is_not_seen(service, sandbox, kind, cause):
    await sandbox.fault("openai", kind, after_chunks=0)
    streamed = await service.stream(request(stream=True))
    assert streamed.text
    assert {chunk["model"] for chunk in streamed.chunks} == {CHAIN[1]}
    assert [a.kind for a in streamed.finish.served.attempts] == [cause, ""]


BROKEN = [*(kind for kind, _ in STREAM_FAULTS), "stream_no_finish", "stream_stall"]


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_stream_that_nobody_continues_never_looks_finished(service, hasty, sandbox, kind):
    service = hasty if kind == "stream_stall" else service
    await sandbox.fault("openai", kind, after_chunks=4)
    asked = request(stream=True, chain=members("openai/gpt-5.4-mini", "openai/gpt-5.5"))
    call = service.stub.Stream(asked, metadata=service.metadata)
    responses = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for response in call:
            responses.append(response)
    assert responses
    assert only_chunks(responses)
    error = rpc.error_of(caught.value, "providers")
    assert error.kind is Kind.STREAM_BROKEN
    assert re.search(r"[^.]\. It could not be continued\. Tried", error.message)
    cut = error.attempts[0]
    assert cut.kind == "STREAM_BROKEN"
    assert cut.first_token_ms > 0
    assert cut.input_tokens > 0 and cut.output_tokens > 0 and cut.cost_usd > 0


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(
    "model", ["anthropic/claude-haiku-4.5", "google/gemini-3.5-flash", "mistral/mistral-small-4"]
)
async def test_a_stream_that_breaks_after_content_is_continued(
    service, hasty, sandbox, kind, model
):
    """The next one takes no prefill: it is asked to go on with the last words.

    One that takes a prefill is asked itself before, and fails once more.
    """
    whole = "A line of some words, and — ha ha ha ha —\n\n  another one, to its very last word."
    body = {"messages": [{"role": "user", "content": f"Repeat exactly: {whole}"}]}
    service = hasty if kind == "stream_stall" else service
    # All thinking has been shown by then.
    await sandbox.fault(model.partition("/")[0], kind, after_chunks=13)
    asked = request(True, members(model, "openai/gpt-5.5"), body)
    streamed = await service.stream(asked)
    assert streamed.text == whole
    ids = {chunk["id"] for chunk in streamed.chunks}
    assert ids == {msgspec.json.decode(one)["id"] for one in streamed.finish.chunks}
    assert len(ids) == 1
    served = streamed.finish.served
    assert served.continued and served.fallback
    assert served.model == "openai/gpt-5.5"
    parts = served.attempts
    assert (parts[0].kind, parts[-1].kind) == ("STREAM_BROKEN", "")
    assert [one.model for one in parts[1:-1]] in ([], [model])
    assert served.usage.output_tokens == sum(part.output_tokens for part in parts)
    assert served.cost_usd == pytest.approx(sum(part.cost_usd for part in parts))


@pytest.mark.parametrize("after", [2, 3, 7, 12])
async def test_who_takes_a_prefill_goes_on_first(service, sandbox, after):
    await sandbox.fault("openai", "stream_cut", after_chunks=after)
    text = (
        "Repeat exactly: one, two,  three\n\n  four — ha ha ha ha, and so on to the very end of it."
    )
    asked = request(
        stream=True,
        chain=members("openai/gpt-5.4-mini", "google/gemini-3.5-flash", "mistral/mistral-small-4"),
        body={"messages": [{"role": "user", "content": text}], "max_tokens": 100},
    )
    streamed = await service.stream(asked)
    assert streamed.text == text.removeprefix("Repeat exactly: ")
    attempts = streamed.finish.served.attempts
    assert [one.model for one in attempts] == ["openai/gpt-5.4-mini", "mistral/mistral-small-4"]
    sent = (await sandbox.requests("mistral"))[-1]["body"]
    assert sent["messages"][-1]["prefix"] is True
    assert text.endswith(streamed.text) and streamed.text.startswith(
        sent["messages"][-1]["content"]
    )
    assert sent["max_tokens"] < 100


@pytest.mark.parametrize(
    ("model", "path", "flags"),
    [
        ("anthropic/claude-haiku-4.5", "/anthropic/v1/messages", {}),
        ("mistral/mistral-large-3", "/mistral/v1/chat/completions", {"prefix": True}),
    ],
)
async def test_each_takes_a_prefill_in_its_own_way(service, sandbox, model, path, flags):
    await sandbox.fault("google", "stream_cut", after_chunks=12)
    whole = (
        "The same text, whoever begins it, and whoever — thinking or not — brings it to its end."
    )
    body = {"messages": [{"role": "user", "content": f"Repeat exactly: {whole}"}]}
    chain = members("google/gemini-3.5-flash", "openai/gpt-5.5", model, effort="high")
    streamed = await service.stream(request(True, chain, body))
    assert streamed.text == whole
    assert [one.kind for one in streamed.finish.served.attempts] == ["STREAM_BROKEN", ""]
    sent = (await sandbox.requests(model.partition("/")[0]))[-1]
    assert sent["path"] == path
    last = sent["body"]["messages"][-1]
    assert last["role"] == "assistant"
    assert {name: last[name] for name in flags} == flags


async def test_a_host_without_prefill_does_not_retire_its_model(service, sandbox):
    await sandbox.fault("google", "stream_cut", after_chunks=12)
    await sandbox.fault("deepseek", "status", status=404, times=1)
    whole = (
        "The same text, whoever begins it, and whoever — thinking or not — brings it to its end."
    )
    body = {"messages": [{"role": "user", "content": f"Repeat exactly: {whole}"}]}
    chain = members("google/gemini-3.5-flash", "deepseek/deepseek-v4-pro", "openai/gpt-5.5")
    streamed = await service.stream(request(True, chain, body))
    assert streamed.text == whole
    kinds = [one.kind for one in streamed.finish.served.attempts]
    assert kinds == ["STREAM_BROKEN", "UNSUPPORTED_PARAMETER", ""]
    await answered(service, request(chain=members("deepseek/deepseek-v4-pro")), stream=False)


async def test_the_only_model_goes_on_itself_once(service, sandbox):
    model = "anthropic/claude-haiku-4.5"
    whole = (await service.stream(request(stream=True, chain=members(model)))).text
    await sandbox.fault("anthropic", "stream_cut", after_chunks=8, times=1)
    streamed = await service.stream(request(stream=True, chain=members(model)))
    assert streamed.text == whole
    served = streamed.finish.served
    assert served.continued and not served.fallback
    await sandbox.fault("anthropic", "stream_cut", after_chunks=8)
    error = await failed(service, request(True, members(model)), stream=True)
    assert error.kind is Kind.STREAM_BROKEN
    assert len(error.attempts) == 2


@pytest.mark.parametrize(
    "more",
    [
        {"response_format": {"type": "json_object"}},
        {"messages": [*BODY["messages"], {"role": "assistant", "content": "I say"}]},
        {"n": 2},
    ],
    ids=["json", "begun by the caller", "choices"],
)
async def test_what_cannot_be_continued_is_not(service, sandbox, more):
    await sandbox.fault("google", "stream_cut", after_chunks=12)
    chain = members("google/gemini-3.5-flash", "mistral/mistral-small-4")
    error = await failed(service, request(True, chain, {**BODY, **more}), stream=True)
    assert error.kind is Kind.STREAM_BROKEN
    assert [attempt.kind for attempt in error.attempts] == ["STREAM_BROKEN"]


@MODES
async def test_a_total_outage_is_an_honest_error_with_what_was_tried(service, sandbox, stream):
    await sandbox.fault("*", "status", status=503)
    error = await failed(service, request(stream), stream)
    assert error.kind is Kind.PROVIDER_UNAVAILABLE
    assert [attempt.model for attempt in error.attempts] == list(CHAIN)
    assert {attempt.http_status for attempt in error.attempts} == {503}
    assert all(model in error.message for model in CHAIN)
    assert error.retry_after_s is None


async def test_all_too_slow_is_a_timeout(hasty, sandbox):
    await sandbox.fault("*", "timeout")
    error = await failed(hasty, request(stream=True), stream=True)
    assert error.kind is Kind.PROVIDER_TIMEOUT
    assert len(error.attempts) == 2


async def test_all_at_their_limit_is_a_limit_with_the_soonest_wait(service, sandbox):
    await sandbox.fault("openai", "status", status=429, retry_after=40)
    await sandbox.fault("anthropic", "status", status=429, retry_after=20)
    error = await failed(service, request())
    assert error.kind is Kind.PROVIDER_RATE_LIMITED
    assert error.retry_after_s == pytest.approx(20, abs=1)
    # While they rest nobody is asked, and the wait is still told.
    again = await failed(service, request())
    assert (again.kind, again.attempts) == (Kind.PROVIDER_RATE_LIMITED, ())
    assert 0 < again.retry_after_s <= 20
    assert len(await sandbox.requests("openai")) == 1
    assert len(await sandbox.requests("anthropic")) == 1


async def test_a_limit_and_an_outage_are_an_outage(service, sandbox):
    await sandbox.fault("openai", "status", status=429, retry_after=40)
    await sandbox.fault("anthropic", "status", status=500)
    error = await failed(service, request())
    assert error.kind is Kind.PROVIDER_UNAVAILABLE
    assert error.retry_after_s is None


async def test_a_chain_of_one_gives_the_models_own_error(service, sandbox):
    await sandbox.fault("openai", "status", status=429, retry_after=9)
    error = await failed(service, request(chain=members(CHAIN[0])))
    assert (error.kind, error.provider, error.model) == (
        Kind.PROVIDER_RATE_LIMITED, "openai", CHAIN[0])  # fmt: skip
    assert (error.retry_after_s, error.upstream_status) == (9, 429)
    assert [attempt.retry_after_s for attempt in error.attempts] == [9]


async def test_too_long_a_prompt_goes_to_larger_windows_only(service, sandbox):
    await sandbox.fault("openai", "context")
    # 400,000 tokens; then 262,144 and 1,000,000.
    chain = members("openai/gpt-5.4-mini", "mistral/mistral-small-4", "anthropic/claude-opus-4.8")
    long = {**BODY, "messages": [{"role": "user", "content": "word " * 40_000}]}
    served = (await service.complete(request(chain=chain, body=long))).served
    assert [attempt.model for attempt in served.attempts] == [chain[0].model, chain[2].model]
    error = await failed(service, request(chain=chain[:2], body=long))
    assert error.kind is Kind.CONTEXT_TOO_LONG
    assert error.kind.rule.code == error.code == "context_length_exceeded"
    assert await sandbox.requests("mistral") == []


async def test_what_the_caller_did_wrong_is_tried_once(service, sandbox):
    refusal = '{"error": {"message": "messages: wrong", "type": "invalid_request_error"}}'
    await sandbox.fault("openai", "status", status=400, body=refusal)
    error = await failed(service, request())
    assert error.kind is Kind.INVALID_REQUEST
    assert len(error.attempts) == 1
    assert await sandbox.requests("anthropic") == []


async def test_a_dead_provider_is_left_alone_after_three_failures(service, sandbox):
    await sandbox.fault("openai", "status", status=500)
    for _ in range(6):
        assert (await service.complete(request())).served.model == CHAIN[1]
    assert len(await sandbox.requests("openai")) == 3


async def test_a_refused_key_and_a_retired_model_are_left_alone_at_once(service, sandbox):
    await sandbox.fault("openai", "status", status=401)
    await sandbox.fault("mistral", "status", status=404, model="mistral-small-2603")
    for _ in range(3):
        chain = members("openai/gpt-5.5", "mistral/mistral-small-4", "mistral/mistral-large-3")
        answer = await service.complete(request(chain=chain))
        assert answer.served.model == "mistral/mistral-large-3"
    assert len(await sandbox.requests("openai")) == 1
    assert len(await sandbox.requests("mistral")) == 1 + 3


async def test_after_a_pause_one_call_tries_alone(service, sandbox):
    await sandbox.fault("openai", "status", status=500, times=3)
    for _ in range(3):
        await service.complete(request())
    service.parts.breakers._clock = lambda: time.monotonic() + 1.5
    await sandbox.fault("openai", "slow_first_byte", delay_s=0.3)
    answers = await asyncio.gather(*(service.complete(request()) for _ in range(5)))
    models = sorted(answer.served.model for answer in answers)
    assert models == sorted([CHAIN[0], *[CHAIN[1]] * 4])
    # It worked: everybody is welcome again.
    assert (await service.complete(request())).served.model == CHAIN[0]


async def test_an_open_breaker_is_tried_when_nothing_else_is_left(service, sandbox):
    await sandbox.fault("*", "status", status=500, times=6)
    for _ in range(3):
        await failed(service, request())
    # All are open and all are well again.
    answer = await service.complete(request())
    assert len(answer.served.attempts) == 1


async def test_the_envelope_bounds_attempts_and_money(service, sandbox):
    await sandbox.fault("openai", "status", status=500)
    error = await failed(service, request(envelope=Envelope(max_attempts=1)))
    assert len(error.attempts) == 1
    dear = members(CHAIN[1], expected_cost_usd=0.5)
    chain = [*dear, *members("mistral/mistral-small-4", expected_cost_usd=0.01)]
    answer = await service.complete(request(chain=chain, envelope=Envelope(max_cost_usd=0.1)))
    assert answer.served.model == "mistral/mistral-small-4"
    error = await failed(service, request(chain=dear, envelope=Envelope(max_cost_usd=0.1)))
    assert (error.kind, error.param) == (Kind.NO_CAPABLE_MODEL, "routor_max_cost")
    assert await sandbox.requests("anthropic") == []


async def test_the_callers_deadline_leaves_time_for_another_model(sandbox, hostile):
    async def silent(reader, writer):
        while await reader.read(65536):
            pass

    environ = {**environment(sandbox.base), "OPENAI_BASE_URL": await hostile(silent)}
    settings = replace(FAST, first_token_timeout_s=60, total_timeout_s=600)
    async with running(environ, settings) as service:
        answer = await service.complete(request(), timeout=1.0)
    assert [attempt.kind for attempt in answer.served.attempts] == ["PROVIDER_TIMEOUT", ""]


async def test_a_provider_that_is_not_connected_is_passed_over(sandbox):
    environ = environment(sandbox.base)
    del environ["OPENAI_API_KEY"]
    async with running(environ) as service:
        answer = await service.complete(request())
        assert [attempt.model for attempt in answer.served.attempts] == [CHAIN[1]]
        error = await failed(service, request(chain=members(CHAIN[0])))
        assert error.kind is Kind.NO_CAPABLE_MODEL
        assert "OPENAI_API_KEY" in error.message


async def test_a_limit_without_a_time_still_says_one(service, sandbox):
    await sandbox.fault("openai", "status", status=429)
    error = await failed(service, request(chain=members(CHAIN[0])))
    assert (error.kind, error.retry_after_s) == (Kind.PROVIDER_RATE_LIMITED, 5)


async def test_a_slow_stream_is_whole(service, sandbox):
    await sandbox.fault("openai", "stream_slow", delay_s=0.03)
    streamed = await service.stream(request(stream=True, body=BODY))
    assert streamed.text
    assert streamed.finish.served.model == CHAIN[0]
