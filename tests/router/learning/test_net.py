"""Training sees what the classifier will see, and its gradients are those of what goes forward."""

from dataclasses import replace

import numpy as np
import pytest

from routor.v1 import router_pb2
from services.router.classify import (
    ATTENTION,
    CATEGORY,
    COLUMNS,
    EDGES,
    HIDDEN,
    INPUTS,
    SENTENCE,
    TIER,
    TRIOS,
    VALUES,
    Calibration,
    Classifier,
)
from services.router.features import Floats, extract
from services.router.learning import batches, train
from services.router.learning.batches import Batch
from services.router.learning.examples import Example
from services.router.learning.net import Fitted, Seen, chances, predicted
from services.router.words import ROWS

TEXTS = (
    "Summarise the mail below. Dear Ann, the meeting is off. Yours, Ben",
    "Why? Because I say so! Name three rivers",
    "Go on",
    "Übersetze das bitte ins Spanische: der Zug kommt um acht.",
)
STEP = 1e-2


def example(text: str) -> Example:
    request = router_pb2.RouteRequest(
        messages=[
            router_pb2.Message(role=router_pb2.ROLE_SYSTEM, text="You help with mails."),
            router_pb2.Message(role=router_pb2.ROLE_USER, text=text),
        ]
    )
    return Example(text, "s", "en", request, None, None)


@pytest.fixture(name="batch", scope="module")
def made_batch() -> Batch:
    data = batches.rows([example(text) for text in TEXTS], train.weigh)
    return Batch(data, np.arange(len(TEXTS)))


def fitted(random: np.random.Generator) -> Fitted:
    shapes = (
        (ROWS, VALUES),
        (VALUES + 1, 3 * TRIOS),
        (SENTENCE + EDGES, ATTENTION),
        (INPUTS, HIDDEN),
        (INPUTS + HIDDEN, COLUMNS),
    )
    return Fitted(*(random.normal(0, 0.3, shape).astype(np.float32) for shape in shapes))


@pytest.mark.parametrize("part", ["table", "trios", "gates"])
def test_gradients_are_those_of_what_goes_forward(batch: Batch, part: str) -> None:
    random = np.random.default_rng(7)
    net = fitted(random)
    asked = random.normal(size=(batch.size, INPUTS)).astype(np.float32)
    spelled = batch.compose.scale
    kept = np.ones(len(batch.all.source), np.float32)
    kept[::4] = 0

    def seen(net: Fitted) -> Seen:
        return Seen(batch, net, spelled, kept)

    moved = seen(net).back(asked)
    gradient = np.zeros_like(getattr(net, part))
    if part == "table":
        gradient[batch.compose.distinct] = batch.compose.back(moved.words, spelled)
    else:
        gradient += getattr(moved, part)
    along = gradient / np.linalg.norm(gradient)

    def loss(step: float) -> float:
        there: Floats = getattr(net, part) + np.float32(step) * along
        return float(np.sum(seen(replace(net, **{part: there})).inputs.astype(np.float64) * asked))

    slope = (loss(STEP) - loss(-STEP)) / (2 * STEP)
    assert slope == pytest.approx(float(np.linalg.norm(gradient)), rel=0.02)


def test_training_sees_what_the_classifier_sees() -> None:
    net = Classifier.load().net
    chosen = [example(text) for text in TEXTS]
    data = batches.rows(chosen, train.weigh, lambda *_: net.known)
    table = net.table.astype(np.float32) * net.table_scale
    fit = Fitted(table, net.trios, net.gates, net.first, net.last)
    thought = chances(predicted(fit, data))
    classifier = Classifier(net, Calibration(), "as it is")
    for each, row in zip(chosen, thought, strict=True):
        found = classifier.classify(extract(each.request))
        assert found.category_probabilities == pytest.approx(row[CATEGORY].tolist(), abs=1e-3)
        assert found.tier_probabilities == pytest.approx(row[TIER].tolist(), abs=1e-3)
