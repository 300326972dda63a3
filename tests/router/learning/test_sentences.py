"""A sentence model's opinions: of others' labels, by id, and heard where there are any."""

from pathlib import Path

import numpy as np
import pytest

from routor.v1 import router_pb2
from services.catalog import Category
from services.router.classify import CATEGORIES, CATEGORY, COLUMNS, TIER
from services.router.features import Floats
from services.router.learning import batches, opinions, sentences, train
from tests.router.learning.test_train import toy


def ask(texts: list[str]) -> Floats:
    """Stand for the model: what a text says of some words that the toy's labels hang on."""
    said = ("sum", "poem", "bug", "hard", "?", "a")
    return np.array([[text.count(word) + 0.1 for word in said] for text in texts], np.float32)


def test_opinions_are_filed_by_id_and_missing_ones_are_none(tmp_path: Path) -> None:
    known = toy()[:3]
    thought = np.full((3, COLUMNS), 0.2, np.float32)
    opinions.save(tmp_path / "opinions.npz", known[:2], thought[:2])
    found = opinions.of(known, opinions.load(tmp_path / "opinions.npz"))
    assert found[:2, CATEGORY] == pytest.approx(0.2, abs=0.002)
    assert np.isnan(found[2]).any()


def test_what_is_committed_speaks_of_the_corpus() -> None:
    known = opinions.load()
    assert len(known) > 40_000
    assert all(abs(thought[TIER].sum() - 1) < 0.02 for thought in list(known.values())[:100])
    assert opinions.OPINIONS.stat().st_size < 2_000_000


def test_a_doubtful_label_is_judged_by_what_others_of_its_kind_have() -> None:
    given = [example for example in toy() if not example.follows]
    data = batches.rows(given, train.weigh)
    # What the model says is the very label, but for noise.
    said = data.targets + np.random.default_rng(0).normal(0, 0.1, data.targets.shape)
    wrong = 0
    math, chat = CATEGORIES.index(Category.MATH), CATEGORIES.index(Category.CHAT)
    assert data.targets[wrong, math] == 1
    data.targets[wrong, CATEGORY] = 0
    data.targets[wrong, chat] = 1
    thought = sentences.judged(data, said.astype(np.float32), [one.family for one in given])
    assert thought[:, CATEGORY].sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert thought[wrong, math] > thought[wrong, chat]


def test_a_turn_is_seen_with_its_context() -> None:
    say = router_pb2.Message
    alone = router_pb2.RouteRequest(messages=[say(role=router_pb2.ROLE_USER, text="a poem")])
    after = router_pb2.RouteRequest(
        messages=[
            say(role=router_pb2.ROLE_SYSTEM, text="hard hard"),
            say(role=router_pb2.ROLE_USER, text="sum?"),
            say(role=router_pb2.ROLE_ASSISTANT, text="bug"),
            say(role=router_pb2.ROLE_USER, text="a poem"),
        ]
    )
    known = toy()[0]
    both = [type(known)("x", "s", "en", one, None, None) for one in (alone, after)]
    seen = sentences.points(both, np.ones((2, 3), np.float32), ask)
    width = (seen.shape[1] - 3) // 4
    assert np.array_equal(seen[0, :width], seen[1, :width])
    assert not seen[0, width : 4 * width].any()
    assert all(seen[1, i * width : (i + 1) * width].any() for i in (1, 2, 3))
