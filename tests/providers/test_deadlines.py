import asyncio
import time
from collections.abc import Callable

import pytest

from services.providers.deadlines import Deadlines

LONG_S = 60.0


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def soon(wait_s: float = 0.01) -> Callable[[], float]:
    until_s = time.monotonic() + wait_s
    return lambda: until_s


async def test_a_wait_ends_at_its_deadline():
    with pytest.raises(TimeoutError):
        await Deadlines(time.monotonic).within(soon(), forever())


async def test_what_comes_in_time_is_returned():
    deadlines = Deadlines(time.monotonic)
    assert await deadlines.within(soon(LONG_S), asyncio.sleep(0, "it")) == "it"


async def test_a_later_wait_with_an_earlier_deadline_ends_first():
    deadlines = Deadlines(time.monotonic)
    late = asyncio.create_task(deadlines.within(soon(LONG_S), forever()))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await deadlines.within(soon(), forever())
    assert not late.done()
    late.cancel()


async def test_the_next_deadline_holds_after_the_first():
    deadlines = Deadlines(time.monotonic)
    waits = [deadlines.within(soon(wait_s), forever()) for wait_s in (0.03, 0.01, 0.02)]
    ended = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in ended] == [TimeoutError] * 3


async def test_a_cancellation_from_elsewhere_stays_one():
    task = asyncio.create_task(Deadlines(time.monotonic).within(soon(LONG_S), forever()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_whose_wait_expired_can_wait_again():
    deadlines = Deadlines(time.monotonic)
    with pytest.raises(TimeoutError):
        await deadlines.within(soon(), forever())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert await deadlines.within(soon(LONG_S), asyncio.sleep(0, "it")) == "it"


async def test_a_step_that_fails_fails_as_it_is():
    async def fails() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        await Deadlines(time.monotonic).within(soon(LONG_S), fails())


async def test_a_deadline_that_has_moved_on_is_kept_then():
    began_s = time.monotonic()
    moved = iter((began_s + 0.01, began_s + 0.03))
    with pytest.raises(TimeoutError):
        await Deadlines(time.monotonic).within(lambda: next(moved, began_s + 0.03), forever())
    assert time.monotonic() >= began_s + 0.03
