"""Requests being read and routed: a few at a time, in the order in which they came.

Of a thousand that come together each would otherwise be read before the first is answered, and the
router's answers would wait behind all of that until they are too late.
"""

import asyncio
from collections import deque

from services.errors import Kind, RoutorError

AT_ONCE = 64
# Who has waited so long is turned down: waiting on would only make others wait, too.
LONGEST_S = 5.0


class Turns:
    """Lets `AT_ONCE` in; entering raises RoutorError(OVERLOADED) after `LONGEST_S` in vain."""

    def __init__(self) -> None:
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._running < AT_ONCE:
            self._running += 1
        else:
            await self._turn()

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(LONGEST_S):
                await turn
        except BaseException as failure:
            if turn.done() and not turn.cancelled():
                await self.__aexit__()
            if isinstance(failure, TimeoutError):
                text = "This server has all the requests it can take; try again."
                raise RoutorError(Kind.OVERLOADED, text, retry_after_s=LONGEST_S) from None
            raise

    async def __aexit__(self, *_: object) -> None:
        """Hand the place on to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1
