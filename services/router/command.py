"""The brain's commands on the command line: `routor classify`, `predict`, `eval` and `train`.

Only their options are here. What they do, and numpy with it, is imported when they run.
"""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def register(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the commands to the command line."""
    for add in (_classify, _predict, _eval, _train):
        add(commands)


def _classify(commands: "argparse._SubParsersAction[Any]") -> None:
    classify = commands.add_parser(
        "classify",
        help="tell category, difficulty and tier of prompts on standard input",
        description="Read JSON lines {id, prompt} or {id, messages, tools} and write, for each, "
        "{id, category, category_confidence, difficulty, tier, confidence}.",
        epilog='example: echo \'{"id": 1, "prompt": "hi"}\' | routor classify --jsonl',
    )
    classify.add_argument(
        "--jsonl", action="store_true", required=True, help="JSON lines in and out"
    )
    classify.set_defaults(run=_later("classify"))


def _predict(commands: "argparse._SubParsersAction[Any]") -> None:
    predict = commands.add_parser(
        "predict",
        help="predict P(success) of models for prompts on standard input",
        description="Read JSON lines {id, prompt} or {id, messages} and write, for each, "
        "{id, models: P(success), stderr, gain}: gain is what the strongest named model adds.",
        epilog="example: routor predict --jsonl --models openai/gpt-5.5,zai/glm-5.2 < in.jsonl",
    )
    predict.add_argument(
        "--jsonl", action="store_true", required=True, help="JSON lines in and out"
    )
    predict.add_argument("--models", required=True, metavar="A,B", help="any names; commas between")
    predict.add_argument(
        "--outcomes",
        type=Path,
        metavar="FILE",
        help="learn first from its rows prompt, model, score (JSON lines or Parquet)",
    )
    predict.set_defaults(run=_later("predict"))


def _eval(commands: "argparse._SubParsersAction[Any]") -> None:
    judge = commands.add_parser(
        "eval",
        help="score predictions on a file of outcomes, next to simpler policies",
        description="Compare quality and cost of routing by Routor's predictions with oracle, best "
        "single model, random, prompt length and, where they may learn, kNN and a k-means table. "
        "Nothing is learned from the file's answers unless --folds asks for it.",
        epilog="example: routor eval outcomes.jsonl --pair openai/gpt-5.5,zai/glm-5.2 "
        "--outcomes earlier.jsonl --plot cost.svg",
    )
    judge.add_argument(
        "file", type=Path, metavar="FILE", help="prompt, model, score[, cost_usd] (see predict)"
    )
    judge.add_argument("--pair", metavar="STRONG,WEAK", help="also APGR, CPT50 and CPT80 of two")
    judge.add_argument("--outcomes", type=Path, metavar="FILE", help="learn from these outcomes")
    judge.add_argument(
        "--folds", type=int, default=0, metavar="N", help="learn from the other folds of FILE"
    )
    judge.add_argument("--plot", type=Path, metavar="OUT.svg", help="draw cost against quality")
    judge.set_defaults(run=_later("evaluate"))


def _train(commands: "argparse._SubParsersAction[Any]") -> None:
    train = commands.add_parser(
        "train",
        help="learn the brain's weights again, with a report on what was held out",
        description="Learn category and difficulty from Routor's own prompts and those of --corpus "
        "and --data, and the gain of stronger models from the outcomes in --data. The same "
        "prompts give the same weights, bit for bit. A router reads the weights of "
        "ROUTOR_ROUTER_WEIGHTS_DIR.",
        epilog="example: routor train --data ~/data --out ~/weights",
    )
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the weights")
    train.add_argument("--data", type=Path, metavar="DIR", help="outcomes and labelled prompts")
    train.add_argument("--corpus", type=Path, metavar="DIR", help="prompts like learning/corpus")
    train.add_argument("--hold-out", default="", metavar="SOURCE", help="learn nothing of it")
    train.set_defaults(run=_later("train"))


def _later(name: str) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        errors = import_module("services.errors")
        try:
            result: int = getattr(import_module("services.router.learning.run"), name)(options)
        except errors.RoutorError as error:
            sys.stderr.write(f"routor: {error.message}\n")
            return 1
        return result

    return run
