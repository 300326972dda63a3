"""The retry budget."""

from hypothesis import given
from hypothesis import strategies as st

from services.providers.budget import FLOOR_PER_S, MOST, SHARE, RetryBudget

STEPS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.floats(0, 2)), max_size=80)


@given(STEPS)
def test_retries_are_a_fifth_of_the_traffic_beyond_burst_and_floor(steps):
    """Whatever comes in whatever order: no more is ever spent than was earned."""
    budget = RetryBudget()
    now_s, requests, retries = 100.0, 0, 0
    budget.affords(now_s)
    for asked, tried, seconds in steps:
        now_s += seconds
        for _ in range(asked):
            budget.earn()
            requests += 1
        for _ in range(tried):
            if budget.affords(now_s):
                budget.spend()
                retries += 1
        earned = SHARE * requests + FLOOR_PER_S * (now_s - 100.0)
        assert retries <= MOST + earned + 1e-6


def test_an_empty_budget_fills_with_traffic_and_with_time():
    budget = RetryBudget()
    while budget.affords(100.0):
        budget.spend()
    for _ in range(5):
        assert not budget.affords(100.0)
        budget.earn()
    assert budget.affords(100.0)
    budget.spend()
    assert not budget.affords(100.1)
    assert budget.affords(101.0)
    budget.reset()
    assert sum(1 for _ in range(100) if budget.affords(101.0) and budget.spend() is None) == MOST
