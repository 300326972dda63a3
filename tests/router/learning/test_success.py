"""P(success) from outcomes: it finds who is good at what, and says how sure it is."""

import numpy as np
import pytest

from services.router.learning import success
from services.router.learning.calibration import Curve
from services.router.learning.facts import facts
from services.router.learning.records import Outcomes

PLACES = [f"{a}{b}" for a in ("old", "new", "far", "red") for b in ("town", "land", "hill", "bay")]


def outcomes(rounds: int = 4) -> Outcomes:
    """Two specialists, a third model that is better at everything, and some luck."""
    random = np.random.default_rng(0)
    prompts, scores = [], []
    for number in range(rounds):
        for place in PLACES:
            prompts.append(f"Solve the equation of {place} number {number}")
            scores.append(random.random(3) < (0.9, 0.2, 0.95))
            prompts.append(f"Write a poem about {place}, verse {number}")
            scores.append(random.random(3) < (0.2, 0.9, 0.95))
    table = np.array(scores, np.float64)
    return Outcomes(tuple(prompts), ("sums", "verse", "both"), table, np.full_like(table, np.nan))


@pytest.fixture(scope="module")
def learned() -> success.Learned:
    return success.learn(outcomes())


ASKED = (
    facts(["Solve the equation of greentown number 9"]),
    facts(["Write a poem about greentown, verse 9"]),
)


def test_each_model_is_good_at_its_own(learned: success.Learned) -> None:
    chances, _, _ = learned.predict(ASKED)
    assert chances[0, 0] > 0.6 > 0.4 > chances[0, 1]
    assert chances[1, 1] > 0.6 > 0.4 > chances[1, 0]
    assert (chances[:, 2] > 0.85).all()


def test_it_is_calibrated_on_prompts_it_has_not_seen() -> None:
    everything = outcomes(rounds=12)
    seen = np.arange(len(everything.prompts)) // 2 % 2 == 0
    learned = success.learn(everything.rows(seen))
    rest = everything.rows(~seen)
    chances, _, _ = learned.predict(rest.features)
    for model in range(3):
        assert abs(chances[:, model].mean() - rest.scores[:, model].mean()) < 0.12


def test_doubt_grows_away_from_what_was_seen(learned: success.Learned) -> None:
    _, near, _ = learned.predict(ASKED)
    _, far, _ = learned.predict([facts(["Übersetze: 完全に違う言語 " * 40])])
    assert (far > near.max(axis=0)).all()
    few = success.learn(outcomes(rounds=1))
    assert (few.predict(ASKED)[1] > near).all()


def test_same_outcomes_same_answer() -> None:
    one, other = success.learn(outcomes()), success.learn(outcomes())
    assert np.array_equal(one.predict(ASKED)[0], other.predict(ASKED)[0])


def test_missing_outcomes_are_no_failures() -> None:
    sparse = outcomes()
    scores = sparse.scores.copy()
    scores[::3, 2] = np.nan
    kept = Outcomes(sparse.prompts, sparse.models, scores, sparse.costs_usd)
    chances, _, _ = success.learn(kept).predict(ASKED)
    assert (chances[:, 2] > 0.75).all()


def test_one_outcome_is_enough_to_answer() -> None:
    one = Outcomes(("p",), ("a",), np.array([[1.0]]), np.array([[np.nan]]))
    chances, stddevs, _ = success.learn(one).predict(ASKED)
    assert np.isfinite(chances).all()
    assert np.isfinite(stddevs).all()


def test_the_curve_ascends_through_what_happened() -> None:
    random = np.random.default_rng(1)
    sums = random.random(4000)
    scores = (random.random(4000) < 0.3 + 0.4 * sums).astype(float)
    curve = Curve.fit(sums, scores)
    asked = np.linspace(0, 1, 50)
    told = curve(asked)
    assert (np.diff(told) > 0).all()
    assert np.abs(told - (0.3 + 0.4 * asked)).max() < 0.1


def test_few_outcomes_leave_the_sums_as_they_are() -> None:
    curve = Curve.fit(np.array([0.2, 0.9]), np.array([1.0, 0.0]))
    assert curve(np.array([0.4])) == pytest.approx(0.4)
    assert 0 < curve(np.array([-3.0]))[0] < curve(np.array([3.0]))[0] < 1


def test_a_lead_over_the_best_model_is_taken_with_care(learned: success.Learned) -> None:
    chances, _, sums = learned.predict(ASKED)
    best = learned.models.index("both")
    assert np.allclose(chances[:, best], learned.curve(sums)[:, best])
    assert (chances <= learned.curve(sums)).all()
