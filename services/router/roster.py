"""Who can be called: the models of a pool under one status, until the hour or a rest is over.

A status holds for many requests. What it says is read once, and each kind of task gets its
lineup once; a request finds both ready.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property, lru_cache, partial, reduce
from operator import and_
from typing import Final, NamedTuple

from routor.v1 import status_pb2
from services import price
from services.router import capable, predict, standing
from services.router.contender import Contender, Sheet, Task, contend, sheet
from services.router.need import Need
from services.router.pool import Entry, Option, Pool
from services.router.standing import Resort

HOUR_S: Final = 3600
# Sheets and lineups that are kept: all tiers and categories, six times. A sheet takes 10 kB.
KEPT: Final = 512

Sheets = Callable[[Task, tuple[tuple[str, float], ...]], Sheet]


class Lineup(NamedTuple):
    """The contenders that can be called, those to be preferred in a tie first.

    The least that all of them can do, so that most requests need not ask each: `can`, and
    tokens of output, of context, and of context beside the expected answer.
    """

    contenders: list[Contender]
    sheet: Sheet
    can: int
    limit_tokens: int
    window_tokens: int
    room_tokens: int

    def able(self, need: Need) -> list[Contender]:
        """Return those that can do what the request needs, in the same order."""
        if self._are_all_able(need):
            return self.contenders
        can, limit, tokens = need.can, need.max_output_tokens, need.input_tokens
        return [
            one
            for one in self.contenders
            if not can & ~one.can
            and limit <= one.limit_tokens
            and tokens + (limit or one.reserved_tokens) <= one.window_tokens
            and (not need.only or one.provider in need.only)
            and one.provider not in need.ignore
            and need.names(one.key)
        ]

    def _are_all_able(self, need: Need) -> bool:
        limit = need.max_output_tokens
        room = self.window_tokens - limit if limit else self.room_tokens
        return (
            not need.can & ~self.can
            and limit <= self.limit_tokens
            and need.input_tokens <= room
            and not need.only
            and not need.ignore
            and not need.models
        )


class Roster:
    """The models that one status lets be called, and in which lineup.

    `tried`: as requests see it that half-open providers get. `resort`: who takes part.
    `resting`: the models that asked for rest, themselves or their provider.
    """

    def __init__(
        self,
        pool: Pool,
        sheets: Sheets,
        status: status_pb2.Status | None,
        now: datetime,
        *,
        tried: bool = False,
        resort: Resort = Resort.WELL,
    ) -> None:
        self.standings = standing.read(status, pool, now.timestamp(), tried=tried, resort=resort)
        self.today = now.date()
        self._pool = pool
        self._sheets = sheets
        self._trial = partial(Roster, pool, sheets, status, now, tried=True)
        self._resort = resort
        self._next = partial(Roster, pool, sheets, status, now, tried=tried)
        self._is_any_down = _is_any_down(status)
        self._recovering = standing.recovering(status)
        self._lineups: dict[Task, Lineup] = {}
        factors = ((one.key, price.factor_of(one.model.price, now)) for one in pool.entries)
        self._peaks = tuple((key, factor) for key, factor in factors if factor != 1)
        called = [one for one in pool.entries if self._is_called(one)]
        self._called = [one.key for one in called]
        self.resting = frozenset(one.key for one in called if self._rests(one))
        useful = ((key, standing.useful) for key, standing in self.standings.models.items())
        self._useful = {key: share for key, share in useful if share < 1}

    def seen_by(self, request_id: str) -> "Roster":
        """Return the roster as this request sees it."""
        return self._on_trial if self._recovering and standing.tries(request_id) else self

    @cached_property
    def _on_trial(self) -> "Roster":
        return self._trial()

    @cached_property
    def next_resort(self) -> "Roster | None":
        """The roster for a request that nobody of this one can take; None when it is the last.

        Those who are Down take part: that they still fail is likely, that the request does
        without them is certain. Those who refuse our key or balance come in after the others.
        """
        if not self._is_any_down or self._resort is Resort.REFUSING:
            return None
        return self._next(resort=Resort(self._resort + 1))

    @cached_property
    def providers(self) -> frozenset[str]:
        """All providers that are known by name."""
        return frozenset((*self._pool.catalog.providers, *self.standings.providers))

    def latency_ms(self, one: Contender) -> float:
        """Return the expected time to the first token: as seen, else as published."""
        seen = self.standings.of(one.key).p95_first_token_ms
        return seen or one.option.first_token_ms

    def qualities(self, contenders: Sequence[Contender], difficulty: float) -> list[float]:
        """Predict P(success) of each, 0..1: as able as it is, and as useful as it was lately."""
        qualities = predict.qualities(contenders, difficulty)
        if self._useful:
            for place, one in enumerate(contenders):
                qualities[place] *= self._useful.get(one.key, 1.0)
        return qualities

    def contender(self, entry: Entry, option: Option, task: Task) -> Contender:
        """Return a model at any effort."""
        return contend(entry, option, task, self._pool, dict(self._peaks).get(entry.key, 1.0))

    def lineup(self, task: Task) -> Lineup:
        """Return who can be called for a task."""
        lineup = self._lineups.get(task)
        if lineup is None:
            if len(self._lineups) >= KEPT:
                self._lineups.clear()
            lineup = self._lineups[task] = self._line_up(self._sheets(task, self._peaks))
        return lineup

    def _line_up(self, sheet: Sheet) -> Lineup:
        contenders = [sheet.contenders[key] for key in self._called if key in sheet.contenders]
        contenders.sort(key=lambda one: (not self._healthy(one), self.latency_ms(one), one.key))
        return Lineup(
            contenders=contenders,
            sheet=sheet,
            can=reduce(and_, (one.can for one in contenders), -1),
            limit_tokens=min((one.limit_tokens for one in contenders), default=0),
            window_tokens=min((one.window_tokens for one in contenders), default=0),
            room_tokens=min((c.window_tokens - c.reserved_tokens for c in contenders), default=0),
        )

    def _is_called(self, entry: Entry) -> bool:
        standings = self.standings
        return (
            entry.model.lifecycle.status != "alias"
            and not capable.retired(entry, self.today)
            and standings.provider(entry.provider).connected
            and not standings.of(entry.key).retired
            and capable.down(entry, standings) is None
        )

    def _rests(self, entry: Entry) -> bool:
        standings = self.standings
        return standings.provider(entry.provider).resting or standings.of(entry.key).resting

    def _healthy(self, one: Contender) -> bool:
        standings = self.standings
        return standings.provider(one.provider).healthy and standings.of(one.key).healthy


def _is_any_down(status: status_pb2.Status | None) -> bool:
    down = status_pb2.HEALTH_DOWN
    return status is not None and any(
        one.health == down or any(model.health == down for model in one.models)
        for one in status.providers
    )


class Rosters:
    """The roster of the last status: made anew when that or the time ends it, else found again.

    A status must stay as it was when it came; whoever learns more makes another.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sheets = lru_cache(KEPT)(lambda task, peaks: sheet(task, pool, dict(peaks)))
        self._roster: Roster | None = None
        self._status: status_pb2.Status | None = None
        self._since_s = self._until_s = 0.0

    def of(self, status: status_pb2.Status | None, request_id: str, now: datetime) -> Roster:
        """Return who can be called for a request at `now` (UTC)."""
        now_s = now.timestamp()
        roster = self._roster
        if roster is None or status is not self._status or not self._holds(now_s):
            roster = self._roster = Roster(self._pool, self._sheets, status, now)
            self._status, self._since_s = status, now_s
            hour_ends_s = (now_s // HOUR_S + 1) * HOUR_S
            self._until_s = min(hour_ends_s, standing.until_s(status, now_s))
        return roster.seen_by(request_id)

    def _holds(self, now_s: float) -> bool:
        return self._since_s <= now_s < self._until_s
