"""Which model of a chain is tried next. Pure.

The kinds' own rules (`services.errors.RULES`: tries_next) carry most of the policy; this file
adds what depends on the other members: their standing, windows, providers and price.
"""

from collections import Counter
from collections.abc import Sequence
from enum import Enum

import msgspec

from services.errors import Kind, RoutorError

# With less time than this left no call is begun.
LEAST_S = 0.05


class Standing(Enum):
    """Whether a member may be called now."""

    READY = "ready"
    # Failed lately: only when nothing better is left.
    OPEN = "open"
    # Refused our key or our balance, and a call will most likely be refused, too: only when the
    # whole chain has nobody else.
    REFUSED = "refused"
    # Asked to be left alone for some time.
    RESTING = "resting"
    NOT_CONNECTED = "not connected"


class Shown(Enum):
    """What a reader has seen of the answer so far."""

    NOTHING = "nothing"
    # No text yet: another model may answer afresh.
    THOUGHTS = "thoughts"
    # Too little text to tell a continuation from a new start, but by prefill.
    SCRAP = "scrap"
    TEXT = "text"
    # A tool call, or what else cannot be continued.
    FIXED = "fixed"


class Way(Enum):
    """How a member is asked."""

    FRESH = "fresh"
    # With the text so far as the beginning of its own answer.
    PREFILL = "prefill"
    # With the text so far, and to go on from its last words.
    WORDS = "words"


class Member(msgspec.Struct, frozen=True):
    """One model of the chain, as things stand now.

    `context_window` is in tokens, 0 unknown; `expected_cost_usd` is 0 when unknown; `cause` is
    why it is not ready and `wait_s` for how long; `missing` names what would connect it;
    `prefill`: it goes on with an answer that another has begun.
    """

    model: str
    provider: str
    context_window: int = 0
    expected_cost_usd: float = 0.0
    standing: Standing = Standing.READY
    cause: Kind = Kind.PROVIDER_UNAVAILABLE
    wait_s: float = 0.0
    missing: str = ""
    prefill: bool = False


class Failure(msgspec.Struct, frozen=True):
    """A member that was called and failed.

    `last_resort`: although it was open. `final`: what it said is the answer, though a bad one
    (it refused the content): nobody else is asked. `sent_bytes`: how large the request was.
    """

    index: int
    error: RoutorError
    last_resort: bool = False
    way: Way = Way.FRESH
    final: bool = False
    sent_bytes: int = 0


class Envelope(msgspec.Struct, frozen=True):
    """What the request may still spend; `money_left_usd` None is no limit."""

    attempts_left: int
    time_left_s: float
    money_left_usd: float | None = None


class Choice(msgspec.Struct, frozen=True):
    """The member to call next. `others`: whether another could follow if it fails."""

    index: int
    last_resort: bool = False
    others: bool = False
    way: Way = Way.FRESH


# Models asked to go on by words, of one request: each reads the whole conversation again.
_MOST_WORDS = 2

# A provider that has failed a request so often would fail it once more.
_STRIKES = 2

# After these the provider's other models would fail alike.
_PROVIDER_WIDE = (Kind.PROVIDER_RATE_LIMITED, Kind.PROVIDER_QUOTA, Kind.PROVIDER_AUTH)


def choose(
    members: Sequence[Member],
    failed: Sequence[Failure],
    envelope: Envelope,
    shown: Shown = Shown.NOTHING,
) -> Choice | None:
    """Return the member to call next and how, or None to give up.

    Members are taken in the order of the chain, each at most once; those of providers that have
    failed this request come after the others. One that is open is taken when no ready one is
    left whose provider has failed less than twice, once per request, and of several the one that
    could be well soonest. One that refuses us is called when nobody else was and none can be. When
    a part of the answer has been `shown`, see `_resume`.
    """
    if failed and not all(_goes_on(failure, shown) for failure in failed):
        return None
    if envelope.attempts_left <= 0 or envelope.time_left_s < LEAST_S:
        return None
    fit: Sequence[int] = range(len(members))
    if failed or envelope.money_left_usd is not None:
        fit = [index for index in fit if _fits(index, members, failed, envelope)]
    ready = [index for index in fit if members[index].standing is Standing.READY]
    spare = _spare(members, failed, fit)
    if not (failed or ready or spare):
        spare = [index for index in fit if members[index].standing is Standing.REFUSED]
    if failed:
        strikes = Counter(members[one.index].provider for one in failed if _at_fault(one))
        ready.sort(key=lambda index: strikes[members[index].provider])
        if spare and ready and strikes[members[ready[0]].provider] >= _STRIKES:
            ready = []
    if shown is not Shown.NOTHING:
        return _resume(members, failed, envelope, shown, [*ready, *spare[:1]])
    if ready:
        more = len(ready) > 1 or bool(spare)
        return Choice(ready[0], others=more and envelope.attempts_left > 1)
    return Choice(spare[0], last_resort=True) if spare else None


def _spare(members: Sequence[Member], failed: Sequence[Failure], fit: Sequence[int]) -> list[int]:
    """Return who is open, the one to call first in front; one such call is made per request."""
    if any(failure.last_resort for failure in failed):
        return []
    spare = [index for index in fit if members[index].standing is Standing.OPEN]
    return sorted(spare, key=lambda index: _doubt(members[index])) if len(spare) > 1 else spare


def _doubt(member: Member) -> tuple[bool, float]:
    """Return what orders open members: who is only short of a limit, then who failed longest ago.

    In an outage each is tried in turn, so that who is back is found.
    """
    short = member.cause in (Kind.OVERLOADED, Kind.PROVIDER_RATE_LIMITED)
    return not short, member.wait_s


def _goes_on(failure: Failure, shown: Shown) -> bool:
    if failure.final or shown is Shown.FIXED:
        return False
    if failure.error.kind is Kind.STREAM_BROKEN:
        return True
    # A request of our own making that was refused says nothing about the caller's.
    return failure.error.kind.rule.tries_next or failure.way is not Way.FRESH


def _at_fault(failure: Failure) -> bool:
    return failure.error.kind.rule.counts or failure.error.kind is Kind.STREAM_BROKEN


def _resume(
    members: Sequence[Member],
    failed: Sequence[Failure],
    envelope: Envelope,
    shown: Shown,
    fit: Sequence[int],
) -> Choice | None:
    """Return who goes on with an answer that was cut, and how.

    First who takes a prefill: the next of the chain, or else the one whose stream was cut, once
    more while it is ready; then who is asked to go on by words, in the same order. `fit` are
    those not yet called.
    """
    again = [index for index in _cut(failed) if _again(members[index], envelope)]
    if shown is Shown.THOUGHTS:
        ways = [(index, Way.FRESH) for index in [*fit, *again]]
    else:
        # Only one that was cut is asked once more before those who have not been asked at all.
        once = len({failure.index for failure in failed}) == len(failed)
        steady = [at for at in again if once and members[at].standing is Standing.READY]
        begun = [index for index in [*fit, *steady, *again] if members[index].prefill]
        ways = [(index, Way.PREFILL) for index in begun if index in fit or index in steady]
        words = sum(failure.way is Way.WORDS for failure in failed)
        if shown is Shown.TEXT and words < _MOST_WORDS:
            ways += [(index, Way.WORDS) for index in [*fit, *again]]
        ways += [(index, Way.PREFILL) for index in begun]
    if not ways:
        return None
    index, way = ways[0]
    resort = members[index].standing is Standing.OPEN
    others = envelope.attempts_left > 1 and any(other != index for other, _ in ways)
    return Choice(index, resort, others, way)


def _cut(failed: Sequence[Failure]) -> list[int]:
    """Return the members whose stream was cut and who were called just once."""
    called = [failure.index for failure in failed]
    return [
        failure.index
        for failure in failed
        if failure.error.kind is Kind.STREAM_BROKEN and called.count(failure.index) == 1
    ]


def _again(member: Member, envelope: Envelope) -> bool:
    money = envelope.money_left_usd
    afford = money is None or member.expected_cost_usd <= money
    return afford and member.standing in (Standing.READY, Standing.OPEN)


def _fits(
    index: int, members: Sequence[Member], failed: Sequence[Failure], envelope: Envelope
) -> bool:
    member = members[index]
    money = envelope.money_left_usd
    if money is not None and member.expected_cost_usd > money:
        return False
    for failure in failed:
        other, kind = members[failure.index], failure.error.kind
        if index == failure.index or member.model == other.model:
            return False
        if kind in _PROVIDER_WIDE and member.provider == other.provider:
            return False
        if kind is Kind.CONTEXT_TOO_LONG and not _roomier(member, other, failure.sent_bytes):
            return False
    return True


def _roomier(member: Member, other: Member, sent_bytes: int) -> bool:
    """Tell whether a member may take what was too long for another.

    Its window is larger, or holds the request twice even if each byte were a token: then the
    other's window is smaller where it is served than the catalog says.
    """
    window = member.context_window
    return window > other.context_window or 0 < sent_bytes * 2 <= window
