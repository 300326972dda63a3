import pytest

from routor.v1.status_pb2 import HEALTH_DOWN, ModelStatus, ProviderStatus, Status
from services.errors import Kind
from services.providers.breaker import LARGEST, Breakers
from services.providers.failover import Standing

DOWN = Kind.PROVIDER_UNAVAILABLE
READY, OPEN, RESTING = Standing.READY, Standing.OPEN, Standing.RESTING
REFUSED = Standing.REFUSED
WALL_S = 1_800_000_000.0


class World:
    """Breakers with a clock that a test moves, and one model as they see it."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.breakers = Breakers(lambda: self.now_s, lambda: WALL_S + self.now_s)

    def standing(self, model: str = "a/one") -> Standing:
        return self.breakers.stand(model.partition("/")[0], model).standing

    def fail(self, kind: Kind = DOWN, model: str = "a/one", wait_s: float | None = None) -> None:
        provider = model.partition("/")[0]
        self.breakers.begin(provider, model)
        self.breakers.fail(provider, model, kind, wait_s)


@pytest.fixture
def world() -> World:
    return World()


def test_opens_after_three_failures_in_a_row(world):
    world.fail()
    world.fail()
    world.breakers.succeed("a", "a/one")
    world.fail()
    world.fail()
    assert world.standing() is READY
    world.fail()
    assert world.standing() is OPEN
    # The provider failed, too; others did not.
    assert world.standing("a/two") is OPEN
    assert world.standing("b/one") is READY


def test_one_bad_model_among_good_ones_opens_alone(world):
    for _ in range(3):
        world.fail()
        world.breakers.succeed("a", "a/two")
    assert world.standing() is OPEN
    assert world.standing("a/two") is READY


@pytest.mark.parametrize("kind", [Kind.STREAM_BROKEN, Kind.PROVIDER_TIMEOUT])
def test_broken_streams_and_timeouts_count(world, kind):
    for _ in range(3):
        world.fail(kind)
    assert world.standing() is OPEN


def test_half_open_lets_one_call_try(world):
    for _ in range(3):
        world.fail()
    world.now_s += 1.01
    assert world.standing() is READY
    world.breakers.begin("a", "a/one")
    assert world.standing() is OPEN
    world.breakers.succeed("a", "a/one")
    assert world.standing() is READY
    world.fail()
    assert world.standing() is READY


def test_the_pause_doubles_to_five_seconds(world):
    for _ in range(3):
        world.fail()
    pauses = []
    for _ in range(8):
        pause_s = world.breakers.stand("a", "a/one").wait_s
        pauses.append(round(pause_s, 3))
        world.now_s += pause_s + 0.001
        world.fail()
    assert pauses == [1, 2, 4, 5, 5, 5, 5, 5]


def test_calls_that_began_before_do_not_lengthen_the_pause(world):
    for _ in range(50):
        world.fail()
    assert world.breakers.stand("a", "a/one").wait_s <= 1.0


@pytest.mark.parametrize("kind", [Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA])
def test_a_refused_key_or_balance_ends_all_calls_to_the_provider_at_once(world, kind):
    world.fail(kind)
    stand = world.breakers.stand("a", "a/two")
    assert (stand.standing, stand.cause) == (REFUSED, kind)
    world.now_s += stand.wait_s + 0.01
    assert world.standing() is READY
    world.breakers.begin("a", "a/one")
    world.breakers.succeed("a", "a/one")
    assert world.standing("a/two") is READY


@pytest.mark.parametrize(("told_s", "rests_s"), [(7.5, 7.5), (3_600.0, 3_600), (1e9, 86_400)])
def test_a_limit_rests_the_provider_until_its_reset(world, told_s, rests_s):
    world.fail(Kind.PROVIDER_RATE_LIMITED, wait_s=told_s)
    world.now_s += rests_s - 0.01
    assert world.standing() is RESTING
    # A success that began earlier does not end the rest.
    world.breakers.succeed("a", "a/one")
    assert world.standing() is RESTING
    world.now_s += 0.02
    assert world.standing() is READY


def test_a_limit_of_one_model_is_not_held_against_a_sibling_that_stands_alone(world):
    world.fail(Kind.PROVIDER_RATE_LIMITED, wait_s=9)
    assert world.standing("a/two") is RESTING
    assert world.breakers.stand("a", "a/two", alone=True).standing is READY
    own = world.breakers.stand("a", "a/one", alone=True)
    assert (own.standing, own.wait_s) == (RESTING, 9)
    # Others that were told of it say the same.
    world.breakers.reset()
    rested = [ModelStatus(model="a/one", resting_until_s=WALL_S + 109)]
    published(world, resting_until_s=WALL_S + 109, models=rested)
    assert world.standing("a/two") is RESTING
    assert world.breakers.stand("a", "a/two", alone=True).standing is READY
    assert world.breakers.stand("a", "a/one", alone=True).standing is RESTING


def test_what_else_its_provider_said_counts_for_who_stands_alone(world):
    world.fail(Kind.PROVIDER_RATE_LIMITED, wait_s=9)
    world.fail(Kind.PROVIDER_QUOTA)
    assert world.breakers.stand("a", "a/two", alone=True).standing is REFUSED


def test_others_are_preferred_to_a_provider_whose_limit_has_no_end(world):
    world.fail(Kind.PROVIDER_RATE_LIMITED)
    world.now_s += 4.99
    stand = world.breakers.stand("a", "a/two")
    assert (stand.standing, stand.cause) == (OPEN, Kind.PROVIDER_RATE_LIMITED)
    world.now_s += 0.02
    assert world.standing() is READY


def test_a_retired_model_is_out_for_all_but_its_siblings_stay(world):
    world.fail(Kind.MODEL_GONE)
    stand = world.breakers.stand("a", "a/one")
    assert (stand.standing, stand.cause) == (OPEN, Kind.MODEL_GONE)
    assert world.standing("a/two") is READY


@pytest.mark.parametrize(
    "kind", [Kind.INVALID_REQUEST, Kind.CONTENT_REFUSED, Kind.CONTEXT_TOO_LONG]
)
def test_what_the_caller_did_wrong_shows_the_provider_at_work(world, kind):
    world.fail()
    world.fail()
    world.fail(kind)
    world.fail()
    assert world.standing() is READY


def test_a_trial_that_breaks_off_after_content_opens_it_again(world):
    for _ in range(3):
        world.fail()
    for pause_s in (1.0, 2.0, 4.0, 5.0):
        world.now_s += pause_s + 0.01
        assert world.standing() is READY
        world.breakers.begin("a", "a/one")
        world.breakers.heard("a", "a/one")
        world.breakers.fail("a", "a/one", Kind.STREAM_BROKEN)
        assert world.standing() is OPEN


def test_a_cancelled_trial_frees_the_way_for_the_next(world):
    for _ in range(3):
        world.fail()
    world.now_s += 1.01
    world.breakers.begin("a", "a/one")
    world.breakers.fail("a", "a/one", Kind.CANCELLED)
    assert world.standing() is READY


def test_a_trial_that_hangs_does_not_keep_others_out_for_ever(world):
    for _ in range(3):
        world.fail()
    world.now_s += 1.01
    world.breakers.begin("a", "a/one")
    world.now_s += 10.01
    assert world.standing() is READY


def test_the_published_status_is_obeyed_while_it_is_fresh(world):
    status = Status(
        providers=[
            ProviderStatus(provider="a", health=HEALTH_DOWN),
            ProviderStatus(provider="b", health=HEALTH_DOWN, half_open=True),
            ProviderStatus(provider="c", models=[ModelStatus(model="c/one", retired=True)]),
            ProviderStatus(provider="d", resting_until_s=WALL_S + world.now_s + 3),
        ]
    )
    world.breakers.obey(status)
    seen = {name: world.standing(name) for name in ("a/one", "b/one", "c/one", "c/two", "d/one")}
    assert seen == {
        "a/one": OPEN, "b/one": READY, "c/one": OPEN, "c/two": READY, "d/one": RESTING,
    }  # fmt: skip
    world.now_s += 3.01
    assert world.standing("d/one") is READY
    world.breakers.stale = lambda: True
    assert world.standing("a/one") is READY


def test_reset_forgets(world):
    for _ in range(3):
        world.fail()
    world.fail(Kind.MODEL_GONE, "a/two")
    world.breakers.reset()
    assert world.standing() is world.standing("a/two") is READY


def test_memory_is_bounded(world):
    for number in range(LARGEST + 100):
        world.fail(DOWN, f"a/{number}")
        world.fail(Kind.MODEL_GONE, f"b/{number}")
    assert len(world.breakers._circuits) <= LARGEST
    assert len(world.breakers._retired) <= LARGEST


REFUSALS = pytest.mark.parametrize("kind", [Kind.PROVIDER_AUTH, Kind.PROVIDER_QUOTA])


def published(world, **facts):
    world.breakers.obey(Status(providers=[ProviderStatus(provider="a", **facts)]))


@REFUSALS
def test_a_refusal_lasts_until_a_later_probe_was_answered(world, kind):
    answered_at_s = WALL_S + world.now_s - 1
    published(world, answered_at_s=answered_at_s)
    world.fail(kind)
    # No waiting mends it, and neither do news that say nothing of it.
    world.now_s += 10_000
    published(world, answered_at_s=answered_at_s)
    assert world.standing("a/two") is REFUSED
    published(world, health=HEALTH_DOWN, half_open=True, answered_at_s=WALL_S + world.now_s)
    assert world.standing() is READY
    # One call may try, and its refusal shuts the way again.
    world.breakers.begin("a", "a/one")
    assert world.standing() is OPEN
    world.breakers.fail("a", "a/one", kind)
    assert world.standing() is REFUSED


def test_a_refused_provider_comes_back_at_once_when_its_key_is_right(world):
    world.fail(Kind.PROVIDER_AUTH)
    world.now_s += 1
    published(world, answered_at_s=WALL_S + world.now_s)
    world.breakers.begin("a", "a/one")
    world.breakers.succeed("a", "a/one")
    assert world.breakers.stand("a", "a/two").doubtful is False


def test_what_a_call_was_told_counts_for_more_than_the_news_of_it(world):
    world.fail(Kind.PROVIDER_QUOTA)
    published(world, health=HEALTH_DOWN, refused=True)
    assert world.breakers.stand("a", "a/one").cause is Kind.PROVIDER_QUOTA


def test_who_is_said_to_refuse_is_not_even_a_last_resort(world):
    published(world, health=HEALTH_DOWN, refused=True)
    assert world.standing() is REFUSED
    published(world, health=HEALTH_DOWN)
    assert world.standing() is OPEN
    published(world, health=HEALTH_DOWN, refused=True, half_open=True)
    assert world.standing() is READY


def test_a_model_short_of_its_limit_is_spared_until_the_reset(world):
    world.breakers.spare("a/one", 20.0)
    world.breakers.succeed("a", "a/one")
    stand = world.breakers.stand("a", "a/one")
    assert (stand.standing, stand.cause) == (OPEN, Kind.PROVIDER_RATE_LIMITED)
    assert world.standing("a/two") is READY
    world.now_s += 20.01
    assert world.standing() is READY


def test_a_model_that_others_found_short_of_its_limit_is_spared_too(world):
    until_s = WALL_S + world.now_s + 5
    published(world, models=[ModelStatus(model="a/one", spare_until_s=until_s)])
    assert world.standing() is OPEN
    assert world.standing("a/two") is READY
    world.now_s += 5.01
    assert world.standing() is READY


def test_a_retired_model_returns_with_the_list(world):
    world.fail(Kind.MODEL_GONE)
    published(world, models=[ModelStatus(model="a/one", retired=True)])
    assert world.standing() is OPEN
    published(world, models=[ModelStatus(model="a/one")])
    assert world.standing() is READY


def test_one_failure_makes_a_retry_doubtful_and_a_success_ends_the_doubt(world):
    assert not world.breakers.stand("a", "a/one").doubtful
    world.fail()
    assert world.breakers.stand("a", "a/one").doubtful
    assert world.breakers.stand("a", "a/two").doubtful
    assert not world.breakers.stand("b", "b/one").doubtful
    world.breakers.succeed("a", "a/two")
    assert not world.breakers.stand("a", "a/two").doubtful


def test_every_move_is_told_once():
    moves = []
    world = World()
    world.breakers = Breakers(
        lambda: world.now_s, lambda: WALL_S + world.now_s, moved=lambda *move: moves.append(move)
    )
    for _ in range(4):
        world.fail()
    world.now_s += 1.01
    world.breakers.begin("a", "a/one")
    world.breakers.succeed("a", "a/one")
    world.breakers.succeed("a", "a/one")
    assert moves == [
        (name, state) for state in ("open", "half_open", "closed") for name in ("a", "a/one")
    ]


def test_one_provider_can_be_reset(world):
    for _ in range(3):
        world.fail()
        world.fail(model="ab/one")
    world.breakers.reset("a")
    assert world.standing() is READY
    assert world.standing("ab/one") is OPEN
