"""Teachers: what they think of examples that they did not learn from softens the labels."""

from dataclasses import replace

import numpy as np
import pytest

from services.catalog import Category
from services.router import words
from services.router.classify import CATEGORIES, CATEGORY, TIER, VALUES
from services.router.features import Floats
from services.router.learning import batches, cores, fit, teachers, train
from services.router.learning.batches import Rows
from services.router.learning.examples import Example
from tests.router.learning.test_train import toy

START = fit.Start(np.zeros((words.ROWS, VALUES), np.float32))


def unheard(data: Rows) -> Floats:
    """Return no opinions."""
    return np.full_like(data.targets, np.nan)


def examples() -> list[Example]:
    """Return the toy's turns, each twice: as it is and as a variant; one is labelled wrongly."""
    known = [example for example in toy() if not example.follows]
    known[0] = replace(known[0], category=Category.CHAT)
    return known + [replace(example, id=f"{example.id}/again") for example in known]


@pytest.fixture(scope="module")
def both() -> tuple[Rows, Rows]:
    given = examples()
    data = batches.rows(given, train.weigh)
    with cores.apart() as processes:
        families = [example.family for example in given]
        return data, teachers.taught(data, families, unheard(data), START, processes)


def test_targets_stay_distributions(both: tuple[Rows, Rows]) -> None:
    for part in (CATEGORY, TIER):
        assert both[1].targets[:, part].sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_variants_of_a_prompt_are_to_be_judged_alike(both: tuple[Rows, Rows]) -> None:
    half = len(both[1].targets) // 2
    assert np.array_equal(both[1].targets[:half], both[1].targets[half:])


def test_a_wrong_label_is_doubted_and_a_right_one_is_not(both: tuple[Rows, Rows]) -> None:
    math, chat = CATEGORIES.index(Category.MATH), CATEGORIES.index(Category.CHAT)
    wrong, right = both[1].targets[0], both[1].targets[1]
    assert wrong[chat] < 0.6
    assert wrong[math] > 0.3
    assert right[math] > 0.9


def test_what_was_not_asked_stays_as_it_was(both: tuple[Rows, Rows]) -> None:
    data, softened = both
    assert np.array_equal(softened.weights, data.weights)
    assert np.array_equal(softened.dense, data.dense)


def test_an_opinion_is_heard_beside_the_teachers(both: tuple[Rows, Rows]) -> None:
    data, softened = both
    families = [example.family for example in examples()]
    chat = CATEGORIES.index(Category.CHAT)
    heard = unheard(data)
    heard[1] = 0
    heard[1, [chat, TIER.start]] = 1
    with cores.apart() as processes:
        other = teachers.taught(data, families, heard, START, processes)
    half = len(data.targets) // 2
    for place in (1, half + 1):  # the example and its variant
        assert other.targets[place, chat] > softened.targets[place, chat] + 0.2
    assert np.array_equal(other.targets[2], softened.targets[2])
