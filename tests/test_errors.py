"""The taxonomy of errors: the table that clients, failover and health rely on."""

import grpc
import pytest

from routor.v1.types_pb2 import Attempt
from services.errors import RULES, Kind, RoutorError

every_kind = pytest.mark.parametrize("kind", list(Kind))

# Kinds by what follows from them.
TRIES_NEXT = {
    Kind.CONTEXT_TOO_LONG,
    Kind.TOO_LARGE,
    Kind.UNSUPPORTED_PARAMETER,
    Kind.PROVIDER_RATE_LIMITED,
    Kind.PROVIDER_QUOTA,
    Kind.PROVIDER_AUTH,
    Kind.MODEL_GONE,
    Kind.PROVIDER_UNAVAILABLE,
    Kind.PROVIDER_TIMEOUT,
}
COUNTS = {
    Kind.PROVIDER_QUOTA,
    Kind.PROVIDER_AUTH,
    Kind.PROVIDER_UNAVAILABLE,
    Kind.PROVIDER_TIMEOUT,
    Kind.STREAM_BROKEN,
}
HTTP = {
    Kind.INVALID_REQUEST: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.OUT_OF_BUDGET: 402,
    Kind.PERMISSION_DENIED: 403,
    Kind.UNKNOWN_MODEL: 404,
    Kind.NOT_FOUND: 404,
    Kind.TOO_LARGE: 413,
    Kind.NO_CAPABLE_MODEL: 422,
    Kind.CALLER_RATE_LIMITED: 429,
    Kind.PROVIDER_RATE_LIMITED: 429,
    Kind.CANCELLED: 499,
    Kind.INTERNAL: 500,
    Kind.PROVIDER_QUOTA: 429,
    Kind.MODEL_GONE: 404,
    Kind.PROVIDER_AUTH: 502,
    Kind.PROVIDER_UNAVAILABLE: 502,
    Kind.OVERLOADED: 503,
    Kind.PROVIDER_TIMEOUT: 504,
}


def test_every_kind_has_its_rule():
    assert set(RULES) == set(Kind)


@every_kind
def test_failover_and_evidence(kind):
    assert kind.rule.tries_next == (kind in TRIES_NEXT)
    assert kind.rule.counts == (kind in COUNTS)


@pytest.mark.parametrize(("kind", "status"), HTTP.items())
def test_http_status(kind, status):
    assert kind.rule.http == status


@every_kind
def test_a_fault_upstream_is_never_blamed_on_the_callers_key(kind):
    if kind.name.startswith("PROVIDER_"):
        assert kind.rule.http not in (401, 402, 403)


@every_kind
def test_the_grpc_code_exists_and_is_an_error(kind):
    assert getattr(grpc.StatusCode, kind.rule.grpc) is not grpc.StatusCode.OK


def test_an_error_carries_what_was_tried_and_its_code():
    error = RoutorError(Kind.UNKNOWN_MODEL, "No such model.", attempts=[Attempt(model="a/b")])
    assert (error.code, str(error), error.attempts[0].model) == (
        "model_not_found",
        "No such model.",
        "a/b",
    )
    assert RoutorError(Kind.UNKNOWN_MODEL, "", code="special").code == "special"
