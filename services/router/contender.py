"""A model at its effort, as one kind of task sees it: every number that a request leaves as it is.

Of a decision's work this is the part that can be done before: prices, tokens of the answer,
ability. What depends on the request itself is left to `cost`, `predict` and `rank`.
"""

from bisect import bisect_left
from typing import NamedTuple

import msgspec

from services import price
from services.catalog import Category, Tier
from services.router.ability import Estimate
from services.router.pool import Entry, Option, Pool
from services.router.predict import lead


class Task(NamedTuple):
    """What decides effort, ability, length of the answer and price step.

    `effort` is the caller's word or "". `tools`: tools are offered; `tool_scenario`: and may be
    called. `steps`: how many of the pool's price steps the input is above.
    """

    tier: Tier
    category: Category
    effort: str
    tools: bool
    tool_scenario: bool
    steps: int


class Contender(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A model at its effort.

    `lead`: by how much its `ability` exceeds what the easiest task asks for. Prices are US
    dollars per million tokens, `peak` multiplies them. `tokens`: expected output, thinking
    included, before the caller's limit; `answer_usd` is their price. `reserved_tokens`: what of
    the context window they take.
    """

    entry: Entry
    option: Option
    key: str
    provider: str
    can: int
    ability: Estimate
    lead: float
    input_usd: float
    cached_usd: float
    output_usd: float
    answer_usd: float
    peak: float
    tokens: int
    reserved_tokens: int
    window_tokens: int
    limit_tokens: int


class Sheet(NamedTuple):
    """All models of a pool for one task, by key; those that cannot have its effort are missing.

    `reference` (the tier's) and `baseline` are there for their cost, whether they could take a
    request or not.
    """

    contenders: dict[str, Contender]
    reference: Contender | None
    baseline: Contender | None


def steps_above(pool: Pool, input_tokens: int) -> int:
    """Return how many of the pool's price steps an input is above."""
    return bisect_left(pool.price_steps, input_tokens)


def contend(entry: Entry, option: Option, task: Task, pool: Pool, peak: float) -> Contender:
    """Put the numbers of a model at an effort together; `peak` is its price factor of the hour."""
    facts = pool.tiers.of(task.tier)
    length = pool.tiers.answer_length.get(task.category, 1.0)
    tokens = int(facts.visible_tokens * length + facts.hidden_tokens * option.thinking)
    abilities = option.tool_abilities if task.tool_scenario else option.abilities
    ability = abilities[task.category]
    model = entry.model
    # The least input that is above so many steps.
    least = pool.price_steps[task.steps - 1] + 1 if task.steps else 0
    prices = price.step_of(model.price, least)
    return Contender(
        entry=entry,
        option=option,
        key=entry.key,
        provider=entry.provider,
        can=entry.can,
        ability=ability,
        lead=lead(ability),
        input_usd=prices.input,
        cached_usd=prices.input if prices.cached_input is None else prices.cached_input,
        output_usd=prices.output,
        answer_usd=tokens * prices.output,
        peak=peak,
        tokens=tokens,
        reserved_tokens=min(tokens, model.max_output_tokens),
        window_tokens=model.context_window,
        limit_tokens=model.max_output_tokens,
    )


def sheet(task: Task, pool: Pool, peaks: dict[str, float]) -> Sheet:
    """Put the numbers of all models together; `peaks` are price factors other than 1, by key."""
    contenders = {}
    for entry in pool.entries:
        option = entry.option(task.tier, task.effort, task.tools)
        if option is not None:
            peak = peaks.get(entry.key, 1.0)
            contenders[entry.key] = contend(entry, option, task, pool, peak)

    def usual(entry: Entry | None) -> Contender | None:
        if entry is None or entry.key in contenders:
            return contenders[entry.key] if entry else None
        return contend(entry, entry.by_tier[task.tier], task, pool, peaks.get(entry.key, 1.0))

    return Sheet(contenders, usual(pool.references[task.tier]), usual(pool.baseline))
