"""What answers tell of a limit before it is hit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.headroom import LONGEST_S, spare_s

DATE = {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}


def openai(**facts):
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in facts.items()}


def anthropic(what, limit, remaining, reset="2026-11-23T12:00:20Z"):
    name = f"anthropic-ratelimit-{what}"
    return {f"{name}-limit": limit, f"{name}-remaining": remaining, f"{name}-reset": reset, **DATE}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        (openai(limit_requests="500", remaining_requests="499", reset_requests="120ms"), 0),
        (openai(limit_requests="500", remaining_requests="0", reset_requests="120ms"), 0.12),
        (openai(limit_requests="500", remaining_requests="10", reset_requests="12s"), 12),
        (openai(limit_requests="500", remaining_requests="11", reset_requests="12s"), 0),
        (openai(limit_requests="3", remaining_requests="1", reset_requests="20s"), 20),
        (openai(limit_tokens="30000", remaining_tokens="600", reset_tokens="6.5s"), 6.5),
        (openai(limit_tokens="30000", remaining_tokens="601", reset_tokens="6.5s"), 0),
        (openai(remaining_tokens="0", reset_tokens="1m30s"), 60),
        (openai(remaining_tokens="0"), 5),
        (openai(remaining_requests="0", reset_requests="1795435200"), 5),
        (openai(remaining_requests="many"), 0),
        (anthropic("requests", "50", "1"), 20),
        (anthropic("requests", "50", "2"), 0),
        (anthropic("input-tokens", "100000", "1000"), 20),
        (anthropic("output-tokens", "8000", "0", "2026-11-23T12:00:07+00:00"), 7),
        (anthropic("tokens", "8000", "0", "soon"), 5),
        (anthropic("tokens", "8000", "0", "2026-11-23T11:59:00Z"), 0),
    ],
)
def test_what_is_nearly_used_up_is_spared_until_its_reset(headers, seconds):
    assert spare_s(headers) == pytest.approx(seconds)


NAMES = st.sampled_from([*openai(**dict.fromkeys(
    ("limit_requests", "remaining_requests", "reset_requests", "remaining_tokens", "reset_tokens")
)), *anthropic("tokens", "", "")])  # fmt: skip


TEXTS = st.text("0123456789.-+:TZmsh ", max_size=20)


@given(st.dictionaries(NAMES, TEXTS | st.floats().map(str)))
def test_whatever_a_vendor_says_is_survived(headers):
    assert 0 <= spare_s(headers) <= LONGEST_S
