"""What a stronger model is expected to add on a prompt, whoever the two models are.

Linear in the facts of a prompt and in its words. `python -m services.router.learning.gain --data
DIR` learns the weights from the studies of `studies.py`; in each, only differences between its
own prompts count, so what is learned is what makes one prompt of a kind worth more than another.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from services.router.learning.facts import NAMES, Facts, Vector
from services.router.learning.space import Points
from services.router.learning.studies import Study, studies

WEIGHTS: Final = Path(__file__).parent.parent / "weights" / "gain.npz"

VOCABULARY: Final = 4000
LEAST_PROMPTS: Final = 2
FACTS_WEIGHT: Final = 0.5  # squared length of all facts together against all words
FURTHEST: Final = 3.0
SHRINKAGE: Final = 0.3
STEPS: Final = 200
# Where predictions are put: pairs of models that are offered side by side differ by some 0.2 in
# the public outcomes, and by a usual 0.1 from prompt to prompt.
MEAN_GAIN, GAIN_STDDEV = 0.2, 0.1
# Of questions with one right answer the longer gains more, whatever else is known: added to what is
# learned, in standard deviations of the gain per e-fold of length. Without it word problems were
# ranked worse than by their length alone. Elsewhere length tells little: a summary is no harder
# for a long text.
PER_LOG_LENGTH: Final = {
    "length of a question with options": 0.7,
    "length of a question about quantities": 2.0,
}


@dataclass(frozen=True, eq=False)
class Gain:
    """The learned weights.

    `buckets` are those of the words that count, ascending, `rarity` and `words` are theirs;
    `mean`, `spread` and `dense` are the facts'. `offset` and `scale` turn the sum into
    log odds.
    """

    buckets: npt.NDArray[np.int64]
    rarity: Vector
    words: Vector
    mean: Vector
    spread: Vector
    dense: Vector
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
            arrays = [file[name].astype(np.float64) for name in ("rarity", "words", "facts")]
            rarity, words, (mean, spread, dense) = arrays[0], arrays[1], arrays[2]
            offset, scale = file["calibration"].tolist()
            return cls(file["buckets"], rarity, words, mean, spread, dense, offset, scale)

    def save(self, path: Path) -> None:
        """Write the weights in single precision."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            names=np.array(NAMES),
            buckets=self.buckets,
            rarity=self.rarity.astype(np.float32),
            words=self.words.astype(np.float32),
            facts=np.stack([self.mean, self.spread, self.dense]).astype(np.float32),
            calibration=np.array([self.offset, self.scale]),
        )

    def scores(self, prompts: Sequence[Facts]) -> Vector:
        """Return the expected gain of each prompt, in P(success)."""
        sums = np.array([self._sum(one) for one in prompts])
        scores: Vector = 1 / (1 + np.exp(-self.offset - self.scale * sums))
        return scores

    def points(self, prompts: Sequence[Facts]) -> Points:
        """Return (prompts, words and facts) as the weights apply to them."""
        points = np.zeros((len(prompts), len(self.words) + len(self.dense)), np.float32)
        for row, one in zip(points, prompts, strict=True):
            places, values = self._words(one)
            row[places] = values
            row[len(self.words) :] = self._facts(one)
        return points

    def _sum(self, one: Facts) -> float:
        places, values = self._words(one)
        return float(values @ self.words[places] + self._facts(one) @ self.dense)

    def _words(self, one: Facts) -> tuple[npt.NDArray[np.int64], Vector]:
        places = np.searchsorted(self.buckets, one.words)
        known = places < len(self.buckets)
        known[known] = self.buckets[places[known]] == one.words[known]
        values = one.weights[known] * self.rarity[places[known]]
        return places[known], values / max(float(np.linalg.norm(values)), 1e-9)

    def _facts(self, one: Facts) -> Vector:
        if not one.dense.size:
            return np.zeros(len(self.dense))
        furthest: Vector = np.clip((one.dense - self.mean) / self.spread, -FURTHEST, FURTHEST)
        scaled: Vector = furthest * np.sqrt(FACTS_WEIGHT / len(NAMES))
        return scaled


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
    weights = _ridge(np.vstack(rows).astype(np.float64), np.concatenate(targets))
    count = len(blank.words)
    raw = replace(blank, words=weights[:count], dense=weights[count:])
    unit = float(np.sqrt(np.mean([_sums(raw, study).var() for study in learned_from])))
    dense = raw.dense / max(unit, 1e-9)
    for name, steps in PER_LOG_LENGTH.items():
        place = NAMES.index(name)
        if np.isfinite(raw.spread[place]):
            dense[place] += steps * raw.spread[place] / np.sqrt(FACTS_WEIGHT / len(NAMES))
    longer = replace(raw, words=raw.words / max(unit, 1e-9), dense=dense)
    logit = float(np.log(MEAN_GAIN / (1 - MEAN_GAIN)))
    middle = float(np.mean([_sums(longer, study).mean() for study in learned_from]))
    slope = GAIN_STDDEV / (MEAN_GAIN * (1 - MEAN_GAIN))
    return replace(longer, offset=logit - slope * middle, scale=slope)


def _sums(gain: Gain, study: Study) -> Vector:
    return np.array([gain._sum(one) for one in study.prompts])


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
        dense=np.zeros(len(NAMES)),
    )


def _ridge(points: Vector, targets: Vector) -> Vector:
    """Solve by conjugate gradients: the matrix is large and a few digits are enough."""
    weights = np.zeros(points.shape[1])
    rest = points.T @ targets
    way = rest.copy()
    size = first = float(rest @ rest)
    for _ in range(STEPS):
        if size <= 1e-10 * first:
            break
        bent = points.T @ (points @ way) + SHRINKAGE * way
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
    for place in np.argsort(-np.abs(learned.dense))[:12].tolist():
        print(f"  {NAMES[place]:28} {learned.dense[place]:+.3f}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
