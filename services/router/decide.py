"""The decision: which models should handle a request, in which order, and why.

A pure function of the request, the catalog, the learned weights, the providers' status and
the time. The steps are files of their own: check, features and classify, settle, need, capable,
cost and predict, rank, chain, decision. What requests share is prepared once, in pool,
contender and roster.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from itertools import compress
from typing import Final

import msgspec

from routor.v1 import router_pb2, status_pb2, types_pb2
from services.router import (
    capable,
    chain,
    check,
    cost,
    decision,
    direct,
    drops,
    need,
    preference,
    rank,
)
from services.router.brain import Brain
from services.router.capable import Drop
from services.router.contender import Contender, Task, steps_above
from services.router.features import extract
from services.router.pool import Can, Entry, Option
from services.router.rank import Ranking
from services.router.roster import Roster
from services.router.settle import profile_of, settle
from services.router.turn import Turn

QUALITY_WEIGHT: Final = 0.5
# What the providers service says by other means to a model that was named (README's matrix), or
# refuses with the field's own name. Where there is a choice, a model that has it is taken.
# Parallel calls are OpenAI's default: a caller who spells it out allows them, and needs none.
_TRANSLATED: Final = int(
    Can.STOP
    | Can.PARALLEL_TOOLS
    | Can.LOGPROBS
    | Can.SEVERAL_CHOICES
    | Can.JSON_OBJECT
    | Can.JSON_SCHEMA
    | Can.CHOICE_NONE
    | Can.CHOICE_NAMED
    | Can.CHOICE_REQUIRED
    | Can.ANTHROPIC
)


class Trace:
    """A decision and everything that led to it. What only explaining needs is found on demand.

    `ranking` is None for a model that is passed on unknown; `links` are the places of the
    chain's members in it.
    """

    def __init__(
        self,
        turn: Turn,
        response: router_pb2.RouteResponse,
        ranking: Ranking | None = None,
        links: Sequence[int] = (),
    ) -> None:
        self.turn = turn
        self.response = response
        self.ranking = ranking
        self.links = links

    @property
    def decision(self) -> router_pb2.Decision:
        """The decision; it lives in the response."""
        return self.response.decision

    @property
    def candidates(self) -> Sequence[int]:
        """The places of those that are good enough or in the chain, in no order."""
        return _kept(self.ranking, self.links) if self.ranking is not None else []

    @cached_property
    def drops(self) -> list[Drop]:
        """Why each other model was left out; nothing was where the caller named the model."""
        if self.ranking is None or self.turn.profile == types_pb2.PROFILE_DIRECT:
            return []
        kept = {self.ranking.contenders[place].key for place in self.candidates}
        return drops.reasons(self.turn, kept)


def decide(
    request: router_pb2.RouteRequest,
    brain: Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> router_pb2.Decision:
    """Choose the models for a request; the same arguments always give the same decision.

    `now` (UTC) matters for prices, retirements and rests. A status is never changed once it was
    given. Raises INVALID_REQUEST, UNKNOWN_MODEL, CONTEXT_TOO_LONG or NO_CAPABLE_MODEL.
    """
    return weigh(request, brain, status, now).decision


def weigh(
    request: router_pb2.RouteRequest,
    brain: Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> Trace:
    """Decide, and keep every step."""
    turn = judge(request, brain, status, now)
    return _direct(turn) if turn.profile == types_pb2.PROFILE_DIRECT else _choose(turn)


def judge(
    request: router_pb2.RouteRequest,
    brain: Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> Turn:
    """Read the request, classify it and settle its tier."""
    roster = brain.rosters.of(status, request.request_id, now)
    preferred = preference.read(request)
    check.check(request, preferred, roster.providers)
    # Every reading of a message's text decodes all of it, so it is done once.
    texts = [message.text for message in request.messages[:]]
    features = extract(request, texts)
    judgement = brain.classifier.classify(features)
    profile = profile_of(request, preferred)
    settled = settle(preferred, profile, judgement)
    needed = need.read(request, preferred, texts)
    weight = preferred.quality_weight
    task = Task(
        settled.tier,
        judgement.category,
        needed.effort,
        needed.tools,
        needed.tool_scenario,
        steps_above(brain.pool, needed.input_tokens),
    )
    return Turn(
        request=request,
        brain=brain,
        roster=roster,
        features=features,
        judgement=judgement,
        profile=profile,
        settled=settled,
        need=needed,
        task=task,
        lineup=roster.lineup(task),
        difficulty=brain.tiers.clamp(judgement.difficulty, settled.tier),
        quality_weight=QUALITY_WEIGHT if weight is None else weight,
        warm=request.warmth.model,
        cached_tokens=min(request.warmth.cached_input_tokens, needed.input_tokens),
    )


def _choose(turn: Turn) -> Trace:
    """Rank and link all models of the catalog."""
    turn, ranking = _taken(turn)
    while ranking is None and (more := turn.roster.next_resort) is not None:
        turn, ranking = _taken(_asking(turn, more))
    if ranking is None:
        raise drops.nothing_left(drops.reasons(turn, kept=()), turn.need)
    links = chain.link(ranking)
    kept = len(_kept(ranking, links))
    dropped = len(turn.brain.pool.entries) - kept
    response = decision.begin(turn, f"best of {kept}, {dropped} dropped")
    decision.finish(response.decision, ranking, links, turn.need.tool_scenario)
    return Trace(turn, response, ranking, links)


def _asking(turn: Turn, roster: Roster) -> Turn:
    """Return the turn with others who may be called, since nobody could take it so far."""
    return msgspec.structs.replace(turn, roster=roster, lineup=roster.lineup(turn.task))


def _taken(turn: Turn) -> tuple[Turn, Ranking | None]:
    """Rank the models, for a shorter answer where none gives all of it; the turn says which.

    Clients ask for as much as they know the largest models to give. Whoever gives it comes first.
    """
    if (ranking := ranked(turn)) is not None or (shorter := _shorter(turn)) is None:
        return turn, ranking
    ranking = ranked(shorter)
    return turn if ranking is None else shorter, ranking


def _shorter(turn: Turn) -> Turn | None:
    """Return the turn with the longest answer that some model gives, and those who give it.

    None where the length is not what is missing.
    """
    asked = turn.need.max_output_tokens
    unlimited = msgspec.structs.replace(turn.need, max_output_tokens=0)
    # Whoever gives all of it lacks something else: room for it, beside the input.
    able = [one for one in turn.lineup.able(unlimited) if one.limit_tokens < asked]
    if not able:
        return None
    most = max(one.limit_tokens for one in able)
    need = msgspec.structs.replace(turn.need, max_output_tokens=most)
    lineup = turn.lineup._replace(contenders=[one for one in able if one.limit_tokens == most])
    return msgspec.structs.replace(turn, need=need, lineup=lineup)


def ranked(turn: Turn) -> Ranking | None:
    """Filter and score all models of the catalog; None when none can take the request."""
    able = turn.lineup.able(turn.need)
    if turn.need.limited:
        able = _within_limits(able, turn)
    return _rank(able, turn) if able else None


def _costs_usd(contenders: Sequence[Contender], turn: Turn) -> list[float]:
    costs_usd = _cold_usd(contenders, turn)
    if not turn.warm:
        return costs_usd
    return cost.warmed(costs_usd, contenders, turn.warm, turn.cached_tokens)


def _cold_usd(contenders: Sequence[Contender], turn: Turn) -> list[float]:
    return cost.expected_usd(contenders, turn.need.input_tokens, turn.need.max_output_tokens)


def _within_limits(able: Sequence[Contender], turn: Turn) -> list[Contender]:
    """Return those that exceed none of the caller's limits."""
    return [
        one
        for one, usd in zip(able, _costs_usd(able, turn), strict=True)
        if capable.over_limits(one, turn.need, usd, turn.roster.latency_ms(one)) is None
    ]


def _rank(able: Sequence[Contender], turn: Turn) -> Ranking:
    """Score the contenders. The weak are left out, unless a chain needs them.

    Weak is a quality below a share of that of the tier's reference or, where the reference
    cannot take the request, of the strongest that can.
    """
    reference, resting = turn.sheet.reference, turn.roster.resting
    qualities = turn.roster.qualities(able, turn.difficulty)
    best = qualities[able.index(reference)] if reference in able else max(qualities)
    floor = best * turn.brain.tiers.of(turn.settled.tier).quality_floor
    enough = [quality >= floor for quality in qualities]
    strong = list(compress(able, enough))
    if chain.suffices(strong, resting):
        able, qualities = strong, list(compress(qualities, enough))
        enough = [True] * len(strong)
    costs_usd = _costs_usd(able, turn)
    savings = rank.savings(costs_usd, _cold_usd([reference], turn)[0] if reference else 0.0)
    values = rank.values(qualities, savings, turn.quality_weight)
    return Ranking(
        contenders=able,
        costs_usd=costs_usd,
        qualities=qualities,
        savings=savings,
        values=values,
        enough=enough,
        reference=able.index(reference) if reference in able else None,
        resting=resting,
        order=rank.order(able, values, enough, resting, turn.warm),
        warm=turn.warm,
    )


def _kept(ranking: Ranking, links: Sequence[int]) -> Sequence[int]:
    """Return the places of those that reach the floor or are in the chain."""
    if all(ranking.enough):
        return range(len(ranking.enough))
    return [place for place, good in enumerate(ranking.enough) if good or place in links]


def _direct(turn: Turn) -> Trace:
    """Take the caller's model; it must be able to take the request.

    It has no substitute, so it is asked even when it is out: its provider's word on that is news.
    """
    roster, needed = turn.roster, turn.need
    found = direct.find(turn.request.model, turn.brain.pool, roster)
    if isinstance(found, direct.PassedOn):
        direct.reachable(found, needed, roster.standings)
        return _passed_on(turn, found)
    # ... and it answers as long as it can (`parameters.settle` says so).
    longest = min(needed.max_output_tokens, found.model.max_output_tokens)
    needed = msgspec.structs.replace(needed, max_output_tokens=longest)
    contender = roster.contender(found, _pinned(found, turn), turn.task)
    needed = capable.fitted(contender, needed)
    turn = msgspec.structs.replace(turn, need=needed)
    usd = _costs_usd([contender], turn)[0]
    drop = (
        capable.barred(found, needed, roster.standings)
        or capable.unlisted(found, roster.standings)
        or capable.unable(found, needed, ignored=_TRANSLATED)
        or capable.too_long(contender, needed)
        or capable.over_limits(contender, needed, usd, roster.latency_ms(contender))
    )
    if drop is not None:
        raise direct.not_able(drop, found)
    ranking = _rank([contender], turn)
    response = decision.begin(turn, "named by the caller")
    decision.finish(response.decision, ranking, [0], needed.tool_scenario)
    return Trace(turn, response, ranking, [0])


def _pinned(entry: Entry, turn: Turn) -> Option:
    """Return the option of a named model: its default unless the caller or its tools say more."""
    asked = turn.need.effort
    if turn.need.tools and not entry.model.parameters.thinks_with_tools:
        return entry.options.get("none") or entry.default
    return entry.asked.get(asked, entry.default) if asked else entry.default


def _passed_on(turn: Turn, passed: direct.PassedOn) -> Trace:
    response = decision.begin(turn, "not in the catalog, passed on as it is")
    response.decision.chain.add(
        model=passed.key,
        provider=passed.provider,
        upstream_model=passed.upstream_model,
        effort=turn.need.effort,
    )
    return Trace(turn, response)
