from datetime import UTC, date, datetime

import msgspec
import pytest

from services.catalog import Peak, Price, PriceStep
from services.price import cost_usd

FACTS = {"source": "test", "checked": date(2026, 11, 1)}
NIGHT = datetime(2026, 11, 23, 20, tzinfo=UTC)  # a Monday
PLAIN = Price(input=2.0, output=10.0, cached_input=0.2, cache_write=2.5, **FACTS)


def cost(price: Price, at: datetime = NIGHT, **tokens: int) -> float:
    return cost_usd(price, at, **{"input_tokens": 0, "output_tokens": 0, **tokens})


def test_input_and_output():
    assert cost(PLAIN, input_tokens=1_000_000, output_tokens=100_000) == pytest.approx(3.0)


def test_cached_and_written_tokens_are_part_of_the_input():
    tokens = {
        "input_tokens": 1000,
        "cached_input_tokens": 600,
        "cache_write_tokens": 300,
    }
    expected = (100 * 2.0 + 600 * 0.2 + 300 * 2.5) / 1e6
    assert cost(PLAIN, **tokens) == pytest.approx(expected)
    bare = Price(input=2.0, output=10.0, **FACTS)
    assert cost(bare, **tokens) == pytest.approx(1000 * 2.0 / 1e6)


def test_what_is_kept_for_an_hour_has_its_own_price():
    tokens = {"input_tokens": 1000, "cache_write_tokens": 900, "cache_write_hour_tokens": 200}
    priced = msgspec.structs.replace(PLAIN, cache_write_hour=4.0)
    assert cost(priced, **tokens) == pytest.approx((100 * 2.0 + 700 * 2.5 + 200 * 4.0) / 1e6)
    assert cost(PLAIN, **tokens) == pytest.approx((100 * 2.0 + 900 * 2.5) / 1e6)


def test_a_step_applies_to_the_whole_request_once_it_is_exceeded():
    steps = (
        PriceStep(above_input_tokens=200, input=4.0, output=20.0),
        PriceStep(above_input_tokens=500, input=8.0, output=40.0),
    )
    price = Price(input=2.0, output=10.0, steps=steps, **FACTS)
    assert cost(price, input_tokens=200, output_tokens=10) == pytest.approx(500 / 1e6)
    assert cost(price, input_tokens=201, output_tokens=10) == pytest.approx(1004 / 1e6)
    assert cost(price, input_tokens=501, output_tokens=10) == pytest.approx(4408 / 1e6)


def test_peak_hours_multiply():
    peak = Peak(multiplier=2.0, weekdays=(1, 2), hours_utc=((1, 4), (6, 10)))
    price = Price(input=1.0, output=1.0, peak=peak, **FACTS)

    def at(day: int, hour: int) -> float:
        moment = datetime(2026, 11, day, hour, tzinfo=UTC)
        return cost(price, moment, input_tokens=1_000_000)

    assert [at(23, 0), at(23, 1), at(23, 3), at(23, 4), at(23, 9), at(25, 2)] == [1, 2, 2, 1, 2, 1]
