"""Train the classifier: `python -m services.router.learning.train --data DIR`.

Multinomial logistic regression for category and tier and a logistic one for "continues the turn
before", over the same hashed features; AdaGrad on fixed mini-batches in a fixed order, so the
same data give the same weights bit for bit. Held-out examples then set the temperatures. The
weights are rounded to one byte each.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from services.router.classify import (
    CATEGORIES,
    CATEGORY,
    COLUMNS,
    FOLLOWS,
    TIER,
    TIERS,
    WEIGHTS,
    Calibration,
    Classifier,
)
from services.router.features import BUCKETS, DENSE, VERSION, Features, Floats, Ints, extract
from services.router.learning import examples, report
from services.router.learning.examples import OWN, Example, Split

EPOCHS: Final = 14
BATCH: Final = 256
RATE: Final = 0.12
SEED: Final = 4
# An example of ours weighs as much as this many public ones, whose labels are of whole sources.
OWN_WEIGHT: Final = 8.0
# Part of a tier's label that is given to its neighbours: the border between two is a matter
# of degree.
NEIGHBOURS: Final = 0.16


@dataclass(frozen=True, eq=False)
class Rows:
    """Examples as numbers: n-grams of all rows one after another, and their targets.

    `ends[i]` is the end of row i. `targets`: (rows, COLUMNS). `weights`: (rows, 3), how much
    the row counts for category, tier and continuation; 0 where the label is unknown.
    """

    buckets: Ints
    scales: Floats
    ends: Ints
    dense: Floats
    targets: Floats
    weights: Floats


@dataclass(frozen=True, eq=False)
class _Batch:
    """A fixed mini-batch, with its n-grams also sorted by bucket for the gradient."""

    buckets: Ints
    scales: Floats
    starts: Ints
    dense: Floats
    targets: Floats
    weights: Floats
    touched: Ints
    touched_starts: Ints
    by_bucket_row: Ints
    by_bucket_scale: Floats


def rows(chosen: Sequence[Example]) -> Rows:
    """Extract features and targets; only the turn and its context count, not earlier turns."""
    parts = [_turn(extract(example.request)) for example in chosen]
    targets = np.zeros((len(chosen), COLUMNS), np.float32)
    weights = np.zeros((len(chosen), 3), np.float32)
    for i, example in enumerate(chosen):
        weight = OWN_WEIGHT if example.source == OWN else 1.0
        if example.category is not None and not example.follows:
            targets[i, CATEGORIES.index(example.category)] = 1
            weights[i, 0] = weight
        if example.tier is not None and not example.follows:
            targets[i, TIER] = _soft(example.tier - 1)
            weights[i, 1] = weight
        if example.follows is not None:
            targets[i, FOLLOWS] = example.follows
            weights[i, 2] = weight * (2 if example.follows else 1)
    return Rows(
        buckets=np.concatenate([part[0] for part in parts]),
        scales=np.concatenate([part[1] for part in parts]),
        ends=np.cumsum([len(part[0]) for part in parts]),
        dense=np.stack([part[2] for part in parts]),
        targets=targets,
        weights=weights,
    )


def _turn(features: Features) -> tuple[Ints, Floats, Floats]:
    """Return distinct buckets with their summed scales, and the dense row, of the turn."""
    mine = features.owners >= features.turn
    distinct, place = np.unique(features.buckets[mine], return_inverse=True)
    scales = np.bincount(place, features.scales[mine], len(distinct)).astype(np.float32)
    return distinct, scales, features.dense[features.turn]


def _soft(tier: int) -> Floats:
    target = np.zeros(len(TIERS), np.float32)
    near = [i for i in (tier - 1, tier + 1) if 0 <= i < len(TIERS)]
    target[near] = NEIGHBOURS / 2
    target[tier] = 1 - target.sum()
    return target


def fit(data: Rows, epochs: int = EPOCHS) -> tuple[Floats, Floats]:
    """Return the weights of n-grams (BUCKETS, COLUMNS) and of dense features."""
    weights = np.zeros((BUCKETS, COLUMNS), np.float32)
    dense = np.zeros((len(DENSE), COLUMNS), np.float32)
    squares, dense_squares = np.full_like(weights, 1e-6), np.full_like(dense, 1e-6)
    random = np.random.default_rng(SEED)
    order = random.permutation(len(data.ends))
    batches = [_batch(data, order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
    for epoch in range(epochs):
        rate = np.float32(RATE * (1 - epoch / epochs))
        loss = 0.0
        for index in random.permutation(len(batches)):
            batch = batches[index]
            gradient, batch_loss = _gradient(batch, weights, dense)
            loss += batch_loss
            pulled = gradient[batch.by_bucket_row] * batch.by_bucket_scale[:, None]
            step = np.add.reduceat(pulled, batch.touched_starts, axis=0)
            squares[batch.touched] += step * step
            weights[batch.touched] -= rate * step / np.sqrt(squares[batch.touched])
            step = batch.dense.T @ gradient
            dense_squares += step * step
            dense -= rate * step / np.sqrt(dense_squares)
        _tell(f"epoch {epoch + 1}/{epochs}: loss {loss / len(batches):.4f}", end="\r")
    _tell("")
    # Difficulty is not read off what surrounds the turn.
    weights[2**16 :, TIER] = 0
    return weights, dense


def _batch(data: Rows, chosen: Ints) -> _Batch:
    begins = np.concatenate(([0], data.ends[:-1]))
    places = np.concatenate([np.arange(begins[i], data.ends[i]) for i in chosen])
    lengths = data.ends[chosen] - begins[chosen]
    if not lengths.all():
        raise ValueError("an example without text cannot be learned from")
    buckets, scales = data.buckets[places], data.scales[places]
    row = np.repeat(np.arange(len(chosen)), lengths)
    order = np.argsort(buckets, kind="stable")
    touched, touched_starts = np.unique(buckets[order], return_index=True)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    return _Batch(
        buckets, scales, starts, data.dense[chosen], data.targets[chosen], data.weights[chosen],
        touched, touched_starts, row[order], scales[order],
    )  # fmt: skip


def _gradient(batch: _Batch, weights: Floats, dense: Floats) -> tuple[Floats, float]:
    """Return d loss / d scores and the loss, both per example of the batch."""
    pulled = weights[batch.buckets] * batch.scales[:, None]
    scores = np.add.reduceat(pulled, batch.starts, axis=0) + batch.dense @ dense
    chances = np.empty_like(scores)
    for part in (CATEGORY, TIER):
        powers = np.exp(scores[:, part] - scores[:, part].max(axis=1, keepdims=True))
        chances[:, part] = powers / powers.sum(axis=1, keepdims=True)
    chances[:, FOLLOWS] = 1 / (1 + np.exp(-scores[:, FOLLOWS]))
    column_weights = np.repeat(batch.weights, (len(CATEGORIES), len(TIERS), 1), axis=1)
    gradient = (chances - batch.targets) * column_weights / len(batch.starts)
    loss = -np.sum(column_weights * batch.targets * np.log(np.maximum(chances, 1e-9)))
    return gradient.astype(np.float32), float(loss) / len(batch.starts)


def calibrate(weights: Floats, dense: Floats, tune: Sequence[Example]) -> Calibration:
    """Find the temperatures and the sigmoid's slope and bias with the least log loss."""
    data = rows(tune)
    pulled = weights[data.buckets] * data.scales[:, None]
    starts = np.concatenate(([0], data.ends[:-1]))
    scores = np.add.reduceat(pulled, starts, axis=0) + data.dense @ dense
    grid = np.exp(np.linspace(np.log(0.25), np.log(6), 121))
    best: list[float] = []
    for part, column in ((CATEGORY, 0), (TIER, 1)):
        known = data.weights[:, column] > 0
        truth = data.targets[known, part].argmax(axis=1)
        losses = [_log_loss(scores[known, part] / t, truth) for t in grid]
        best.append(float(grid[int(np.argmin(losses))]))
    known = data.weights[:, 2] > 0
    margin, truth = scores[known, FOLLOWS], data.targets[known, FOLLOWS] > 0.5
    _, slope, bias = min(
        (_log_loss(np.stack((0 * margin, s * margin + b), axis=1), truth.astype(int)), s, b)
        for s in grid.tolist()
        for b in np.linspace(-3, 3, 61).tolist()
    )
    return Calibration(best[0], best[1], slope, bias)


def _log_loss(scores: Floats, truth: Ints) -> float:
    exact = scores.astype(np.float64)
    top = exact.max(axis=1)
    total = top + np.log(np.exp(exact - top[:, None]).sum(axis=1))
    return float(np.mean(total - exact[np.arange(len(truth)), truth]))


def save(path: Path, weights: Floats, dense: Floats, calibration: Calibration) -> Classifier:
    """Round weights to a byte each, write them and return them as they will be read."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127
    whole = np.rint(weights / scale).astype(np.int8)
    settings = np.array([
        calibration.category_temperature, calibration.tier_temperature,
        calibration.follows_slope, calibration.follows_bias,
    ])  # fmt: skip
    digest = hashlib.sha256()
    for array in (whole, scale, dense, settings):
        digest.update(np.ascontiguousarray(array).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, weights=whole, scale=scale.astype(np.float32), dense=dense,
        calibration=settings, features=np.array(VERSION), version=np.array(digest.hexdigest()[:12]),
    )  # fmt: skip
    return Classifier.load(path)


def train(everything: Sequence[Example], path: Path, held_out: str = "") -> Classifier:
    """Train on what is not held out, write the weights to `path` and return the classifier."""
    kept = [e for e in everything if not held_out or not e.source.startswith(held_out)]
    learn = [e for e in kept if e.split is Split.TRAIN]
    learn += examples.in_company([e for e in learn if e.source == OWN])
    _tell(f"{len(learn)} examples to learn from")
    weights, dense = fit(rows(learn))
    tune = [e for e in kept if e.split is Split.TUNE and e.source == OWN]
    return save(path, weights, dense, calibrate(weights, dense, tune))


def _tell(line: str, end: str = "\n") -> None:
    if sys.stderr.isatty() or end == "\n":
        print(line, end=end, file=sys.stderr, flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line and report on what was held out."""
    parser = argparse.ArgumentParser(
        prog="python -m services.router.learning.train",
        description="Train the classifier and report on examples it never saw.",
        epilog="example: python -m services.router.learning.train --data ~/data",
    )
    parser.add_argument("--data", type=Path, help=f"directory holding {examples.PROMPTS}")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where to write the weights")
    parser.add_argument("--hold-out", default="", metavar="SOURCE", help="learn nothing of it")
    options = parser.parse_args(arguments)
    everything = examples.own()
    if options.data is not None:
        path = options.data / examples.PROMPTS
        if not path.exists():
            parser.error(f"--data: there is no {path}")
        everything += examples.public(path)
    classifier = train(everything, options.out, options.hold_out)
    print(report.tell(classifier, everything, options.hold_out))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
