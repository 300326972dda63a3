"""What the caller is told when no model of the chain could answer."""

import pytest

from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.providers.exhausted import QUOTA_REST_S, verdict
from services.providers.failover import Envelope, Standing
from tests.providers.test_failover import A2, WIDE, A, B, C, failed, with_standing


def test_one_model_gives_its_own_error():
    failure = failed(0, Kind.MODEL_GONE, model="a/one")
    error = verdict([A], [failure], [Attempt(model="a/one")], WIDE)
    assert error is failure.error
    assert [attempt.model for attempt in error.attempts] == ["a/one"]


def test_a_cut_that_nobody_mended_tells_who_tried():
    early, late = failed(1, Kind.PROVIDER_UNAVAILABLE, model="b/one"), failed(2, Kind.MODEL_GONE)
    cut = failed(0, Kind.STREAM_BROKEN, model="a/one")
    error = verdict([A, B, C], [early, cut, late], [Attempt()], WIDE)
    assert error is cut.error
    assert "failed with MODEL_GONE" in error.message
    assert "PROVIDER_UNAVAILABLE" not in error.message
    assert len(error.attempts) == 1


def test_limits_everywhere_give_the_soonest_wait():
    failures = [failed(0, Kind.PROVIDER_RATE_LIMITED, retry_after_s=30.0)]
    resting = with_standing(B, Standing.RESTING, cause=Kind.PROVIDER_RATE_LIMITED, wait_s=12.0)
    error = verdict([A, A2, resting], failures, [], WIDE)
    assert (error.kind, error.retry_after_s) == (Kind.PROVIDER_RATE_LIMITED, 12.0)
    # Another one is out for another reason: waiting for the limit is not the whole story.
    error = verdict([A, with_standing(B, Standing.OPEN)], failures, [], Envelope(0, 60.0))
    assert (error.kind, error.retry_after_s) == (Kind.PROVIDER_UNAVAILABLE, None)


def test_limits_that_left_untried_members_are_no_limit():
    failures = [failed(0, Kind.PROVIDER_RATE_LIMITED, retry_after_s=30.0)]
    error = verdict([A, B], failures, [], Envelope(0, 60.0))
    assert error.kind is Kind.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("kind", [Kind.PROVIDER_RATE_LIMITED, Kind.PROVIDER_TIMEOUT])
def test_who_cannot_do_it_is_no_reason_why_those_who_can_did_not(kind):
    failures = [failed(0, Kind.UNSUPPORTED_PARAMETER), failed(1, kind, retry_after_s=30.0)]
    assert verdict([A, B], failures, [], WIDE).kind is kind


def test_slow_and_limited_is_slow():
    failures = [failed(0, Kind.PROVIDER_RATE_LIMITED), failed(1, Kind.PROVIDER_TIMEOUT)]
    assert verdict([A, B], failures, [], WIDE).kind is Kind.PROVIDER_TIMEOUT
    failures = [failed(0, Kind.PROVIDER_AUTH), failed(1, Kind.PROVIDER_TIMEOUT)]
    assert verdict([A, B], failures, [], WIDE).kind is Kind.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("kind", "wait_s"), [(Kind.PROVIDER_AUTH, None), (Kind.PROVIDER_QUOTA, QUOTA_REST_S)]
)
def test_nobody_knows_when_a_refusal_ends(kind, wait_s):
    error = verdict([with_standing(A, Standing.REFUSED, cause=kind, wait_s=30.0)], [], [], WIDE)
    assert error.kind is kind
    assert error.message == f"No model can be called now: a/one ({kind.name})."
    assert error.retry_after_s == wait_s
    error = verdict([A, B], [failed(0, kind), failed(1, kind)], [], WIDE)
    assert (error.kind, error.retry_after_s) == (kind, wait_s)
    assert verdict([A], [failed(0, kind)], [], WIDE).retry_after_s == wait_s


def test_nobody_to_call_is_said():
    resting = [
        with_standing(A, Standing.REFUSED, cause=Kind.PROVIDER_AUTH, wait_s=20.0),
        with_standing(B, Standing.RESTING, cause=Kind.PROVIDER_RATE_LIMITED, wait_s=5.0),
    ]
    error = verdict(resting, [], [], WIDE)
    assert error.kind is Kind.PROVIDER_UNAVAILABLE
    assert "a/one (PROVIDER_AUTH)" in error.message
    # A limit ends at its reset.
    assert "Try again in 5 s" in error.message
    assert error.retry_after_s == 5.0
    late = verdict([A], [], [], Envelope(5, 0.0))
    assert late.kind is Kind.PROVIDER_TIMEOUT
