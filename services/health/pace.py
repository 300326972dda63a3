"""Whether a model got slow: against its own past. Pure."""

import math
from dataclasses import dataclass

from routor.v1.types_pb2 import Attempt

# A whole answer may take so long a token: 10 tokens a second is slower than any model of the
# catalog is known to write.
TOKEN_MS = 100.0
# Slow is so many times the usual wait, and never a shorter one than this: nobody minds it.
TIMES = 4.0
LEAST_SLOW_MS = 2000.0
# A model without a past is taken to have kept its readers waiting so long in so many calls; what
# is usual follows the later calls at no less than the pace of a mean of MOST_CALLS.
FIRST_MS, FIRST_CALLS = 1000.0, 10
MOST_CALLS = 500


def waited_ms(attempt: Attempt) -> float:
    """Return how long a success kept its reader waiting beyond the time that writing takes.

    Of a stream that is the time to its first token.
    """
    if attempt.first_token_ms:
        return attempt.first_token_ms
    return attempt.latency_ms - TOKEN_MS * attempt.output_tokens if attempt.output_tokens else 0.0


@dataclass
class Pace:
    """What wait is usual: a mean of logarithms, which single long waits hardly move.

    A wait that stays is usual some day, so no model is called slow for ever for what it always
    was, such as one that thinks before it writes.
    """

    usual: float = math.log(FIRST_MS)
    calls: int = FIRST_CALLS

    def slow(self, attempt: Attempt) -> bool:
        """Take in a success; tell whether it was slow by what came before it."""
        waited = max(1.0, waited_ms(attempt))
        slow = waited > max(LEAST_SLOW_MS, TIMES * math.exp(self.usual))
        self.calls = min(self.calls + 1, MOST_CALLS)
        self.usual += (math.log(waited) - self.usual) / self.calls
        return slow
