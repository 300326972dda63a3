"""What the gain of a stronger model is learned from.

Three kinds of study: prompts that we rated ourselves, our labelled corpus (harder tiers gain more,
and reasoning gains more than style), and public outcomes, where the gain is what the better models
of a file scored over the weaker ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from services.catalog import Category, Tier
from services.errors import Kind, RoutorError
from services.router.learning import examples, records
from services.router.learning.facts import Facts, Vector, facts
from services.router.learning.labels import KEPT_OUT
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
    """Return our own studies and, with a folder of outcomes, those of its files."""
    found = [*_rated(), _topics(), _corpus()]
    if data is not None:
        paths = sorted([*data.glob("*.parquet"), *data.glob("*.jsonl")])
        if not paths:
            told = f"{data} holds no outcomes: no .parquet or .jsonl file"
            raise RoutorError(Kind.INVALID_REQUEST, told)
        for path in paths:
            found += of_outcomes(path.stem, records.outcomes(path))
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
                bags.append(Facts(np.empty(0), whole.words, whole.weights))
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
    return not told.startswith(KEPT_IN) and any(word in told for word in KEPT_OUT)


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
