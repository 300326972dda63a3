"""What a stronger model is expected to add on a prompt, whoever the two models are.

Linear in the facts of a prompt, in what it means and in its words; facts and meanings weigh
differently for each form of prompt, as far as what was rated says so. `python -m
services.router.learning.gain --data DIR` learns the weights from the studies of `studies.py`; in
each, only differences between its own prompts count, so what is learned is what makes one prompt
of a kind worth more than another.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from services.router.learning.facts import NAMES, Facts, Form, Vector
from services.router.learning.meanings import DIMENSIONS
from services.router.learning.space import Points
from services.router.learning.studies import Study, studies

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "gain.npz"

VOCABULARY: Final = 4000
LEAST_PROMPTS: Final = 2
# Squared lengths of a prompt's words, of all its facts and of its meaning; and of the facts and
# the meaning once more, apart for each form. Chosen by how well ratings left out were ranked:
# .66 for chat, .45 for word problems, .85 for exams, where words and facts alone had .48, .43
# and .74 (2026-11).
WORDS_WEIGHT: Final = 0.5
FACTS_WEIGHT: Final = 0.7
FORM_FACTS_WEIGHT: Final = 0.25
MEANING_WEIGHT: Final = 1.0
FORM_MEANING_WEIGHT: Final = 0.5
FURTHEST: Final = 3.0
SHRINKAGE: Final = 0.03
STEPS: Final = 200
# Where predictions are put: pairs of models that are offered side by side differ by some 0.2 in
# the public outcomes, and by a usual 0.1 from prompt to prompt.
MEAN_GAIN, GAIN_STDDEV = 0.2, 0.1
# Of questions with one right answer the longer gains more, whatever else is known: added to what is
# learned, in standard deviations of the gain per e-fold of length. Elsewhere length tells little:
# a summary is no harder for a long text.
PER_LOG_LENGTH: Final = {
    "length of a question with options": 0.7,
    "length of a question about quantities": 1.0,
}


@dataclass(frozen=True, eq=False)
class Gain:
    """The learned weights.

    `buckets` are those of the words that count, ascending, `rarity` and `words` are theirs;
    `mean` and `spread` are the facts'. `dense`: (forms, facts), `meaning`: (forms, dimensions).
    `offset` and `scale` turn the sum into log odds.
    """

    buckets: npt.NDArray[np.int64]
    rarity: Vector
    words: Vector
    mean: Vector
    spread: Vector
    dense: Vector
    meaning: Vector
    offset: float = 0.0
    scale: float = 1.0

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read weights as this module's command writes them.

        Raises ValueError when they were learned for other facts.
        """
        with np.load(path, allow_pickle=False) as file:
            if tuple(file["names"].tolist()) != NAMES:
                raise ValueError(f"{path.name} is of other facts: learn it again")
            arrays = [file[name].astype(np.float64) for name in _ARRAYS]
            return cls(file["buckets"], *arrays, *file["calibration"].tolist())

    def save(self, path: Path) -> None:
        """Write the weights in single precision."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            names=np.array(NAMES),
            buckets=self.buckets,
            calibration=np.array([self.offset, self.scale]),
            **{name: getattr(self, name).astype(np.float32) for name in _ARRAYS},
        )

    def scores(self, prompts: Sequence[Facts]) -> Vector:
        """Return the expected gain of each prompt, in P(success)."""
        scores: Vector = 1 / (1 + np.exp(-self.offset - self.scale * self.sums(prompts)))
        return scores

    def sums(self, prompts: Sequence[Facts]) -> Vector:
        """Return what gains are read off, in standard deviations."""
        return np.array([self._sum(one) for one in prompts])

    def points(self, prompts: Sequence[Facts]) -> Points:
        """Return (prompts, columns) to learn from: words, facts and meaning, in `_parts`."""
        parts = _parts(len(self.words))
        points = np.zeros((len(prompts), parts[-1].stop), np.float32)
        for row, one in zip(points, prompts, strict=True):
            places, values = self._words(one)
            row[places] = values * np.sqrt(WORDS_WEIGHT)
            facts, form = self._facts(one), 1 + int(one.form)
            row[parts[1]] = facts * np.sqrt(FACTS_WEIGHT)
            row[parts[1 + form]] = facts * np.sqrt(FORM_FACTS_WEIGHT)
            row[parts[5]] = one.meaning * np.sqrt(MEANING_WEIGHT)
            row[parts[5 + form]] = one.meaning * np.sqrt(FORM_MEANING_WEIGHT)
        return points

    def _sum(self, one: Facts) -> float:
        places, values = self._words(one)
        total = values @ self.words[places] + self._facts(one) @ self.dense[one.form]
        return float(total + one.meaning @ self.meaning[one.form])

    def _words(self, one: Facts) -> tuple[npt.NDArray[np.int64], Vector]:
        places = np.searchsorted(self.buckets, one.words)
        known = places < len(self.buckets)
        known[known] = self.buckets[places[known]] == one.words[known]
        values = one.weights[known] * self.rarity[places[known]]
        return places[known], values / max(float(np.linalg.norm(values)), 1e-9)

    def _facts(self, one: Facts) -> Vector:
        if not one.dense.size:
            return np.zeros(len(NAMES))
        furthest: Vector = np.clip((one.dense - self.mean) / self.spread, -FURTHEST, FURTHEST)
        scaled: Vector = furthest / np.sqrt(len(NAMES))
        return scaled


_ARRAYS: Final = ("rarity", "words", "mean", "spread", "dense", "meaning")


def _parts(words: int) -> list[slice]:
    """Return the columns of words, facts of all forms, of each form, meanings in the same way."""
    count = 1 + len(Form)
    ends = np.cumsum([words, *[len(NAMES)] * count, *[DIMENSIONS] * count]).tolist()
    return [slice(begin, end) for begin, end in pairwise([0, *ends])]


def fit(learned_from: Sequence[Study]) -> Gain:
    """Learn from studies; the same studies give the same weights."""
    blank = _blank([one for study in learned_from for one in study.prompts])
    rows, targets = [], []
    for study in learned_from:
        weight = np.sqrt(study.weight / len(study.prompts))
        points = blank.points(study.prompts)
        rows.append((points - points.mean(axis=0)) * np.float32(weight))
        centred = study.gains - study.gains.mean()
        targets.append(centred / max(float(centred.std()), 1e-9) * weight)
    raw = _folded(blank, _ridge(np.vstack(rows), np.concatenate(targets)))
    unit = float(np.sqrt(np.mean([raw.sums(study.prompts).var() for study in learned_from])))
    unit = max(unit, 1e-9)
    learned = replace(
        raw, words=raw.words / unit, dense=raw.dense / unit, meaning=raw.meaning / unit
    )
    for name, steps in PER_LOG_LENGTH.items():
        place = NAMES.index(name)
        if np.isfinite(raw.spread[place]):
            learned.dense[:, place] += steps * raw.spread[place] * np.sqrt(len(NAMES))
    logit = float(np.log(MEAN_GAIN / (1 - MEAN_GAIN)))
    middle = float(np.mean([learned.sums(study.prompts).mean() for study in learned_from]))
    slope = GAIN_STDDEV / (MEAN_GAIN * (1 - MEAN_GAIN))
    return replace(learned, offset=logit - slope * middle, scale=slope)


def _folded(blank: Gain, weights: Vector) -> Gain:
    """Add up what holds for all forms and what for each."""
    parts = [weights[part] for part in _parts(len(blank.words))]
    dense = [
        np.sqrt(FACTS_WEIGHT) * parts[1] + np.sqrt(FORM_FACTS_WEIGHT) * parts[2 + form]
        for form in Form
    ]
    meaning = [
        np.sqrt(MEANING_WEIGHT) * parts[5] + np.sqrt(FORM_MEANING_WEIGHT) * parts[6 + form]
        for form in Form
    ]
    words = np.sqrt(WORDS_WEIGHT) * parts[0]
    return replace(blank, words=words, dense=np.array(dense), meaning=np.array(meaning))


def _blank(prompts: Sequence[Facts]) -> Gain:
    """Choose the words and measure the facts, all weights being 0."""
    seen: Counter[int] = Counter()
    for one in prompts:
        seen.update(one.words.tolist())
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:VOCABULARY]
    kept = sorted((bucket, count) for bucket, count in ranked if count >= LEAST_PROMPTS)
    counts = np.array([count for _, count in kept], np.float64)
    dense = np.array([one.dense for one in prompts if one.dense.size])
    spread = dense.std(axis=0)
    return Gain(
        buckets=np.array([bucket for bucket, _ in kept], np.int64),
        rarity=1 + np.log((1 + len(prompts)) / (1 + counts)),
        words=np.zeros(len(kept)),
        mean=dense.mean(axis=0),
        spread=np.where(spread > 1e-6, spread, np.inf),
        dense=np.zeros((len(Form), len(NAMES))),
        meaning=np.zeros((len(Form), DIMENSIONS)),
    )


def _ridge(points: Points, targets: Vector) -> Vector:
    """Solve by conjugate gradients: the matrix is large and a few digits are enough."""
    weights = np.zeros(points.shape[1])
    rest = (points.T @ targets.astype(np.float32)).astype(np.float64)
    way = rest.copy()
    size = first = float(rest @ rest)
    for _ in range(STEPS):
        if size <= 1e-8 * first:
            break
        bent = points.T @ (points @ way.astype(np.float32)) + SHRINKAGE * way
        step = size / float(way @ bent)
        weights += step * way
        rest -= step * bent
        size, before = float(rest @ rest), size
        way = rest + size / before * way
    return weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn the weights from the command line and name the facts that count most."""
    parser = argparse.ArgumentParser(
        prog="python -m services.router.learning.gain",
        description="Learn what makes a stronger model worth its price.",
        epilog="example: python -m services.router.learning.gain --data ~/outcomes",
    )
    parser.add_argument("--data", type=Path, help="a folder of outcomes: .parquet or .jsonl files")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where to write the weights")
    options = parser.parse_args(arguments)
    chosen = studies(options.data)
    learned = fit(chosen)
    learned.save(options.out)
    for study in chosen:
        print(f"{study.name:40} {len(study.prompts):6d} prompts")  # noqa: T201
    for form, weights in zip(Form, learned.dense, strict=True):
        most = np.argsort(-np.abs(weights))[:8].tolist()
        print(form.name, *(f"{NAMES[place]} {weights[place]:+.2f}" for place in most), sep="\n  ")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
