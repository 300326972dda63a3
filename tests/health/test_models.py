"""The verdicts on models, and who is listed."""

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
from services import telemetry
from services.errors import Kind
from services.health.judge import Judge
from services.health.publish import Publisher
from tests.health.scene import (
    FAILED,
    MODEL,
    OTHER,
    START_S,
    attempt,
    down_by_traffic,
    half_open,
)


def test_a_failing_model_rests_while_its_provider_goes_on(scene):
    scene.call(count=95, model=OTHER).call(FAILED, count=5)
    assert scene.health == HEALTH_HEALTHY
    assert scene.model().health == HEALTH_DOWN
    assert scene.model(OTHER).health == HEALTH_HEALTHY
    assert scene.wait(3).model().health == HEALTH_DOWN
    assert scene.wait(1).model().health == HEALTH_DEGRADED
    assert scene.wait(1).call(count=3).model().health == HEALTH_HEALTHY


def test_a_model_that_fails_its_trial_rests_longer(scene):
    scene.call(count=1000, model=OTHER).call(FAILED, count=5)
    assert scene.model().health == HEALTH_DOWN
    scene.wait(5)
    assert scene.call(FAILED).model().health == HEALTH_DOWN
    assert scene.wait(7).model().health == HEALTH_DOWN
    assert scene.wait(1).model().health == HEALTH_DEGRADED


def test_a_provider_that_returns_brings_its_models_back():
    scene = half_open()
    scene.call(count=3, model=OTHER)
    assert scene.health == HEALTH_HEALTHY
    assert scene.model().health == HEALTH_UNSPECIFIED


def test_a_model_that_is_gone_is_retired_for_all_until_it_answers_again(scene):
    scene.call(Kind.MODEL_GONE)
    assert scene.model().retired
    assert not scene.model().unlisted
    assert not scene.model(OTHER).retired
    assert scene.health == HEALTH_HEALTHY
    assert not scene.wait(1).call().model().retired


def test_a_model_said_to_be_gone_but_listed_gets_a_second_chance_later(scene):
    scene.probe().call(Kind.MODEL_GONE).wait(10).probe()
    assert scene.model().retired
    for wait_s in (15, 30, 60, 120, 240, 480, 600, 600):
        assert not scene.wait(wait_s).probe().model().retired
        assert scene.call(Kind.MODEL_GONE).wait(wait_s - 1).probe().model().retired
    assert not scene.wait(600).call().model().retired
    scene.wait(1).call(Kind.MODEL_GONE)
    assert not scene.wait(15).probe().model().retired


def test_the_list_is_asked_for_a_retired_model_soon_and_then_ever_more_rarely(scene):
    scene.probe(unlisted=frozenset({MODEL}))
    asked_at_s = []
    for second in range(900):
        scene.call(model=OTHER).wait(1)
        if scene.due:
            asked_at_s.append(second + 1)
            scene.probe(unlisted=frozenset({MODEL}))
    assert asked_at_s == [15, 45, 105, 225, 465]
    assert not scene.probe().model().retired
    assert not scene.wait(30).call(model=OTHER).due


def test_a_model_missing_from_the_list_is_retired_until_it_is_listed_again(scene):
    scene.probe(unlisted=frozenset({MODEL}))
    assert scene.model().retired
    assert scene.model().unlisted
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


def test_metrics_show_each_provider_and_model(scene):
    scene.call(count=95, model=OTHER).call(FAILED, count=5)
    publisher = Publisher(None, lambda: scene.now_s)
    scene.judge.advance(scene.now_s)
    publisher.offer(scene.judge.statuses(scene.now_s), heartbeat=False)
    assert telemetry.provider_health.bind({"provider": "openai"}).value == 3
    assert telemetry.model_health.bind({"model": MODEL}).value == 1
    assert telemetry.model_health.bind({"model": OTHER}).value == 3
    scene.probe(unlisted=frozenset({OTHER}))
    publisher.offer(scene.judge.statuses(scene.now_s), heartbeat=False)
    assert telemetry.model_health.bind({"model": OTHER}).value == 0
