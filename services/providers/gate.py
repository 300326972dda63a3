"""The gate before each provider: calls beyond its limit wait a little, in order, or are shed.

It also notices silence. Calls to a provider that hangs fail only when their patience ends, and a
breaker counts failures; until then every further request would be sent into the same hole.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from routor.v1.types_pb2 import Attempt
from services.errors import Kind, RoutorError
from services.providers.breaker import READY, Stand
from services.providers.concurrency import LEAST, Limit
from services.providers.failover import Standing

# A call waits no longer than this, and no more calls wait than may run.
WAIT_S = 5.0
# What is told when nothing is known, and at most.
LEAST_RETRY_S, MOST_RETRY_S = 1.0, 60.0
_RATE_SHARE = 0.05
# Only who has nobody else waits at the gate.
CROWDED = Stand(Standing.OPEN, Kind.OVERLOADED, LEAST_RETRY_S)
# So many calls since the last sign of life, the first of them begun this long ago and so many
# times longer than calls usually take: others are preferred until one is heard.
SILENT_CALLS = 5
SILENT_S, SILENT_TIMES = 2.0, 4.0
SILENT = Stand(Standing.OPEN, Kind.PROVIDER_TIMEOUT, SILENT_S, doubtful=True)


class Gate:
    """One provider's gate. `clock` is monotonic seconds; `busy`: this process itself is late."""

    def __init__(
        self, clock: Callable[[], float], busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._busy = busy
        self.limit = Limit()
        self.running = 0
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._gap_s = 0.0  # between two ends, lately
        self._ended_at_s = clock()
        self._usual_s = 0.0
        self._unheard: list[tuple[float, Attempt]] = []

    @property
    def crowded(self) -> bool:
        """Whether a call would have to wait."""
        return self.running >= self.limit.calls or bool(self._waiting)

    def stand(self) -> Stand:
        """Return how it stands with a call that has not come yet."""
        if self.crowded:
            return CROWDED
        return SILENT if len(self._unheard) == SILENT_CALLS and self._is_silent() else READY

    def _is_silent(self) -> bool:
        if any(record.http_status or record.kind for _, record in self._unheard):
            self._unheard.clear()
            return False
        since_s = self._clock() - self._unheard[0][0]
        return self._usual_s > 0 and since_s > max(SILENT_S, SILENT_TIMES * self._usual_s)

    async def enter(self, record: Attempt, left_s: float) -> None:
        """Wait for a place; raises RoutorError(OVERLOADED) when there will be none in time."""
        if self.crowded:
            await self._turn(record.provider, left_s)
        else:
            self.running += 1
        if len(self._unheard) < SILENT_CALLS:
            self._unheard.append((self._clock(), record))

    async def _turn(self, provider: str, left_s: float) -> None:
        if len(self._waiting) >= max(LEAST, self.limit.calls):
            raise self._shed(provider)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(min(WAIT_S, left_s)):
                await turn
        except BaseException as failure:
            if turn.done() and not turn.cancelled():
                self._give_back()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(failure, TimeoutError):
                raise self._shed(provider) from None
            raise

    def leave(self, record: Attempt) -> None:
        """Take in how a call ended, and let the next ones in."""
        now_s = self._clock()
        if self._busy() and not record.kind:
            self.limit.grow(self.running, now_s)  # how slow it was says nothing of the provider
        else:
            self.limit.ended(
                record.kind, record.http_status, record.first_token_ms, self.running, now_s
            )
        gap_s, self._ended_at_s = now_s - self._ended_at_s, now_s
        self._gap_s += _RATE_SHARE * (min(gap_s, MOST_RETRY_S) - self._gap_s)
        if record.kind:
            self._unheard = [one for one in self._unheard if one[1] is not record]
        else:
            self._unheard.clear()
            took_s = record.latency_ms / 1000
            self._usual_s += (_RATE_SHARE if self._usual_s else 1.0) * (took_s - self._usual_s)
        self._give_back()

    def _give_back(self) -> None:
        self.running -= 1
        while self._waiting and self.running < self.limit.calls:
            turn = self._waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)

    def _shed(self, provider: str) -> RoutorError:
        wait_s = (len(self._waiting) + 1) * self._gap_s
        return RoutorError(
            Kind.OVERLOADED,
            f"As many requests to {provider} are under way as it can take; try again.",
            provider=provider,
            retry_after_s=min(max(wait_s, LEAST_RETRY_S), MOST_RETRY_S),
        )


class Gates:
    """The gates of all providers; one is made when it is first needed."""

    def __init__(
        self, clock: Callable[[], float], busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._clock = clock
        self._busy = busy
        self._gates: dict[str, Gate] = {}

    def stand(self, provider: str) -> Stand:
        """Return how it stands with the next call to a provider."""
        gate = self._gates.get(provider)
        return READY if gate is None else gate.stand()

    def passed(self, record: Attempt, left_s: float) -> "Passage":
        """Return what holds a place for a call, which `record` tells of; wait up to `left_s`."""
        gate = self._gates.get(record.provider)
        if gate is None:
            gate = self._gates[record.provider] = Gate(self._clock, self._busy)
        return Passage(gate, record, left_s)


class Passage:
    """A place, held while its call is under way.

    Entering raises RoutorError(OVERLOADED), which the record then tells, when there is none.
    """

    __slots__ = ("_gate", "_left_s", "_record")

    def __init__(self, gate: Gate, record: Attempt, left_s: float) -> None:
        self._gate = gate
        self._record = record
        self._left_s = left_s

    async def __aenter__(self) -> None:
        try:
            await self._gate.enter(self._record, self._left_s)
        except RoutorError as error:
            self._record.kind, self._record.message = error.kind.name, error.message
            raise

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave(self._record)
