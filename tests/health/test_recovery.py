"""Probes, and the way back from Down."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.status_pb2 import (
    HEALTH_DOWN,
    HEALTH_HEALTHY,
    HEALTH_UNSPECIFIED,
)
from services.errors import Kind
from services.health.provider import FRESH_S, LISTED_S, PATIENCE_S, TRIAL_S
from tests.health.scene import (
    FAILED,
    Scene,
    down_by_traffic,
    half_open,
)


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
    assert not scene.wait(2).due
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
    assert not scene.wait(3).due
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
    assert pauses[:4] == [2, 3, 3, 3]
    assert set(pauses[3:]) == {3}


def test_probes_of_a_refusing_provider_are_rarer():
    scene = Scene().probe().call(Kind.PROVIDER_QUOTA)
    assert scene.health == HEALTH_DOWN
    times = probe_times(scene, Kind.PROVIDER_QUOTA, 600)
    pauses = [later - earlier for earlier, later in pairwise([0, *times])]
    assert pauses[:6] == [4, 8, 16, 32, 64, 120]
    assert max(pauses) == 120


def test_a_healed_provider_is_back_within_10_seconds():
    scene = down_by_traffic()
    probe_times(scene, FAILED, 61)
    waited = 0
    while scene.health != HEALTH_HEALTHY:
        scene.wait(1)
        waited += 1
        if scene.due:
            scene.probe()
    assert waited <= 10


@pytest.mark.parametrize(
    ("probe", "call", "refused"),
    [
        (Kind.PROVIDER_AUTH, "", True),
        (FAILED, "", False),
        ("", Kind.PROVIDER_QUOTA, True),
        ("", FAILED, False),
    ],
)
def test_a_refusal_is_told_from_what_may_pass_by_itself(probe, call, refused):
    scene = Scene().probe(probe)
    scene.call(call, count=5 if call else 0)
    assert scene.health == HEALTH_DOWN
    assert scene.status.refused == refused
    scene.wait(15).probe()
    answered_at_s = scene.now_s
    scene.wait(1).call(count=3)
    assert (scene.health, scene.status.refused) == (HEALTH_HEALTHY, False)
    assert scene.status.answered_at_s == answered_at_s


def test_a_reset_forgets_all_and_probes_anew():
    scene = Scene().probe().call(Kind.PROVIDER_QUOTA)
    assert scene.health == HEALTH_DOWN
    scene.judge.reset(scene.now_s)
    assert scene.due
    assert scene.call(Kind.PROVIDER_QUOTA, took_ms=5, ago_s=1).probe().health == HEALTH_HEALTHY


def test_a_reset_is_told_before_all_are_probed_anew():
    scene = Scene().probe().wait(PATIENCE_S).call(Kind.PROVIDER_QUOTA)
    scene.judge.reset(scene.now_s)
    assert scene.judge.settled(scene.now_s)
    assert scene.status.connected
    assert scene.health != HEALTH_DOWN


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
