"""Links between services: calls, errors, deadlines, cancellation, flow, loss and drain."""

import asyncio
import contextlib
import struct
from types import SimpleNamespace

import pytest
import uvloop

from routor.v1.link_pb2 import Hello
from routor.v1.providers_pb2 import (
    DESCRIPTOR,
    CompleteRequest,
    CompleteResponse,
    StreamRequest,
    StreamResponse,
)
from services import link_wire, telemetry
from services.errors import Kind, RoutorError
from services.link import Link
from services.link_method import handlers
from services.link_server import LinkServer
from services.link_wire import (
    HELLO,
    PIECE_BYTES,
    WINDOW_BYTES,
)
from services.tls import PLAIN
from tests.test_rpc import ERROR, facts

TOKEN = "an internal token"
SERVICE = DESCRIPTOR.services_by_name["ProvidersService"]
COMPLETE, STREAM = (f"/{SERVICE.full_name}/{name}" for name in ("Complete", "Stream"))
# Services run on uvloop, tests and tools also on asyncio's own loop.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")
# Of a test, not of the product: only a hanging test ever gets there.
PATIENCE_S = 20


class Servicer:
    """Answers as the request's body says; `gate` holds up what asks for it."""

    def __init__(self, name=""):
        self.name = name
        self.gate = asyncio.Event()
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.calls = 0
        self.sent = 0
        self.left_s = 0.0
        self.failure = ERROR

    @contextlib.contextmanager
    def _noted(self, context):
        self.calls += 1
        self.left_s = context.time_remaining()
        self.started.set()
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def Complete(self, request, context):
        with self._noted(context):
            if request.body == b"fail":
                raise self.failure
            if request.body == b"wait":
                await self.gate.wait()
            if request.body == b"trace":
                return CompleteResponse(body=telemetry.inject().get("traceparent", "").encode())
            if request.body == b"who":
                return CompleteResponse(body=self.name.encode())
            return CompleteResponse(body=request.body)

    async def Stream(self, request, context):
        with self._noted(context):
            for piece in request.body.split(b","):
                if piece == b"fail":
                    raise self.failure
                if piece == b"wait":
                    await self.gate.wait()
                elif piece == b"endless":
                    while True:
                        yield StreamResponse(chunk=bytes(10_000))
                        self.sent += 1
                elif piece:
                    yield StreamResponse(chunk=piece)


def server_of(servicer, listen="127.0.0.1:0", inline=False, **more):
    methods = handlers(SERVICE, servicer, "Complete", inline=inline)
    methods |= handlers(SERVICE, servicer, "Stream")
    return LinkServer(listen, methods, **{"token": TOKEN, **more})


def complete(link, body=b"", timeout_s=PATIENCE_S, **more):
    request = CompleteRequest(body=body)
    return link.call(COMPLETE, request, CompleteResponse, timeout_s, **more)


def stream(link, body, timeout_s=PATIENCE_S):
    return link.stream(STREAM, StreamRequest(body=body), StreamResponse, timeout_s)


async def failure_of(work):
    with pytest.raises(RoutorError) as raised:
        await work
    return raised.value


async def until(holds):
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - there is no event for all of these
            await asyncio.sleep(0)


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request):
    return request.param()


@pytest.fixture(params=["tcp", "tls", "unix"])
async def linked(request, tmp_path, authority):
    listen = f"unix:{tmp_path / 'a.sock'}" if request.param == "unix" else "127.0.0.1:0"
    tls = authority if request.param == "tls" else PLAIN
    servicer = Servicer()
    server = server_of(servicer, listen, tls=tls.server())
    await server.start()
    link = Link(server.address, "providers", token=TOKEN, tls=tls.client())
    yield SimpleNamespace(link=link, server=server, servicer=servicer, tls=tls)
    await link.close()
    await server.stop(0)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 9, PIECE_BYTES, WINDOW_BYTES * 3 + 1])
async def test_a_body_of_any_size_comes_back(linked, size):
    body = bytes(index % 251 for index in range(size))
    assert (await complete(linked.link, body)).body == body
    plain = body.replace(b",", b"")
    events = [event.chunk async for event in stream(linked.link, b"a," + plain)]
    assert events == ([b"a", plain] if plain else [b"a"])


async def test_many_calls_at_once_get_their_own_answers(linked):
    bodies = [str(number).encode() * number for number in range(200)]
    answers = await asyncio.gather(*(complete(linked.link, body) for body in bodies))
    assert [answer.body for answer in answers] == bodies


async def test_a_stream_arrives_in_order_and_ends(linked):
    chunks = [str(number).encode() for number in range(500)]
    assert [event.chunk async for event in stream(linked.link, b",".join(chunks))] == chunks


async def test_an_inline_method_answers_fails_and_must_not_wait(caplog):
    servicer = Servicer()
    server = server_of(servicer, inline=True)
    await server.start()
    link = Link(server.address, "router", token=TOKEN)
    large = bytes(WINDOW_BYTES * 2)
    assert (await complete(link, large)).body == large
    assert facts(await failure_of(complete(link, b"fail"))) == facts(ERROR)
    assert (await failure_of(complete(link, b"wait"))).kind is Kind.INTERNAL
    assert "must not be inline" in caplog.text
    await link.close()
    await server.stop(0)


async def test_errors_cross_the_wire_whole(linked):
    assert facts(await failure_of(complete(linked.link, b"fail"))) == facts(ERROR)
    events = stream(linked.link, b"one,fail")
    assert (await anext(events)).chunk == b"one"
    assert facts(await failure_of(anext(events))) == facts(ERROR)


async def test_an_unexpected_failure_tells_nothing(linked, caplog):
    linked.servicer.failure = ValueError("sk-secret in a message")
    for failing in (complete(linked.link, b"fail"), anext(stream(linked.link, b"fail"))):
        error = await failure_of(failing)
        assert error.kind is Kind.INTERNAL
        assert "sk-secret" not in error.message
    assert "unexpected failure" in caplog.text


async def test_an_unknown_method_is_an_error(linked):
    asked = linked.link.call("/a.B/C", CompleteRequest(), CompleteResponse, PATIENCE_S)
    assert (await failure_of(asked)).kind is Kind.NOT_FOUND


async def test_the_trace_of_the_caller_goes_on(linked):
    carrier = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with telemetry.span("outer", carrier=carrier):
        answer = await complete(linked.link, b"trace")
    assert answer.body.split(b"-")[1] == b"0af7651916cd43dd8448eb211c80319c"
    assert (await complete(linked.link, b"trace")).body == b""


async def test_the_deadline_ends_both_sides(linked):
    error = await failure_of(complete(linked.link, b"wait", timeout_s=0.05))
    assert error.kind is Kind.PROVIDER_TIMEOUT
    assert 0 < linked.servicer.left_s < 0.0501
    async with asyncio.timeout(PATIENCE_S):
        await linked.servicer.cancelled.wait()


async def test_a_cancelled_call_is_cancelled_in_the_service(linked):
    asked = asyncio.create_task(complete(linked.link, b"wait"))
    await linked.servicer.started.wait()
    asked.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await linked.servicer.cancelled.wait()
    assert (await complete(linked.link, b"next")).body == b"next"


@pytest.mark.parametrize("body", [b"one,wait", b"one,endless"])
async def test_a_closed_stream_is_cancelled_in_the_service(linked, body):
    events = stream(linked.link, body)
    await anext(events)
    await events.aclose()
    async with asyncio.timeout(PATIENCE_S):
        await linked.servicer.cancelled.wait()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x"])
async def test_without_the_token_nothing_is_answered(linked, token):
    stranger = Link(linked.server.address, "providers", token=token, tls=linked.tls.client())
    error = await failure_of(complete(stranger))
    assert error.kind is Kind.INTERNAL
    assert TOKEN not in error.message
    assert await stranger.health(PATIENCE_S) == "unreachable"
    assert linked.servicer.calls == 0
    await stranger.close()


async def test_a_server_without_a_token_answers_everybody():
    server = server_of(Servicer(), token="")
    await server.start()
    link = Link(server.address, "router")
    assert (await complete(link, b"hello")).body == b"hello"
    await link.close()
    await server.stop(0)


async def test_health_follows_the_server(linked):
    assert await linked.link.health(PATIENCE_S) == "serving"
    linked.server.serving = False
    assert await linked.link.health(PATIENCE_S) == "not_serving"
    await linked.server.stop(0)
    await until(lambda: not linked.link.wires)
    assert await linked.link.health(0.05) == "unreachable"


async def test_a_slow_reader_holds_up_only_its_own_call(linked):
    slow = stream(linked.link, b"endless")
    await anext(slow)
    await until(lambda: linked.servicer.sent * 10_000 > WINDOW_BYTES - 20_000)
    chunks = [b"x" * 1000] * 2000
    assert [event.chunk async for event in stream(linked.link, b",".join(chunks))] == chunks
    assert linked.servicer.sent * 10_000 <= WINDOW_BYTES
    for _ in range(200):
        await anext(slow)
    await slow.aclose()


async def test_a_huge_body_does_not_hold_up_others(linked):
    huge = bytes(30 << 20)
    large = asyncio.create_task(complete(linked.link, huge))
    answered = 0
    while not large.done():
        assert (await complete(linked.link, b"small")).body == b"small"
        answered += 1
    assert (await large).body == huge
    # One after the other, each within a few pieces of the large one.
    assert answered > 30


async def test_pumped_messages_go_to_the_sink_as_they_come(linked):
    seen = []

    def sink(event):
        seen.append(event.chunk)
        return event.chunk != b"stop"

    events = stream(linked.link, b"a,b,stop,c,wait,d")
    assert (await anext(events)).chunk == b"a"
    assert await events.pump(sink) is True
    assert seen == [b"b", b"stop"]
    rest = asyncio.create_task(events.pump(sink))
    await until(lambda: seen[-1] == b"c")
    linked.servicer.gate.set()
    assert await rest is False
    assert seen == [b"b", b"stop", b"c", b"d"]


async def test_a_pump_raises_what_the_call_or_the_sink_raises(linked):
    assert facts(await failure_of(stream(linked.link, b"fail").pump(bool))) == facts(ERROR)

    def sink(event):
        raise ValueError(event.chunk.decode())

    events = stream(linked.link, b"mine,wait")
    with pytest.raises(ValueError, match="mine"):
        await events.pump(sink)
    await events.aclose()
    async with asyncio.timeout(PATIENCE_S):
        await linked.servicer.cancelled.wait()
    assert (await complete(linked.link, b"next")).body == b"next"


async def test_a_sink_that_takes_no_more_holds_up_the_service(linked):
    taken = 0

    def sink(event):
        nonlocal taken
        taken += len(event.chunk)
        return taken < 3 * WINDOW_BYTES

    events = stream(linked.link, b"endless")
    assert await events.pump(sink) is True
    await until(lambda: linked.servicer.sent * 10_000 > taken + WINDOW_BYTES // 2 - 20_000)
    for _ in range(100):
        await complete(linked.link, b"still here")
    assert linked.servicer.sent * 10_000 <= taken + WINDOW_BYTES
    await events.aclose()


async def test_a_service_that_is_away_is_told_as_such(tmp_path):
    link = Link(f"unix:{tmp_path}/none", "providers", reach_timeout_s=0.05)
    for failing in (complete(link), anext(stream(link, b"a"))):
        error = await failure_of(failing)
        assert (error.kind, error.retry_after_s) == (Kind.OVERLOADED, 1)
        assert "providers" in error.message
    await link.close()


async def test_a_restarted_service_is_found_again(linked):
    await complete(linked.link)
    address = linked.server.address
    await linked.server.stop(0)
    later = server_of(Servicer("later"), address, tls=linked.tls.server())
    await later.start()
    assert (await complete(linked.link, b"who")).body == b"later"
    await linked.link.close()
    await later.stop(0)


async def test_waiting_for_a_restart_is_no_part_of_the_time_of_a_call_that_may_be_repeated(linked):
    address = linked.server.address
    await linked.server.stop(0)
    for again, kind in ((False, Kind.OVERLOADED), (True, Kind.PROVIDER_TIMEOUT)):
        asked = asyncio.create_task(failure_of(complete(linked.link, timeout_s=0.0, again=again)))
        await asyncio.sleep(0)
        later = server_of(Servicer(), address, tls=linked.tls.server())
        await later.start()
        # It was reached, and only then too late.
        assert (await asked).kind is kind
        await later.stop(0)


async def lost_once(linked, asked):
    """Lose the service while it is asked, start another; return what came of it, and who it is."""
    address = linked.server.address
    await linked.servicer.started.wait()
    await linked.server.stop(0)
    servicer = Servicer()
    servicer.gate.set()
    later = server_of(servicer, address, tls=linked.tls.server())
    await later.start()
    answer = await asked
    await later.stop(0)
    return answer, servicer


async def test_a_lost_call_that_may_be_repeated_is_made_once_more(linked):
    asked = asyncio.create_task(complete(linked.link, b"wait", again=True))
    answer, later = await lost_once(linked, asked)
    assert (answer.body, later.calls) == (b"wait", 1)
    assert 0 < later.left_s <= PATIENCE_S


async def test_a_stream_that_is_lost_before_its_first_message_begins_once_more(linked):
    asked = asyncio.create_task(anext(stream(linked.link, b"wait,one")))
    answer, later = await lost_once(linked, asked)
    assert (answer.chunk, later.calls) == (b"one", 1)
    assert 0 < later.left_s <= PATIENCE_S


async def test_a_stream_that_is_lost_says_so(linked):
    events = stream(linked.link, b"one,wait")
    await anext(events)
    await linked.server.stop(0)
    assert (await failure_of(anext(events))).kind is Kind.OVERLOADED


async def test_drain_ends_what_does_not_end(linked):
    events = stream(linked.link, b"one,wait")
    await anext(events)
    async with asyncio.timeout(PATIENCE_S):
        await linked.server.stop(0.05)
    assert linked.servicer.cancelled.is_set()
    assert (await failure_of(anext(events))).kind is Kind.OVERLOADED


def framed(*frames):
    return b"".join(
        struct.pack(">IBQ", len(body), kind, call) + body for kind, call, body in frames
    )


async def test_a_silent_service_is_given_up(monkeypatch):
    monkeypatch.setattr("services.link.KEEPALIVE_S", 0.02)
    said = framed((HELLO, 0, Hello(version=link_wire.VERSION).SerializeToString()))

    async def silent(reader, writer):
        writer.write(said)
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = Link(f"127.0.0.1:{port}", "providers", token=TOKEN)
    error = await failure_of(complete(link, b"never answered"))
    assert error.kind is Kind.OVERLOADED
    await link.close()
    server.close()
