"""What each tier means for the choice, read from `tiers.toml`."""

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.catalog import Category, Effort, Tier

PATH: Final = Path(__file__).with_name("tiers.toml")


class TierFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One tier; the fields are described in `tiers.toml`."""

    reference: str
    difficulty: tuple[float, float]
    effort: Literal["lowest", "medium", "high"]
    quality_floor: float
    visible_tokens: int
    hidden_tokens: int


class Tiers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All tiers, and what holds for every one of them."""

    baseline: str
    tier: dict[str, TierFacts]
    answer_length: dict[Category, float]
    thinking: dict[Effort, float]
    first_token_ms: dict[Effort, float]

    def of(self, tier: Tier) -> TierFacts:
        """Return the facts of a tier."""
        return self.tier[tier.name]

    def clamp(self, difficulty: float, tier: Tier) -> float:
        """Return the difficulty within the tier's bounds that is nearest to `difficulty`."""
        low, high = self.of(tier).difficulty
        return min(max(difficulty, low), high)


def read(path: Path = PATH) -> Tiers:
    """Read the tiers; raises ValueError naming the file and the field."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Tiers)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
