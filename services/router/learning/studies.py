"""What the gain of a stronger model is learned from.

Four kinds of study: prompts that we wrote and rated ourselves, our labelled corpus (harder tiers
gain more, and reasoning gains more than style), public prompts that we rated one by one, and
public outcomes, where the gain is what the better models of a file scored over the weaker ones.
"""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from services.catalog import Category, Tier
from services.errors import Kind, RoutorError
from services.router.learning import examples, labels, records
from services.router.learning.facts import Facts, Form, Vector, facts
from services.router.learning.records import Outcomes

RATED: Final = Path(__file__).parent / "rated"

# On the scale of the rated prompts, 0 to 10: what a stronger model adds by tier, and by category.
TIER_GAIN: Final = {
    Tier.NANO: 0.0,
    Tier.SIMPLE: 1.0,
    Tier.LIGHT: 2.5,
    Tier.STANDARD: 5.0,
    Tier.COMPLEX: 8.0,
}
CATEGORY_GAIN: Final = {
    Category.MATH: 3.0,
    Category.CODING: 2.5,
    Category.DEBUGGING: 2.5,
    Category.REASONING: 2.5,
    Category.SCIENCE: 1.0,
    Category.INSTRUCTION_FOLLOWING: 1.0,
    Category.PLANNING: 0.5,
    Category.RESEARCH: 0.5,
    Category.TOOL_USE: 0.5,
    Category.EXTRACTION: 0.5,
    Category.SUMMARIZATION: -0.5,
    Category.WRITING: -1.0,
    Category.CREATIVE: -1.0,
    Category.CHAT: -1.0,
    Category.SIMPLE_QA: -1.0,
}
# The same for prompts that were rated one by one: these are the means of the categories, for those
# who rated compared a prompt with its like. On open questions strong models stand out in
# mathematics, logic and code, and hardly in what all write well.
CATEGORY_MEAN: Final = {
    Category.MATH: 5.5,
    Category.REASONING: 5.2,
    Category.DEBUGGING: 5.0,
    Category.CODING: 4.8,
    Category.INSTRUCTION_FOLLOWING: 3.6,
    Category.TOOL_USE: 3.0,
    Category.MULTILINGUAL: 2.8,
    Category.EXTRACTION: 2.7,
    Category.SCIENCE: 2.4,
    Category.PLANNING: 2.3,
    Category.RESEARCH: 2.0,
    Category.VISION: 2.0,
    Category.SUMMARIZATION: 1.7,
    Category.CREATIVE: 1.6,
    Category.WRITING: 1.4,
    Category.SIMPLE_QA: 1.1,
    Category.CHAT: 0.8,
}
LABELS_WEIGHT: Final = 2.0
PROBLEMS_WEIGHT: Final = 3.0
TOPIC_WORDS: Final = 6  # words of a topic that are seen together
TOPIC_ROUNDS: Final = 3
MOST_PROMPTS: Final = 700  # of one study of outcomes
# How much an outcome study counts against one that we rated: its models are not those asked about,
# and its answers are noisy.
OUTCOME_WEIGHT: Final = 0.3
LEAST_PROMPTS: Final = 100
# The MMLU-Pro questions that were added to it, not those from MMLU's test set, are in this file.
KEPT_IN: Final = ("mmlupro/",)
LEAST_GAIN: Final = 0.05
# The share of a file's models that count as strong, and the next that count as weak.
STRONG, WEAK = 0.25, 0.6


@dataclass(frozen=True, eq=False)
class Study:
    """Prompts of one kind and how much a stronger model gains on each, in any unit."""

    name: str
    prompts: Sequence[Facts]
    gains: Vector
    weight: float = 1.0


class _Rated(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    gain: float
    prompt: str


class _Topic(msgspec.Struct, forbid_unknown_fields=True):
    gain: float
    topic: str
    words: str


def studies(data: Path | None = None) -> list[Study]:
    """Return all that was rated and, with a folder of outcomes, the studies of its files."""
    found = rated(data)
    if data is not None:
        paths = sorted([*data.glob("*.parquet"), *data.glob("*.jsonl")])
        if not paths:
            told = f"{data} holds no outcomes: no .parquet or .jsonl file"
            raise RoutorError(Kind.INVALID_REQUEST, told)
        for path in paths:
            found += of_outcomes(path.stem, records.outcomes(path))
    return found


def rated(data: Path | None = None) -> list[Study]:
    """Return what was rated: our own prompts and those public ones whose texts `data` holds."""
    found = [*_rated(), _topics(), _corpus()]
    if data is not None:
        found += _read_one_by_one(data / examples.PROMPTS)
    return found


def _rated() -> Iterator[Study]:
    lines = (RATED / "prompts.jsonl").read_bytes().splitlines()
    rows = [msgspec.json.decode(line, type=_Rated) for line in lines]
    for kind in sorted({row.kind for row in rows}):
        mine = [row for row in rows if row.kind == kind]
        yield Study(kind, [facts([row.prompt]) for row in mine], np.array([r.gain for r in mine]))


def _topics() -> Study:
    """Show the words of each topic a few at a time; such bags of words have no other facts."""
    random = np.random.default_rng(0)
    bags, gains = [], []
    for line in (RATED / "topics.jsonl").read_bytes().splitlines():
        topic = msgspec.json.decode(line, type=_Topic)
        words = topic.words.split()
        for _ in range(TOPIC_ROUNDS):
            order = random.permutation(len(words)).tolist()
            for start in range(0, len(words), TOPIC_WORDS):
                text = " ".join(words[i] for i in order[start : start + TOPIC_WORDS])
                whole = facts([text])
                bags.append(replace(whole, dense=np.empty(0), form=Form.OPTIONS))
                gains.append(topic.gain)
    return Study("topics", bags, np.array(gains))


def _corpus() -> Study:
    chosen = [
        example
        for example in examples.own()
        if len(example.request.messages) == 1 and not example.request.tools
    ]
    gains = [
        TIER_GAIN[one.tier] + CATEGORY_GAIN.get(one.category, 0.0)
        for one in chosen
        if one.tier and one.category
    ]
    prompts = [facts([one.request.messages[0].text]) for one in chosen if one.tier and one.category]
    return Study("corpus", prompts, np.array(gains))


def _read_one_by_one(path: Path) -> Iterator[Study]:
    """Yield studies of public prompts whose ratings are at hand, if the prompts are."""
    if not path.exists():
        return
    with gzip.open(path) as file:
        texts = {_key(row): row["prompt"] for row in map(msgspec.json.decode, file)}
    problems = [row for row in _table(RATED / "problems.tsv") if _key(row) in texts]
    if problems:
        gains = np.array([float(row["gain"]) for row in problems])
        yield Study("problems", _of(texts, problems), gains, PROBLEMS_WEIGHT)
    read = [row for row in _table(RATED / "labels.tsv") if _key(row) in texts]
    read = [row for row in read if not labels.kept_out(row["source"], "")]
    if read:
        kinds = np.array([Category(row["category"]) for row in read])
        gains = np.array([float(row["gain"]) for row in read])
        for kind in sorted(set(kinds.tolist())):
            gains[kinds == kind] += CATEGORY_MEAN[Category(kind)] - gains[kinds == kind].mean()
        yield Study("labels", _of(texts, read), gains, LABELS_WEIGHT)


def _table(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["source"], str(row["prompt_id"])


def _of(texts: dict[tuple[str, str], str], read: Sequence[dict[str, str]]) -> list[Facts]:
    return [facts([texts[_key(row)]]) for row in read]


def of_outcomes(name: str, outcomes: Outcomes) -> Iterator[Study]:
    """Yield a study per source of a file (where it names them), if it has enough prompts."""
    sources = np.array(outcomes.categories)
    for source in sorted(set(sources.tolist())):
        mine = np.flatnonzero(sources == source)
        told = f"{name}/{source}"
        if len(mine) < LEAST_PROMPTS or _kept_out(told.lower()):
            continue
        gains = _gains(outcomes.scores[mine])
        known = ~np.isnan(gains)
        if known.sum() < LEAST_PROMPTS or gains[known].mean() < LEAST_GAIN:
            continue
        step = -(-int(known.sum()) // MOST_PROMPTS)
        prompts = [outcomes.features[i] for i in mine[known][::step].tolist()]
        yield Study(told, prompts, gains[known][::step], OUTCOME_WEIGHT)


def _kept_out(told: str) -> bool:
    return not told.startswith(KEPT_IN) and any(word in told for word in labels.KEPT_OUT)


def _gains(scores: Vector) -> Vector:
    """Return what the best quarter of the models scored over those in the middle."""
    order = np.argsort(-np.nanmean(scores, axis=0))
    strong = max(round(STRONG * len(order)), 1)
    weak = max(round(WEAK * len(order)), strong + 1)
    with np.errstate(invalid="ignore"):
        best = np.nanmean(scores[:, order[:strong]], axis=1)
        middle = np.nanmean(scores[:, order[strong:weak]], axis=1)
    gains: Vector = best - middle
    return gains
