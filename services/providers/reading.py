"""The reading of one stream: bytes in, chunks out, most of them without waking a task."""

import asyncio
import contextlib
from collections.abc import Callable

from services.errors import Kind, RoutorError
from services.providers.call import Call, decoded, unreadable
from services.providers.dialects.contract import Chunk, Ending
from services.providers.patience import Patience
from services.providers.transport import Reply, whole

# A long stream is larger than its text: some 300 bytes around each token.
STREAM_FACTOR = 8
# After a stream's last event its connection is kept if it ends at once.
LINGER_S = 0.05
# Events that usually come before and with the first content. They are handed on before what came
# together with them is looked at: the first token is what a reader waits for.
FIRST_EVENTS = 3


class Reading:
    """One stream as it comes. `held` are the chunks that nobody has taken yet."""

    def __init__(
        self,
        call: Call,
        patience: Patience,
        reply: Reply,
        limit_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        self.held: list[Chunk] = []
        self._call = call
        self._patience = patience
        self._reply = reply
        self._limit_bytes = limit_bytes * STREAM_FACTOR
        self._clock = clock
        self._decoder = call.dialect.decoder(call.target, call.body)
        self._ended = False
        self._later = b""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to read."""
        return self._ended or self._decoder.done

    @property
    def ready(self) -> bool:
        """Whether there is something to `read`."""
        return bool(self._later) or self._reply.ready

    @property
    def waiting(self) -> bool:
        """Whether events that came with the first content are yet to be read."""
        return bool(self._later)

    def read(self) -> None:
        """Read what has come, of a stream that begins its first events; content commits."""
        call = self._call
        data = self._later or self._reply.read(self._limit_bytes)
        self._later = b""
        if data is None:
            self._ended = True
            return
        if not call.committed:
            end = _after(data, FIRST_EVENTS)
            data, self._later = data[:end], data[end:]
        try:
            chunks = self._decoder.feed(data)
        except RoutorError:
            raise
        except Exception as failure:
            raise unreadable(call, failure) from failure
        now_s = self._clock()
        content = False
        for chunk in chunks:
            if chunk.content:
                content = True
                break
        self._patience.heard(now_s, data, content)
        self.held += chunks
        if content and not call.committed:
            call.committed = True
            call.record.first_token_ms = (now_s - call.start_s) * 1000

    def relay(self) -> bool:
        """Take what has come directly to the reader; return False when the task has to act."""
        call = self._call
        committed = call.committed
        self.read()
        if self._later:
            return False
        if self.held and call.committed:
            if not committed or call.direct is None or not call.direct(self.held):
                return False
            self.held = []
        return not self._decoder.done

    def take(self) -> list[Chunk]:
        """Return what is held, once."""
        held, self.held = self.held, []
        return held

    def ending(self) -> Ending:
        """Return a whole stream's ending; raises RoutorError for one that broke or is empty."""
        ending = decoded(self._call, self._decoder.close)
        silent = not self._call.committed and ending.finish_reason == "stop"
        # Silence is an answer when there is nobody else to ask.
        if silent and self._call.others:
            raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "the answer is empty")
        return ending


def _after(data: bytes, events: int) -> int:
    """Return where so many events end; the end of `data` where there are fewer, or other lines."""
    end = 0
    for _ in range(events):
        found = data.find(b"\n\n", end)
        if found < 0:
            return len(data)
        end = found + 2
    return end


async def linger(reply: Reply, limit_bytes: int) -> None:
    """Read a finished stream to its end, so that its connection can be used again."""
    with contextlib.suppress(RoutorError, TimeoutError):
        while reply.ready:
            if reply.read(limit_bytes) is None:
                return
        async with asyncio.timeout(LINGER_S):
            await whole(reply, limit_bytes)
