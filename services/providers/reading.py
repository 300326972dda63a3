"""The reading of one stream: bytes in, chunks out, most of them without waking a task."""

import asyncio
import contextlib
from collections.abc import Callable

from services.errors import RoutorError
from services.providers import flaw
from services.providers.call import Call, decoded
from services.providers.dialects import unrolled
from services.providers.dialects.contract import Chunk, Decoder, Ending
from services.providers.dialects.sse import END_OF_EVENT
from services.providers.dialects.unrolled import Unrolled
from services.providers.patience import Patience
from services.providers.transport import Reply, whole

# A long stream is larger than its text: some 300 bytes around each token. Before its first content
# it may hold no more than a whole answer.
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
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._decoder: Decoder = call.dialect.decoder(call.target, call.body)
        self._begun = False
        self._whole: Unrolled | None = None  # an answer that is no stream, until its end
        self._ended = False
        self._later = b""
        self._kept: list[Chunk] = []
        self._fault: RoutorError | None = None  # to be raised once what came before it is out

    @property
    def done(self) -> bool:
        """Whether there is nothing more to read."""
        return self._fault is None and (self._ended or self._decoder.done)

    @property
    def ready(self) -> bool:
        """Whether there is something to `read`."""
        return self.waiting or self._reply.ready

    @property
    def waiting(self) -> bool:
        """Whether what came together with content is yet to be read."""
        return bool(self._later) or self._fault is not None

    @property
    def said_all(self) -> bool:
        """Whether the answer is complete, although its stream may not have ended."""
        return self._decoder.finished

    def end(self) -> None:
        """Read no further: all was said."""
        self._ended = True

    def read(self) -> None:
        """Read what has come, of a stream that begins its first events; content commits."""
        if self._fault is not None:
            raise self._fault
        call = self._call
        most_bytes = self._limit_bytes * (STREAM_FACTOR if call.committed else 1)
        data = self._later or self._received(most_bytes)
        self._later = b""
        if data is None:
            self._ended = True
            data = END_OF_EVENT if self._whole is None else b""
        if not call.committed:
            self._begin(data)
            end = _after(data, FIRST_EVENTS)
            data, self._later = data[:end], data[end:]
        chunks = self._decoded(data)
        now_s = self._clock()
        content, fixed = _holds(chunks)
        self._patience.heard(now_s, data, content)
        if call.joint is not None:
            chunks = call.joint.feed(chunks)
            content, fixed = _holds(chunks)
        if (fixed or self._kept) and call.said is not None:
            chunks = self._passed(chunks)
            content, _ = _holds(chunks)
        self.held += chunks
        if content and not call.committed:
            self._commit()
        if call.committed and (fixed or not content) and self.said_all:
            self._patience.said_all(now_s)

    def _decoded(self, data: bytes) -> list[Chunk]:
        """Return the chunks that data completes, before a fault, too, for a reader to see.

        Content that came together with a fault is not shown while another model may answer whole.
        """
        try:
            if self._ended and self._whole is not None:
                return decoded(self._call, self._whole.rest)
            return decoded(self._call, self._decoder.feed, data)
        except RoutorError as fault:
            came = list(self._decoder.halfway)
            alone = not self._call.others and _holds(came)[0]
            if not (came and (self._call.committed or alone)):
                raise
            self._fault = fault
            return came

    def _received(self, most_bytes: int) -> bytes | None:
        """Return what has come, None at the end: after all was said a break is one, too."""
        try:
            return self._reply.read(most_bytes)
        except RoutorError:
            if not self.said_all:
                raise
            return None

    def _begin(self, data: bytes) -> None:
        """See by the first bytes whether this is a stream at all."""
        if self._begun or not data.strip():
            return
        self._begun = True
        if unrolled.is_whole(data):
            self._whole = Unrolled(self._call.dialect, self._call.target, self._decoder)
            self._decoder = self._whole

    def _commit(self) -> None:
        call = self._call
        call.committed = True
        call.record.first_token_ms = (self._clock() - call.start_s) * 1000

    def _passed(self, chunks: list[Chunk]) -> list[Chunk]:
        """Keep what cannot be taken back, and all after it; return what comes before.

        Nobody acts on a tool call before its answer is finished, and until then another model
        may make it anew.
        """
        at = 0 if self._kept else next(at for at, one in enumerate(chunks) if one.text is None)
        self._kept += chunks[at:]
        return chunks[:at]

    def relay(self) -> bool:
        """Take what has come directly to the reader; return False when the task has to act."""
        call = self._call
        committed = call.committed
        self.read()
        if self.waiting:
            return False
        if self.held and call.committed:
            if not committed or call.direct is None or not call.direct(self.held):
                return False
            self.take()
        return not self._decoder.done

    def take(self) -> list[Chunk]:
        """Return what is held, once; it goes out."""
        held, self.held = self.held, []
        if self._call.said is not None:
            self._call.said.note(held)
        return held

    def ending(self) -> Ending:
        """Return a whole stream's ending; raises RoutorError for one that broke or is empty."""
        call, joint = self._call, self._call.joint
        ending = decoded(call, self._decoder.close)
        if joint is not None:
            self.held += joint.rest()
            ending = joint.ending(ending)
        self.held += self._kept
        if not call.committed and _holds(self.held)[0]:
            self._commit()
        mute = ending.finish_reason == "stop" and not (joint is not None and joint.whole)
        if mute and not call.committed:
            others, later = call.others, call.later
            flaw.refuse_silence(call.body, ending.usage, others=others, later=later)
        return ending


def _holds(chunks: list[Chunk]) -> tuple[bool, bool]:
    """Tell whether chunks hold what a reader sees, and what cannot be continued."""
    content = fixed = False
    for chunk in chunks:
        if chunk.content:
            content = True
            if chunk.text is None:
                fixed = True
    return content, fixed


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
