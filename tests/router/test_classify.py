"""What the classifier says, with the weights that are shipped."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.router import features as features_module
from services.router import words
from services.router.classify import (
    ATTENTION,
    COLUMNS,
    EDGES,
    HIDDEN,
    INPUTS,
    SENTENCE,
    TRIOS,
    VALUES,
    Calibration,
    Classification,
    Classifier,
    Net,
)
from services.router.features import extract
from services.router.judgement import UNSURE, settled
from services.router.learning import examples, report
from services.router.learning.examples import Example, Split

USER, ASSISTANT, SYSTEM = router_pb2.ROLE_USER, router_pb2.ROLE_ASSISTANT, router_pb2.ROLE_SYSTEM


@cache
def shipped() -> Classifier:
    return Classifier.load()


@cache
def held_out() -> list[Example]:
    return [example for example in examples.own() if example.split is Split.TEST]


def judge(*turns: tuple[int, str], image: bool = False) -> Classification:
    messages = [router_pb2.Message(role=role, text=text) for role, text in turns]
    if image:
        messages[-1].attachments.append(types_pb2.MODALITY_IMAGE)
    return shipped().classify(extract(router_pb2.RouteRequest(messages=messages)))


# The product's example prompts. Those above NANO are in no training data word for word, but the
# corpus was written by someone who knew them. Exact: 17 of 20 when measured.
PRODUCT = {
    Tier.NANO: ["hi", "thanks", "ok", "sure"],
    Tier.SIMPLE: [
        "What's the capital of France?",
        "How many days are in a leap year?",
        "Translate hello to Spanish",
        "What is 15% of 240?",
        "what's 2+2",
    ],
    Tier.LIGHT: [
        "What is a closure in JavaScript?",
        "Write a short bio for a product manager",
        "REST vs GraphQL",
        "Fix the typo in this sentence",
    ],
    Tier.STANDARD: [
        "Refactor this auth middleware to use JWT",
        "Analyze this CSV and identify trends",
        "Write a unit test suite for this function",
        "Compare these two system designs and recommend one",
    ],
    Tier.COMPLEX: [
        "Review this 5,000-word technical spec",
        "Design a microservice architecture for a fintech platform",
        "Prove that the square root of 2 is irrational.",
    ],
}


def test_product_examples_are_within_one_tier() -> None:
    off = {
        prompt: judge((USER, prompt)).tier - tier
        for tier, prompts in PRODUCT.items()
        for prompt in prompts
    }
    assert {prompt: by for prompt, by in off.items() if abs(by) > 1} == {}
    assert sum(by == 0 for by in off.values()) >= 15


def test_a_short_hard_prompt_is_complex_mathematics() -> None:
    got = judge((USER, "Prove that the square root of 2 is irrational."))
    assert (got.tier, got.category) == (Tier.COMPLEX, Category.MATH)


def test_product_examples_and_corpus_do_not_meet() -> None:
    corpus = {e.request.messages[-1].text.lower().strip(".?! ") for e in examples.own()}
    ours = {p.lower().strip(".?! ") for t, ps in PRODUCT.items() if t > Tier.NANO for p in ps}
    assert not corpus & ours


def test_held_out_accuracy_is_well_above_the_baselines() -> None:
    score = report.measure(shipped(), held_out())
    tiers = np.bincount([e.tier for e in held_out() if e.tier])
    always = max(tiers) / len(held_out())
    assert score.examples > 400
    assert score.category >= 0.57
    assert score.tier >= always + 0.2
    assert score.within_one >= 0.90
    assert score.under_by_two <= 0.05


def test_held_out_prompts_in_other_languages_are_no_worse_by_far() -> None:
    foreign = report.measure(shipped(), [e for e in held_out() if e.lang != "en"])
    assert foreign.category >= 0.55
    assert foreign.within_one >= 0.88


def test_confidence_means_what_it_says() -> None:
    score = report.measure(shipped(), held_out())
    assert score.tier_ece <= 0.12
    assert score.category_ece <= 0.16


def test_every_category_and_every_tier_is_reached() -> None:
    got = [(e, shipped().classify(extract(e.request))) for e in held_out()]
    assert {c.category for e, c in got if c.category == e.category} == set(Category)
    assert {c.tier for e, c in got if c.tier == e.tier} == set(Tier)


HARD = "Design a multi-region payment ledger with exactly-once semantics and prove its invariants."
ANSWER = "Here is the first section. Shall I continue?"


@pytest.mark.parametrize(
    "turn", ["ok, continue", "continue", "go on", "继续", "продолжай", "sigue"]
)
def test_a_continuation_keeps_its_sessions_tier(turn: str) -> None:
    alone = judge((USER, HARD))
    got = judge((USER, HARD), (ASSISTANT, ANSWER), (USER, turn))
    assert alone.tier is Tier.COMPLEX
    assert got.tier is Tier.COMPLEX
    assert got.history_floor is Tier.COMPLEX
    assert got.category == alone.category


@pytest.mark.parametrize("turn", ["thanks", "Thank you!", "danke", "merci", "谢谢", "спасибо"])
def test_thanks_after_hard_work_is_nano(turn: str) -> None:
    got = judge((USER, HARD), (ASSISTANT, ANSWER), (USER, turn))
    assert got.tier is Tier.NANO
    assert got.history_floor is None


def test_an_unrelated_question_is_judged_for_itself() -> None:
    got = judge((USER, HARD), (ASSISTANT, ANSWER), (USER, "What is the capital of Japan?"))
    assert got.tier is Tier.SIMPLE
    assert got.category is Category.SIMPLE_QA


def test_thanks_in_between_does_not_end_the_session() -> None:
    turns = [(USER, HARD), (ASSISTANT, ANSWER), (USER, "thanks"), (ASSISTANT, "You are welcome.")]
    assert judge(*turns, (USER, "ok, continue")).history_floor is Tier.COMPLEX


def test_a_first_turn_has_no_history_floor() -> None:
    assert judge((USER, "ok, continue")).history_floor is None


def test_the_system_prompt_does_not_decide_the_tier() -> None:
    system = "You are an expert in formal proofs and distributed systems. Think very hard."
    for prompt in ("hi", "What is the capital of Peru?", HARD):
        plain, instructed = judge((USER, prompt)), judge((SYSTEM, system), (USER, prompt))
        assert instructed.tier == plain.tier


def test_an_image_makes_a_question_about_it_vision() -> None:
    assert judge((USER, "What is in this picture?"), image=True).category is Category.VISION
    assert judge((USER, "Prove Fermat's little theorem."), image=True).category is Category.MATH


def test_calling_tools_is_tool_use_and_other_work_beside_tools_is_not() -> None:
    tools = [router_pb2.Tool(name="get_weather", description="Current weather for a city")]
    got = {}
    for prompt in ("What's the weather in Oslo right now?", "Prove Fermat's little theorem."):
        messages = [router_pb2.Message(role=USER, text=prompt)]
        request = router_pb2.RouteRequest(messages=messages, tools=tools)
        got[prompt] = shipped().classify(extract(request)).category
    assert list(got.values()) == [Category.TOOL_USE, Category.MATH]


def unlearned() -> Classifier:
    net = Net(
        *words.Known.nothing(),
        np.zeros((words.ROWS, VALUES), np.int8),
        np.ones(VALUES, np.float32),
        np.zeros((VALUES + 1, 3 * TRIOS), np.float32),
        np.zeros((SENTENCE + EDGES, ATTENTION), np.float32),
        np.zeros((INPUTS, HIDDEN), np.float32),
        np.zeros((INPUTS + HIDDEN, COLUMNS), np.float32),
    )
    return Classifier(net, Calibration(), "zero")


def test_unsure_is_light() -> None:
    request = router_pb2.RouteRequest(messages=[router_pb2.Message(role=USER, text="Prove it.")])
    got = unlearned().classify(extract(request))
    assert max(got.tier_probabilities) < UNSURE
    assert got.tier is Tier.LIGHT
    assert got.confidence == pytest.approx(0.2)
    assert got.difficulty == pytest.approx(0.5)


def test_the_median_tier_is_said_but_light_only_where_little_speaks_for_more() -> None:
    assert settled([0, 0.1, 0.46, 0.44, 0]) is Tier.STANDARD
    assert settled([0, 0.1, 0.7, 0.2, 0]) is Tier.LIGHT
    assert settled([0.2, 0.5, 0.2, 0.1, 0]) is Tier.SIMPLE
    assert settled([0.05, 0.3, 0.2, 0.2, 0.25]) is Tier.STANDARD
    assert settled([0, 0, 0.1, 0.3, 0.6]) is Tier.COMPLEX


def test_small_talk_around_a_request_does_not_move_it() -> None:
    talk = "It has been a long day and the bus was late.\n\n"
    plain, padded = judge((USER, HARD)), judge((USER, talk + HARD + "\n\n" + talk))
    assert plain.tier is padded.tier is Tier.COMPLEX


def test_signals_name_the_words_that_matter() -> None:
    signals = judge((USER, "Prove that the sum diverges.")).signals
    assert "word: prove" in [signal.name for signal in signals[:4]]
    prove = next(signal for signal in signals if signal.name == "word: prove")
    assert prove.difficulty_weight > 0
    assert prove.category_weight > 0


def test_same_request_same_classification() -> None:
    assert judge((USER, HARD)) == judge((USER, HARD))


def test_weights_of_other_features_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.npz"
    np.savez(path, features=np.array(features_module.VERSION + 1))
    with pytest.raises(ValueError, match="train it again"):
        Classifier.load(path)


roles = st.sampled_from([0, 1, 2, 3, 4])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.lists(st.tuples(roles, texts), max_size=6), st.booleans())
def test_any_request_has_a_valid_classification(turns: list[tuple[int, str]], image: bool) -> None:
    got = judge(*turns, image=image and bool(turns))
    assert math.isclose(sum(got.tier_probabilities), 1, abs_tol=1e-9)
    assert math.isclose(sum(got.category_probabilities), 1, abs_tol=1e-9)
    assert all(p >= 0 for p in (*got.tier_probabilities, *got.category_probabilities))
    assert len(got.tier_probabilities) == 5
    assert len(got.category_probabilities) == 17
    assert 0 <= got.difficulty <= 1
    assert got.category_confidence == max(got.category_probabilities)
    assert got.history_floor is None or got.tier >= got.history_floor
    assert all(np.isfinite(signal[1:]).all() for signal in got.signals)
