"""Routing metrics against values worked out by hand."""

from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from services.router.learning import metrics, plot, policies
from services.router.learning.facts import facts
from services.router.learning.metrics import Point
from services.router.learning.records import Outcomes

STRONG = np.array([1.0, 1.0, 1.0, 1.0])
WEAK = np.array([0.0, 1.0, 0.0, 1.0])


def test_the_oracle_recovers_all_gain_with_half_the_calls() -> None:
    got = metrics.pair(STRONG - WEAK, STRONG, WEAK)
    # PGR rises to 1 over the first half of the calls and stays: 0.5 * 0.5 + 0.5 * 1.
    assert got.apgr == pytest.approx(0.75)
    assert got.cpt50 == pytest.approx(0.25)
    assert got.cpt80 == pytest.approx(0.5)


def test_ties_count_as_shuffled() -> None:
    got = metrics.pair(np.zeros(4), STRONG, WEAK)
    assert got == pytest.approx((0.5, 0.5, 1.0))


def test_the_worst_ranking_mirrors_the_best() -> None:
    assert metrics.pair(WEAK - STRONG, STRONG, WEAK).apgr == pytest.approx(0.25)


def test_a_pair_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match="not better"):
        metrics.pair(STRONG, WEAK, STRONG)


def test_calibration_is_the_gap_per_bin() -> None:
    chances = np.array([0.25, 0.25, 0.85, 0.85])
    assert metrics.calibration_error(chances, np.array([0, 0.5, 0.85, 0.85])) == pytest.approx(0)
    assert metrics.calibration_error(chances, np.array([0, 0, 0.85, 0.85])) == pytest.approx(0.125)
    assert metrics.calibration_error(np.array([1.0]), np.array([0.0])) == 1
    assert metrics.brier(chances, np.array([0, 0, 1, 1])) == pytest.approx(0.0425)


def test_the_curve_runs_from_best_to_cheapest() -> None:
    chances = np.array([[0.9, 0.5], [0.9, 0.8]])
    costs = np.tile([10.0, 1.0], (2, 1))
    points = metrics.curve(chances, chances, costs, costs)
    assert points[0] == pytest.approx((10, 0.9))
    assert points[-1] == pytest.approx((1, 0.65))
    # In between only the second prompt goes to the cheap model: it loses least there.
    assert Point(5.5, 0.85) in [Point(p.cost, round(p.quality, 9)) for p in points]


def test_cost_is_read_off_the_hull() -> None:
    points = [Point(1, 0.5), Point(3, 0.55), Point(3, 0.9), Point(2, 0.5)]
    assert metrics.hull(points) == [Point(1, 0.5), Point(3, 0.9)]
    assert metrics.cost_of(points, 0.7) == pytest.approx(2)
    assert metrics.cost_of(points, 0.4) == 1
    assert np.isnan(metrics.cost_of(points, 0.95))


def test_simple_policies_learn_who_is_good_at_what() -> None:
    prompts = [f"add {i} and {i + 1}" for i in range(30)] + [f"a poem on {i}" for i in range(30)]
    scores = np.repeat([[1.0, 0.0], [0.0, 1.0]], 30, axis=0)
    known = Outcomes(tuple(prompts), ("sums", "verse"), scores, np.full((60, 2), np.nan))
    asked = [facts(["add 7 and 90"]), facts(["a poem on love"])]
    for look_up in (policies.neighbours, policies.clusters):
        chances = look_up(known, asked)
        assert chances[0, 0] > chances[0, 1]
        assert chances[1, 1] > chances[1, 0]
    assert policies.longer([facts(["long " * 50]), facts(["short"])]).argmax() == 0


def test_the_plot_is_well_formed_and_names_what_it_shows() -> None:
    lines = {"a <b>": [Point(1, 0.5), Point(2, 0.9)], "dot": [Point(1.5, 0.6)]}
    drawing = plot.svg("Title & more", "dollars", "score", lines)
    texts = [node.text for node in Xml.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Title & more", "a <b>", "dot", "dollars", "score"} <= set(texts)
    assert drawing.count("<path") == 7  # six lines of the grid and one curve
    assert Xml.fromstring(plot.svg("nothing", "x", "y", {})).tag.endswith("svg")
