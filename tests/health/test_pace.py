"""Whether a model got slow, and how soon that is forgotten."""

import pytest

from routor.v1.status_pb2 import HEALTH_DEGRADED, HEALTH_HEALTHY
from tests.health.scene import attempt


@pytest.mark.parametrize("past", [100, 2000])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_model_that_got_slow_is_degraded_however_good_its_past(scene, past, streamed):
    def call(count, took_ms):
        for _ in range(count):
            one = attempt(scene.now_s, took_ms=took_ms, output_tokens=30)
            one.first_token_ms = took_ms if streamed else 0
            scene.judge.observe(one, scene.now_s)

    call(past, 300.0)
    scene.wait(30)
    call(4, 4000.0)
    assert scene.model().health == HEALTH_HEALTHY
    scene.wait(1)
    call(16, 4000.0)
    assert (scene.model().health, scene.model().flaw_rate) == (HEALTH_DEGRADED, 1.0)
    assert scene.model().reason.endswith("the last: slow")
    scene.wait(1)
    call(20, 300.0)
    assert scene.model().flaw_rate < 0.2


@pytest.fixture
def slow(scene):
    """A model that got slow half a minute ago."""
    for _ in range(200):
        scene.call(took_ms=300.0).wait(0.5)
    for _ in range(50):
        scene.call(took_ms=4000.0).wait(0.5)
    assert (scene.model().health, scene.model().flaw_rate) == (HEALTH_DEGRADED, 1.0)
    assert scene.model().reason == "20 of 20 answers were of little use, the last: slow"
    return scene


def test_a_slow_model_is_tried_again_after_a_minute_without_calls(slow):
    assert slow.wait(50).model().health == HEALTH_DEGRADED
    assert slow.wait(12).model().health == HEALTH_HEALTHY


def test_a_slow_model_that_is_tried_again_is_out_after_two_slow_answers(slow):
    slow.wait(62).call(took_ms=4000.0)
    assert slow.model().health == HEALTH_HEALTHY
    assert slow.call(took_ms=4000.0).model().health == HEALTH_DEGRADED
    assert slow.wait(62).call(count=3, took_ms=300.0).model().health == HEALTH_HEALTHY
    assert slow.call(count=2, took_ms=4000.0).model().health == HEALTH_HEALTHY


def test_five_quick_answers_in_a_row_end_slowness_and_a_single_slow_one_does_not_recall_it(slow):
    assert slow.call(count=4, took_ms=300.0).model().health == HEALTH_DEGRADED
    assert slow.call(took_ms=300.0).model().health == HEALTH_HEALTHY
    assert slow.call(count=3, took_ms=4000.0).model().health == HEALTH_HEALTHY
    assert slow.call(count=10, took_ms=4000.0).model().health == HEALTH_DEGRADED


@pytest.mark.parametrize("pause_s", [0.5, 5, 20])
def test_who_stays_slow_is_called_little_and_who_is_well_again_soon_as_before(slow, pause_s):
    def called(seconds, took_ms):
        """Return how many of the requests of so many seconds go to it while others are there."""
        calls = 0
        for _ in range(int(seconds / pause_s)):
            slow.wait(pause_s)
            if slow.model().health == HEALTH_HEALTHY:
                slow.call(took_ms=took_ms)
                calls += 1
        return calls

    assert called(1200, 4000.0) <= 2 * 1200 / 60 + 3
    slow.wait(61)
    assert called(300, 300.0) == 300 / pause_s


def test_one_slow_answer_in_ten_says_nothing(scene):
    for number in range(300):
        scene.call(took_ms=4000.0 if number % 10 == 0 else 300.0).wait(0.3)
        assert scene.model().health == HEALTH_HEALTHY


def test_a_model_that_always_thinks_long_is_soon_not_slow(scene):
    for _ in range(40):
        scene.call(count=2, took_ms=15_000.0).wait(1)
    assert scene.model().flaw_rate < 0.2


def test_long_answers_are_not_slow(scene):
    for tokens in (20, 100, 2000, 20, 8000, 100) * 10:
        one = attempt(scene.now_s, took_ms=500 + 25 * tokens, output_tokens=tokens)
        one.first_token_ms = 0
        scene.judge.observe(one, scene.now_s)
    assert scene.model().flaw_rate == 0
