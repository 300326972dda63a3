"""Train the classifier: `python -m services.router.learning.train --data DIR`.

Words start with vectors distilled from a sentence model (`distil`); what is learned of labels and
how is in `fit`. Examples kept aside then set the temperatures, and the tables are rounded to one
byte a weight.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from services.router import words
from services.router.classify import (
    CATEGORY,
    FOLLOWS,
    TIER,
    WEIGHTS,
    Calibration,
    Classifier,
    Net,
)
from services.router.features import VERSION, Floats
from services.router.learning import (
    batches,
    cores,
    examples,
    fit,
    games,
    lexicon,
    opinions,
    phrases,
    report,
    surroundings,
    teachers,
)
from services.router.learning.batches import Rows, Weights
from services.router.learning.distilled import Distilled
from services.router.learning.examples import OWN, Example, Split
from services.router.learning.net import Fitted, predicted
from services.router.vectors import Bytes
from services.router.words import Ints

# How much examples count: labels of public collections are of whole tasks, so less than ours;
# public prompts that were read one by one count most, for most are what users really asked.
OWN_WEIGHT: Final = 3.0
PUBLIC_WEIGHT: Final = 1.5
READ_WEIGHT: Final = 6.0
# A step of a rounded table, in standard deviations, and how many there are at most: 6 bits a value.
# 127 steps up to the largest value gave the same figures, within one in 100, and half as much again
# to store.
STEP: Final = 0.25
MOST_STEPS: Final = 24
# What counts as pasted material: texts of at least so many characters.
LONG: Final = 300


def weigh(example: Example) -> Weights:
    """Tell how much an example counts."""
    if example.source == OWN:
        weight = OWN_WEIGHT
    elif example.read:
        weight = READ_WEIGHT
    else:
        weight = PUBLIC_WEIGHT
    return Weights(weight, weight, weight)


def lessons(learn: Sequence[Example], corpora: Sequence[Path]) -> list[Example]:
    """Return examples with phrases, and all that is made of both.

    Phrases, the lexicon, surroundings and prefaces are taken from the last of `corpora` that has
    them, if any has.
    """
    written = [example for example in learn if example.source == OWN]
    public = [example for example in learn if example.source != OWN]
    ours = list(written)
    made: list[Example] = []
    if (path := _last(corpora, phrases.PHRASES.name)) is not None:
        texts, codes = _material(learn)
        for language in phrases.read(path):
            ours += phrases.spoken(language, texts, codes)
            made += phrases.closings(language, ours)
    if (path := _last(corpora, lexicon.LEXICON.name)) is not None:
        made += lexicon.switched(written, lexicon.read(path), 2)
        made += lexicon.switched(ours[len(written) :], lexicon.read(path), 1)
    if (path := _last(corpora, surroundings.SURROUNDINGS.name)) is not None:
        made += surroundings.surrounded(written, surroundings.read(path), 2)
    if (path := _last(corpora, surroundings.PREFACES.name)) is not None:
        made += surroundings.prefaced(written, surroundings.read(path), 2)
    made += examples.in_company(written)
    made += games.played(ours, 2)
    made += games.played(public[::3], 1)
    return [*ours, *public, *made]


def _last(corpora: Sequence[Path], name: str) -> Path | None:
    return next((path / name for path in reversed(corpora) if (path / name).exists()), None)


def _material(learn: Sequence[Example]) -> tuple[dict[str, list[str]], list[str]]:
    """Return long texts by language, and code, to paste into requests."""
    texts: dict[str, list[str]] = {}
    code = []
    for example in learn:
        text = example.request.messages[0].text
        if len(example.request.messages) > 1:
            continue
        if text.count("\n") > 2 and _is_code(text):
            code.append(text)
        elif len(text) > LONG:
            texts.setdefault(example.lang, []).append(text)
    return texts, code


def _is_code(text: str) -> bool:
    return "def " in text or "```" in text or ("{" in text and ";" in text)


def calibrate(scores: Floats, data: Rows, ours: npt.NDArray[np.bool_]) -> Calibration:
    """Find the temperatures and the sigmoid's slope and bias with the least log loss.

    `ours` tells our own examples from others, which count half as much together for the category:
    of prompts that are not like ours the classifier is otherwise too sure.
    """
    grid = np.exp(np.linspace(np.log(0.25), np.log(6), 121))
    best: list[float] = []
    for part, column, groups in ((CATEGORY, 0, (ours, ours, ~ours)), (TIER, 1, (ours,))):
        judged = [group & (data.weights[:, column] > 0) for group in groups]
        sides = [
            (scores[rows, part], data.targets[rows, part].argmax(axis=1))
            for rows in judged
            if rows.any()
        ]
        losses = [sum(_log_loss(said / t, truth) for said, truth in sides) for t in grid]
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


def rounded(fitted: Fitted, known: words.Known) -> Net:
    """Round the table to one byte a weight."""
    table = in_bytes(fitted.table)
    return Net(*known, *table, fitted.trios, fitted.gates, fitted.first, fitted.last)


def in_bytes(table: Floats) -> tuple[Bytes, Floats]:
    """Return a table as bytes and the scale of each column.

    Steps are coarse and far values cut off, so that little is left to store.
    """
    scale = np.maximum(table.std(axis=0) * STEP, 1e-9)
    steps = np.rint(table / scale).clip(-MOST_STEPS, MOST_STEPS)
    return steps.astype(np.int8), scale.astype(np.float32)


def save(path: Path, net: Net, calibration: Calibration) -> Classifier:
    """Write weights and return them as they will be read."""
    settings = np.array([
        calibration.category_temperature, calibration.tier_temperature,
        calibration.follows_slope, calibration.follows_bias,
    ])  # fmt: skip
    arrays = {name: getattr(net, name) for name in Net.__dataclass_fields__}
    digest = hashlib.sha256()
    for array in (*arrays.values(), settings):
        digest.update(np.ascontiguousarray(array).tobytes())
    version = digest.hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, **arrays, calibration=settings, features=np.array(VERSION), version=np.array(version)
    )
    return Classifier.load(path)


def train(
    everything: Sequence[Example],
    path: Path,
    held_out: str = "",
    corpora: Sequence[Path] = (examples.CORPUS,),
) -> Classifier:
    """Train on what is not held out, write the weights to `path` and return the classifier."""
    kept = [e for e in everything if not held_out or not e.source.startswith(held_out)]
    learn = lessons([e for e in kept if e.split is Split.TRAIN], corpora)
    _tell(f"{len(learn)} examples to learn from")
    path_of_words = _last(corpora, lexicon.LEXICON.name)
    pairs = lexicon.ties(lexicon.read(path_of_words)) if path_of_words is not None else []
    families = [example.family for example in learn]
    heard = opinions.of(learn, opinions.load())
    told = Distilled.load()
    data = batches.rows(learn, weigh, told.know)
    known = data.vocabulary.known
    start = fit.Start(told.start(known), pairs)
    tune = [e for e in kept if e.split is Split.TUNE and e.read]
    ours = np.array([example.source == OWN for example in tune])
    kept_aside = batches.rows(tune, weigh, lambda *_: known)
    with cores.apart() as processes:
        data = teachers.taught(data, families, heard, start, processes)
        fitted = processes.submit(fit.fit, data, start, _tell).result()
        scores = processes.submit(predicted, fitted, kept_aside).result()
    return save(path, rounded(fitted, known), calibrate(scores, kept_aside, ours))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


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
    parser.add_argument(
        "--corpus", type=Path, action="append", default=[], metavar="DIR",
        help="a further directory of prompts like learning/corpus; may be given again",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    corpora = [examples.CORPUS, *options.corpus]
    # A directory may hold a further state of prompts that another holds: the last one counts.
    own = {example.id: example for corpus in corpora for example in examples.own(corpus)}
    everything = list(own.values())
    if options.data is not None:
        path = options.data / examples.PROMPTS
        if not path.exists():
            parser.error(f"--data: there is no {path}")
        everything += examples.public(path)
    classifier = train(everything, options.out, options.hold_out, corpora)
    print(report.tell(classifier, everything, options.hold_out))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
