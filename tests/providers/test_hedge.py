"""A model that is late: the next is called beside it, and only one of the two goes on."""

import asyncio
from dataclasses import replace

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.providers_pb2 import Envelope as Terms
from services import telemetry
from services.errors import Kind, RoutorError
from services.providers import hedge
from services.providers.budget import MOST_HEDGES, HedgeBudget
from services.providers.failover import Choice, Envelope, Failure, Member, Shown, Standing, Way
from services.providers.sandbox import environment
from tests.providers.conftest import CHAIN, FAST, PATIENT, members, read_request, request, running
from tests.providers.test_faults import MODES, answered, failed
from tests.providers.test_tracing import spans  # noqa: F401 - a fixture

THIRD = "mistral/mistral-small-4"
HEDGING = replace(PATIENT, hedge_after_s=0.02, hedge_share=1.0)
ERROR = b"HTTP/1.1 %d No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
JSON = (
    b'{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":'
    b'"stop","message":{"role":"assistant","content":"Hi"}}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)
FIRST = (
    b'data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"Hi"}}]}\n\n'
)
LAST = (
    b'data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,'
    b'"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Upstream:
    """A vendor that does what it is told, and when."""

    def __init__(self) -> None:
        self.asked, self.left = asyncio.Event(), asyncio.Event()
        self.go = asyncio.Event()
        self.calls = 0
        self.says = b""

    async def talk(self, reader, writer):
        await read_request(reader)
        self.calls += 1
        self.asked.set()
        leaving = asyncio.create_task(reader.read())
        going = asyncio.create_task(self.go.wait())
        await asyncio.wait([leaving, going], return_when=asyncio.FIRST_COMPLETED)
        if not leaving.done():
            writer.write(self.says)
            await leaving
        going.cancel()
        self.left.set()


def answer(stream: bool) -> bytes:
    kind, body = (b"event-stream", FIRST + LAST) if stream else (b"json", JSON)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (kind, len(body)) + body


@pytest.fixture
async def late(hostile):
    """The first of the chain, which says nothing until it is told to."""
    upstream = Upstream()
    upstream.address = await hostile(upstream.talk)
    return upstream


@pytest.fixture
async def other(hostile):
    upstream = Upstream()
    upstream.address = (await hostile(upstream.talk)).removesuffix("/v1")
    return upstream


def environ(sandbox, late, other=None):
    names = {"OPENAI_BASE_URL": late.address}
    if other is not None:
        names["ANTHROPIC_BASE_URL"] = other.address
    return {**environment(sandbox.base), **names}


def kinds(attempts):
    return [(one.provider, one.kind, one.hedged) for one in attempts]


@MODES
async def test_the_next_model_answers_for_one_that_is_late(sandbox, late, stream):
    won = telemetry.hedges.bind({"outcome": "won"})
    before = won.value
    async with running(environ(sandbox, late), HEDGING) as service:
        asked = request(stream, members(*CHAIN, expected_cost_usd=0.25))
        text, served = await answered(service, asked, stream)
        assert text
        await asyncio.wait_for(late.left.wait(), 5)
    assert kinds(served.attempts) == [("openai", "CANCELLED", False), ("anthropic", "", True)]
    assert (served.model, served.fallback) == (CHAIN[1], True)
    assert served.attempts[0].cost_usd == 0.25  # it may bill what it was asked for
    assert served.cost_usd == sum(one.cost_usd for one in served.attempts) > 0.25
    assert won.value == before + 1
    breakers = service.parts.breakers
    assert all(not breakers.stand(one.partition("/")[0], one).doubtful for one in CHAIN)
    assert service.parts.dispatcher._gates._gates["openai"].running == 0


@MODES
async def test_a_late_answer_may_still_be_the_faster_one(sandbox, late, other, stream):
    late.says = answer(stream)
    async with running(environ(sandbox, late, other), HEDGING) as service:
        asked = request(stream, members(*CHAIN, expected_cost_usd=0.25))
        answering = asyncio.create_task(answered(service, asked, stream))
        await other.asked.wait()
        late.go.set()
        text, served = await answering
        await asyncio.wait_for(other.left.wait(), 5)
    assert text == "Hi"
    assert kinds(served.attempts) == [("anthropic", "CANCELLED", True), ("openai", "", False)]
    assert not served.fallback


async def test_the_slower_is_ended_at_the_first_content_of_the_other(sandbox, late, other):
    late.says = answer(stream=True)[: -len(LAST)]  # it stays open
    async with running(environ(sandbox, late, other), HEDGING) as service:
        call = service.stub.Stream(request(stream=True), metadata=service.metadata)
        await other.asked.wait()
        late.go.set()
        await call.read()
        await asyncio.wait_for(other.left.wait(), 5)
        assert not late.left.is_set()
        call.cancel()
        await asyncio.wait_for(late.left.wait(), 5)


@MODES
async def test_it_is_off_unless_it_is_asked_for(sandbox, late, other, stream):
    late.says = answer(stream)
    async with running(environ(sandbox, late, other), PATIENT) as service:
        answering = asyncio.create_task(answered(service, request(stream), stream))
        await late.asked.wait()
        assert service.parts.dispatcher._hedges is None
        late.go.set()
        _, served = await answering
    assert kinds(served.attempts) == [("openai", "", False)]
    assert other.calls == 0


@MODES
async def test_who_is_in_time_is_alone(sandbox, stream):
    settings = replace(HEDGING, hedge_after_s=60.0)
    async with running(environment(sandbox.base), settings) as service:
        expected, _ = await answered(service, request(stream), stream)
        text, served = await answered(service, request(stream), stream)
    assert text == expected
    assert kinds(served.attempts) == [("openai", "", False)]
    assert not await sandbox.requests("anthropic")


async def test_no_more_than_the_share_of_requests_is_hedged(sandbox, late):
    settings = replace(FAST, hedge_after_s=0.02, hedge_share=0.5)
    async with running(environ(sandbox, late), settings) as service:
        first = []
        for _ in range(4):
            _, served = await answered(service, request(stream=True), stream=True)
            first.append(served.attempts[0].kind)
    assert first == ["PROVIDER_TIMEOUT", "CANCELLED"] * 2


@MODES
async def test_a_failure_beside_a_late_model_is_not_seen(sandbox, late, other, stream):
    late.says, other.says = answer(stream), ERROR % 500
    other.go.set()
    async with running(environ(sandbox, late, other), HEDGING) as service:
        answering = asyncio.create_task(answered(service, request(stream), stream))
        await other.left.wait()
        late.go.set()
        text, served = await answering
    assert text == "Hi"
    assert kinds(served.attempts) == [
        ("anthropic", "PROVIDER_UNAVAILABLE", True),
        ("openai", "", False),
    ]


@MODES
async def test_after_both_have_failed_the_chain_goes_on(sandbox, late, other, stream):
    late.says = other.says = ERROR % 500
    async with running(environ(sandbox, late, other), HEDGING) as service:
        asked = request(stream, members(*CHAIN, THIRD))
        answering = asyncio.create_task(answered(service, asked, stream))
        await other.asked.wait()
        other.go.set()
        await other.left.wait()
        late.go.set()
        text, served = await answering
    assert text
    assert kinds(served.attempts) == [
        ("anthropic", "PROVIDER_UNAVAILABLE", True),
        ("openai", "PROVIDER_UNAVAILABLE", False),
        ("mistral", "", False),
    ]


@MODES
async def test_what_no_model_could_mend_ends_it_whoever_says_so_first(sandbox, late, other, stream):
    late.says, other.says = ERROR % 400, ERROR % 500
    async with running(environ(sandbox, late, other), HEDGING) as service:
        asked = request(stream, members(*CHAIN, THIRD))
        failing = asyncio.create_task(failed(service, asked, stream))
        await other.asked.wait()
        late.go.set()
        await late.left.wait()
        other.go.set()
        error = await failing
    assert error.kind is Kind.INVALID_REQUEST
    assert [one.kind for one in error.attempts] == ["INVALID_REQUEST", "PROVIDER_UNAVAILABLE"]
    assert not await sandbox.requests("mistral")


@MODES
async def test_who_leaves_ends_both(sandbox, late, other, stream):
    async with running(environ(sandbox, late, other), HEDGING) as service:
        method = service.stub.Stream if stream else service.stub.Complete
        call = method(request(stream), metadata=service.metadata)
        reading = asyncio.ensure_future(call.read() if stream else call)
        await asyncio.gather(late.asked.wait(), other.asked.wait())
        call.cancel()
        await asyncio.wait_for(asyncio.gather(late.left.wait(), other.left.wait()), 5)
        with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
            await reading


async def test_a_faster_answer_that_is_cut_is_continued(sandbox, late):
    whole = "The same text, whoever begins it, and whoever brings it to its end."
    await sandbox.fault("anthropic", "stream_cut", after_chunks=8, times=1)
    body = {"messages": [{"role": "user", "content": f"Repeat exactly: {whole}"}]}
    async with running(environ(sandbox, late), HEDGING) as service:
        streamed = await service.stream(request(True, members(*CHAIN, THIRD), body))
    assert streamed.text == whole
    assert kinds(streamed.finish.served.attempts) == [
        ("openai", "CANCELLED", False),
        ("anthropic", "STREAM_BROKEN", True),
        ("mistral", "", False),
    ]


@pytest.mark.parametrize("terms", [Terms(max_attempts=1), Terms(max_cost_usd=0.3)])
async def test_the_envelope_holds_for_both_together(sandbox, late, other, terms):
    settings = replace(FAST, hedge_after_s=0.02, hedge_share=1.0)
    async with running(environ(sandbox, late, other), settings) as service:
        chain = members(*CHAIN, expected_cost_usd=0.25)
        error = await failed(service, request(True, chain, envelope=terms), stream=True)
    assert [one.kind for one in error.attempts] == ["PROVIDER_TIMEOUT"]
    assert other.calls == 0


async def test_the_spans_of_both_are_closed(sandbox, late, spans, caplog):  # noqa: F811
    async with running(environ(sandbox, late), HEDGING) as service:
        await service.stream(request(stream=True))
    made = [span.name for span in spans.get_finished_spans() if span.name.startswith("chat")]
    assert made == ["chat gpt-5.4-mini", "chat claude-haiku-4-5"]
    assert "context" not in caplog.text


A, A2 = Member("a/one", "a"), Member("a/two", "a")
B = Member("b/one", "b")
WIDE = Envelope(attempts_left=4, time_left_s=60.0)


def test_beside_is_called_who_would_be_called_after():
    late = Choice(0, others=True)
    assert hedge.beside([A, A2, B], [], late, WIDE, Shown.NOTHING) == Choice(2, others=True)
    down = Failure(1, RoutorError(Kind.PROVIDER_UNAVAILABLE, "down"))
    assert hedge.beside([B, A, A2], [down], late, WIDE, Shown.NOTHING) == Choice(2)


@pytest.mark.parametrize("shown", [one for one in Shown if one is not Shown.NOTHING])
def test_nobody_is_called_beside_who_goes_on_with_an_answer(shown):
    assert hedge.beside([A, B], [], Choice(0), WIDE, shown) is None
    assert hedge.beside([A, B], [], Choice(0, way=Way.PREFILL), WIDE, Shown.NOTHING) is None


@pytest.mark.parametrize("standing", [one for one in Standing if one is not Standing.READY])
def test_only_who_is_well_is_called_beside(standing):
    ill = Member("b/one", "b", standing=standing)
    assert hedge.beside([A, ill], [], Choice(0), WIDE, Shown.NOTHING) is None


@given(st.floats(0, 1), st.lists(st.booleans(), max_size=300))
def test_hedges_never_exceed_their_share(share, steps):
    budget, requests, hedges = HedgeBudget(share), 0, 0
    for asks in steps:
        if asks:
            budget.earn()
            requests += 1
        elif budget.affords():
            budget.spend()
            hedges += 1
        assert hedges <= share * requests + 1e-6


def test_a_quiet_time_saves_for_a_few_hedges_only():
    budget = HedgeBudget(0.05)
    for _ in range(20):
        assert not budget.affords()
        budget.earn()
    assert budget.affords()
    for _ in range(10_000):
        budget.earn()
    assert sum(1 for _ in range(100) if budget.affords() and budget.spend() is None) == MOST_HEDGES
