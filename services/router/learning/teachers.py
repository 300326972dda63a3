"""Soften labels by what is thought of an example by teachers that did not learn from it.

A net learns its examples by heart, each variant of a prompt in its own way. So families of
examples are dealt into folds, and each fold is judged by a teacher that learned of the others. All
of a family with one label, be they in other languages or games, are given the mean of what was
thought of them beside the label: what is to be learned of one is to be learned of all. A sentence
model's opinions (`opinions`) are heard as well, where there are any. To learn from what a teacher
thinks: Hinton et al., arXiv 1503.02531.
"""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from services.router.classify import CATEGORY, TIER
from services.router.features import Floats
from services.router.learning import fit
from services.router.learning.batches import Rows
from services.router.learning.net import chances, predicted
from services.router.words import Ints

FOLDS: Final = 4
# A teacher is asked about what it did not learn from: it need not know its examples by heart.
EPOCHS: Final = 5
# Part of a label that is left. Against labels alone, on the tune split: category +1 to +3 points,
# tier +2 to +3, the same tier in another language +4.
LABEL: Final = 0.5
# ... and where a sentence model is heard, too, which shares the rest with the teachers. Against
# teachers alone, held out: category +1 (public prompts +2), other languages +1, tier +.6.
LABEL_OF_THREE: Final = 0.4


def taught(
    data: Rows, families: Sequence[str], opinions: Floats, start: fit.Start, cores: Executor
) -> Rows:
    """Return the examples with softened labels; `families`: of each, what it was made from.

    `opinions`: (examples, COLUMNS), rows of NaN where there are none. Teachers learn side by side
    on as many `cores` as there are.
    """
    dealt = folds(families)
    thought = np.zeros_like(data.targets)
    judge = partial(_judged, data, dealt, start)
    for fold, found in enumerate(cores.map(judge, range(FOLDS))):
        thought[dealt == fold] = found
    targets = data.targets.copy()
    for alike in _alike(families, data.targets):
        label, others = _heard(thought[alike], opinions[alike])
        for part in (CATEGORY, TIER):
            targets[alike, part] = label * targets[alike, part] + (1 - label) * others[part]
    return replace(data, targets=targets)


def folds(families: Sequence[str]) -> Ints:
    """Return the fold of each family."""
    return np.array([zlib.crc32(family.encode()) // 10 % FOLDS for family in families])


def _heard(thought: Floats, opinions: Floats) -> tuple[float, Floats]:
    """Return what is left of a label, and what takes the place of the rest."""
    teachers: Floats = thought.mean(axis=0)
    given = opinions[~np.isnan(opinions).any(axis=1)]
    if not len(given):
        return LABEL, teachers
    return LABEL_OF_THREE, (teachers + given.mean(axis=0)) / 2


def _judged(data: Rows, dealt: Ints, start: fit.Start, fold: int) -> Floats:
    """Return what a teacher that learned of the other folds thinks of this one."""
    teacher = fit.fit(data, start, chosen=np.flatnonzero(dealt != fold), epochs=EPOCHS)
    return chances(predicted(teacher, data, np.flatnonzero(dealt == fold)))


def _alike(families: Sequence[str], targets: Floats) -> list[list[int]]:
    """Return the places of examples of one family and one label, for each such."""
    groups = defaultdict(list)
    for place, (family, target) in enumerate(zip(families, targets, strict=True)):
        groups[family, target.tobytes()].append(place)
    return [*groups.values()]
