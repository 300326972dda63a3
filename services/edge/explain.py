"""POST /v1/routing/debug: the whole decision; no provider is called and nothing is billed."""

from typing import Any

import msgspec
from aiohttp import web

from routor.v1 import router_pb2, types_pb2
from services.edge import chat, document, intake, notes, terms
from services.edge.door import Call
from services.edge.peers import Peers
from services.edge.profiles import Profiles
from services.edge.schema import Tokens
from services.edge.settings import EdgeSettings
from services.edge.verdict import category_word, profile_word, tier_word


class Short(msgspec.Struct):
    """The fields of the short form, beside those of a chat request."""

    prompt: str | None = None
    system_prompt: str | None = None
    max_output_tokens: Tokens | None = None
    profile: str | None = None


class Explain:
    """Answers with the decision for a request that is not made."""

    def __init__(self, settings: EdgeSettings, peers: Peers, profiles: Profiles) -> None:
        self._settings = settings
        self._peers = peers
        self._profiles = profiles

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer as JSON, everything under `decision`."""
        settings = self._settings
        raw = await intake.body(request, settings.body_limit_bytes, settings.body_timeout_s)
        own = request.get(notes.TERMS)
        call = await self._profiles.bind(parse(raw), own)
        question = call.to_route(request[notes.REQUEST_ID])
        if own is not None:
            terms.restrict(question, own)
        answer = await self._peers.explain(question)
        answer.decision.request_id = request[notes.REQUEST_ID]
        body = msgspec.json.encode({"decision": describe(answer)})
        return web.Response(body=body, content_type="application/json")


def parse(raw: bytes) -> Call:
    """Read a chat request, or the short form: `prompt` with what may go with it."""
    tree = document.read(raw)
    names = Short.__struct_fields__
    short = document.convert({name: tree.pop(name, None) for name in names}, Short)
    if tree.get("messages") is None:
        if short.prompt is None:
            raise document.invalid("prompt", "is missing, and there are no messages")
        tree["messages"] = [{"role": "user", "content": short.prompt}]
    if short.system_prompt and isinstance(tree["messages"], list):
        tree["messages"].insert(0, {"role": "system", "content": short.system_prompt})
    if short.max_output_tokens is not None:
        tree.setdefault("max_completion_tokens", short.max_output_tokens)
    if short.profile is not None:
        tree.setdefault("routor_profile", short.profile)
    tree.setdefault("model", "auto")
    return chat.call(tree)


def describe(answer: router_pb2.ExplainResponse) -> dict[str, Any]:
    """Return the decision and every reason; `savings` is a fraction, costs are US dollars."""
    decision = answer.decision
    chain = list(decision.chain)
    return {
        "requestId": decision.request_id,
        "model": chain[0].model if chain else None,
        "tier": tier_word(decision.tier),
        "category": category_word(decision.category),
        "confidence": decision.confidence,
        "categoryConfidence": decision.category_confidence,
        "method": decision.method,
        "difficulty": decision.difficulty,
        "reasoning": decision.reasoning,
        "costEstimate": decision.cost_usd,
        "baselineCost": decision.baseline_cost_usd,
        "savings": decision.savings,
        "filteredChain": [member.model for member in chain],
        "profile": profile_word(decision.profile),
        "historyFloor": tier_word(decision.history_floor),
        "toolScenario": decision.tool_scenario or None,
        "bfclScore": decision.bfcl_score if decision.HasField("bfcl_score") else None,
        "chain": [_member(member) for member in chain],
        "candidates": [_candidate(candidate) for candidate in answer.candidates],
        "drops": [
            {"model": drop.model, "reason": drop.reason, "detail": drop.detail}
            for drop in answer.drops
        ],
        "signals": [
            {
                "name": signal.name,
                "difficultyWeight": signal.difficulty_weight,
                "categoryWeight": signal.category_weight,
            }
            for signal in answer.signals
        ],
        "categoryProbabilities": dict(answer.category_probabilities),
        "tierProbabilities": dict(answer.tier_probabilities),
        "catalogVersion": decision.catalog_version,
        "weightsVersion": decision.weights_version,
        "statusVersion": decision.status_version,
    }


def _member(member: types_pb2.ChainMember) -> dict[str, Any]:
    return {
        "model": member.model,
        "provider": member.provider,
        "effort": member.effort or None,
        "costEstimate": member.expected_cost_usd,
        "quality": member.quality,
    }


def _candidate(candidate: router_pb2.Candidate) -> dict[str, Any]:
    return {
        **_member(candidate.member),
        "costEstimate": candidate.cost_usd,
        "value": candidate.value,
        "quality": candidate.quality,
        "qualityStddev": candidate.quality_stddev,
        "saving": candidate.saving,
        "latencyMs": candidate.latency_ms,
        "chainPosition": candidate.chain_position or None,
        "warm": candidate.warm,
    }
