"""Gemini's stream: whole GenerateContentResponse objects in, OpenAI chunks out."""

from services.providers.dialects import completion, faults, google_answer, halves
from services.providers.dialects.completion import Turn
from services.providers.dialects.contract import Chunk, Ending, Json, Target, Usage
from services.providers.dialects.sse import Parser
from services.providers.dialects.writer import Writer


class GoogleDecoder:
    """Decoder of streamGenerateContent events. Complete with a finishReason per candidate.

    `asked`: of how many candidates; one may end before another begins. A finishReason ends
    nothing by itself: some servers put STOP into every event (google-genai 3.4.0, chats.py, reads
    on and keeps the last one), and the tokens may come later. The stream's own end does.
    """

    def __init__(self, target: Target, asked: int = 1) -> None:
        self._target = target
        self._asked = asked
        self._parser = Parser()
        self._joiner = halves.Joiner('"finishReason"')
        self._writer = Writer(target)
        self._seen: set[int] = set()
        self._reasons: dict[int, str] = {}
        self._signed: dict[int, Json] = {}
        self._usage = Usage()
        self._done = False
        self._early = False  # more was said after a finishReason
        self._parts = 0
        self.halfway: list[Chunk] = []

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive; return the chunks they complete."""
        chunks = self.halfway = []
        for event in self._parser.feed(data):
            if self._done:
                break
            for whole in self._joiner.feed(event.data):
                if whole.strip() == "[DONE]":
                    self._done = True
                else:
                    chunks += self._event(whole)
        return chunks

    @property
    def done(self) -> bool:
        """Whether the server has said so; Google itself just ends its stream."""
        return self._done

    @property
    def finished(self) -> bool:
        """Whether every candidate has a finishReason that was no early one."""
        return self._ended and len(self._reasons) >= self._asked and not self._early

    def close(self) -> Ending:
        """Return the ending, or raise: without a finishReason the stream is broken."""
        if not self._writer.id and self._parser.stray:
            google_answer.parsed(self._parser.stray, self._target)
        if not self._ended:
            raise faults.ended_early(self._target)
        return self._writer.ending(self._reasons, self._usage)

    @property
    def _ended(self) -> bool:
        """Whether every candidate that was seen has its finishReason."""
        return bool(self._reasons) and self._seen <= self._reasons.keys()

    def _event(self, data: str) -> list[Chunk]:
        body = google_answer.parsed(data, self._target)
        self._writer.begin(google_answer.head(body), data.encode())
        given = google_answer.candidates(body)
        if not given and google_answer.block_reason(body):
            given = [{"index": 0, "finishReason": "SAFETY"}]
        chunks: list[Chunk] = []
        for candidate in given:
            chunks += self._candidate(candidate)
        if isinstance(body.get("usageMetadata"), dict):
            # Repeated in every event; the last one holds, and may follow the finishReason.
            self._usage = google_answer.usage_of(body)
        return chunks

    def _candidate(self, candidate: Json) -> list[Chunk]:
        index = completion.count(candidate.get("index"))
        self._seen.add(index)
        chunks: list[Chunk] = []
        for part in google_answer.parts_of(candidate):
            self._parts += 1
            chunks += self._part(index, part)
        self._early = bool(chunks) and (self._early or index in self._reasons)
        reason = google_answer.finish_reason(
            candidate.get("finishReason"), self._target, said=self._parts > 0
        )
        if reason is not None:
            chunks += self._writer.closing(index)
            self._reasons[index] = reason
        if index in self._reasons and index in self._signed:
            # Once: clients that put a stream together would join two of them.
            chunks += self._writer.mark(index, self._signed.pop(index))
        return chunks

    def _part(self, index: int, part: Json) -> list[Chunk]:
        turn = Turn()
        seed = f"{self._target.nonce}/{self._writer.id}/{index}/{self._parts}".encode()
        google_answer.gather(turn, part, seed, self._target)
        if turn.own:
            self._signed[index] = turn.own
        pieces = (("reasoning_content", turn.reasoning), ("content", turn.text))
        chunks: list[Chunk] = []
        for name, piece in pieces:
            if piece:
                chunks += self._writer.delta(index, {name: "".join(piece)})
        for call in turn.calls:
            chunks += self._writer.call(index, call)
        return chunks
