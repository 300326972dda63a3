"""The line before reading and routing: whose turn it is, and who has waited too long."""

import asyncio

import pytest

from services.edge import turns
from services.errors import Kind, RoutorError


@pytest.fixture
def one(monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 1)
    return turns.Turns()


async def test_turns_are_taken_in_order_and_given_back(one):
    order = []

    async def ask(number):
        async with one:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert order == list(range(20))
    async with asyncio.timeout(1), one:
        order.append("again")


async def test_who_waited_in_vain_is_told_when_to_come_again(one, monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_S", 0.02)
    async with one:
        with pytest.raises(RoutorError) as caught:
            async with one:
                raise AssertionError("let in")
    assert (caught.value.kind, caught.value.retry_after_s) == (Kind.OVERLOADED, 0.02)
    async with one:
        pass


async def test_one_who_leaves_the_line_takes_no_place_with_it(one):
    async def ask():
        async with one:
            pass

    async with one:
        waiting = [asyncio.create_task(ask()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    # Its turn has come in the moment in which it leaves.
    waiting[1].cancel()
    await asyncio.wait(waiting)
    async with asyncio.timeout(1), one:
        assert waiting[2].exception() is None
