"""Measure a classifier on labelled examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.router.classify import Classification, Classifier
from services.router.features import extract
from services.router.learning.examples import OWN, Example, Split


@dataclass(frozen=True)
class Score:
    """Shares of the examples of which category or tier is known; nan when none is."""

    examples: int
    category: float
    defensible: float  # category, a label's alternative being right too
    tier: float
    within_one: float
    under_by_two: float
    category_ece: float
    tier_ece: float

    def __str__(self) -> str:
        """Return one line of figures."""
        return (
            f"{self.examples:6d} {self.category:9.3f} {self.defensible:7.3f} {self.tier:7.3f}"
            f" {self.within_one:7.3f} {self.under_by_two:7.3f}"
            f" {self.category_ece:8.3f} {self.tier_ece:8.3f}"
        )


def measure(classifier: Classifier, chosen: Sequence[Example]) -> Score:
    """Classify every example and compare with its labels."""
    got = [(e, classifier.classify(extract(e.request))) for e in chosen]
    category = [(c.category_confidence, c.category == e.category) for e, c in got if e.category]
    either = [c.category in {e.category, e.alternative} for e, c in got if e.category]
    off = [(c.confidence, c.tier - e.tier) for e, c in got if e.tier]
    return Score(
        examples=len(got),
        category=_share([right for _, right in category]),
        defensible=_share(either),
        tier=_share([by == 0 for _, by in off]),
        within_one=_share([abs(by) <= 1 for _, by in off]),
        under_by_two=_share([by <= -2 for _, by in off]),
        category_ece=calibration_error(category),
        tier_ece=calibration_error([(confidence, by == 0) for confidence, by in off]),
    )


def calibration_error(pairs: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Return the expected calibration error of (confidence, right) pairs."""
    if not pairs:
        return float("nan")
    confidence = np.array([c for c, _ in pairs])
    right = np.array([r for _, r in pairs], float)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs((confidence - right)[place == b].sum()) for b in range(bins)]
    return float(sum(gaps)) / len(pairs)


def tell(classifier: Classifier, everything: Sequence[Example], held_out: str = "") -> str:
    """Return a table for people: our held-out examples by kind, public ones by source."""
    unseen = [e for e in everything if e.split is Split.TEST]
    own = [e for e in unseen if e.source == OWN]
    groups = {
        "ours, held out": own,
        "  written": [e for e in own if "/" not in e.id],
        "  English": [e for e in own if e.lang == "en"],
        "  not English": [e for e in own if e.lang != "en"],
        "  continuations": [e for e in own if e.follows],
        "  several turns, not one": [e for e in own if e.follows is False],
        "public, read, held out": [e for e in unseen if e.source != OWN and e.read],
        "public, others, held out": [e for e in unseen if not e.read],
    }
    if held_out:
        groups[f"{held_out}, unseen source"] = [
            e for e in everything if e.source.startswith(held_out)
        ]
    lines = [f"{'':26}     n  category  or alt    tier  within  under2  cat-ECE tier-ECE"]
    lines += [f"{name:26}{measure(classifier, group)}" for name, group in groups.items() if group]
    return "\n".join([f"weights {classifier.version}", *lines])


def _share(hits: Sequence[bool]) -> float:
    return float(np.mean(hits)) if hits else float("nan")


__all__ = ["Classification", "Score", "calibration_error", "measure", "tell"]
