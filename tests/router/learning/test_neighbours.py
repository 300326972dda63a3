"""What the prompts most alike scored: the nearest count, and no prompt tells of itself."""

import numpy as np
import pytest

from services.router.learning import neighbours
from services.router.learning.neighbours import Neighbours

TWO_GROUPS = np.array([[1, 0], [0.99, 0.1], [0, 1], [0.1, 0.99]] * 20, np.float32)
SCORES = np.array([[0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [-0.5, 0.5]] * 20)


def test_the_nearest_count_most() -> None:
    near = Neighbours.of(TWO_GROUPS, SCORES).expected(np.array([[1, 0], [0, 1]], np.float32))
    assert near[0] == pytest.approx([0.5, -0.5], abs=0.05)
    assert near[1] == pytest.approx([-0.5, 0.5], abs=0.05)


def test_what_a_prompt_scored_itself_is_left_out() -> None:
    scores = SCORES.copy()
    before = Neighbours.of(TWO_GROUPS, scores).left_out(TWO_GROUPS)
    scores[7] = 100
    after = Neighbours.of(TWO_GROUPS, scores).left_out(TWO_GROUPS)
    assert (after[7] == before[7]).all()
    assert (after[3] > before[3]).all()


def test_of_many_prompts_some_are_kept_and_none_tells_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "MOST_KNOWN", 30)
    monkeypatch.setattr(neighbours, "CHUNK", 7)
    scores = SCORES.copy()
    scores[6] = 100
    kept = Neighbours.of(TWO_GROUPS, scores)
    assert kept.places.tolist() == list(range(0, 80, 3))
    told = kept.left_out(TWO_GROUPS)
    assert told.shape == (80, 2)
    assert abs(told[6]).max() <= 0.5
    assert told[10].max() > 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_prompts_say_what_they_can(count: int) -> None:
    few = Neighbours.of(TWO_GROUPS[:count], SCORES[:count])
    assert np.isfinite(few.left_out(TWO_GROUPS[:count])).all()
    assert few.expected(TWO_GROUPS[:1]).shape == (1, 2)
