"""What tokens cost. Pure: the time of day is an argument."""

from datetime import datetime

from services.catalog import Price, PriceStep


def cost_usd(
    price: Price,
    at: datetime,
    *,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_hour_tokens: int = 0,
) -> float:
    """Return the dollars of one request that was answered at `at` (UTC).

    `input_tokens` includes cached reads and cache writes, these include what is kept for an hour;
    `output_tokens` includes hidden reasoning. The last price step whose limit the input exceeds
    applies to the whole request; a missing cache price means the input price.
    """
    step = step_of(price, input_tokens)
    cached_price = step.input if step.cached_input is None else step.cached_input
    write_price = step.input if step.cache_write is None else step.cache_write
    hour_price = write_price if price.cache_write_hour is None else price.cache_write_hour
    plain_tokens = max(input_tokens - cached_input_tokens - cache_write_tokens, 0)
    dollars = (
        plain_tokens * step.input
        + cached_input_tokens * cached_price
        + (cache_write_tokens - cache_write_hour_tokens) * write_price
        + cache_write_hour_tokens * hour_price
        + output_tokens * step.output
    ) / 1e6
    return dollars * factor_of(price, at)


def step_of(price: Price, input_tokens: int) -> Price | PriceStep:
    """Return the prices that an input of this size has."""
    if not price.steps:
        return price
    passed = [step for step in price.steps if input_tokens > step.above_input_tokens]
    return max(passed, key=lambda step: step.above_input_tokens, default=price)


def factor_of(price: Price, at: datetime) -> float:
    """Return what all prices are multiplied with at `at` (UTC); it changes on the hour only."""
    peak = price.peak
    if peak is None:
        return 1.0
    inside = any(start <= at.hour < end for start, end in peak.hours_utc)
    return peak.multiplier if inside and at.isoweekday() in peak.weekdays else 1.0
