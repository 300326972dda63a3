"""How many calls a provider is given: the limit, and the gate that keeps it."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1.types_pb2 import Attempt
from services.errors import Kind, RoutorError
from services.providers.breaker import READY
from services.providers.concurrency import COOL_S, LEAST, MOST, START, Limit
from services.providers.gate import CROWDED, SILENT, SILENT_CALLS, Gate, Gates
from services.providers.lag import BEAT_S, Lag

TIMEOUT = Kind.PROVIDER_TIMEOUT.name
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["", "", "", *Kind.__members__]),
        st.sampled_from([0, 200, 408, 429, 500, 503, 529]),
        st.floats(0, 1e6),
        st.integers(1, 5000),
        st.floats(0, 20),
    ),
    max_size=200,
)


@given(CALLS)
def test_the_limit_stays_within_its_bounds_and_shrinks_for_a_reason(calls):
    limit, now_s = Limit(), 100.0
    for kind, status, took_ms, running, seconds in calls:
        now_s += seconds
        before = limit.calls
        limit.ended(kind, status, took_ms, running, now_s)
        assert LEAST <= limit.calls <= MOST
        if limit.calls < before:
            overloaded = kind == TIMEOUT or (kind and status in (408, 503, 529))
            assert overloaded or (not kind and limit.slow)
        if kind and limit.calls > before:
            raise AssertionError("a failure made room")


@given(st.integers(1, 400), st.floats(1, 500))
def test_overload_shrinks_it_to_what_can_be_taken_and_calm_gives_it_back(running, took_ms):
    limit, now_s = Limit(), 100.0
    for _ in range(30):
        now_s += COOL_S
        limit.ended(TIMEOUT, 0, 0.0, running, now_s)
    assert limit.calls <= max(LEAST, 0.7 * max(running, 32))
    for _ in range(40):
        now_s += COOL_S
        limit.ended("", 200, took_ms, running, now_s)
    assert limit.calls >= START


def test_one_bad_moment_counts_once():
    limit = Limit()
    for _ in range(500):
        limit.ended(TIMEOUT, 0, 0.0, 500, 100.0)
    assert limit.calls == 350


def test_growing_needs_use():
    limit = Limit()
    for _ in range(1000):
        limit.ended("", 200, 50.0, 10, 100.0)
    assert limit.calls == START
    for _ in range(1000):
        limit.ended("", 200, 50.0, 1500, 100.0)
    assert START < limit.calls < START + 40


def test_first_tokens_that_take_far_longer_than_usual_shrink_it():
    limit, now_s = Limit(), 100.0
    for _ in range(2000):
        limit.ended("", 200, 800.0, 100, now_s)
    assert limit.calls == START
    for _ in range(60):
        now_s += 0.1
        limit.ended("", 200, 8000.0, 100, now_s)
    assert limit.slow
    assert limit.calls < START


def test_a_slow_model_that_always_was_is_not_slow():
    limit = Limit()
    for _ in range(500):
        limit.ended("", 200, 9000.0, 100, 100.0)
    assert not limit.slow


def full(places, clock=lambda: 100.0):
    gate = Gate(clock)
    gate.limit.calls = places
    gate.running = int(places)
    return gate


@pytest.mark.parametrize("busy", [False, True])
async def test_slowness_of_our_own_takes_no_place_away(busy):
    now_s = 100.0
    gate = Gate(lambda: now_s, lambda: busy)
    gate.running = 400
    for _ in range(50):
        gate.limit.ended("", 200, 10.0, 400, now_s)
    for _ in range(50):
        now_s += COOL_S
        gate.running = 400
        gate.leave(Attempt(first_token_ms=9000.0, http_status=200))
    assert (gate.limit.calls >= START) is busy


async def test_a_process_that_is_late_knows_it():
    lag = Lag()
    assert not lag.busy
    asyncio.get_running_loop().call_soon(time.sleep, 2 * BEAT_S)
    await lag.beat()
    assert lag.busy


async def test_who_waits_comes_in_in_order():
    gate = full(LEAST)
    order = []

    async def one(number):
        await gate.enter(Attempt(provider="a"), 60.0)
        order.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    for _ in range(5):
        gate.leave(Attempt())
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == list(range(5))
    assert gate.running == LEAST


async def test_the_queue_is_bounded_and_tells_how_long_to_wait():
    times = iter([100.0, *(100.0 + number for number in range(1, 200))])
    gate = full(LEAST, lambda: next(times))
    for _ in range(100):  # one ends each second
        gate.running += 1
        gate.leave(Attempt())
    gate.limit.calls = LEAST
    waiting = [
        asyncio.create_task(gate.enter(Attempt(provider="a"), 60.0)) for _ in range(int(LEAST))
    ]
    await asyncio.sleep(0)
    with pytest.raises(RoutorError) as caught:
        await gate.enter(Attempt(provider="a"), 60.0)
    assert caught.value.kind is Kind.OVERLOADED
    assert caught.value.retry_after_s == pytest.approx(LEAST + 1, rel=0.05)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert gate.running == LEAST
    gate.leave(Attempt())
    await gate.enter(Attempt(provider="a"), 60.0)


async def test_who_gets_no_place_in_time_is_told_so():
    gates = Gates(lambda: 100.0)
    passages = [gates.passed(Attempt(provider="a"), 60.0) for _ in range(3)]
    await passages[0].__aenter__()
    gates._gates["a"].limit.calls = 1.0
    assert (gates.stand("a"), gates.stand("b")) == (CROWDED, READY)
    record = Attempt(provider="a")
    with pytest.raises(RoutorError):
        await gates.passed(record, 0.01).__aenter__()
    assert record.kind == "OVERLOADED"
    await passages[0].__aexit__()
    assert gates.stand("a") is READY
    async with passages[1]:
        assert gates._gates["a"].running == 1


@given(st.lists(st.sampled_from(["enter", "leave", "cancel", "overload"]), max_size=60))
def test_places_are_neither_lost_nor_made(steps):
    async def play():
        now_s = 100.0
        gate = Gate(lambda: now_s)
        gate.limit.calls = LEAST
        held, waiting = 0, []
        for step in steps * 2:
            now_s += 0.5
            if step == "enter":
                waiting.append(asyncio.create_task(gate.enter(Attempt(provider="a"), 60.0)))
            elif step == "cancel" and waiting:
                waiting.pop().cancel()
            elif step in ("leave", "overload") and held:
                held -= 1
                gate.leave(Attempt(kind=TIMEOUT if step == "overload" else ""))
            for _ in range(4):
                await asyncio.sleep(0)
            held += sum(
                one.done() and not one.cancelled() and not one.exception() for one in waiting
            )
            waiting = [one for one in waiting if not one.done()]
            assert gate.running == held
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert gate.running == held

    asyncio.run(play())


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


async def hanging(gate, calls=SILENT_CALLS):
    records = [Attempt(provider="a") for _ in range(calls)]
    for record in records:
        await gate.enter(record, 60.0)
    return records


@pytest.mark.parametrize(("usual_ms", "silent_s"), [(50, 2.0), (1000, 4.0)])
async def test_a_provider_that_hangs_is_left_before_its_calls_time_out(usual_ms, silent_s):
    clock = Clock()
    gate = Gate(clock)
    await gate.enter(Attempt(), 60.0)
    gate.leave(Attempt(latency_ms=usual_ms))
    records = await hanging(gate)
    clock.now_s += silent_s
    assert gate.stand() is READY
    clock.now_s += 0.01
    assert gate.stand() is SILENT
    # The head of any answer is a sign of life.
    records[3].http_status = 200
    assert gate.stand() is READY


async def test_silence_takes_several_calls_a_known_pace_and_no_success_since():
    clock = Clock()
    gate = Gate(clock)
    await hanging(gate)
    clock.now_s += 1000
    assert gate.stand() is READY  # nothing is known of its pace
    gate.leave(Attempt(latency_ms=50))
    records = await hanging(gate, SILENT_CALLS - 1)
    clock.now_s += 1000
    assert gate.stand() is READY
    records += await hanging(gate, 1)
    assert gate.stand() is SILENT
    records[0].kind = TIMEOUT
    gate.leave(records[0])  # the breaker counts it
    assert gate.stand() is READY
    await hanging(gate, 1)
    assert gate.stand() is SILENT
    gate.leave(Attempt(latency_ms=50))
    assert gate.stand() is READY
