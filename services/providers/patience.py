"""How long to wait for a provider: pure arithmetic on the times at which things were seen.

A stream has two clocks. Before its first content: the first-token limit, stretched by reasoning
effort, which any progress (a held tool call that grows) may prolong up to the stall limit. After
it: the stall limit, counted from the last byte, so that a provider's keep-alive comments hold the
stream; but comments alone only as long as a first token may take.
A whole answer has one: it comes in one piece after it is generated.
"""

import msgspec

# Measured time to first token, Artificial Analysis, read 2026-07-10: GPT-5.5 0.9 s (none) to
# 99.6 s (xhigh), GPT-5.4 0.7 s to 115 s. With the default limit of 30 s: none 30 s, medium 75 s,
# high 120 s, xhigh 240 s, about twice what was measured.
STRETCH = {
    "none": 1.0,
    "minimal": 1.0,
    "low": 1.5,
    "medium": 2.5,
    "high": 4.0,
    "xhigh": 8.0,
    "max": 10.0,
}
# A whole answer is sent once it is finished: 30 s for the first token and 90 s for some
# 5,000 tokens at 55 tokens/s, a usual speed of large models.
WHOLE_ANSWER = 4.0
# What may follow the finish reason, usage and [DONE], comes with it or is not worth waiting for.
TRAILING_S = 3.0
# What events with a piece of a tool call speak of, in every dialect that has pieces.
_PIECES = (b"arguments", b"partial_json", b'"input"')


class Limits(msgspec.Struct, frozen=True):
    """Seconds one attempt may wait: for its first content, between bytes, to its end."""

    first_s: float
    stall_s: float
    total_s: float


def limits(
    *,
    first_token_s: float,
    stall_s: float,
    effort: str,
    stream: bool,
    left_s: float,
    others: bool,
) -> Limits:
    """Return the limits of one attempt.

    `left_s` is what the request has left. While `others` could follow, half of it is kept for
    them until content flows.
    """
    wait_s = first_token_s * STRETCH.get(effort, 1.0) * (1.0 if stream else WHOLE_ANSWER)
    return Limits(min(wait_s, left_s / 2) if others else wait_s, stall_s, left_s)


class Patience:
    """The clocks of one attempt. All times are seconds of one monotonic clock."""

    def __init__(self, limits: Limits, start_s: float, stream: bool) -> None:
        self._limits = limits
        self._start_s = start_s
        self._stream = stream
        self._byte_s = start_s
        self._progress_s = start_s
        self._content = False
        self._said_s: float | None = None
        self._lines: frozenset[bytes] = frozenset()

    def heard(self, now_s: float, data: bytes, content: bool) -> None:
        """Note bytes that came, and whether they held content."""
        self._byte_s = now_s
        if content or not (idle(data) or _scrap(data) or self._repeats(data)):
            self._progress_s = now_s
        if content:
            self._content, self._said_s = True, None

    def _repeats(self, data: bytes) -> bool:
        """Tell whether data says but what came just before it: empty choices, again and again.

        Pieces of a tool call may be alike, and are held.
        """
        before, self._lines = self._lines, frozenset(data.splitlines())
        return self._lines <= before and not any(name in data for name in _PIECES)

    def said_all(self, now_s: float) -> None:
        """Note that the answer is complete, unless there is more content after all."""
        if self._said_s is None:
            self._said_s = now_s

    def until(self) -> tuple[float, str]:
        """Return when patience ends if nothing more comes, and what to say then."""
        limits, at_s = self._limits, self.until_s()
        if at_s >= self._start_s + limits.total_s:
            return at_s, f"not finished within {limits.total_s:.3g} s"
        if self._content:
            return at_s, f"nothing more for {limits.stall_s:g} s"
        awaited = "first token" if self._stream else "answer"
        return at_s, f"no {awaited} within {limits.first_s:g} s"

    def until_s(self) -> float:
        """Return when patience ends if nothing more comes."""
        limits = self._limits
        if self._content:
            at_s = self._byte_s + limits.stall_s
            at_s = min(at_s, self._progress_s + max(limits.first_s, limits.stall_s))
        else:
            at_s = self._start_s + limits.first_s
            if self._stream and self._progress_s > self._start_s:
                at_s = max(at_s, self._progress_s + limits.stall_s)
        if self._said_s is not None:
            at_s = min(at_s, self._said_s + TRAILING_S)
        return min(at_s, self._start_s + limits.total_s)


def _scrap(data: bytes) -> bool:
    """Tell whether bytes are but a scrap of a line: the line counts once it is whole.

    Else a stream that drips, a byte every few seconds, would be progress for ever.
    """
    return len(data) <= 256 and b"\n" not in data and b"\r" not in data


def idle(data: bytes) -> bool:
    """Tell whether stream bytes are mere signs of life: comments, blank lines, Anthropic's pings.

    Sources: api-docs.deepseek.com/quick_start/rate_limit (keep-alive comments), Anthropic
    "Streaming messages" (ping events); read 2026-11.
    """
    if len(data) > 256:
        return False
    return all(
        not line
        or line.startswith((b":", b"event: ping", b'data: {"type": "ping"'))
        or line.replace(b" ", b"") == b'data:{"type":"ping"}'
        for line in data.splitlines()
    )
