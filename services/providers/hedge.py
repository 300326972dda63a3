"""Hedging: who is called beside a member whose answer is late. Pure.

As in Dean and Barroso, "The Tail at Scale" (Communications of the ACM 56/2, 2013): a second call
after a wait that few requests reach, the slower one cancelled.
"""

from collections.abc import Sequence

from services.errors import Kind, RoutorError
from services.providers.failover import Choice, Envelope, Failure, Member, Shown, Way, choose


def beside(
    members: Sequence[Member],
    failed: Sequence[Failure],
    late: Choice,
    left: Envelope,
    shown: Shown,
) -> Choice | None:
    """Return the member to call beside `late`, or None.

    It is who would be called if `late` had timed out, within what is `left` of the envelope
    without `late`. One that is open is not called only to save time, and an answer of which
    something has been `shown` has one author at a time.
    """
    if shown is not Shown.NOTHING or late.way is not Way.FRESH:
        return None
    timed_out = RoutorError(Kind.PROVIDER_TIMEOUT, "late")
    choice = choose(members, [*failed, Failure(late.index, timed_out, late.last_resort)], left)
    return None if choice is None or choice.last_resort else choice
