"""Whether an answer was slow: by itself, and against the past of its model. Pure."""

import math
from dataclasses import dataclass

from routor.v1.types_pb2 import Attempt
from services.health.window import SLOW_MS

# A whole answer may take so long a token: 10 tokens a second is slower than any model of the
# catalog is known to write.
TOKEN_MS = 100.0
# Slow is so many times as long as usual, and longer than that by so much: nobody minds less.
TIMES = 4.0
LEAST_LATE_MS = 2000.0
# A model without a past is taken to have needed so long, for a stream's first token or for each
# token of a whole answer, in so many calls; what is usual follows the later calls at no less than
# the pace of a mean of MOST_CALLS.
FIRST_MS, FIRST_TOKEN_MS, FIRST_CALLS = 1000.0, 50.0, 10
MOST_CALLS = 500
# A whole answer of no tokens takes as long as one of so many that begins at once.
BEGINNING_TOKENS = 20


def late(attempt: Attempt) -> bool:
    """Tell whether a whole answer came far later than writing it explains.

    The time to the first token tells it of a stream.
    """
    if attempt.first_token_ms or not attempt.output_tokens:
        return False
    return attempt.latency_ms - TOKEN_MS * attempt.output_tokens > SLOW_MS


@dataclass
class Usual:
    """What is usual: a mean of logarithms, which single long times hardly move."""

    mean: float
    calls: int = FIRST_CALLS

    def slow(self, took_ms: float, units: int) -> bool:
        """Take in the time of so many units; tell whether it was slow by what came before it."""
        usual_ms = units * math.exp(self.mean)
        self.calls = min(self.calls + 1, MOST_CALLS)
        self.mean += (math.log(max(1e-3, took_ms / units)) - self.mean) / self.calls
        return took_ms > max(TIMES * usual_ms, usual_ms + LEAST_LATE_MS)


class Pace:
    """How one model usually goes.

    A time that stays is usual some day, so no model is called slow for ever for what it always
    was, such as one that thinks before it writes.
    """

    def __init__(self) -> None:
        self._streams = Usual(math.log(FIRST_MS))
        self._whole = Usual(math.log(FIRST_TOKEN_MS))

    def slow(self, attempt: Attempt) -> bool:
        """Take in a success; tell whether it was slow by what came before it."""
        if attempt.first_token_ms:
            return self._streams.slow(attempt.first_token_ms, 1)
        if not attempt.output_tokens:
            return False
        return self._whole.slow(attempt.latency_ms, BEGINNING_TOKENS + attempt.output_tokens)
