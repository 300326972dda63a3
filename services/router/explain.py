"""Tell a decision with every reason: each candidate's score, each drop, each signal."""

from collections.abc import Sequence
from datetime import datetime

from routor.v1 import router_pb2, status_pb2
from services.catalog import Category, Tier
from services.router import decide
from services.router.classify import Signal
from services.router.rank import Candidate


def explain(
    request: router_pb2.RouteRequest,
    brain: decide.Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> router_pb2.ExplainResponse:
    """Decide as `decide` does and tell why; raises what it raises."""
    trace = decide.weigh(request, brain, status, now)
    judged = trace.classification
    categories = zip(Category, judged.category_probabilities, strict=True)
    tiers = zip(Tier, judged.tier_probabilities, strict=True)
    return router_pb2.ExplainResponse(
        decision=trace.decision,
        candidates=_candidates(trace.candidates, trace.links),
        drops=[router_pb2.Drop(**drop._asdict()) for drop in trace.drops],
        signals=[_signal(signal) for signal in judged.signals],
        category_probabilities={category.value: share for category, share in categories},
        tier_probabilities={tier.name: share for tier, share in tiers},
    )


def serialize(response: router_pb2.ExplainResponse) -> bytes:
    """Return the bytes that equal responses share; maps are in the order of their keys."""
    return response.SerializeToString(deterministic=True)


def _candidates(
    candidates: Sequence[Candidate], links: Sequence[Candidate]
) -> list[router_pb2.Candidate]:
    places = {link.entry.key: place for place, link in enumerate(links, 1)}
    best_first = sorted(candidates, key=lambda candidate: (-candidate.value, candidate.entry.key))
    return [
        router_pb2.Candidate(
            member=decide.member(candidate),
            value=candidate.value,
            quality=candidate.quality,
            quality_stddev=candidate.stddev,
            saving=candidate.saving,
            cost_usd=candidate.cost_usd,
            latency_ms=candidate.latency_ms,
            chain_position=places.get(candidate.entry.key, 0),
        )
        for candidate in best_first
    ]


def _signal(signal: Signal) -> router_pb2.Signal:
    return router_pb2.Signal(
        name=signal.name,
        difficulty_weight=signal.difficulty_weight,
        category_weight=signal.category_weight,
    )
