"""Training: reproducible, and it learns what it is told."""

from pathlib import Path

import numpy as np
import pytest

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.classify import Classifier
from services.router.features import extract
from services.router.learning import examples, report, train
from services.router.learning.examples import OWN, Example, Split

KINDS = {
    "Prove that the theorem holds for": (Category.MATH, Tier.COMPLEX),
    "Write a little poem on": (Category.CREATIVE, Tier.LIGHT),
    "hello my friend from": (Category.CHAT, Tier.NANO),
}
PLACES = [
    f"{a}{b}"
    for a in ("old", "new", "far", "red", "high", "low", "wood", "stone", "river", "north")
    for b in ("town", "land", "hill", "bay", "field", "port", "ford", "bridge", "wick", "dale")
]


def toy() -> list[Example]:
    made = []
    for words, (category, tier) in KINDS.items():
        for place in PLACES:
            message = router_pb2.Message(role=router_pb2.ROLE_USER, text=f"{words} {place}")
            request = router_pb2.RouteRequest(messages=[message])
            made.append(Example(f"{category}-{place}", OWN, "en", request, category, tier))
    follow = router_pb2.RouteRequest()
    follow.CopyFrom(made[0].request)
    follow.messages.add(role=router_pb2.ROLE_USER, text="go on")
    for i in range(40):
        made.append(Example(f"f{i}", OWN, "en", follow, Category.MATH, Tier.COMPLEX, True))
    return made


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Classifier, Path]:
    path = tmp_path_factory.mktemp("weights") / "toy.npz"
    return train.train(toy(), path, corpora=()), path


def test_same_data_same_weights_bit_for_bit(
    learned: tuple[Classifier, Path], tmp_path: Path
) -> None:
    again = train.train(toy(), tmp_path / "again.npz", corpora=())
    assert again.version == learned[0].version
    assert (tmp_path / "again.npz").read_bytes() == learned[1].read_bytes()


def test_it_learns_what_it_is_told(learned: tuple[Classifier, Path]) -> None:
    unseen = [e for e in toy() if e.split is Split.TEST and not e.follows]
    assert unseen
    for example in unseen:
        got = learned[0].classify(extract(example.request))
        assert (got.category, got.tier) == (example.category, example.tier)


def test_context_says_nothing_of_the_tier(learned: tuple[Classifier, Path]) -> None:
    plain = toy()[0].request
    spoken = router_pb2.RouteRequest()
    spoken.messages.add(role=router_pb2.ROLE_SYSTEM, text="Prove the theorem, hello my friend")
    spoken.messages.extend(plain.messages)
    alone, told = (learned[0].classify(extract(request)) for request in (plain, spoken))
    assert told.tier_probabilities == pytest.approx(alone.tier_probabilities)


def test_weights_survive_the_file(learned: tuple[Classifier, Path]) -> None:
    read = Classifier.load(learned[1])
    assert read.version == learned[0].version
    assert np.array_equal(read.net.table, learned[0].net.table)
    assert np.array_equal(read.net.last, learned[0].net.last)
    assert read.calibration == learned[0].calibration


def test_shipped_weights_are_small_and_named() -> None:
    assert train.WEIGHTS.stat().st_size < 5_000_000
    assert len(Classifier.load().version) == 12


def test_report_compares_every_group(learned: tuple[Classifier, Path]) -> None:
    text = report.tell(learned[0], toy())
    assert learned[0].version in text
    assert "ours, held out" in text


def test_calibration_error_is_the_gap_between_confidence_and_share_right() -> None:
    assert report.calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == pytest.approx(0)
    assert report.calibration_error([(0.9, False)] * 4) == pytest.approx(0.9)


def test_missing_data_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        train.main(["--data", str(tmp_path), "--out", str(tmp_path / "w.npz")])
    assert stop.value.code == 2
    assert examples.PROMPTS in capsys.readouterr().err
