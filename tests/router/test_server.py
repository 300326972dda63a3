"""The router as other services meet it: over gRPC, by the generated stub."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc.aio
import pytest

from routor.v1 import router_pb2, router_pb2_grpc, status_pb2, types_pb2
from services import rpc
from services.errors import Kind
from services.router.explain import explain, serialize
from services.router.server import RouterServicer
from tests.router.brains import BUILT_IN, NOON, brain, request, status, up

BRAIN = brain()


@dataclass
class Router:
    """A served router: its stub, what its board says, and what it was told."""

    stub: "router_pb2_grpc.RouterServiceAsyncStub"
    current: status_pb2.Status | None = None
    told: list[router_pb2.RecordOutcomeRequest] = field(default_factory=list)

    async def record(self, outcome: router_pb2.RecordOutcomeRequest) -> None:
        self.told.append(outcome)


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    server = rpc.Server("127.0.0.1:0")
    async with rpc.channel(f"127.0.0.1:{server.port}") as channel:
        served = Router(router_pb2_grpc.RouterServiceStub(channel))
        servicer = RouterServicer(BRAIN, served, served.record, lambda: NOON)
        register = router_pb2_grpc.add_RouterServiceServicer_to_server
        server.add(register, servicer, "routor.v1.RouterService")
        await server.start()
        yield served
        await server.stop(0)


async def test_route_and_explain_decide_alike(router: Router) -> None:
    routed = await router.stub.Route(request())
    told = await router.stub.Explain(router_pb2.ExplainRequest(request=request()))
    assert routed.decision == told.decision
    assert routed.decision.request_id == "req_1"
    assert len(told.candidates) + len(told.drops) == len(BUILT_IN.models)
    chain = sorted((c.chain_position, c.member) for c in told.candidates if c.chain_position)
    assert [member for _, member in chain] == list(told.decision.chain)
    assert sum(told.tier_probabilities.values()) == pytest.approx(1)
    assert len(told.category_probabilities) == 17
    assert told.signals[0].name == "word: proof"


async def test_explanations_are_the_same_bytes(router: Router) -> None:
    asked = router_pb2.ExplainRequest(request=request("hello"))
    first = serialize(await router.stub.Explain(asked))
    assert serialize(await router.stub.Explain(asked)) == first
    assert serialize(explain(request("hello"), BRAIN, None, NOON)) == first


async def test_errors_cross_the_wire(router: Router) -> None:
    asked = request()
    asked.model = "no-such-model"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.stub.Route(asked)
    error = rpc.error_of(caught.value, "router")
    assert (error.kind, error.param) == (Kind.UNKNOWN_MODEL, "model")


async def test_a_request_without_messages_is_refused(router: Router) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.stub.Route(router_pb2.RouteRequest(request_id="r"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    error = rpc.error_of(caught.value, "router")
    assert (error.kind, error.param) == (Kind.INVALID_REQUEST, "messages")


async def test_status_of_the_board_is_used_at_once(router: Router) -> None:
    router.current = status(up("openai"))
    decision = (await router.stub.Route(request())).decision
    assert {member.provider for member in decision.chain} == {"openai"}
    assert decision.status_version == 7


async def test_models_are_listed_with_prices_and_standing(router: Router) -> None:
    unknown = await router.stub.ListModels(router_pb2.ListModelsRequest())
    assert [one.id for one in unknown.models] == sorted(BUILT_IN.models)
    assert {(one.connected, one.status) for one in unknown.models} == {(True, "unknown")}
    gone = status_pb2.ModelStatus(model="openai/gpt-5.4", health=status_pb2.HEALTH_DOWN)
    retired = status_pb2.ModelStatus(model="openai/gpt-5.4-mini", retired=True)
    router.current = status(up("openai", models=[gone, retired]))
    listed = await router.stub.ListModels(router_pb2.ListModelsRequest())
    models = {one.id: one for one in listed.models}
    best = models["openai/gpt-5.5"]
    assert (best.connected, best.status, best.price.output) == (True, "healthy", 30.0)
    assert best.price.cached_input == 0.5 and not best.price.HasField("cache_write")
    assert best.created == 1776902400  # 2026-04-23
    assert "gpt-5.5-2026-04-23" in best.aliases
    assert types_pb2.MODALITY_IMAGE in best.input_modalities
    assert models["openai/gpt-5.4"].status == "down"
    assert models["openai/gpt-5.4-mini"].status == "retired"
    assert not models["xai/grok-4.5"].connected
    assert models["xiaomi/mimo-v2.5-pro"].lifecycle == "retired"


async def test_embedding_models_are_listed_apart(router: Router) -> None:
    router.current = status(up("openai"))
    listed = await router.stub.ListModels(router_pb2.ListModelsRequest())
    assert [one.id for one in listed.embeddings] == sorted(BUILT_IN.embeddings)
    small = next(one for one in listed.embeddings if one.id == "openai/text-embedding-3-small")
    assert (small.dimensions, small.context_window, small.price.input) == (1536, 8191, 0.02)
    assert (small.connected, small.status) == (True, "healthy")
    assert not any(one.connected for one in listed.embeddings if one.provider != "openai")


OUTCOME = {
    "request_id": "r",
    "model": "openai/gpt-5.5",
    "tier": types_pb2.TIER_LIGHT,
    "category": types_pb2.CATEGORY_CHAT,
    "difficulty": 0.5,
    "score": 1.0,
    "source": "feedback",
}


async def test_outcomes_are_recorded(router: Router) -> None:
    outcome = router_pb2.RecordOutcomeRequest(**OUTCOME)
    await router.stub.RecordOutcome(outcome)
    assert router.told == [outcome]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request_id", ""),
        ("model", "gpt"),
        ("score", 1.1),
        ("score", float("nan")),
        ("difficulty", -1),
        ("source", "rumour"),
        ("tier", 9),
    ],
)
async def test_outcomes_that_teach_nothing_are_refused(
    router: Router, field: str, value: object
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.stub.RecordOutcome(
            router_pb2.RecordOutcomeRequest(**{**OUTCOME, field: value})
        )
    error = rpc.error_of(caught.value, "router")
    assert (error.kind, error.param) == (Kind.INVALID_REQUEST, field)
    assert router.told == []
