"""The terms of a score: tokens, efforts, abilities, predictions, chains."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.router import ability, tiers
from services.router import effort as efforts
from services.router.ability import Estimate, abilities, function_calling
from services.router.chain import link
from services.router.predict import predict
from services.router.rank import Candidate
from services.tokens import input_tokens, text_tokens
from tests.router.brains import BUILT_IN, brain, catalog, model, request

TIERS = tiers.read()
BENCHMARKS = ability.read()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 100, 900, 1300),  # 1000 by cl100k
        ("def add(a, b):\n    return a + b\n" * 100, 700, 1300),
        ("人工智能正在改变世界。" * 100, 600, 1200),
        ("Искусственный интеллект меняет мир. " * 100, 700, 2200),
        ("", 0, 0),
    ],
)
def test_tokens_follow_the_script(text: str, low: int, high: int) -> None:
    assert low <= text_tokens(text) <= high


def test_tokens_of_an_excerpt_are_those_of_the_whole() -> None:
    whole = "word " * 10_000
    assert text_tokens(whole[:2000], len(whole)) == pytest.approx(text_tokens(whole))


def test_attachments_tools_and_counts() -> None:
    asked = request("hi")
    plain = input_tokens(asked)
    asked.messages[0].attachments.append(types_pb2.MODALITY_IMAGE)
    assert input_tokens(asked) == plain + 1000
    asked.tools.add(name="search", schema_chars=4000)
    assert input_tokens(asked) >= plain + 2000
    asked.needs.input_tokens = 7
    assert input_tokens(asked) == 7


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5))
def test_more_text_is_never_fewer_tokens(texts: list[str]) -> None:
    asked = router_pb2.RouteRequest()
    counts = []
    for text in texts:
        asked.messages.add(text=text)
        counts.append(input_tokens(asked))
    assert counts == sorted(counts) and counts[0] > 0


@pytest.mark.parametrize(
    ("reasoning", "word", "effort"),
    [
        ({}, "none", "none"),
        ({}, "low", None),
        ({"switch": "always", "default": "high"}, "none", None),
        ({"switch": "always", "default": "high"}, "low", None),
        ({"switch": "thinking_type", "efforts": ("none", "high")}, "low", "high"),
        ({"switch": "reasoning_effort", "efforts": ("none", "low", "high")}, "minimal", "low"),
        ({"switch": "reasoning_effort", "efforts": ("none", "low", "high")}, "max", "high"),
        ({"switch": "reasoning_effort", "efforts": ("none", "low", "high")}, "medium", "low"),
        (
            {"switch": "google_level", "efforts": ("low",), "default": "low", "can_disable": False},
            "none",
            None,
        ),
    ],
)
def test_callers_effort_on_each_kind_of_model(
    reasoning: dict[str, Any], word: Any, effort: str | None
) -> None:
    assert efforts.asked(model("a/one", reasoning=reasoning), word) == effort


def test_every_effort_of_the_catalog_is_one_that_its_model_takes() -> None:
    for one in BUILT_IN.models.values():
        for tier in Tier:
            effort = efforts.by_tier(one, tier, TIERS)
            word = "" if effort == efforts.default_of(one) else effort
            assert word in ("", *one.reasoning.efforts), one.key


def test_every_benchmark_that_is_weighed_is_cited() -> None:
    cited = {score.benchmark for one in BUILT_IN.models.values() for score in one.scores}
    assert set(BENCHMARKS.benchmark) <= cited
    assert {name for names in BENCHMARKS.category.values() for name in names} <= cited


def overall(key: str, effort: Any) -> Estimate:
    found = BUILT_IN.find(key)
    assert found is not None
    return abilities(found, effort, BENCHMARKS)[Category.CHAT]


def test_abilities_order_models_as_published() -> None:
    order = ["phi-4-mini-instruct", "claude-haiku-4.5", "claude-sonnet-4.6", "claude-opus-4.8"]
    means = [overall(key, "high" if "claude" in key else "none").mean for key in order]
    assert means == sorted(means)
    assert overall("gpt-5.5", "none").mean < overall("gpt-5.5", "high").mean
    assert overall("gpt-5.5", "xhigh").mean == pytest.approx(54.8 / 60, abs=0.06)


def test_a_model_without_figures_goes_by_its_price_and_is_unsure() -> None:
    cheap = abilities(model("a/x", intelligence=None, price=(0.1, 0.3)), "none", BENCHMARKS)
    dear = abilities(model("a/x", intelligence=None, price=(5.0, 25.0)), "none", BENCHMARKS)
    known = abilities(model("a/x", intelligence=30.0), "none", BENCHMARKS)
    assert cheap[Category.MATH].mean < dear[Category.MATH].mean
    assert known[Category.CHAT].mean == pytest.approx(0.5, abs=0.02)
    assert known[Category.CHAT].stddev < cheap[Category.CHAT].stddev


def test_a_successor_without_figures_takes_after_its_predecessor() -> None:
    old = model("a/old", intelligence=50.0, lifecycle={"status": "retired", "replacement": "a/new"})
    new = model("a/new", intelligence=None, price=(0.1, 0.2))
    known = brain(catalog(old, new)).pool.by_key["a/new"].default.abilities[Category.CHAT]
    alone = brain(catalog(new)).pool.by_key["a/new"].default.abilities[Category.CHAT]
    assert alone.mean < known.mean < 50 / 60
    assert known.stddev < alone.stddev


def test_function_calling_is_the_figure_nearest_in_effort() -> None:
    found = BUILT_IN.find("gpt-5.5")
    assert found is not None
    assert function_calling(found, "none") == pytest.approx(0.693)
    assert function_calling(found, "high") == pytest.approx(0.930)
    assert function_calling(model("a/x"), "none") is None


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_quality_rises_with_ability_and_falls_with_difficulty(
    mean: float, difficulty: float, step: float
) -> None:
    here = predict(Estimate(mean, 0.1), difficulty)
    assert 0 < here.quality < 1 and 0 < here.stddev <= 0.15
    assert predict(Estimate(mean + step, 0.1), difficulty).quality >= here.quality
    assert predict(Estimate(mean, 0.1), difficulty + step).quality <= here.quality


POOL = brain(catalog(*(model(f"{name}/m{i}") for name in "abc" for i in range(3)))).pool


def candidates(values: dict[str, float], **facts: Any) -> list[Candidate]:
    return [
        Candidate(
            entry=POOL.by_key[key],
            option=POOL.by_key[key].default,
            cost_usd=0.01,
            quality=0.5,
            stddev=0.1,
            saving=0.5,
            value=value,
            latency_ms=facts.get(key, 1000.0),
        )
        for key, value in values.items()
    ]


def order(linked: list[Candidate]) -> list[str]:
    return [one.entry.key for one in linked]


def test_chain_alternates_providers_and_ends_with_the_reference() -> None:
    values = {"a/m0": 0.9, "a/m1": 0.8, "a/m2": 0.7, "b/m0": 0.6, "c/m0": 0.5, "c/m1": 0.1}
    assert order(link(candidates(values), "c/m1")) == ["a/m0", "b/m0", "a/m1", "c/m0", "c/m1"]


def test_chain_whose_best_is_the_reference_ends_with_the_strongest_other() -> None:
    found = candidates({"a/m0": 0.9, "b/m0": 0.8, "c/m0": 0.7})
    found[1].quality = 0.9
    assert order(link(found, "a/m0")) == ["a/m0", "c/m0", "b/m0"]


def test_near_ties_go_to_the_faster() -> None:
    found = candidates({"a/m0": 0.802, "b/m0": 0.801, "c/m0": 0.7}, **{"a/m0": 5000.0})
    assert order(link(found, "c/m0"))[0] == "b/m0"


@given(
    st.dictionaries(st.sampled_from(sorted(POOL.by_key)), st.floats(-1, 1)),
    st.sampled_from(sorted(POOL.by_key)),
    st.randoms(use_true_random=False),
)
def test_chain_depends_on_the_candidates_and_not_on_their_order(
    values: dict[str, float], reference: str, random: Any
) -> None:
    found = candidates(values)
    linked = order(link(found, reference))
    random.shuffle(found)
    assert order(link(found, reference)) == linked
    assert len(linked) == min(len(values), 5) == len(set(linked))
    if reference in values and linked[0] != reference:
        assert linked[-1] == reference
    providers = {key.split("/", maxsplit=1)[0] for key in values}
    if len(providers) == len(values):
        pairs = itertools.pairwise(key.split("/", maxsplit=1)[0] for key in linked)
        assert all(one != other for one, other in pairs)


def test_tiers_name_models_of_the_catalog() -> None:
    references = {facts.reference for facts in TIERS.tier.values()}
    assert references | {TIERS.baseline} <= set(BUILT_IN.models)
    assert list(TIERS.tier) == [tier.name for tier in Tier]
    assert set(TIERS.thinking) == set(TIERS.first_token_ms) == set(BENCHMARKS.effort)
