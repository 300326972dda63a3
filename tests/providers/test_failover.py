import msgspec
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.types_pb2 import Attempt
from services.errors import Kind, RoutorError
from services.providers.exhausted import verdict
from services.providers.failover import (
    Choice,
    Envelope,
    Failure,
    Member,
    Shown,
    Standing,
    Way,
    choose,
)

WIDE = Envelope(attempts_left=5, time_left_s=60.0)
A = Member("a/one", "a", 100)
A2 = Member("a/two", "a", 1000)
B = Member("b/one", "b", 200)
C = Member("c/one", "c", 50)


def failed(index: int, kind: Kind, last_resort: bool = False, **facts) -> Failure:
    return Failure(index, RoutorError(kind, f"failed with {kind}.", **facts), last_resort)


def with_standing(member: Member, standing: Standing, **facts) -> Member:
    return Member(member.model, member.provider, member.context_window, 0.0, standing, **facts)


def test_the_chain_is_tried_in_its_order():
    assert choose([A, B], [], WIDE) == Choice(0, others=True)
    assert choose([A, B], [failed(0, Kind.PROVIDER_UNAVAILABLE)], WIDE) == Choice(1)


def test_every_kind_goes_on_or_stops_as_the_table_says():
    on = {
        Kind.CONTEXT_TOO_LONG,
        Kind.TOO_LARGE,
        Kind.UNSUPPORTED_PARAMETER,
        Kind.PROVIDER_RATE_LIMITED,
        Kind.PROVIDER_QUOTA,
        Kind.PROVIDER_AUTH,
        Kind.MODEL_GONE,
        Kind.PROVIDER_UNAVAILABLE,
        Kind.PROVIDER_TIMEOUT,
        Kind.STREAM_BROKEN,  # as long as nothing has gone out
    }
    for kind in Kind:
        choice = choose([A, B], [failed(0, kind)], WIDE)
        assert (choice is not None) == (kind in on), kind


def test_nobody_follows_what_cannot_be_taken_back():
    for kind in Kind:
        assert choose([A, B], [failed(0, kind)], WIDE, Shown.FIXED) is None


P = Member("p/one", "p", 100, prefill=True)
CUT = failed(0, Kind.STREAM_BROKEN)


def test_who_refuses_is_called_where_the_chain_has_nobody_else():
    refusing, resting = with_standing(A, Standing.REFUSED), with_standing(B, Standing.RESTING)
    assert choose([refusing], [], WIDE) == Choice(0, last_resort=True)
    assert choose([resting, refusing], [], WIDE) == Choice(1, last_resort=True)
    assert choose([resting], [], WIDE) is None
    for standing in (Standing.READY, Standing.OPEN):
        other = with_standing(B, standing)
        assert choose([refusing, other], [], WIDE).index == 1
        assert choose([refusing, other], [failed(1, Kind.PROVIDER_TIMEOUT)], WIDE) is None


def test_a_prefill_is_preferred_to_words():
    for shown in (Shown.TEXT, Shown.SCRAP):
        assert choose([A, B, P], [CUT], WIDE, shown).way is Way.PREFILL
        assert choose([A, B, P], [CUT], WIDE, shown).index == 2
    assert choose([A, B], [CUT], WIDE, Shown.TEXT) == Choice(1, others=True, way=Way.WORDS)
    assert choose([A, B], [CUT], WIDE, Shown.SCRAP) is None
    assert choose([A, B, P], [CUT], WIDE, Shown.THOUGHTS) == Choice(1, others=True)


def test_the_one_that_was_cut_goes_on_once_where_nobody_else_can():
    assert choose([A], [CUT], WIDE, Shown.TEXT) == Choice(0, way=Way.WORDS)
    assert choose([P], [CUT], WIDE, Shown.TEXT).way is Way.PREFILL
    assert choose([P], [CUT, Failure(0, CUT.error, way=Way.PREFILL)], WIDE, Shown.TEXT) is None
    shaky = msgspec.structs.replace(P, standing=Standing.OPEN)
    assert choose([shaky, B], [CUT], WIDE, Shown.TEXT).index == 1
    assert choose([shaky], [CUT], WIDE, Shown.SCRAP).way is Way.PREFILL
    resting = with_standing(A, Standing.RESTING)
    assert choose([resting], [CUT], WIDE, Shown.TEXT) is None


def test_of_those_that_were_cut_one_goes_on_before_who_was_not_asked_and_no_second():
    other = Member("q/one", "q", 100, prefill=True)
    cuts = [CUT, Failure(1, CUT.error, way=Way.PREFILL)]
    assert choose([P, other, B], cuts, WIDE, Shown.TEXT) == Choice(0, others=True, way=Way.PREFILL)
    cuts.append(Failure(0, CUT.error, way=Way.PREFILL))
    assert choose([P, other, B], cuts, WIDE, Shown.TEXT).index == 2


def test_two_are_asked_to_go_on_by_words_and_no_more():
    tried = [CUT]
    for index in (2, 3):
        assert choose([A, A2, B, C], tried, WIDE, Shown.TEXT).index == index
        error = RoutorError(Kind.UNSUPPORTED_PARAMETER, "No.")
        tried.append(Failure(index, error, way=Way.WORDS))
    assert choose([A, A2, B, C], tried, WIDE, Shown.TEXT) is None


def test_a_refusal_of_the_content_is_final_but_one_of_our_own_request_is_not():
    refused = RoutorError(Kind.STREAM_BROKEN, "No.")
    assert choose([A, P], [Failure(0, refused, final=True)], WIDE, Shown.TEXT) is None
    bad = Failure(1, RoutorError(Kind.INVALID_REQUEST, "No prefill."), way=Way.PREFILL)
    assert choose([A, P, B], [CUT, bad], WIDE, Shown.TEXT).index == 2


def test_too_long_a_prompt_goes_to_larger_windows_only():
    assert choose([A, C, B], [failed(0, Kind.CONTEXT_TOO_LONG)], WIDE) == Choice(2)
    assert choose([A, C], [failed(0, Kind.CONTEXT_TOO_LONG)], WIDE) is None


def test_what_surely_fits_a_smaller_window_goes_there():
    error = failed(0, Kind.CONTEXT_TOO_LONG).error
    assert choose([A, C], [Failure(0, error, sent_bytes=25)], WIDE) == Choice(1)
    assert choose([A, C], [Failure(0, error, sent_bytes=26)], WIDE) is None


def test_limits_and_refused_keys_hold_for_the_whole_provider():
    for kind in (Kind.PROVIDER_RATE_LIMITED, Kind.PROVIDER_QUOTA, Kind.PROVIDER_AUTH):
        assert choose([A, A2, B], [failed(0, kind)], WIDE) == Choice(2)
    assert choose([A, A2, B], [failed(0, Kind.MODEL_GONE)], WIDE) == Choice(1, others=True)


def test_of_open_ones_the_last_resort_is_who_failed_longest_ago():
    late = with_standing(A, Standing.OPEN, wait_s=4.0)
    soon = with_standing(B, Standing.OPEN, wait_s=1.0)
    short = with_standing(C, Standing.OPEN, wait_s=9.0, cause=Kind.PROVIDER_RATE_LIMITED)
    assert choose([late, soon], [], WIDE) == Choice(1, last_resort=True)
    assert choose([late, soon, short], [], WIDE) == Choice(2, last_resort=True)


def test_open_ones_are_a_last_resort_and_resting_ones_are_none():
    opened, resting = with_standing(A, Standing.OPEN), with_standing(B, Standing.RESTING)
    absent = with_standing(C, Standing.NOT_CONNECTED)
    assert choose([opened, C], [], WIDE) == Choice(1, others=True)
    assert choose([opened, resting, absent], [], WIDE) == Choice(0, last_resort=True)
    again = [failed(0, Kind.PROVIDER_UNAVAILABLE, last_resort=True)]
    assert choose([opened, with_standing(B, Standing.OPEN)], again, WIDE) is None
    assert choose([resting, absent], [], WIDE) is None


def test_the_envelope_ends_it():
    assert choose([A], [], Envelope(0, 60.0)) is None
    assert choose([A], [], Envelope(5, 0.0)) is None
    dear = Member("d/one", "d", expected_cost_usd=0.2)
    assert choose([dear, A], [], Envelope(5, 60.0, 0.1)) == Choice(1)


def test_a_provider_that_failed_the_request_comes_after_the_others():
    unwell = failed(0, Kind.PROVIDER_UNAVAILABLE)
    assert choose([A, A2, B], [unwell], WIDE) == Choice(2, others=True)
    # What is about the request or the one model says nothing of the provider's other models.
    assert choose([A, A2, B], [failed(0, Kind.MODEL_GONE)], WIDE).index == 1
    assert choose([A, A2, B], [failed(0, Kind.TOO_LARGE)], WIDE).index == 1


def test_one_in_doubt_comes_before_a_third_call_to_a_provider_that_failed_twice():
    third, opened = Member("a/three", "a"), with_standing(B, Standing.OPEN)
    twice = [failed(0, Kind.PROVIDER_TIMEOUT), failed(1, Kind.PROVIDER_TIMEOUT)]
    assert choose([A, A2, third, opened], twice[:1], WIDE).index == 1
    assert choose([A, A2, third, opened], twice, WIDE) == Choice(3, last_resort=True)
    assert choose([A, A2, third], twice, WIDE) == Choice(2)


KINDS = st.sampled_from([kind for kind in Kind if kind.rule.tries_next])
MEMBERS = st.lists(
    st.builds(
        Member,
        model=st.integers().map(lambda n: f"x/{n}"),
        provider=st.sampled_from("abc"),
        context_window=st.integers(0, 5),
        expected_cost_usd=st.floats(0, 1),
        standing=st.sampled_from(Standing),
        cause=KINDS,
        wait_s=st.floats(0, 600),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda member: member.model,
)
WAITS = st.none() | st.floats(0, 600)


@given(MEMBERS, st.lists(st.tuples(KINDS, WAITS), min_size=6, max_size=6), st.integers(0, 6))
def test_any_chain_ends_soon_and_with_an_honest_error(members, causes, most):
    """All calls fail: nobody is called twice or out of turn, and the error says what happened."""
    failures: list[Failure] = []
    attempts: list[Attempt] = []
    while True:
        envelope = Envelope(most - len(failures), 60.0)
        choice = choose(members, failures, envelope)
        if choice is None:
            break
        standing = members[choice.index].standing
        lame = (Standing.OPEN, Standing.REFUSED)
        assert standing in (lame if choice.last_resort else (Standing.READY,))
        kind, wait_s = causes[len(failures)]
        member = members[choice.index]
        error = RoutorError(kind, "No.", model=member.model, retry_after_s=wait_s)
        failures.append(Failure(choice.index, error, choice.last_resort))
        attempts.append(Attempt(model=member.model, kind=kind.name))
    called = [failure.index for failure in failures]
    assert len(called) == len(set(called)) <= most
    assert sum(failure.last_resort for failure in failures) <= 1
    error = verdict(members, failures, attempts, envelope)
    assert [attempt.model for attempt in error.attempts] == [attempt.model for attempt in attempts]
    kinds = {failure.error.kind for failure in failures}
    if failures:
        assert error.kind.rule.http in (400, 404, 413, 429, 502, 504)
        asked = {Kind.CONTEXT_TOO_LONG, Kind.TOO_LARGE, Kind.UNSUPPORTED_PARAMETER}
        if error.kind is Kind.PROVIDER_RATE_LIMITED:
            assert kinds - asked == {Kind.PROVIDER_RATE_LIMITED}
        if error.kind.rule.http == 400:
            assert kinds <= asked
    assert len(error.message) < 250 * (len(members) + 1)
