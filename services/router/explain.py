"""Tell a decision with every reason: each candidate's score, each drop, each signal."""

from datetime import datetime

from routor.v1 import router_pb2, status_pb2
from services.catalog import Category, Tier
from services.router import decide, decision, predict
from services.router.brain import Brain
from services.router.classify import Signal
from services.router.rank import Ranking
from services.router.roster import Roster


def explain(
    request: router_pb2.RouteRequest,
    brain: Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> router_pb2.ExplainResponse:
    """Decide as `decide` does and tell why; raises what it raises."""
    trace = decide.weigh(request, brain, status, now)
    judged = trace.turn.judgement
    categories = zip(Category, judged.category_probabilities, strict=True)
    tiers = zip(Tier, judged.tier_probabilities, strict=True)
    return router_pb2.ExplainResponse(
        decision=trace.decision,
        candidates=_candidates(trace),
        drops=[router_pb2.Drop(**drop._asdict()) for drop in trace.drops],
        signals=[_signal(signal) for signal in judged.signals],
        category_probabilities={category.value: share for category, share in categories},
        tier_probabilities={tier.name: share for tier, share in tiers},
    )


def serialize(response: router_pb2.ExplainResponse) -> bytes:
    """Return the bytes that equal responses share; maps are in the order of their keys."""
    return response.SerializeToString(deterministic=True)


def _candidates(trace: decide.Trace) -> list[router_pb2.Candidate]:
    """Return all that could take the request, best value first."""
    ranking = trace.ranking
    if ranking is None:
        return []
    values, contenders = ranking.values, ranking.contenders
    best_first = sorted(trace.candidates, key=lambda at: (-values[at], contenders[at].key))
    positions = {place: position for position, place in enumerate(trace.links, 1)}
    return [
        _candidate(ranking, place, positions.get(place, 0), trace.turn.roster)
        for place in best_first
    ]


def _candidate(ranking: Ranking, place: int, position: int, roster: Roster) -> router_pb2.Candidate:
    contender, quality = ranking.contenders[place], ranking.qualities[place]
    candidate = router_pb2.Candidate(
        value=ranking.values[place],
        quality=quality,
        quality_stddev=predict.stddev(quality, contender.ability),
        saving=ranking.savings[place],
        cost_usd=ranking.costs_usd[place],
        latency_ms=roster.latency_ms(contender),
        chain_position=position,
        warm=contender.key == ranking.warm,
    )
    decision.write_member(candidate.member, ranking, place)
    return candidate


def _signal(signal: Signal) -> router_pb2.Signal:
    return router_pb2.Signal(
        name=signal.name,
        difficulty_weight=signal.difficulty_weight,
        category_weight=signal.category_weight,
    )
