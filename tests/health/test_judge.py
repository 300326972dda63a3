"""The verdicts on providers and models, and the way back from Down."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.status_pb2 import (
    HEALTH_DEGRADED,
    HEALTH_DOWN,
    HEALTH_HEALTHY,
    HEALTH_UNSPECIFIED,
    Health,
    ProviderStatus,
    Status,
)
from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.health.judge import FRESH_S, LISTED_S, PATIENCE_S, TRIAL_S, Judge
from services.health.window import Window

START_S = 1_800_000_000.0
MODEL = "openai/gpt-5.5"
OTHER = "openai/gpt-5.4"


class Scene:
    """A judge of one provider, with a clock that only the test moves."""

    def __init__(self):
        self.judge = Judge({"openai": [MODEL, OTHER]})
        self.now_s = START_S
        self.judge.listed({"openai": "https://api.openai.com/v1"}, ["xai"], self.now_s)

    def call(self, kind="", *, count=1, model=MODEL, took_ms=100.0, ago_s=0.0, **facts):
        for _ in range(count):
            self.judge.observe(
                attempt(self.now_s - ago_s, kind, model, took_ms, **facts), self.now_s
            )
        return self

    def probe(self, kind="", unlisted=frozenset()):
        self.judge.probed("openai", kind, None if kind else unlisted, self.now_s)
        return self

    def wait(self, seconds):
        """Let time pass, second by second, as the service does."""
        for _ in range(int(seconds)):
            self.now_s += 1
            self.judge.advance(self.now_s)
        self.now_s += seconds - int(seconds)
        return self

    @property
    def status(self):
        self.judge.advance(self.now_s)
        return self.judge.statuses(self.now_s)[0]

    @property
    def health(self):
        return self.status.health

    @property
    def due(self):
        self.judge.advance(self.now_s)
        return self.judge.due(self.now_s) == ["openai"]

    def model(self, key=MODEL):
        return next(each for each in self.status.models if each.model == key)


def attempt(ended_at_s, kind="", model=MODEL, took_ms=100.0, **facts):
    return Attempt(
        provider="openai",
        model=model,
        kind=kind,
        first_token_ms=0 if kind else took_ms,
        latency_ms=took_ms,
        ended_at_s=ended_at_s,
        **facts,
    )


@pytest.fixture
def scene():
    return Scene().probe()


FAILED = Kind.PROVIDER_UNAVAILABLE


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
        (3, 2, HEALTH_DOWN),
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
    scene.call(count=1000, ago_s=3).call(FAILED, count=9, ago_s=1)
    assert scene.health == HEALTH_HEALTHY
    # Ten in a row are.
    assert scene.call(FAILED).health == HEALTH_DOWN


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
    assert status.resting_until_s <= scene.now_s + 3600


def test_memory_does_not_grow_with_traffic(scene):
    for second in range(900):
        scene.now_s = START_S + second
        scene.call(count=20, took_ms=1.0 + second * 10).call(FAILED)
        scene.judge.advance(scene.now_s)
    window = scene.judge.providers["openai"].window
    assert len(window._slots) <= 62
    assert len(window._failures) <= 10
    assert scene.status.samples == pytest.approx(300 * 21, rel=0.02)


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


# Probes and the way back.


def test_a_provider_is_shown_as_connected_once_it_is_validated():
    scene = Scene()
    assert not scene.status.connected
    assert not scene.judge.settled(scene.now_s)
    assert scene.due
    scene.probe()
    assert scene.status.connected
    assert scene.health == HEALTH_HEALTHY
    assert scene.judge.settled(scene.now_s)


def test_a_slow_probe_is_not_waited_for():
    scene = Scene().wait(PATIENCE_S)
    assert scene.judge.settled(scene.now_s)
    assert (scene.status.connected, scene.health) == (True, HEALTH_UNSPECIFIED)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.rule.counts])
def test_failed_validation_is_down_and_a_later_probe_heals_at_once(kind):
    scene = Scene().probe(kind)
    assert scene.health == HEALTH_DOWN
    assert kind.name in scene.status.reason
    assert not scene.due
    scene.wait(15).probe()
    assert (scene.health, scene.status.half_open) == (HEALTH_HEALTHY, False)


@pytest.mark.parametrize(
    "kind", [Kind.PROVIDER_RATE_LIMITED, Kind.MODEL_GONE, Kind.INVALID_REQUEST]
)
def test_any_answer_to_a_probe_shows_that_it_is_reachable(kind):
    assert Scene().probe(kind).health == HEALTH_HEALTHY


def test_a_failed_probe_does_not_outweigh_completions_that_work(scene):
    assert scene.call().probe(FAILED).health == HEALTH_HEALTHY


def test_probes_run_only_when_live_evidence_is_stale(scene):
    for _ in range(10):
        assert not scene.wait(FRESH_S / 2).call().due
    assert scene.wait(FRESH_S).due
    scene.probe()
    assert not scene.due
    assert not scene.wait(FRESH_S - 1).due
    assert scene.wait(1).due


def test_the_list_is_read_now_and_then_also_under_traffic(scene):
    for _ in range(int(LISTED_S) - 1):
        assert not scene.wait(1).call().due
    assert scene.wait(1).call().due


def down_by_traffic():
    scene = Scene().probe().call(FAILED, count=5)
    assert scene.health == HEALTH_DOWN
    return scene


def half_open():
    scene = down_by_traffic().wait(2).probe()
    assert (scene.health, scene.status.half_open) == (HEALTH_DOWN, True)
    return scene.wait(1)


def test_a_good_probe_after_bad_traffic_gives_no_more_than_a_trial():
    scene = half_open()
    scene.call(count=2)
    assert scene.status.half_open
    scene.call()
    assert (scene.health, scene.status.half_open) == (HEALTH_HEALTHY, False)
    assert scene.status.samples == 3


def test_a_failure_on_trial_leads_back_down_and_the_next_trial_waits_longer():
    scene = half_open().call(count=2).call(FAILED)
    assert (scene.health, scene.status.half_open) == (HEALTH_DOWN, False)
    assert not scene.wait(3).due
    assert scene.wait(1).due


def test_what_began_before_the_trial_is_no_evidence():
    scene = half_open()
    scene.call(FAILED, took_ms=1500).call(count=3, took_ms=1500)
    assert scene.status.half_open
    assert scene.status.samples == 0


def test_without_traffic_the_trial_ends_well():
    scene = half_open().wait(TRIAL_S - 2)
    assert scene.status.half_open
    assert scene.wait(1).health == HEALTH_HEALTHY


@pytest.mark.parametrize("kind", [Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA])
def test_after_a_refusal_only_a_success_ends_the_trial(kind):
    scene = Scene().probe().call(kind)
    assert scene.health == HEALTH_DOWN
    assert not scene.wait(14).due
    assert scene.wait(1).due
    scene.probe().wait(100 * TRIAL_S)
    assert (scene.health, scene.status.half_open) == (HEALTH_DOWN, True)
    assert scene.call(count=3).health == HEALTH_HEALTHY


def probe_times(scene, kind, seconds):
    times = []
    for second in range(seconds):
        if scene.wait(1).due:
            scene.probe(kind)
            times.append(second + 1)
    return times


def test_probes_of_a_dead_provider_back_off():
    pauses = [
        later - earlier
        for earlier, later in pairwise([0, *probe_times(down_by_traffic(), FAILED, 120)])
    ]
    assert pauses[:4] == [2, 4, 8, 15]
    assert set(pauses[3:]) == {15}


def test_probes_of_a_refusing_provider_are_rarer():
    scene = Scene().probe().call(Kind.PROVIDER_QUOTA)
    assert scene.health == HEALTH_DOWN
    times = probe_times(scene, Kind.PROVIDER_QUOTA, 600)
    pauses = [later - earlier for earlier, later in pairwise([0, *times])]
    assert pauses[:4] == [15, 30, 60, 120]
    assert max(pauses) == 120


def test_a_healed_provider_is_back_within_35_seconds():
    scene = down_by_traffic()
    probe_times(scene, FAILED, 61)
    waited = 0
    while scene.health != HEALTH_HEALTHY:
        scene.wait(1)
        waited += 1
        if scene.due:
            scene.probe()
    assert waited <= 35


def test_live_failures_while_a_probe_had_failed_ask_for_a_trial():
    scene = Scene().probe(FAILED).call(FAILED, count=5)
    assert scene.health == HEALTH_DOWN
    scene.wait(15).probe()
    assert scene.status.half_open


EVENTS = st.lists(
    st.sampled_from(["ok", "fail", "auth", "probe ok", "probe fail", "second", "minute"]),
    max_size=60,
)


@given(EVENTS)
def test_whatever_happens_down_is_left_only_through_a_probe_and_every_state_has_a_way_back(events):
    scene = Scene()
    steps = {
        "ok": scene.call,
        "fail": lambda: scene.call(FAILED),
        "auth": lambda: scene.call(Kind.PROVIDER_AUTH),
        "probe ok": scene.probe,
        "probe fail": lambda: scene.probe(FAILED),
        "second": lambda: scene.wait(1),
        "minute": lambda: scene.wait(60),
    }
    for event in events:
        before = scene.status
        steps[event]()
        after = scene.status
        shut = before.health == HEALTH_DOWN and not before.half_open
        if shut and (after.health != HEALTH_DOWN or after.half_open):
            assert event == "probe ok"
        assert after.health == HEALTH_DOWN or not after.half_open
    scene.wait(310)
    for _ in range(3):
        if scene.health == HEALTH_DOWN:
            scene.probe()
        scene.wait(1).call(count=5)
    assert scene.health == HEALTH_HEALTHY


# Models.


def test_a_failing_model_rests_while_its_provider_goes_on(scene):
    scene.call(count=95, model=OTHER).call(FAILED, count=5)
    assert scene.health == HEALTH_HEALTHY
    assert scene.model().health == HEALTH_DOWN
    assert scene.model(OTHER).health == HEALTH_HEALTHY
    assert scene.wait(29).model().health == HEALTH_DOWN
    assert scene.wait(1).model().health == HEALTH_DEGRADED
    assert scene.wait(1).call(count=3).model().health == HEALTH_HEALTHY


def test_a_model_that_fails_its_trial_rests_longer(scene):
    scene.call(count=1000, model=OTHER).call(FAILED, count=5)
    assert scene.model().health == HEALTH_DOWN
    scene.wait(31)
    assert scene.call(FAILED).model().health == HEALTH_DOWN
    assert scene.wait(58).model().health == HEALTH_DOWN
    assert scene.wait(2).model().health == HEALTH_DEGRADED


def test_a_provider_that_returns_brings_its_models_back():
    scene = half_open()
    scene.call(count=3, model=OTHER)
    assert scene.health == HEALTH_HEALTHY
    assert scene.model().health == HEALTH_UNSPECIFIED


def test_a_model_that_is_gone_is_retired_for_all_until_it_answers_again(scene):
    scene.call(Kind.MODEL_GONE)
    assert scene.model().retired
    assert not scene.model(OTHER).retired
    assert scene.health == HEALTH_HEALTHY
    assert not scene.wait(1).call().model().retired


def test_a_model_said_to_be_gone_but_listed_gets_a_second_chance_later(scene):
    scene.call(Kind.MODEL_GONE).wait(60).probe()
    assert scene.model().retired
    assert not scene.wait(600).probe().model().retired


def test_a_model_missing_from_the_list_is_retired_until_it_is_listed_again(scene):
    scene.probe(unlisted=frozenset({MODEL}))
    assert scene.model().retired
    assert not scene.model(OTHER).retired
    # A probe that fails says nothing about models.
    assert scene.probe(Kind.PROVIDER_RATE_LIMITED).model().retired
    assert not scene.probe().model().retired


# Who is there.


def test_unconnected_providers_are_listed_as_such(scene):
    absent = scene.judge.statuses(scene.now_s)[1]
    assert (absent.provider, absent.connected, absent.health) == ("xai", False, HEALTH_UNSPECIFIED)


def test_a_new_or_moved_provider_is_probed_at_once_and_starts_without_a_past():
    scene = down_by_traffic()
    scene.judge.listed({"openai": "https://eu.api.openai.com/v1"}, [], scene.now_s)
    assert scene.due
    assert scene.probe().health == HEALTH_HEALTHY
    scene.judge.listed({}, ["openai"], scene.now_s)
    assert not scene.status.connected
    scene.judge.listed({"openai": "https://eu.api.openai.com/v1"}, [], scene.now_s)
    assert scene.due


def test_calls_heard_before_the_providers_are_listed_count():
    judge = Judge({"openai": [MODEL]})
    for _ in range(5):
        judge.observe(attempt(START_S, FAILED), START_S)
        judge.observe(Attempt(provider="unheard-of", ended_at_s=START_S), START_S)
    judge.listed({"openai": "https://api.openai.com/v1"}, [], START_S)
    judge.advance(START_S)
    (status,) = judge.statuses(START_S)
    assert status.health == HEALTH_DOWN


def test_a_successor_does_not_revive_what_was_healed():
    healed = ProviderStatus(
        provider="openai", health=Health.HEALTH_HEALTHY, changed_at_s=START_S - 10
    )
    judge = Judge({"openai": [MODEL]})
    judge.adopt(Status(providers=[healed]))
    for _ in range(50):
        judge.observe(attempt(START_S - 20, FAILED), START_S)
    judge.observe(attempt(START_S - 5), START_S)
    judge.listed({"openai": "https://api.openai.com/v1"}, [], START_S)
    judge.advance(START_S)
    (status,) = judge.statuses(START_S)
    assert (status.health, status.samples) == (HEALTH_HEALTHY, 1)


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
