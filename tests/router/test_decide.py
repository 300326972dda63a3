"""What callers see of a decision: profiles, tiers, chains, prices and refusals."""

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest

from routor.v1 import router_pb2, status_pb2, types_pb2
from services.catalog import Category, Peak, Price, Tier
from services.errors import Kind, RoutorError
from services.router.decide import decide
from services.router.explain import explain
from tests.router.brains import (
    BUILT_IN,
    NOON,
    PEAK,
    SOURCE,
    Judge,
    brain,
    catalog,
    keys,
    model,
    request,
    status,
    up,
)

BRAIN = brain()


def refusal(asked: router_pb2.RouteRequest, of: Any = BRAIN, known: Any = None) -> RoutorError:
    with pytest.raises(RoutorError) as caught:
        decide(asked, of, known, NOON)
    return caught.value


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("category", Category)
def test_premium_reference_closes_the_chain(tier: Tier, category: Category) -> None:
    one = brain(judge=Judge(tier, category))
    decision = decide(request(), one, None, NOON)
    reference = one.pool.references[tier]
    assert reference is not None
    assert decision.tier == tier
    assert keys(decision)[-1] == reference.key
    assert keys(decision)[0] != reference.key
    assert len(set(keys(decision))) == len(decision.chain) <= 5
    providers = [member.provider for member in decision.chain]
    assert len(set(providers)) == len(providers)


def test_easy_turns_go_to_cheap_models_and_hard_ones_to_strong_models() -> None:
    firsts = {}
    for tier in Tier:
        decision = decide(request(), brain(judge=Judge(tier, Category.CODING)), None, NOON)
        found = BUILT_IN.find(decision.chain[0].model)
        assert found is not None
        firsts[tier] = (found.price.output, BRAIN.pool.by_key[found.key])
    assert firsts[Tier.NANO][0] <= 1 and firsts[Tier.SIMPLE][0] <= 1
    strength = [
        max(option.abilities[Category.CODING].mean for option in entry.options.values())
        for _, entry in firsts.values()
    ]
    assert strength[4] > strength[2] > strength[0]
    assert strength[4] >= 0.7


def test_free_weak_model_never_takes_a_complex_request() -> None:
    one = brain(
        catalog(
            model("a/weak", price=(0.0, 0.0), intelligence=5),
            model("b/strong", price=(3.0, 15.0), intelligence=55),
            model("c/strong", price=(2.0, 12.0), intelligence=54),
            model("d/strong", price=(2.5, 12.0), intelligence=53),
        ),
        Judge(Tier.COMPLEX),
    )
    decision = decide(request(), one, None, NOON)
    assert "a/weak" not in keys(decision)
    drops = explain(request(), one, None, NOON).drops
    assert [(drop.model, drop.reason) for drop in drops] == [("a/weak", "quality")]


def test_weak_model_is_better_than_none_behind_the_only_strong_one() -> None:
    models = (
        model("a/weak", price=(0.1, 0.1), intelligence=5),
        model("b/strong", price=(3.0, 15.0), intelligence=55),
    )
    one = brain(catalog(*models), Judge(Tier.COMPLEX))
    assert keys(decide(request(), one, None, NOON)) == ["b/strong", "a/weak"]


def test_every_provider_can_be_reached() -> None:
    firsts = set()
    for provider in BUILT_IN.providers:
        asked = request(only_providers=[provider])
        decision = decide(asked, BRAIN, None, NOON)
        assert {member.provider for member in decision.chain} == {provider}
        firsts.add(decision.chain[0].provider)
    assert len(firsts) == 13


def test_ignored_providers_take_no_part() -> None:
    first = decide(request(), BRAIN, None, NOON).chain[0].provider
    decision = decide(request(ignore_providers=[first]), BRAIN, None, NOON)
    assert first not in {member.provider for member in decision.chain}


def test_tier_profile_takes_the_callers_tier() -> None:
    asked = request(profile=types_pb2.PROFILE_TIER, tier=types_pb2.TIER_COMPLEX)
    decision = decide(asked, brain(judge=Judge(Tier.NANO)), None, NOON)
    assert (decision.tier, decision.method, decision.confidence) == (5, "tier", 1.0)
    assert decide(request(tier=types_pb2.TIER_COMPLEX), BRAIN, None, NOON).method == "tier"


@pytest.mark.parametrize(
    ("judge", "preferences", "tier"),
    [
        (Judge(Tier.NANO), {}, Tier.NANO),
        (Judge(Tier.NANO), {"tier_floor": Tier.STANDARD}, Tier.STANDARD),
        (Judge(Tier.COMPLEX), {"tier_ceiling": Tier.LIGHT}, Tier.LIGHT),
        (Judge(Tier.NANO, history_floor=Tier.LIGHT), {}, Tier.LIGHT),
        (Judge(Tier.NANO, Category.CODING), {"code_quality": 0}, Tier.NANO),
        (Judge(Tier.NANO, Category.CODING), {"code_quality": 1}, Tier.STANDARD),
        (Judge(Tier.NANO, Category.DEBUGGING), {"code_quality": 2}, Tier.COMPLEX),
        (Judge(Tier.NANO, Category.CODING), {"chat_quality": 2}, Tier.NANO),
        (Judge(Tier.NANO, Category.MATH), {"chat_quality": 1, "code_quality": 2}, Tier.LIGHT),
        (Judge(Tier.NANO, Category.MATH), {"chat_quality": 2}, Tier.STANDARD),
        # The higher floor of two wins.
        (Judge(Tier.NANO), {"chat_quality": 1, "tier_floor": Tier.COMPLEX}, Tier.COMPLEX),
        (Judge(Tier.NANO), {"chat_quality": 2, "tier_floor": Tier.SIMPLE}, Tier.STANDARD),
        # A quality level gives way to the ceiling.
        (
            Judge(Tier.NANO, Category.CODING),
            {"code_quality": 2, "tier_ceiling": Tier.LIGHT},
            Tier.LIGHT,
        ),
        (
            Judge(Tier.NANO),
            {"profile": 2, "tier": Tier.SIMPLE, "tier_floor": Tier.LIGHT, "chat_quality": 2},
            Tier.LIGHT,
        ),
    ],
)
def test_floors_ceilings_and_quality_levels(
    judge: Judge, preferences: dict[str, Any], tier: Tier
) -> None:
    assert decide(request(**preferences), brain(judge=judge), None, NOON).tier == tier


@pytest.mark.parametrize(
    ("preferences", "param"),
    [
        ({"tier_floor": 5, "tier_ceiling": 2}, "routor_tier_floor"),
        ({"quality_weight": 1.5}, "routor_quality_weight"),
        ({"quality_weight": float("nan")}, "routor_quality_weight"),
        ({"bfcl_min": -0.1}, "routor_bfcl_min"),
        ({"code_quality": 3}, "routor_code_quality"),
        ({"chat_quality": 9}, "routor_chat_quality"),
        ({"max_cost_usd": -1}, "routor_max_cost"),
        ({"max_latency_ms": -1}, "routor_max_latency_ms"),
        ({"only_providers": ["opnai"]}, "routor_providers.only"),
        ({"ignore_providers": ["deepsek"]}, "routor_providers.ignore"),
        ({"profile": 2}, "routor_tier"),
        ({"profile": 3}, "model"),
        ({"tier_floor": 9}, "routor_tier_floor"),
    ],
)
def test_senseless_preferences_are_refused_by_name(preferences: dict[str, Any], param: str) -> None:
    error = refusal(request(**preferences))
    assert (error.kind, error.param) == (Kind.INVALID_REQUEST, param)
    assert param in error.message


def test_a_floor_above_the_ceiling_names_both_fields() -> None:
    message = refusal(request(tier_floor=5, tier_ceiling=2)).message
    assert "routor_tier_floor" in message and "routor_tier_ceiling" in message


def test_quality_weight_moves_the_choice() -> None:
    judge = brain(judge=Judge(Tier.COMPLEX, Category.CODING))
    cheap = decide(request(quality_weight=0.0), judge, None, NOON).chain[0]
    best = decide(request(quality_weight=1.0), judge, None, NOON).chain[0]
    assert cheap.expected_cost_usd < best.expected_cost_usd
    assert cheap.quality < best.quality
    assert best.quality == max(c.quality for c in explain(request(), judge, None, NOON).candidates)


def test_value_is_the_stated_blend_of_quality_and_saving() -> None:
    answer = explain(request(quality_weight=0.3), BRAIN, None, NOON)
    values = [candidate.value for candidate in answer.candidates]
    assert values == sorted(values, reverse=True)
    for candidate in answer.candidates:
        blend = 0.3 * candidate.quality + 0.7 * candidate.saving
        assert candidate.value == pytest.approx(blend)
        assert 0 < candidate.quality < 1 and candidate.saving <= 1


def test_cost_cap_holds_for_every_member() -> None:
    one = brain(judge=Judge(Tier.COMPLEX))
    decision = decide(request(max_cost_usd=0.02), one, None, NOON)
    assert all(member.expected_cost_usd <= 0.02 for member in decision.chain)
    assert "anthropic/claude-opus-4.8" not in keys(decision)
    error = refusal(request(max_cost_usd=0.0, ignore_providers=["nvidia", "zai"]))
    assert error.kind is Kind.NO_CAPABLE_MODEL
    assert "routor_max_cost" in error.message


def test_latency_limit_holds_for_every_member() -> None:
    one = brain(judge=Judge(Tier.COMPLEX))
    answer = explain(request(max_latency_ms=3000), one, None, NOON)
    assert answer.decision.chain
    assert all(c.latency_ms <= 3000 for c in answer.candidates)
    assert "max_latency" in {drop.reason for drop in answer.drops}


def test_tools_ask_for_function_calling_accuracy() -> None:
    asked = request(bfcl_min=0.85)
    asked.tools.add(name="search", description="Search the web.")
    answer = explain(asked, brain(judge=Judge(Tier.LIGHT, Category.TOOL_USE)), None, NOON)
    assert answer.decision.tool_scenario
    assert answer.decision.bfcl_score >= 0.85
    assert "bfcl" in {drop.reason for drop in answer.drops}
    # Without tools the figure says nothing.
    plain = decide(request(bfcl_min=0.85), BRAIN, None, NOON)
    assert not plain.HasField("bfcl_score")


def test_savings_are_told_against_the_baseline() -> None:
    decision = decide(request(), BRAIN, None, NOON)
    assert decision.baseline_cost_usd > decision.cost_usd
    expected = 1 - decision.cost_usd / decision.baseline_cost_usd
    assert decision.savings == pytest.approx(expected)
    assert decision.cost_usd == decision.chain[0].expected_cost_usd
    dear = request()
    dear.model = "openai/gpt-5.5"
    assert decide(dear, BRAIN, None, NOON).savings == 0


def test_hard_turns_think_more_than_easy_ones() -> None:
    asked = request(only_providers=["anthropic"])
    easy = decide(asked, brain(judge=Judge(Tier.SIMPLE)), None, NOON)
    hard = decide(asked, brain(judge=Judge(Tier.COMPLEX)), None, NOON)
    assert {member.effort for member in easy.chain} == {""}
    assert {member.effort for member in hard.chain} == {"high"}


def test_callers_effort_is_honoured() -> None:
    asked = request()
    asked.needs.reasoning_effort = "low"
    decision = decide(asked, brain(judge=Judge(Tier.COMPLEX)), None, NOON)
    for member in decision.chain:
        found = BUILT_IN.find(member.model)
        assert found is not None and found.reasoning.switch not in ("none", "always")
        word = member.effort or found.reasoning.default
        assert word in found.reasoning.efforts and word != "none"
    asked.needs.reasoning_effort = "hard"
    assert refusal(asked).param == "reasoning_effort"


def test_only_models_that_are_named_are_chosen() -> None:
    for named in (["openai/gpt-5.5", "xai/*"], ["*/*-mini"]):
        members = decide(request(only_models=named), brain(), None, NOON).chain
        assert members
        assert all(any(fnmatchcase(one.model, name) for name in named) for one in members)
    with pytest.raises(RoutorError) as caught:
        decide(request(only_models=["nobody/*"]), brain(), None, NOON)
    assert caught.value.kind is Kind.NO_CAPABLE_MODEL


def test_models_that_cannot_think_with_tools_do_not_think() -> None:
    thinker = model(
        "a/m",
        tools=True,
        reasoning={"switch": "reasoning_effort", "efforts": ("none", "high"), "default": "high"},
        parameters={"tools_with_reasoning": False},
    )
    alone = brain(catalog(thinker), judge=Judge(Tier.COMPLEX))
    asked = request()
    asked.tools.add(name="search")
    assert decide(asked, alone, None, NOON).chain[0].effort == "none"
    asked.needs.reasoning_effort = "high"
    assert refusal(asked, alone).kind is Kind.NO_CAPABLE_MODEL


def test_models_that_think_with_tools_elsewhere_do() -> None:
    asked = request(only_providers=["openai"])
    asked.tools.add(name="search")
    asked.needs.reasoning_effort = "high"
    decision = decide(asked, brain(judge=Judge(Tier.COMPLEX)), None, NOON)
    efforts = {member.model: member.effort for member in decision.chain}
    assert efforts["openai/gpt-5.5"] == "high"


def test_peak_hours_double_the_price() -> None:
    asked = request()
    asked.model = "deepseek/deepseek-v4-pro"
    quiet = decide(asked, BRAIN, None, NOON).cost_usd
    assert decide(asked, BRAIN, None, PEAK).cost_usd == pytest.approx(2 * quiet)
    assert decide(asked, BRAIN, None, PEAK - timedelta(days=1)).cost_usd == quiet  # a Sunday


def test_price_steps_apply_to_the_whole_request() -> None:
    asked = request()
    asked.model = "openai/gpt-5.5"
    asked.needs.input_tokens = 272_000
    below = decide(asked, BRAIN, None, NOON).cost_usd
    asked.needs.input_tokens = 272_001
    above = decide(asked, BRAIN, None, NOON).cost_usd
    assert above - below > 272_000 * 4.9e-6


def test_peak_prices_can_change_the_choice() -> None:
    peak = Peak(multiplier=3, weekdays=(1,), hours_utc=((1, 4),))
    models = (
        model("a/one", price=Price(input=1, output=2, peak=peak, **SOURCE), intelligence=50),
        model("b/two", price=(1.5, 3.0), intelligence=50),
        model("anthropic/claude-opus-4.8", price=(5.0, 25.0), intelligence=55),
        model("google/gemini-3.5-flash", price=(1.5, 9.0), intelligence=40),
    )
    one = brain(catalog(*models))
    assert keys(decide(request(), one, None, NOON))[0] == "a/one"
    assert keys(decide(request(), one, None, PEAK))[0] == "b/two"


def test_same_arguments_give_the_same_bytes() -> None:
    asked = request("Prove that the square root of 2 is irrational.")
    known = status(*(up(provider) for provider in BUILT_IN.providers))
    first = decide(asked, brain(), known, NOON).SerializeToString(deterministic=True)
    for _ in range(3):
        again = decide(asked, brain(), known, NOON)
        assert again.SerializeToString(deterministic=True) == first
    assert again.catalog_version == BUILT_IN.version
    assert again.weights_version == "judge-1"
    assert again.status_version == 7


def test_reasoning_tells_what_happened() -> None:
    decision = decide(request(tier_floor=4), brain(judge=Judge(Tier.NANO)), None, NOON)
    for words in ("learned NANO", "raised to STANDARD by routor_tier_floor", "category=chat"):
        assert words in decision.reasoning


class TestStatus:
    """What the published status does to a decision."""

    def test_only_connected_providers_take_part(self) -> None:
        known = status(up("openai"), up("mistral", connected=False))
        answer = explain(request(), BRAIN, known, NOON)
        assert {member.provider for member in answer.decision.chain} == {"openai"}
        reasons = {drop.model: drop.reason for drop in answer.drops}
        assert reasons["mistral/mistral-large-3"] == "not_connected"
        assert reasons["xai/grok-4.5"] == "not_connected"

    def test_down_providers_and_models_take_no_part(self) -> None:
        gone = status_pb2.ModelStatus(model="openai/gpt-5.5", retired=True)
        out = status_pb2.ModelStatus(model="openai/gpt-5.4", health=status_pb2.HEALTH_DOWN)
        known = status(
            up("openai", models=[gone, out]),
            up("anthropic", health=status_pb2.HEALTH_DOWN, reason="quota"),
            up("google", health=status_pb2.HEALTH_DEGRADED),
        )
        answer = explain(request(), brain(judge=Judge(Tier.COMPLEX)), known, NOON)
        assert "google" in {member.provider for member in answer.decision.chain}
        reasons = {drop.model: drop.reason for drop in answer.drops}
        assert reasons["openai/gpt-5.5"] == "lifecycle"
        assert reasons["openai/gpt-5.4"] == "down"
        assert reasons["anthropic/claude-opus-4.8"] == "down"

    def test_what_refuses_all_or_answers_in_broken_json_is_chosen_no_more(self) -> None:
        first = decide(request(), BRAIN, None, NOON).chain[0]
        degraded = {"model": first.model, "health": status_pb2.HEALTH_DEGRADED}

        def qualities(samples: int, useless: int, rate: float = 1.0) -> dict[str, float]:
            rates = {"success_rate": rate, "flaw_rate": useless / samples}
            model = status_pb2.ModelStatus(samples=samples, **rates, **degraded)
            of = {first.provider: {"models": [model]}}
            known = status(*(up(name, **of.get(name, {})) for name in BUILT_IN.providers))
            chain = decide(request(), BRAIN, known, NOON).chain
            return {member.model: member.quality for member in chain}

        assert next(iter(qualities(20, 20))) != first.model
        # Slow, or a little worse: it counts for what it is. Of failures others take care.
        assert qualities(100, 0, rate=0.8)[first.model] == first.quality
        assert qualities(100, 0)[first.model] == first.quality
        assert qualities(100, 6)[first.model] == pytest.approx(first.quality * 98 / 104)

    def test_resting_provider_is_tried_after_the_others(self) -> None:
        first = decide(request(), BRAIN, None, NOON).chain[0].provider
        rest = NOON.timestamp() + 60
        known = [up(p, resting_until_s=rest if p == first else 0) for p in BUILT_IN.providers]
        decision = decide(request(), BRAIN, status(*known), NOON)
        assert decision.chain[0].provider != first
        rested = decide(request(), BRAIN, status(*known), NOON + timedelta(seconds=61))
        assert rested.chain[0].provider == first

    def test_half_open_provider_gets_a_few_requests(self) -> None:
        down = {"health": status_pb2.HEALTH_DOWN, "half_open": True}
        known = status(up("openai", **down), up("mistral"))
        tried = 0
        for number in range(200):
            asked = request()
            asked.request_id = f"req_{number}"
            decision = decide(asked, BRAIN, known, NOON)
            tried += decision.chain[0].provider == "openai"
        assert 5 <= tried <= 40

    def test_half_open_provider_takes_all_when_there_is_no_other(self) -> None:
        known = status(up("openai", health=status_pb2.HEALTH_DOWN, half_open=True))
        for number in range(20):
            asked = request()
            asked.request_id = f"req_{number}"
            assert decide(asked, BRAIN, known, NOON).chain[0].provider == "openai"

    @pytest.mark.parametrize("other", [{}, {"health": status_pb2.HEALTH_DOWN}])
    def test_who_refuses_is_called_when_nobody_else_could_take_it(self, other: Any) -> None:
        out = {"health": status_pb2.HEALTH_DOWN, "refused": True, "reason": "failed its trial"}
        known = status(up("openai", **out), up("zai", **other))
        pictured = request()
        pictured.messages[-1].attachments.append(types_pb2.MODALITY_IMAGE)
        for asked in (pictured, request(only_providers=["openai"])):
            chain = decide(asked, BRAIN, known, NOON).chain
            assert {member.provider for member in chain} == {"openai"}
        assert {one.provider for one in decide(request(), BRAIN, known, NOON).chain} == {"zai"}

    def test_who_is_down_but_not_refusing_is_asked_when_nobody_is_well(self) -> None:
        failing = {"health": status_pb2.HEALTH_DOWN, "reason": "5 calls in a row failed"}
        refusing = up("google", **failing, refused=True)
        known = status(up("openai", **failing), up("mistral", **failing), refusing)
        answer = explain(request(), BRAIN, known, NOON)
        providers = {member.provider for member in answer.decision.chain}
        assert providers == {"openai", "mistral"}
        reasons = {drop.model: drop.reason for drop in answer.drops}
        assert reasons["google/gemini-3.5-flash"] == "down"
        # As soon as one is well it is asked alone.
        known.providers[1].health = status_pb2.HEALTH_HEALTHY
        decision = decide(request(), BRAIN, status(*known.providers), NOON)
        assert {member.provider for member in decision.chain} == {"mistral"}

    def test_who_is_short_of_a_limit_stands_behind_the_others(self) -> None:
        first = decide(request(), BRAIN, None, NOON).chain[0]
        short = status_pb2.ModelStatus(model=first.model, spare_until_s=NOON.timestamp() + 20)
        of = {first.provider: {"models": [short]}}
        known = status(*(up(name, **of.get(name, {})) for name in BUILT_IN.providers))
        spared = decide(request(), BRAIN, known, NOON)
        assert spared.chain[0].model != first.model
        assert decide(request(), BRAIN, known, NOON + timedelta(seconds=21)).chain[0] == first

    def test_nothing_connected_says_what_to_do(self) -> None:
        error = refusal(request(), known=status())
        assert error.kind is Kind.NO_CAPABLE_MODEL
        assert "API key" in error.message
