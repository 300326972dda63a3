"""What words start with: the table that `distil` wrote of what a sentence model says of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from services.router import spelling, words
from services.router.features import Floats

DISTILLED: Final = Path(__file__).parent / "distilled.npz"


class Distilled(NamedTuple):
    """Words' vectors before anything was learned.

    `table`: (ROWS, VALUES); `meanings`: of each slot of `known`, the row of its word's meaning,
    which is told of those words, too, that have rows of their own.
    """

    known: words.Known
    meanings: words.Shorts
    table: Floats

    @classmethod
    def load(cls, path: Path = DISTILLED) -> Self:
        """Read what `distil` wrote."""
        with np.load(path, allow_pickle=False) as file:
            known = words.Known(file["tags"], file["rows"])
            return cls(known, file["meanings"], file["table"] * file["scale"])

    def know(self, own: Sequence[str], names: Sequence[str]) -> words.Known:
        """Return what is known when `own` words have rows of their own: of others their meaning.

        Slips among all `names` have the rows of what they are slips of.
        """
        known = words.owned(own, words.Known(self.known.tags, self.meanings))
        return spelling.remembered(names, known)

    def start(self, known: words.Known) -> Floats:
        """Return the table that `known` words start with: (ROWS, VALUES)."""
        table = self.table.copy()
        table[: words.OWN] = 0
        told = ((self.known.tags > 0) & (known.rows < words.OWN)).nonzero()[0]
        # Slips share the row of a word that is more common: the last one counts.
        told = told[np.argsort(-self.known.rows[told].astype(np.int64), kind="stable")]
        table[known.rows[told]] = self.table[self.known.rows[told]]
        return table
