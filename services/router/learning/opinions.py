"""Opinions of a sentence model about examples, as `sentences` forms and `train` hears them.

A byte a probability, filed under a hash of the example's id.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from services.router.classify import COLUMNS, FOLLOWS
from services.router.features import Floats
from services.router.learning.examples import Example

OPINIONS: Final = Path(__file__).parent / "opinions.npz"


def load(path: Path = OPINIONS) -> Mapping[int, Floats]:
    """Return the probabilities of categories and tiers, (COLUMNS - 1,), by `key`."""
    with np.load(path, allow_pickle=False) as file:
        thought = file["thought"].astype(np.float32) / 255
        return dict(zip(file["keys"].tolist(), thought, strict=True))


def save(path: Path, chosen: Sequence[Example], thought: Floats) -> None:
    """Write opinions."""
    keys = np.array([key(example.id) for example in chosen], np.uint64)
    rounded = np.rint(thought[:, :FOLLOWS] * 255).astype(np.uint8)
    np.savez_compressed(path, keys=keys, thought=rounded)


def key(example_id: str) -> int:
    """Return the number under which an example is filed."""
    return int.from_bytes(hashlib.blake2b(example_id.encode(), digest_size=8).digest(), "little")


def of(chosen: Sequence[Example], known: Mapping[int, Floats]) -> Floats:
    """Return (examples, COLUMNS) opinions; rows of NaN where there is none."""
    nothing = np.full(FOLLOWS, np.nan, np.float32)
    found = np.zeros((len(chosen), COLUMNS), np.float32)
    found[:, :FOLLOWS] = [known.get(key(example.id), nothing) for example in chosen]
    return found
