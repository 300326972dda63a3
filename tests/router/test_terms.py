"""The terms of a score: tokens, efforts, abilities, predictions, chains."""

import itertools
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.price import cost_usd, factor_of
from services.router import ability, tiers
from services.router import effort as efforts
from services.router.ability import Estimate, abilities, function_calling
from services.router.chain import link, suffices
from services.router.contender import Task, sheet, steps_above
from services.router.cost import expected_usd
from services.router.predict import lead, qualities, stddev
from services.router.rank import Ranking, order
from services.tokens import MESSAGE_TOKENS, input_tokens
from tests.router.brains import BUILT_IN, NOON, PEAK, brain, catalog, model, request

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
    assert low <= input_tokens(request(text)) - MESSAGE_TOKENS <= high


def test_tokens_of_an_excerpt_are_those_of_the_whole() -> None:
    whole = "word " * 10_000
    excerpt = request(whole[:2000])
    excerpt.messages[0].text_chars = len(whole)
    assert input_tokens(excerpt) == input_tokens(request(whole))
    assert input_tokens(excerpt, [whole[:2000]]) == input_tokens(excerpt)


@pytest.mark.parametrize("text", ["word " * 1000, "人工智能正在改变世界。" * 500])
def test_texts_that_are_not_told_count_like_those_that_follow(text: str) -> None:
    told, untold = request(text), request(text)
    told.messages.insert(0, router_pb2.Message(role=router_pb2.ROLE_ASSISTANT, text=text))
    earlier = router_pb2.Message(role=router_pb2.ROLE_ASSISTANT, text_chars=len(text))
    untold.messages.insert(0, earlier)
    assert input_tokens(untold) == input_tokens(told) > 2 * MESSAGE_TOKENS + len(text) // 2


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


class Leading(NamedTuple):
    """An ability as `qualities` takes it."""

    lead: float


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_quality_rises_with_ability_and_falls_with_difficulty(
    mean: float, difficulty: float, step: float
) -> None:
    here, abler = Estimate(mean, 0.1), Estimate(mean + step, 0.1)
    able = [Leading(lead(here)), Leading(lead(abler))]
    low, high = qualities(able, difficulty)
    assert 0 < low <= high < 1 and 0 < stddev(low, here) <= 0.15
    assert qualities(able, difficulty + step)[0] <= low


POOL = brain(catalog(*(model(f"{name}/m{i}") for name in "abc" for i in range(3)))).pool
WHOLE = brain().pool
TASK = Task(Tier.LIGHT, Category.CHAT, "", tools=False, tool_scenario=False, steps=0)
CONTENDERS = sheet(TASK, POOL, {}).contenders


def ranking(
    values: dict[str, float], reference: str = "", resting: tuple[str, ...] = (), **facts: Any
) -> Ranking:
    """Rank models by value; facts give what is not 0.5: qualities, by key."""
    contenders = [CONTENDERS[key] for key in sorted(values)]
    scores = [values[one.key] for one in contenders]
    strength = [facts.get(one.key, 0.5) for one in contenders]
    enough = [quality >= 0.3 for quality in strength]
    return Ranking(
        contenders=contenders,
        costs_usd=[0.01] * len(contenders),
        qualities=strength,
        savings=[0.5] * len(contenders),
        values=scores,
        enough=enough,
        reference=sorted(values).index(reference) if reference in values else None,
        resting=frozenset(resting),
        order=order(contenders, scores, enough, frozenset(resting)),
    )


def linked(ranked: Ranking) -> list[str]:
    return [ranked.contenders[place].key for place in link(ranked)]


def test_chain_alternates_providers_and_ends_with_the_reference() -> None:
    values = {"a/m0": 0.9, "a/m1": 0.8, "a/m2": 0.7, "b/m0": 0.6, "c/m0": 0.5, "c/m1": 0.1}
    assert linked(ranking(values, "c/m1")) == ["a/m0", "b/m0", "a/m1", "c/m0", "c/m1"]


def test_chain_whose_best_is_the_reference_ends_with_the_strongest_other() -> None:
    found = ranking({"a/m0": 0.9, "b/m0": 0.8, "c/m0": 0.7}, "a/m0", **{"b/m0": 0.9})
    assert linked(found) == ["a/m0", "c/m0", "b/m0"]


def test_what_rests_goes_behind_and_what_is_weak_fills_up() -> None:
    values = {"a/m0": 0.9, "b/m0": 0.8, "c/m0": 0.7}
    assert linked(ranking(values, resting=("a/m0",)))[0] == "b/m0"
    weak = {"a/m0": 0.2}
    assert linked(ranking(values, **weak)) == ["b/m0", "a/m0", "c/m0"]
    # When all that are good enough rest, what is weak and ready goes first.
    assert linked(ranking(values, resting=("b/m0", "c/m0"), **weak))[0] == "a/m0"
    strong = [CONTENDERS[key] for key in ("a/m0", "a/m1", "b/m0")]
    assert suffices(strong, ()) and suffices(strong, ("a/m0", "a/m1"))
    assert not suffices(strong[1:], ())
    assert not suffices(strong, ("a/m0", "a/m1", "b/m0"))


def test_many_models_of_one_provider_do_without_the_weak_of_another_no_more() -> None:
    alone = [CONTENDERS[key] for key in ("a/m0", "a/m1", "a/m2")]
    assert not suffices(alone, ())
    values = {"a/m0": 0.9, "a/m1": 0.8, "a/m2": 0.7, "b/m0": 0.6}
    assert "b/m0" in linked(ranking(values, **{"b/m0": 0.2}))


@given(
    st.dictionaries(st.sampled_from(sorted(POOL.by_key)), st.floats(-1, 1), min_size=1),
    st.sampled_from(sorted(POOL.by_key)),
)
def test_chain_holds_the_reference_last_and_alternates(
    values: dict[str, float], reference: str
) -> None:
    chain = linked(ranking(values, reference))
    assert len(chain) == min(len(values), 5) == len(set(chain))
    assert values[chain[0]] >= max(values.values()) - 0.0101
    if reference in values and chain[0] != reference:
        assert chain[-1] == reference
    providers = {key.split("/", maxsplit=1)[0] for key in values}
    if len(providers) == len(values):
        pairs = itertools.pairwise(key.split("/", maxsplit=1)[0] for key in chain)
        assert all(one != other for one, other in pairs)


@given(st.integers(0, 300_000), st.sampled_from([0, 1, 50, 400, 100_000]))
def test_expected_cost_is_what_the_price_says(input_tokens: int, limit_tokens: int) -> None:
    pool = WHOLE
    for at in (NOON, PEAK):
        peaks = {one.key: factor_of(one.model.price, at) for one in pool.entries}
        task = TASK._replace(steps=steps_above(pool, input_tokens))
        contenders = list(sheet(task, pool, peaks).contenders.values())
        for one, usd in zip(
            contenders, expected_usd(contenders, input_tokens, limit_tokens), strict=True
        ):
            output_tokens = min(one.tokens, limit_tokens) if limit_tokens else one.tokens
            price = one.entry.model.price
            assert usd == cost_usd(
                price, at, input_tokens=input_tokens, output_tokens=output_tokens
            )


def test_tiers_name_models_of_the_catalog() -> None:
    references = {facts.reference for facts in TIERS.tier.values()}
    assert references | {TIERS.baseline} <= set(BUILT_IN.models)
    assert list(TIERS.tier) == [tier.name for tier in Tier]
    assert set(TIERS.thinking) == set(TIERS.first_token_ms) == set(BENCHMARKS.effort)
