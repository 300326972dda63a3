"""What `routor predict` and `routor eval` do."""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, TextIO

import msgspec
import numpy as np

from services import catalog
from services.errors import Kind, RoutorError
from services.router import classify as classes
from services.router.classify import Classifier
from services.router.features import extract
from services.router.learning import evaluation, examples, gain, records
from services.router.learning import train as training
from services.router.learning.evaluation import Judgement
from services.router.learning.forecast import Forecaster
from services.router.learning.gain import Gain
from services.router.learning.success import learn

BATCH: Final = 256


def classify(options: argparse.Namespace) -> int:
    """Judge every prompt of standard input; return the exit code."""
    classifier = Classifier.load()
    done = 0
    for done, asked in enumerate(records.prompts(sys.stdin.buffer), 1):
        judged = classifier.classify(extract(asked.request))
        told = {
            "id": asked.id,
            "category": judged.category.value,
            "category_confidence": round(judged.category_confidence, 4),
            "difficulty": round(judged.difficulty, 4),
            "tier": judged.tier.name,
            "confidence": round(judged.confidence, 4),
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        if done % BATCH == 0:
            _tell(f"{done} prompts")
    sys.stdout.flush()
    _tell("", end=True)
    return 0


def predict(options: argparse.Namespace) -> int:
    """Answer every prompt of standard input; return the exit code."""
    models = _names(options.models, "--models")
    learned = None
    if options.outcomes is not None:
        _tell(f"learning from {options.outcomes.name}")
        learned = learn(records.outcomes(options.outcomes))
    forecaster = Forecaster(models, catalog.read(), Classifier.load(), Gain.load(), learned)
    _stream(forecaster, sys.stdin.buffer, sys.stdout)
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures of a file of outcomes; return the exit code."""
    pair = _names(options.pair, "--pair") if options.pair else None
    if pair and len(pair) != 2:
        raise RoutorError(Kind.INVALID_REQUEST, "--pair needs two models: STRONG,WEAK.")
    if options.folds and (options.folds < 2 or options.outcomes):
        raise RoutorError(
            Kind.INVALID_REQUEST, "--folds needs at least 2, and goes without --outcomes."
        )
    if options.plot and options.plot.suffix != ".svg":
        raise RoutorError(Kind.INVALID_REQUEST, "--plot draws SVG: name a file that ends in .svg.")
    _tell(f"reading {options.file.name}")
    asked = records.outcomes(options.file)
    known = records.outcomes(options.outcomes) if options.outcomes else None
    report = evaluation.evaluate(
        asked,
        _policy(pair),
        known,
        folds=options.folds,
        pair=(pair[0], pair[1]) if pair else None,
        tell=_tell,
    )
    _tell("")
    sys.stdout.write(f"{report}\n")
    if options.plot:
        _write(options.plot, report.svg())
    return 0


def train(options: argparse.Namespace) -> int:
    """Learn all weights again; return the exit code."""
    for folder in (options.data, options.corpus):
        if folder is not None and not folder.is_dir():
            raise RoutorError(Kind.INVALID_REQUEST, f"{folder}: not a folder.")
    options.out.mkdir(parents=True, exist_ok=True)
    labelled = options.data is not None and (options.data / examples.PROMPTS).exists()
    _tell("learning categories and difficulty")
    classifying = ["--out", str(options.out / classes.WEIGHTS.name)]
    if labelled:
        classifying += ["--data", str(options.data)]
    if options.corpus is not None:
        classifying += ["--corpus", str(options.corpus)]
    if options.hold_out:
        classifying += ["--hold-out", options.hold_out]
    training.main(classifying)
    _tell("learning gain")
    gaining = ["--out", str(options.out / gain.WEIGHTS.name)]
    if options.data is not None:
        gaining += ["--data", str(options.data)]
    return gain.main(gaining)


def _policy(pair: list[str] | None) -> evaluation.Policy:
    """Return Routor's own predictions as a policy."""
    facts, classifier, gains = catalog.read(), Classifier.load(), Gain.load()

    def judge(known: records.Outcomes | None, asked: records.Outcomes) -> Judgement:
        learned = learn(known) if known else None
        prompts = [records.plain(number, text) for number, text in enumerate(asked.prompts)]
        forecaster = Forecaster(asked.models, facts, classifier, gains, learned)
        chances = forecaster.chances(prompts) if forecaster.tells_apart else None
        ranking = None
        if pair:
            two = Forecaster(pair, facts, classifier, gains, learned)
            ranking = np.array([one.gain for one in two.forecast(prompts)])
        return Judgement(chances, ranking)

    return judge


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise RoutorError(Kind.INVALID_REQUEST, f"{path}: {error.strerror}") from None


def _stream(forecaster: Forecaster, source: BinaryIO, target: TextIO) -> None:
    """Answer line by line, in batches, with a count on the terminal where there is one."""
    prompts: Iterator[records.Prompt] = records.prompts(source)
    done = 0
    while batch := list(islice(prompts, BATCH)):
        for forecast in forecaster.forecast(batch):
            target.write(msgspec.json.encode(forecast.document()).decode() + "\n")
        done += len(batch)
        _tell(f"{done} prompts")
    target.flush()
    _tell("", end=True)


def _tell(line: str, end: bool = False) -> None:
    """Show progress, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if end and line else ""))
        sys.stderr.flush()


def _names(given: str, option: str) -> list[str]:
    names = [name.strip() for name in given.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise RoutorError(
            Kind.INVALID_REQUEST, f"{option} needs different names with commas between them."
        )
    return names
