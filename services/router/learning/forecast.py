"""P(success) of named models on a prompt, from the best that is known of each.

A model of given outcomes is known by them, a model of the catalog by its cited benchmarks, any
other counts as an average one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.catalog import Catalog, Category
from services.router import ability, tiers
from services.router import pool as pools
from services.router.ability import Estimate
from services.router.classify import Classification, Classifier
from services.router.features import extract
from services.router.learning.facts import Facts, Vector
from services.router.learning.gain import Gain
from services.router.learning.records import Prompt
from services.router.learning.success import Learned
from services.router.predict import predict

UNKNOWN_STDDEV: Final = 0.15  # how far models of the catalog lie from their average


@dataclass(frozen=True)
class Forecast:
    """What is expected of each named model on a prompt, and of choosing the strongest."""

    id: str | int
    models: dict[str, float]
    stderr: dict[str, float]
    gain: float

    def document(self) -> dict[str, Any]:
        """Return the line of output, to five places."""
        return {
            "id": self.id,
            "models": {name: round(value, 5) for name, value in self.models.items()},
            "stderr": {name: round(value, 5) for name, value in self.stderr.items()},
            "gain": round(self.gain, 5),
        }


class Forecaster:
    """Predicts for named models; `learned` is what outcomes taught, if there were any."""

    def __init__(
        self,
        models: Sequence[str],
        catalog: Catalog,
        classifier: Classifier,
        gain: Gain,
        learned: Learned | None = None,
    ) -> None:
        self._models = tuple(models)
        self._classifier = classifier
        self._gain = gain
        self._learned = learned
        self._pool = pools.compile_pool(catalog, tiers.read(), ability.read())
        self._entries = {name: self._pool.named(name) for name in models}
        known = learned.models if learned else ()
        self._places = {name: known.index(name) for name in models if name in known}
        self._average = self._averages()

    @property
    def tells_apart(self) -> bool:
        """Whether anything is known that sets the named models apart."""
        return bool(self._places) or any(self._entries.values())

    def forecast(self, prompts: Sequence[Prompt]) -> list[Forecast]:
        """Predict for a batch of prompts, in their order."""
        facts = [prompt.facts for prompt in prompts]
        chances, stddevs, sums = self._chances(prompts, facts)
        gains = self._gains(sums, self._gain.scores(facts))
        return [
            Forecast(
                prompt.id,
                dict(zip(self._models, chances[row].tolist(), strict=True)),
                dict(zip(self._models, stddevs[row].tolist(), strict=True)),
                float(gains[row]),
            )
            for row, prompt in enumerate(prompts)
        ]

    def chances(self, prompts: Sequence[Prompt]) -> Vector:
        """Return P(success), (prompts, models)."""
        return self._chances(prompts, [prompt.facts for prompt in prompts])[0]

    def _chances(
        self, prompts: Sequence[Prompt], facts: Sequence[Facts]
    ) -> tuple[Vector, Vector, Vector]:
        """Return P(success), its standard deviation, and what differences are read off."""
        shape = (len(prompts), len(self._models))
        chances, stddevs, sums = np.empty(shape), np.empty(shape), np.empty(shape)
        if self._learned and self._places:
            columns = [self._models.index(name) for name in self._places]
            places = list(self._places.values())
            told = self._learned.predict(facts)
            for table, values in zip((chances, stddevs, sums), told, strict=True):
                table[:, columns] = values[:, places]
        rest = [(i, name) for i, name in enumerate(self._models) if name not in self._places]
        for row, prompt in enumerate(prompts if rest else ()):
            judged = self._classifier.classify(extract(prompt.request))
            for column, name in rest:
                one = predict(self._ability(name, judged), judged.difficulty)
                chances[row, column], stddevs[row, column] = one
                sums[row, column] = one.quality
        return chances, stddevs, sums

    def _gains(self, sums: Vector, usual: Vector) -> Vector:
        """Return how much better the strongest model is than the best of the others.

        What nobody knows the models of has the usual gain of a stronger model.
        """
        strongest = self._strongest()
        if strongest is None:
            return usual
        others = np.delete(sums, strongest, axis=1)
        ahead: Vector = sums[:, strongest] - others.max(axis=1)
        return ahead

    def _strongest(self) -> int | None:
        """Return the model that is best overall; None unless all of them are known."""
        if len(self._models) < 2:
            return None
        overall = []
        for name in self._models:
            entry = self._entries[name]
            if self._learned and name in self._places:
                overall.append(float(self._learned.means[self._places[name]]))
            elif entry is not None and not self._places:
                overall.append(
                    float(np.mean([one.mean for one in entry.default.abilities.values()]))
                )
            else:
                return None
        return int(np.argmax(overall))

    def _ability(self, name: str, judged: Classification) -> Estimate:
        entry = self._entries[name]
        if entry is None:
            return self._average[judged.category]
        return entry.by_tier[judged.tier].abilities[judged.category]

    def _averages(self) -> dict[Category, Estimate]:
        offered = [entry for entry in self._pool.entries if entry.model.callable]
        return {
            category: Estimate(
                float(np.mean([entry.default.abilities[category].mean for entry in offered])),
                UNKNOWN_STDDEV,
            )
            for category in Category
        }
