"""Expected dollars of a request on a model: its input, its answer and its hidden thinking."""

from datetime import datetime
from typing import NamedTuple

from services import price
from services.catalog import Category, Tier
from services.router.pool import Entry, Option
from services.router.tiers import Tiers


class Work(NamedTuple):
    """The size of a request. `limit_tokens` caps the output; 0 is no cap."""

    input_tokens: int
    visible_tokens: float
    hidden_tokens: float
    limit_tokens: int

    def output_tokens(self, option: Option) -> float:
        """Return expected output, thinking included."""
        expected = self.visible_tokens + self.hidden_tokens * option.thinking
        return min(expected, self.limit_tokens) if self.limit_tokens else expected


def work(tiers: Tiers, tier: Tier, category: Category, input_tokens: int, limit: int) -> Work:
    """Predict the size of a request from its tier and category."""
    facts = tiers.of(tier)
    length = tiers.answer_length.get(category, 1.0)
    return Work(input_tokens, facts.visible_tokens * length, facts.hidden_tokens, limit)


def cost_usd(entry: Entry, size: Work, output_tokens: float, now: datetime) -> float:
    """Return what the request is expected to cost on this model at this time (UTC)."""
    return price.cost_usd(
        entry.model.price, now, input_tokens=size.input_tokens, output_tokens=int(output_tokens)
    )
