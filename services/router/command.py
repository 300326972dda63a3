"""The brain's commands: `routor predict` and `routor eval`."""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import msgspec

from services import catalog
from services.errors import Kind, RoutorError
from services.router.classify import Classifier
from services.router.learning import records
from services.router.learning.forecast import Forecaster
from services.router.learning.gain import Gain
from services.router.learning.success import learn

BATCH: Final = 256


def register(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the commands to the command line."""
    predict = commands.add_parser(
        "predict",
        help="predict P(success) of models for prompts on standard input",
        description="Read JSON lines {id, prompt} or {id, messages} and write, for each, "
        "{id, models: P(success), stderr, gain}: gain is what the strongest named model adds.",
        epilog="example: routor predict --jsonl --models openai/gpt-5.5,zai/glm-5.2 < prompts.jsonl",
    )
    predict.add_argument("--jsonl", action="store_true", required=True, help="JSON lines in and out")
    predict.add_argument("--models", required=True, metavar="A,B", help="any names; commas between")
    predict.add_argument(
        "--outcomes",
        type=Path,
        metavar="FILE",
        help="learn first from its rows prompt, model, score (JSON lines or Parquet)",
    )
    predict.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    models = _names(options.models)
    learned = None
    if options.outcomes is not None:
        learned = learn(records.outcomes(options.outcomes))
    forecaster = Forecaster(models, catalog.read(), Classifier.load(), Gain.load(), learned)
    _stream(forecaster, sys.stdin.buffer, sys.stdout)
    return 0


def _stream(forecaster: Forecaster, source: BinaryIO, target: TextIO) -> None:
    """Answer line by line, in batches, with a count on the terminal where there is one."""
    prompts: Iterator[records.Prompt] = records.prompts(source)
    done = 0
    while batch := list(islice(prompts, BATCH)):
        for forecast in forecaster.forecast(batch):
            target.write(msgspec.json.encode(forecast.document()).decode() + "\n")
        done += len(batch)
        tell(f"{done} prompts")
    target.flush()
    tell("", end=True)


def tell(line: str, end: bool = False) -> None:
    """Show progress, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if end and line else ""))
        sys.stderr.flush()


def _names(given: str) -> list[str]:
    names = [name.strip() for name in given.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise RoutorError(
            Kind.INVALID_REQUEST, "--models needs different names with commas between them."
        )
    return names
