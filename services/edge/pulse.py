"""Signs of life in a stream that is silent while the model writes what is told as a whole.

Claude Code takes a stream without a byte for 20 s to be stalled, and ends it after 180
(github.com/archestra-ai/archestra/pull/7810, 2026-09); proxies close a silent one after 60 or so.
Whether the model is alive the providers service knows, which ends what is not.
"""

import asyncio
import time

from services.edge.answer import Events


class Pulse:
    """Writes `sign` into a stream where nothing has been written for `every_s`.

    The timer is not put off with every event: at its beat it waits for what is left.
    """

    def __init__(self, response: Events, sign: bytes, every_s: float) -> None:
        self._response = response
        self._sign = sign
        self._every_s = every_s
        self._timer = self._later(every_s) if every_s > 0 else None

    def stop(self) -> None:
        """Write no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _later(self, in_s: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(in_s, self._beat)

    def _beat(self) -> None:
        if self._response.ended:
            return
        left_s = self._response.put_at_s + self._every_s - time.monotonic()
        if left_s <= 0 and not self._response.paused:
            try:
                self._response.put(self._sign)
            except ConnectionError:
                return  # whoever writes next will learn of it
        self._timer = self._later(left_s if left_s > 0 else self._every_s)
