"""Two calls side by side: who has content first goes on, the other is ended at once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from services.errors import RoutorError, bare
from services.providers.noted import Turn

E = TypeVar("E")


class Lane(Generic[E]):
    """One call of a race, under way: `first` is its first event.

    A generator has to be advanced in one context, or its span could not be closed: every step is
    a task in the lane's own.
    """

    def __init__(self, turn: Turn, events: AsyncGenerator[E, None]) -> None:
        self.turn = turn
        self._events = events
        self._context = copy_context()
        self.first: asyncio.Task[E] = self._step(events.__anext__)

    @property
    def failure(self) -> RoutorError | None:
        """Return how it failed, if it did."""
        failure = None if self.first.cancelled() else self.first.exception()
        return failure if isinstance(failure, RoutorError) else None

    async def events(self) -> AsyncGenerator[E, None]:
        """Yield all events, the first of which has come, or raise what came instead."""
        try:
            event = await self.first
            while True:
                yield event
                event = await self._step(self._events.__anext__)
        except StopAsyncIteration:
            return
        finally:
            await self.close()

    async def close(self) -> None:
        """End the call."""
        self.first.cancel()
        await asyncio.wait([self.first])
        if not self.first.cancelled():
            self.first.exception()  # it is known
        await self._step(self._events.aclose)

    def _step(self, step: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
        async def taken() -> Any:
            try:
                return await step()
            except asyncio.CancelledError as gone:
                raise bare(gone) from None

        return asyncio.create_task(taken(), context=self._context)


async def race(
    lane: Lane[E],
    after_s: float,
    beside: Callable[[], Lane[E] | None],
    failed: Callable[[Lane[E], RoutorError], None],
) -> tuple[Lane[E], Lane[E] | None]:
    """Return the lane to go on with, and the one that lost to it and was closed.

    After `after_s` without content `beside` may add another lane. One that fails leaves the race
    through `failed`, unless nobody else is in it.
    """
    lanes = [lane]
    try:
        await asyncio.wait([lane.first], timeout=after_s)
        if not lane.first.done() and (other := beside()) is not None:
            lanes.append(other)
        winner = await _settled(lanes, failed)
        loser = next((one for one in lanes if one is not winner), None)
        if loser is not None:
            loser.turn.call.beaten = True
            await loser.close()
    except BaseException:
        for one in lanes:
            one.first.cancel()
        for one in lanes:
            await one.close()
        raise
    return winner, loser


async def _settled(lanes: list[Lane[E]], failed: Callable[[Lane[E], RoutorError], None]) -> Lane[E]:
    """Return the first lane that has content, or the last one left; take out those that failed."""
    while True:
        await asyncio.wait([one.first for one in lanes], return_when=asyncio.FIRST_COMPLETED)
        for lane in [one for one in lanes if one.first.done()]:
            error = lane.failure
            if error is None or len(lanes) == 1:
                return lane
            lanes.remove(lane)
            failed(lane, error)
