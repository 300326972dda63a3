"""The decision: which models should handle a request, in which order, and why.

A pure function of the request, the catalog, the learned weights, the providers' status and
the time. The steps are files of their own: check, features and classify, settle, capable,
predict and cost, rank, chain.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from routor.v1 import router_pb2, status_pb2, types_pb2
from services.catalog import Catalog, Category, Tier
from services.errors import Kind, RoutorError
from services.router import ability, capable, chain, check, cost, direct, need, rank
from services.router import pool as pools
from services.router import standing as standings_of
from services.router import tiers as tiers_of
from services.router.capable import Drop
from services.router.classify import Classification, Classifier
from services.router.features import Features, extract
from services.router.pool import Can, Entry, Option
from services.router.rank import Candidate, Terms
from services.router.settle import Settled, profile_of, settle

QUALITY_WEIGHT: Final = 0.5
NUMBERS: Final = {category: number for number, category in enumerate(Category, 1)}


class Brain:
    """What decisions are made with: catalog, tiers and learned weights. Immutable."""

    def __init__(self, catalog: Catalog, classifier: Classifier) -> None:
        tiers = tiers_of.read()
        self.catalog = catalog
        self.classifier = classifier
        self.tiers = tiers
        self.pool = pools.compile_pool(catalog, tiers, ability.read())
        self.references = {tier: self.pool.current(tiers.of(tier).reference) for tier in Tier}
        self.baseline = self.pool.current(tiers.baseline)


@dataclass(frozen=True)
class Trace:
    """A decision and everything that led to it. `candidates` are in no order."""

    decision: router_pb2.Decision
    features: Features
    classification: Classification
    candidates: Sequence[Candidate]
    drops: Sequence[Drop]
    links: Sequence[Candidate]


def decide(
    request: router_pb2.RouteRequest,
    brain: Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> router_pb2.Decision:
    """Choose the models for a request; the same arguments always give the same decision.

    `now` (UTC) matters for prices, retirements and rests. Raises INVALID_REQUEST,
    UNKNOWN_MODEL, NO_CAPABLE_MODEL, or PROVIDER_UNAVAILABLE when what could take the request
    is out.
    """
    return weigh(request, brain, status, now).decision


def weigh(
    request: router_pb2.RouteRequest,
    brain: Brain,
    status: status_pb2.Status | None,
    now: datetime,
) -> Trace:
    """Decide, and keep every step."""
    standings = standings_of.read(status, brain.pool, request.request_id, now.timestamp())
    check.check(request, {*brain.catalog.providers, *standings.providers})
    features = extract(request)
    classification = brain.classifier.classify(features)
    kind = profile_of(request)
    settled = settle(request.preferences, kind, classification)
    terms = _terms(
        request,
        brain,
        classification,
        settled.tier,
        needed=need.read(request),
        standings=standings,
        now=now,
    )
    turn = _Turn(request, brain, features, classification, kind, settled, terms)
    return _direct(turn) if kind == types_pb2.PROFILE_DIRECT else _choose(turn)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request after its tier is settled and before its model is."""

    request: router_pb2.RouteRequest
    brain: Brain
    features: Features
    classification: Classification
    profile: types_pb2.Profile.ValueType
    settled: Settled
    terms: Terms

    @property
    def tier(self) -> Tier:
        return self.settled.tier


def _terms(
    request: router_pb2.RouteRequest,
    brain: Brain,
    classification: Classification,
    tier: Tier,
    *,
    needed: need.Need,
    standings: standings_of.Standings,
    now: datetime,
) -> Terms:
    preferences = request.preferences
    category = classification.category
    size = cost.work(brain.tiers, tier, category, needed.input_tokens, needed.max_output_tokens)
    reference = brain.references[tier]
    given = preferences.HasField("quality_weight")
    return Terms(
        need=needed,
        category=category,
        difficulty=brain.tiers.clamp(classification.difficulty, tier),
        size=size,
        reference_usd=_usual_cost(reference, tier, needed, size, now),
        quality_weight=preferences.quality_weight if given else QUALITY_WEIGHT,
        standings=standings,
        now=now,
    )


def _usual_cost(
    entry: Entry | None, tier: Tier, needed: need.Need, size: cost.Work, now: datetime
) -> float:
    """Return what a reference would cost, whether it could take the request or not."""
    if entry is None:
        return 0.0
    option = entry.option(tier, needed.effort, needed.tools) or entry.by_tier[tier]
    return cost.cost_usd(entry, size, size.output_tokens(option), now)


def _choose(turn: _Turn) -> Trace:
    """Filter, score and link all models of the catalog."""
    candidates: list[Candidate] = []
    drops: list[Drop] = []
    for entry in turn.brain.pool.entries:
        found = _candidate(entry, turn)
        if isinstance(found, Candidate):
            candidates.append(found)
        else:
            drops.append(found)
    if not candidates:
        raise _nothing_left(turn, drops)
    reference = turn.brain.references[turn.tier]
    _floor(candidates, turn, reference.key if reference else "")
    links = chain.link(candidates, reference.key if reference else "")
    kept = [c for c in candidates if c.enough or c in links]
    drops += [_too_weak(c) for c in candidates if not c.enough and c not in links]
    decision = _decision(turn, links, f"best of {len(kept)}, {len(drops)} dropped")
    return Trace(decision, turn.features, turn.classification, kept, drops, links)


def _candidate(entry: Entry, turn: _Turn) -> Candidate | Drop:
    lifecycle = entry.model.lifecycle
    terms = turn.terms
    if lifecycle.status == "alias" or capable.retired(entry, terms.now.date()):
        return Drop(entry.key, "lifecycle", lifecycle.status)
    drop = capable.barred(entry, terms.need, terms.standings)
    drop = drop or capable.unable(entry, terms.need)
    if drop is not None:
        return drop
    option = entry.option(turn.tier, terms.need.effort, terms.need.tools)
    if option is None:
        return Drop(entry.key, "reasoning_effort", f"cannot think at {terms.need.effort!r} here")
    scored = rank.score(entry, option, terms)
    # Asked last, so that only what could have taken the request counts as out.
    if isinstance(scored, Drop):
        return scored
    return capable.down(entry, terms.standings) or scored


def _floor(candidates: list[Candidate], turn: _Turn, reference: str) -> None:
    """Mark the candidates whose quality is below the tier's floor.

    Where the reference cannot take the request, the floor is set against the strongest that can.
    """
    best = max(candidate.quality for candidate in candidates)
    named = next((c.quality for c in candidates if c.entry.key == reference), best)
    least = named * turn.brain.tiers.of(turn.tier).quality_floor
    for candidate in candidates:
        candidate.enough = candidate.quality >= least


def _too_weak(candidate: Candidate) -> Drop:
    detail = f"predicted quality {candidate.quality:.3f} is too low for the tier"
    return Drop(candidate.entry.key, "quality", detail)


def _direct(turn: _Turn) -> Trace:
    """Take the caller's model; it must be able to take the request, and has no substitute."""
    terms = turn.terms
    found = direct.find(turn.request.model, turn.brain.pool, terms.standings, terms.now.date())
    if isinstance(found, direct.PassedOn):
        direct.reachable(found, terms.need, terms.standings)
        return _passed_on(turn, found)
    drop = capable.barred(found, terms.need, terms.standings)
    # A parameter that the model merely ignores is the business of who chose the model.
    drop = drop or capable.unable(found, terms.need, ignored=int(Can.STOP))
    drop = drop or capable.down(found, terms.standings)
    scored = drop or rank.score(found, _pinned(found, turn), terms)
    if isinstance(scored, Drop):
        raise _not_able(scored, found)
    decision = _decision(turn, [scored], "named by the caller")
    return Trace(decision, turn.features, turn.classification, [scored], [], [scored])


def _pinned(entry: Entry, turn: _Turn) -> Option:
    """Return the option of a named model: its default unless the caller or its tools say more."""
    asked = turn.terms.need.effort
    if turn.terms.need.tools and not entry.model.parameters.tools_with_reasoning:
        return entry.options.get("none") or entry.default
    return entry.asked.get(asked, entry.default) if asked else entry.default


def _passed_on(turn: _Turn, passed: direct.PassedOn) -> Trace:
    decision = _decision(turn, [], "not in the catalog, passed on as it is")
    decision.chain.add(
        model=passed.key,
        provider=passed.provider,
        upstream_model=passed.upstream_model,
        effort=turn.terms.need.effort,
    )
    return Trace(decision, turn.features, turn.classification, [], [], [])


def _decision(turn: _Turn, links: Sequence[Candidate], outcome: str) -> router_pb2.Decision:
    terms, judged = turn.terms, turn.classification
    baseline_usd = _usual_cost(turn.brain.baseline, turn.tier, terms.need, terms.size, terms.now)
    method = _METHODS[turn.profile]
    decision = router_pb2.Decision(
        request_id=turn.request.request_id,
        profile=turn.profile,
        tier=int(turn.tier),  # type: ignore[arg-type]  # the numbers are equal
        category=NUMBERS[judged.category],  # type: ignore[arg-type]
        confidence=1.0 if turn.profile == types_pb2.PROFILE_TIER else judged.confidence,
        category_confidence=judged.category_confidence,
        method=method,
        difficulty=judged.difficulty,
        history_floor=int(judged.history_floor or 0),  # type: ignore[arg-type]
        chain=[member(link) for link in links],
        baseline_cost_usd=baseline_usd,
        reasoning=_reasoning(turn, method, outcome),
        catalog_version=turn.brain.catalog.version,
        weights_version=turn.brain.classifier.version,
        status_version=terms.standings.version,
        tool_scenario=terms.need.tool_scenario,
    )
    if links:
        _price(decision, links[0], terms.need.tool_scenario)
    return decision


_METHODS: Final = {
    types_pb2.PROFILE_AUTO: "learned",
    types_pb2.PROFILE_TIER: "tier",
    types_pb2.PROFILE_DIRECT: "direct",
}


def _price(decision: router_pb2.Decision, first: Candidate, tool_scenario: bool) -> None:
    decision.cost_usd = first.cost_usd
    if decision.baseline_cost_usd > 0:
        decision.savings = max(0.0, 1 - first.cost_usd / decision.baseline_cost_usd)
    if tool_scenario and first.option.function_calling is not None:
        decision.bfcl_score = first.option.function_calling


def member(link: Candidate) -> types_pb2.ChainMember:
    """Write a candidate as a member of the chain."""
    return types_pb2.ChainMember(
        model=link.entry.key,
        provider=link.entry.provider,
        upstream_model=link.entry.model.upstream,
        effort=link.option.word,
        expected_cost_usd=link.cost_usd,
        quality=link.quality,
    )


def _reasoning(turn: _Turn, method: str, outcome: str) -> str:
    judged = turn.classification
    moved = f", {turn.settled.moved_by}" if turn.settled.moved_by else ""
    return (
        f"{method}: difficulty={judged.difficulty:.2f}, tier={turn.tier.name} "
        f"(learned {judged.tier.name} at {judged.confidence:.2f}{moved}), "
        f"category={judged.category.value} at {judged.category_confidence:.2f}; {outcome}"
    )


def _nothing_left(turn: _Turn, drops: Sequence[Drop]) -> RoutorError:
    """Tell shortly what was missing: what the request needs, and why how many models fell."""
    if any(drop.reason in capable.PASSING for drop in drops):
        reasons = dict.fromkeys(d.detail for d in drops if d.reason in capable.PASSING)
        return RoutorError(
            Kind.PROVIDER_UNAVAILABLE,
            f"Every model that could take the request is out: {'; '.join(reasons)}. Try again.",
        )
    within = [d for d in drops if d.reason not in ("not_connected", "lifecycle")]
    if not within:
        return RoutorError(
            Kind.NO_CAPABLE_MODEL,
            "No provider with a usable model is connected; set a provider's API key.",
        )
    counts = Counter(drop.reason for drop in within).most_common()
    told = ", ".join(f"{reason} ({number})" for reason, number in counts)
    needs = capable.describe(turn.terms.need)
    return RoutorError(
        Kind.NO_CAPABLE_MODEL,
        f"No connected model can take this request (it needs {needs}). Models dropped by: {told}.",
    )


def _not_able(drop: Drop, entry: Entry) -> RoutorError:
    if drop.reason in capable.PASSING:
        return direct.down(entry.key, entry.provider, drop.detail)
    return RoutorError(
        Kind.NO_CAPABLE_MODEL,
        f"{entry.key} cannot take this request: {drop.detail}.",
        model=entry.key,
        provider=entry.provider,
        param="model",
    )
