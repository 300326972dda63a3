"""The verdicts on providers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.status_pb2 import (
    HEALTH_DEGRADED,
    HEALTH_DOWN,
    HEALTH_HEALTHY,
)
from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.health.window import DOWN_PERCENT, HEALTHY_PERCENT, Window, below
from tests.health.scene import FAILED, MODEL, OTHER, START_S, Scene


@pytest.mark.parametrize(
    ("successes", "failures", "health"),
    [
        (0, 0, HEALTH_HEALTHY),
        (1, 0, HEALTH_HEALTHY),
        (95, 5, HEALTH_HEALTHY),
        (189, 11, HEALTH_DEGRADED),
        (94, 6, HEALTH_DEGRADED),
        (70, 30, HEALTH_DEGRADED),
        (69, 31, HEALTH_DOWN),
        (699, 301, HEALTH_DOWN),
        (7, 3, HEALTH_DEGRADED),
        # Few calls must show it beyond doubt: 2 failures of 5 or 6 do not.
        (3, 2, HEALTH_DEGRADED),
        (4, 2, HEALTH_DEGRADED),
        (1, 4, HEALTH_DOWN),
        (5, 5, HEALTH_DEGRADED),
        (4, 6, HEALTH_DOWN),
        (12, 8, HEALTH_DEGRADED),
        (4, 1, HEALTH_HEALTHY),
        # Four calls are too few for Down by rate.
        (1, 3, HEALTH_DEGRADED),
        (0, 2, HEALTH_DEGRADED),
        # Three failures and not one success are not.
        (0, 3, HEALTH_DOWN),
    ],
)
def test_success_rate_decides(scene, successes, failures, health):
    scene.call(FAILED, count=failures, ago_s=10).call(count=successes, ago_s=10)
    assert scene.health == health
    if successes + failures:
        rate = successes / (successes + failures)
        assert scene.status.success_rate == pytest.approx(rate)
        assert scene.status.samples == successes + failures


@pytest.mark.parametrize(
    ("fast", "slow_ms", "slow", "health"),
    [
        (95, 5000.1, 5, HEALTH_HEALTHY),
        (94, 5000.1, 6, HEALTH_DEGRADED),
        (0, 5000.0, 100, HEALTH_HEALTHY),
        (0, 5000.1, 5, HEALTH_DEGRADED),
        # Four calls are too few to call a provider slow.
        (0, 60_000.0, 4, HEALTH_HEALTHY),
    ],
)
def test_p95_over_five_seconds_is_degraded(scene, fast, slow_ms, slow, health):
    scene.call(count=fast).call(count=slow, took_ms=slow_ms)
    assert scene.health == health


@given(st.lists(st.floats(1.0, 600_000.0), min_size=1, max_size=200))
def test_percentiles_are_at_most_five_percent_too_high(timings):
    scene = Scene()
    for took_ms in timings:
        scene.call(took_ms=took_ms)
    ordered = sorted(timings)
    shown = scene.status
    for percent, told in ((50, shown.p50_first_token_ms), (95, shown.p95_first_token_ms)):
        true = ordered[-(-percent * len(ordered) // 100) - 1]
        assert true * 0.999_999 <= told <= true * 1.05 * 1.000_001


def test_how_long_a_whole_answer_took_says_nothing(scene):
    for _ in range(50):
        whole = Attempt(provider="openai", model=MODEL, latency_ms=90_000, ended_at_s=scene.now_s)
        scene.judge.observe(whole, scene.now_s)
    assert scene.health == HEALTH_HEALTHY


@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.rule.counts])
def test_what_is_not_the_providers_fault_does_not_count(scene, kind):
    scene.call(kind, count=50).call()
    assert scene.health == HEALTH_HEALTHY
    assert scene.status.samples == 1


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.rule.counts])
def test_what_is_the_providers_fault_does(scene, kind):
    assert scene.call(kind, count=3).health == HEALTH_DOWN
    assert kind.name in scene.status.reason


def test_an_unknown_kind_of_a_newer_release_is_ignored(scene):
    assert scene.call("SOMETHING_NEW", count=50).health == HEALTH_HEALTHY


@pytest.mark.parametrize("kind", [Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA])
def test_one_refusal_is_enough(scene, kind):
    scene.call(count=1000, ago_s=1)
    assert scene.call(kind).health == HEALTH_DOWN


def test_a_success_after_a_refusal_outweighs_it(scene):
    scene.call(Kind.PROVIDER_AUTH, ago_s=2).call(count=30, ago_s=1)
    assert scene.health == HEALTH_HEALTHY


def test_sudden_death_of_a_busy_provider_shows_long_before_the_rate_does(scene):
    scene.call(count=1000, ago_s=6).call(FAILED, count=2, ago_s=1)
    assert scene.health == HEALTH_HEALTHY
    assert scene.call(FAILED).health == HEALTH_DOWN


def test_a_few_failures_between_successes_are_no_death(scene):
    scene.call(count=1000, ago_s=1.9).call(FAILED, count=9, ago_s=1)
    assert scene.health == HEALTH_HEALTHY
    # Ten in a row are.
    assert scene.call(FAILED).health == HEALTH_DOWN


def test_a_row_of_failures_must_be_more_than_chance(scene):
    # One in five fails: three in a row come along every two minutes at one call a second.
    scene.call(count=80, ago_s=60).call(FAILED, count=20, ago_s=60)
    scene.call(ago_s=5).call(FAILED, count=3)
    assert scene.health == HEALTH_DEGRADED
    assert scene.call(FAILED, count=2).health == HEALTH_DOWN


def test_calls_older_than_five_minutes_are_forgotten(scene):
    scene.call(FAILED, count=2).call(count=3)
    scene.wait(295).call(count=95)
    assert scene.status.samples == 100
    assert scene.wait(11).status.samples == 95
    assert scene.call(FAILED, count=50, ago_s=301).status.samples == 95


ENDINGS = st.sampled_from(["", "", "", *Kind.__members__])
CALLS = st.tuples(ENDINGS, st.floats(0, 299), st.floats(1, 20_000), st.sampled_from([MODEL, OTHER]))


@given(
    st.lists(CALLS, max_size=60).flatmap(
        lambda calls: st.tuples(st.just(calls), st.permutations(calls))
    )
)
def test_the_order_of_arrival_does_not_matter(orders):
    shown = []
    for calls in orders:
        scene = Scene()
        for kind, ago_s, took_ms, model in calls:
            scene.call(kind, ago_s=ago_s, took_ms=took_ms, model=model, retry_after_s=ago_s)
        shown.append(scene.status)
    assert shown[0] == shown[1]


@given(
    st.lists(
        st.builds(
            Attempt,
            provider=st.just("openai"),
            model=st.just(MODEL),
            kind=st.sampled_from(["", "PROVIDER_RATE_LIMITED", "PROVIDER_TIMEOUT", "nonsense"]),
            latency_ms=st.floats(),
            first_token_ms=st.floats(),
            ended_at_s=st.floats(),
            retry_after_s=st.floats(),
        )
    )
)
def test_no_attempt_breaks_the_judge(attempts):
    scene = Scene()
    for each in attempts:
        scene.judge.observe(each, scene.now_s)
    status = scene.status
    assert 0 <= status.success_rate <= 1
    assert status.resting_until_s <= scene.now_s + 86_400


def test_memory_does_not_grow_with_traffic(scene):
    for second in range(900):
        scene.now_s = START_S + second
        scene.call(count=20, took_ms=1.0 + second * 10).call(FAILED)
        scene.judge.advance(scene.now_s)
    window = scene.judge.providers["openai"].window
    assert len(window._slots) <= 62
    assert len(window._failures) <= 10
    assert scene.status.samples == pytest.approx(300 * 21, rel=0.02)


@given(st.integers(1, 300), st.data())
def test_few_calls_condemn_nobody_whom_many_would_not(calls, data):
    good = data.draw(st.integers(0, calls))
    for percent in (DOWN_PERCENT, HEALTHY_PERCENT):
        if below(percent, good, calls):
            assert 100 * good < percent * calls
            assert good == 0 or below(percent, good - 1, calls)
        # The same rate, seen more often, is no weaker evidence.
        assert not below(percent, good, calls) or below(percent, 10 * good, 10 * calls)


def test_a_grey_failure_is_degraded_and_never_down(scene):
    scene.call(count=10, flaw="broken JSON", ago_s=1).call(count=90)
    assert (scene.health, scene.model().health) == (HEALTH_DEGRADED, HEALTH_DEGRADED)
    assert scene.status.reason == "10 of 100 answers were of little use, the last: broken JSON"
    assert scene.model().flaw_rate == 0.1
    assert scene.call(count=500, flaw="refused").health == HEALTH_DEGRADED


def test_one_flaw_says_nothing(scene):
    assert scene.call(count=4).call(flaw="refused").health == HEALTH_HEALTHY


@pytest.mark.parametrize(("tokens", "health"), [(50, HEALTH_DEGRADED), (60, HEALTH_HEALTHY)])
def test_whole_answers_are_slow_when_writing_them_does_not_explain_it(scene, tokens, health):
    for _ in range(10):
        whole = Attempt(
            provider="openai", model=MODEL, latency_ms=10_500, ended_at_s=scene.now_s,
            output_tokens=tokens,
        )  # fmt: skip
        scene.judge.observe(whole, scene.now_s)
    assert scene.health == health


def test_a_model_whose_limits_are_nearly_used_up_is_to_be_spared(scene):
    scene.call(spare_s=20)
    assert scene.model().spare_until_s == START_S + 20
    assert scene.model(OTHER).spare_until_s == scene.model().resting_until_s == 0
    assert scene.judge.react(scene.now_s) is False
    assert scene.wait(21).model().spare_until_s == 0


def test_others_are_preferred_a_little_where_a_limit_tells_no_reset(scene):
    scene.call(Kind.PROVIDER_RATE_LIMITED)
    assert scene.status.resting_until_s == scene.model().resting_until_s == 0
    assert scene.model().spare_until_s == scene.model(OTHER).spare_until_s == START_S + 5


def test_a_rate_limit_only_rests(scene):
    scene.call(Kind.PROVIDER_RATE_LIMITED, count=20, retry_after_s=30).call()
    assert scene.health == HEALTH_HEALTHY
    assert scene.status.resting_until_s == START_S + 30
    assert scene.model().resting_until_s == START_S + 30
    assert scene.model(OTHER).resting_until_s == 0
    # A shorter wish does not end a longer rest.
    assert (
        scene.call(Kind.PROVIDER_RATE_LIMITED, retry_after_s=1).status.resting_until_s
        == START_S + 30
    )
    assert scene.wait(31).status.resting_until_s == 0


def test_calls_move_the_status_only_when_others_must_know(scene):
    scene.call()
    assert scene.judge.react(scene.now_s)
    scene.call(count=20)
    assert not scene.judge.react(scene.now_s)
    assert not scene.judge.react(scene.now_s)
    scene.now_s += 1
    scene.call(Kind.PROVIDER_QUOTA)
    assert scene.judge.react(scene.now_s)
    assert scene.judge.statuses(scene.now_s)[0].health == HEALTH_DOWN


def test_a_model_alone_moves_the_status_too(scene):
    scene.call(count=20, model=OTHER).judge.react(scene.now_s)
    scene.call(Kind.MODEL_GONE)
    assert scene.judge.react(scene.now_s)
    assert scene.model().retired


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["success", "slow", FAILED, Kind.PROVIDER_AUTH, "expire"]),
        st.floats(0, 400),
    )
)


@given(STEPS)
def test_a_remembered_verdict_is_what_the_window_would_say_anew(steps):
    window, now_s = Window(), START_S
    for step, seconds in steps:
        if step == "expire":
            now_s += seconds
            window.expire(now_s)
        elif isinstance(step, Kind):
            window.add_failure(now_s, step)
        else:
            window.add_success(now_s, 9000.0 if step == "slow" else 90.0)
        assert window.judge() == window._judge()
