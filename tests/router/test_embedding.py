"""Embedding models: the caller's choice, checked for being there."""

import pytest

from routor.v1 import router_pb2, status_pb2, types_pb2
from services import catalog
from services.errors import Kind, RoutorError
from services.router import embedding
from services.router.roster import Rosters
from tests.router.brains import NOON, brain, status, up

CATALOG = catalog.read()
BRAIN = brain(CATALOG)


def routed(model: str, *providers, tokens: int = 1000):
    request = router_pb2.RouteRequest(model=model, request_id="req_1")
    request.needs.endpoint = router_pb2.ENDPOINT_EMBEDDINGS
    request.needs.input_tokens = tokens
    roster = Rosters(BRAIN.pool).of(status(*providers), "req_1", NOON)
    return embedding.route(request, CATALOG, roster).decision


@pytest.mark.parametrize("name", ["text-embedding-3-small", "openai/text-embedding-3-small"])
def test_the_named_model_is_the_whole_chain(name):
    decision = routed(name, up("openai"))
    (member,) = decision.chain
    assert (member.model, member.provider) == ("openai/text-embedding-3-small", "openai")
    assert member.upstream_model == "text-embedding-3-small"
    assert decision.cost_usd == pytest.approx(1000 * 0.02 / 1e6)
    assert decision.profile == types_pb2.PROFILE_DIRECT


def test_an_unknown_model_is_told_with_near_ones_that_are_connected():
    with pytest.raises(RoutorError) as caught:
        routed("text-embeding-3-smal", up("openai"))
    assert caught.value.kind is Kind.UNKNOWN_MODEL
    assert "openai/text-embedding-3-small" in caught.value.message
    assert "mistral" not in caught.value.message


def test_a_chat_model_makes_no_vectors():
    with pytest.raises(RoutorError) as caught:
        routed("openai/gpt-5.5", up("openai"))
    assert caught.value.kind is Kind.UNKNOWN_MODEL


def test_a_provider_that_is_not_there_is_named():
    with pytest.raises(RoutorError) as caught:
        routed("mistral-embed", up("openai"))
    assert caught.value.kind is Kind.NO_CAPABLE_MODEL
    assert "mistral" in caught.value.message


@pytest.mark.parametrize("refused", [False, True])
def test_who_is_down_is_tried_all_the_same(refused):
    out = up("openai", health=status_pb2.HEALTH_DOWN, reason="failing", refused=refused)
    decision = routed("text-embedding-3-small", out)
    assert [member.model for member in decision.chain] == ["openai/text-embedding-3-small"]
