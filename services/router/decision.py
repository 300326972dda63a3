"""Write a decision as the wire has it.

Fields are set one by one: keywords of a constructor take three times as long (protobuf 7.36).
"""

from collections.abc import Sequence
from typing import Final

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.router import cost
from services.router.rank import Ranking
from services.router.turn import Turn

METHODS: Final = {
    types_pb2.PROFILE_AUTO: "learned",
    types_pb2.PROFILE_TIER: "tier",
    types_pb2.PROFILE_DIRECT: "direct",
}
_NUMBERS: Final = {category: number for number, category in enumerate(Category, 1)}
# As plain texts: the name of an enum's member is a slow property.
_CATEGORIES: Final = {category: category.value for category in Category}
_TIERS: Final = {tier: tier.name for tier in Tier}


def begin(turn: Turn, outcome: str) -> router_pb2.RouteResponse:
    """Write all but the chain into a new response; `outcome` tells people what was chosen."""
    response = router_pb2.RouteResponse()
    decision, judged, need = response.decision, turn.judgement, turn.need
    tiered = turn.profile == types_pb2.PROFILE_TIER
    decision.request_id = turn.request.request_id
    decision.profile = turn.profile
    decision.tier = turn.settled.tier  # type: ignore[assignment]  # the numbers are equal
    decision.category = _NUMBERS[judged.category]  # type: ignore[assignment]
    decision.confidence = 1.0 if tiered else judged.confidence
    decision.category_confidence = judged.category_confidence
    decision.method = METHODS[turn.profile]
    decision.difficulty = judged.difficulty
    decision.history_floor = judged.history_floor or 0  # type: ignore[assignment]
    decision.reasoning = _reasoning(turn, outcome)
    decision.catalog_version = turn.brain.catalog.version
    decision.weights_version = turn.brain.classifier.version
    decision.status_version = turn.roster.standings.version
    decision.tool_scenario = need.tool_scenario
    if (baseline := turn.sheet.baseline) is not None:
        usd = cost.expected_usd([baseline], need.input_tokens, need.max_output_tokens)
        decision.baseline_cost_usd = usd[0]
    return response


def finish(
    decision: router_pb2.Decision, ranking: Ranking, links: Sequence[int], tool_scenario: bool
) -> None:
    """Write the chain, and what its first member costs and saves."""
    for place in links:
        write_member(decision.chain.add(), ranking, place)
    cost_usd = ranking.costs_usd[links[0]]
    decision.cost_usd = cost_usd
    if (baseline_usd := decision.baseline_cost_usd) > 0:
        decision.savings = max(0.0, 1 - cost_usd / baseline_usd)
    accuracy = ranking.contenders[links[0]].option.function_calling
    if tool_scenario and accuracy is not None:
        decision.bfcl_score = accuracy


def write_member(member: types_pb2.ChainMember, ranking: Ranking, place: int) -> None:
    """Write a contender as a member of the chain."""
    member.MergeFrom(ranking.contenders[place].option.member)
    member.expected_cost_usd = ranking.costs_usd[place]
    member.quality = ranking.qualities[place]


def _reasoning(turn: Turn, outcome: str) -> str:
    judged, settled = turn.judgement, turn.settled
    moved = f", {settled.moved_by}" if settled.moved_by else ""
    return (
        f"{METHODS[turn.profile]}: difficulty={judged.difficulty:.2f}, "
        f"tier={_TIERS[settled.tier]} "
        f"(learned {_TIERS[judged.tier]} at {judged.confidence:.2f}{moved}), "
        f"category={_CATEGORIES[judged.category]} at {judged.category_confidence:.2f}; {outcome}"
    )
