"""The deadlines of all waits of a process, on one timer.

A timer of its own for every piece of a stream costs more than the piece itself (uvloop opens and
closes a handle for each). Here the timer stands at the earliest deadline; waits that end before
theirs, nearly all, never touch it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

_LEAST_S = 0.001  # what an event loop's timer may be early by


class _Wait:
    """One task that waits until `until_s()`."""

    __slots__ = ("cancelling", "expired", "task", "until_s")

    def __init__(self, task: "asyncio.Task[Any]", until_s: Callable[[], float]) -> None:
        self.task = task
        self.until_s = until_s
        self.cancelling = task.cancelling()
        self.expired = False


class Deadlines:
    """Ends waits in time. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waits: set[_Wait] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = math.inf

    async def within(self, until_s: Callable[[], float], step: Awaitable[T]) -> T:
        """Wait for `step`, no longer than until `until_s()`; raises TimeoutError.

        What that returns may grow meanwhile: it is asked again when the time seems up.
        Cancels as `asyncio.timeout` does: a cancellation from elsewhere stays one.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only coroutines wait
        wait = _Wait(task, until_s)
        self._waits.add(wait)
        due_s = until_s()
        if due_s < self._due_s:
            self._set(due_s)
        try:
            return await step
        except asyncio.CancelledError:
            if wait.expired and task.cancelling() - 1 <= wait.cancelling:
                raise TimeoutError from None
            raise
        finally:
            self._waits.discard(wait)
            if wait.expired:
                task.uncancel()

    def _set(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = due_s
        wait_s = max(due_s - self._clock(), _LEAST_S)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        """End what is due; stand at the deadline that comes next."""
        self._timer, self._due_s = None, math.inf
        now_s = self._clock()
        for wait in tuple(self._waits):
            if wait.until_s() <= now_s:
                self._waits.discard(wait)
                wait.expired = True
                wait.task.cancel()
        if self._waits:
            self._set(min(wait.until_s() for wait in self._waits))
