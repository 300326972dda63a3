"""gRPC between services: errors, token, health, traces."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from routor.v1.providers_pb2 import (
    ListProvidersRequest,
    ListProvidersResponse,
    ProbeRequest,
    ProbeResponse,
    StreamRequest,
    StreamResponse,
)
from routor.v1.providers_pb2_grpc import (
    ProvidersServiceStub,
    add_ProvidersServiceServicer_to_server,
)
from routor.v1.types_pb2 import Attempt
from services import rpc, telemetry
from services.errors import Kind, RoutorError

TOKEN = "an internal token"
NAME = "routor.v1.ProvidersService"
ERROR = RoutorError(
    Kind.PROVIDER_RATE_LIMITED,
    "Wait — 12.5 s, please: 100 % of it.",
    param="messages[3].content",
    provider="openai",
    model="openai/gpt-5.5",
    code="slow_down",
    upstream_status=429,
    retry_after_s=12.5,
    attempts=[Attempt(model="openai/gpt-5.5", kind="PROVIDER_RATE_LIMITED", latency_ms=3.5)],
)


class Servicer:
    """Fails as it is told, and shows the trace it is in."""

    def __init__(self):
        self.failure = None

    async def Probe(self, request, context):
        if self.failure is not None:
            raise self.failure
        return ProbeResponse(message=telemetry.inject().get("traceparent", ""))

    async def Stream(self, request, context):
        yield StreamResponse(chunk=b"one")
        yield StreamResponse(chunk=b"two")
        if self.failure is not None:
            raise self.failure

    async def ListProviders(self, request, context):
        return ListProvidersResponse()

    Complete = Embed = None


@pytest.fixture
async def served():
    servicer = Servicer()
    server = rpc.Server("127.0.0.1:0", token=TOKEN)
    server.add(add_ProvidersServiceServicer_to_server, servicer, NAME)
    await server.start()
    async with rpc.channel(f"127.0.0.1:{server.port}") as channel:
        yield server, servicer, channel
    await server.stop(0)


async def failure_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


def facts(error):
    return {**vars(error), "attempts": list(error.attempts)}


async def test_an_error_crosses_the_wire_whole(served):
    _, servicer, channel = served
    servicer.failure = ERROR
    call = ProvidersServiceStub(channel).Probe(ProbeRequest(), metadata=rpc.metadata(TOKEN))
    failure = await failure_of(call)
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert facts(rpc.error_of(failure, "providers")) == facts(ERROR)


@pytest.mark.parametrize("kind", list(Kind))
async def test_every_kind_survives(served, kind):
    _, servicer, channel = served
    servicer.failure = RoutorError(kind, "So it is.")
    call = ProvidersServiceStub(channel).Probe(ProbeRequest(), metadata=rpc.metadata(TOKEN))
    error = rpc.error_of(await failure_of(call), "providers")
    assert facts(error) == facts(servicer.failure)


async def test_a_stream_may_fail_after_messages(served):
    _, servicer, channel = served
    servicer.failure = ERROR
    call = ProvidersServiceStub(channel).Stream(StreamRequest(), metadata=rpc.metadata(TOKEN))
    assert [(await call.read()).chunk, (await call.read()).chunk] == [b"one", b"two"]
    failure = await failure_of(call.read())
    assert facts(rpc.error_of(failure, "providers")) == facts(ERROR)


async def test_a_whole_stream_ends_cleanly(served):
    _, _, channel = served
    call = ProvidersServiceStub(channel).Stream(StreamRequest(), metadata=rpc.metadata(TOKEN))
    assert [message.chunk async for message in call] == [b"one", b"two"]


@pytest.mark.parametrize("method", ["Probe", "Stream"])
async def test_an_unexpected_failure_tells_nothing(served, method, caplog):
    _, servicer, channel = served
    servicer.failure = ValueError("sk-secret in a message")
    request = ProbeRequest() if method == "Probe" else StreamRequest()
    call = getattr(ProvidersServiceStub(channel), method)(request, metadata=rpc.metadata(TOKEN))
    if method == "Probe":
        failure = await failure_of(call)
    else:
        await call.read()
        await call.read()
        failure = await failure_of(call.read())
    error = rpc.error_of(failure, "providers")
    assert error.kind is Kind.INTERNAL
    assert "sk-secret" not in f"{failure.details()}{failure.trailing_metadata()}"
    assert "unexpected failure" in caplog.text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x"])
@pytest.mark.parametrize("method", ["Probe", "Stream"])
async def test_without_the_token_nothing_is_answered(served, token, method):
    _, _, channel = served
    stub = ProvidersServiceStub(channel)
    if method == "Probe":
        call = stub.Probe(ProbeRequest(), metadata=rpc.metadata(token))
    else:
        call = stub.Stream(StreamRequest(), metadata=rpc.metadata(token)).read()
    failure = await failure_of(call)
    assert failure.code() is grpc.StatusCode.UNAUTHENTICATED
    assert TOKEN not in (failure.details() or "")


async def test_what_a_stranger_sends_is_not_even_read(served):
    _, _, channel = served
    probe = channel.unary_unary(f"/{NAME}/Probe")
    failure = await failure_of(probe(b"\xff no message", metadata=rpc.metadata("wrong")))
    assert failure.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_server_without_a_token_answers_everybody():
    server = rpc.Server("127.0.0.1:0")
    server.add(add_ProvidersServiceServicer_to_server, Servicer(), NAME)
    await server.start()
    async with rpc.channel(f"127.0.0.1:{server.port}") as channel:
        await ProvidersServiceStub(channel).ListProviders(ListProvidersRequest())
    await server.stop(0)


async def test_health_needs_no_token_and_follows_ready(served):
    server, _, channel = served
    stub = health_pb2_grpc.HealthStub(channel)

    async def state(name):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    assert [await state(name) for name in ("", NAME, rpc.LIVENESS)] == [
        "NOT_SERVING",
        "NOT_SERVING",
        "SERVING",
    ]
    await server.ready(True)
    assert [await state(name) for name in ("", NAME)] == ["SERVING", "SERVING"]
    await server.ready(False)
    assert await state("") == "NOT_SERVING"


async def test_reflection_needs_no_token(served):
    _, _, channel = served
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([asked]))
    answer = await call.read()
    assert NAME in [each.name for each in answer.list_services_response.service]


async def test_the_trace_of_the_caller_goes_on(served):
    _, _, channel = served
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    metadata = (*rpc.metadata(TOKEN), ("traceparent", traceparent))
    answer = await ProvidersServiceStub(channel).Probe(ProbeRequest(), metadata=metadata)
    assert answer.message.split("-")[1] == traceparent.split("-")[1]


async def test_a_service_that_is_away_is_told_as_such():
    async with rpc.channel("127.0.0.1:1") as channel:
        call = ProvidersServiceStub(channel).Probe(ProbeRequest(), timeout=5)
        error = rpc.error_of(await failure_of(call), "providers")
    assert (error.kind, error.retry_after_s) == (Kind.OVERLOADED, 1.0)
    assert "providers" in error.message


async def test_large_bodies_pass(served):
    _, _, channel = served
    request = ProbeRequest(provider="x" * (33 << 20))
    await ProvidersServiceStub(channel).Probe(request, metadata=rpc.metadata(TOKEN))
