"""How late this process is itself: what its own lateness delays says nothing of a provider."""

import asyncio
import time

BEAT_S = 0.1
# Beyond this much the machine has more to do than it can, and what is measured is the machine.
BUSY_S = 0.05
# What of an earlier lateness counts a beat later: half a second of it counts for three.
_KEPT = 0.93


class Lag:
    """Measures, from the event loop that it runs on, how late timers are."""

    def __init__(self) -> None:
        self.late_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether the process has been late lately."""
        return self.late_s > BUSY_S

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            await self.beat()

    async def beat(self) -> None:
        """Measure once, by a short sleep."""
        due_s = time.monotonic() + BEAT_S
        await asyncio.sleep(BEAT_S)
        self.late_s = max(time.monotonic() - due_s, _KEPT * self.late_s)
