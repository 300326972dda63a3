"""Sums over runs of rows, and how labels that are not sure are told."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.classify import CATEGORIES, CATEGORY, TIER
from services.router.learning import batches, train
from services.router.learning.batches import Runs
from services.router.learning.examples import Example


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_runs_come_to_what_numpy_says(counts: list[int]) -> None:
    sizes = np.array(counts)
    rows = np.random.default_rng(len(counts)).normal(size=(sizes.sum(), 3)).astype(np.float32)
    starts = np.cumsum(sizes) - sizes
    runs = Runs(sizes)
    assert np.allclose(runs(rows), np.add.reduceat(rows, starts), atol=1e-4)
    assert np.array_equal(runs(rows, np.maximum), np.maximum.reduceat(rows, starts))


def test_a_defensible_alternative_is_half_right_and_the_category_more_so() -> None:
    request = router_pb2.RouteRequest(
        messages=[router_pb2.Message(role=router_pb2.ROLE_USER, text="Plan and write a talk")]
    )
    example = Example(
        "x", "s", "en", request, Category.WRITING, Tier.LIGHT, alternative=Category.PLANNING
    )
    told = batches.rows([example], train.weigh).targets[0, CATEGORY]
    writing, planning = (
        told[CATEGORIES.index(kind)] for kind in (Category.WRITING, Category.PLANNING)
    )
    assert writing > planning > 0
    assert told.sum() == 1


def test_a_defensible_tier_gets_part_of_the_label_and_the_tier_most() -> None:
    request = router_pb2.RouteRequest(
        messages=[router_pb2.Message(role=router_pb2.ROLE_USER, text="Which sort is stable?")]
    )
    plain = Example("x", "s", "en", request, Category.CODING, Tier.LIGHT)
    sure, unsure = (
        batches.rows([example], train.weigh).targets[0, TIER]
        for example in (plain, replace(plain, adjacent=Tier.SIMPLE))
    )
    assert unsure[Tier.SIMPLE - 1] > sure[Tier.SIMPLE - 1] > 0
    assert unsure.argmax() == sure.argmax() == Tier.LIGHT - 1
    assert np.allclose((sure.sum(), unsure.sum()), 1)
