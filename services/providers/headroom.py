"""How much of a rate limit is left: what answers tell before the limit is hit.

Sources, read 2026-11: developers.openai.com/api/docs/guides/rate-limits (x-ratelimit-limit-,
-remaining- and -reset-requests and -tokens, with every answer), which most OpenAI-compatible
vendors imitate, and platform.claude.com/docs/en/api/rate-limits (anthropic-ratelimit-requests-,
-tokens-, -input-tokens- and -output-tokens-remaining, -limit and -reset).
"""

import math
from collections.abc import Mapping

from services.providers.dialects.waiting import duration_s, http_date, moment_of

# A limit is nearly used up at one part in fifty: calls under way, of this process and of others,
# are not yet in the numbers. The last request of a small limit is left for who has no other.
NEARLY = 0.02
LAST_REQUESTS = 1
# Buckets fill all the time and tell when they are full again; it is sooner that they are usable.
LONGEST_S = 60.0
# Without a reset.
USUAL_S = 5.0
# The names of what is left, of the limit and of its reset.
_OPENAI = [
    (f"x-ratelimit-remaining-{what}", f"x-ratelimit-limit-{what}", f"x-ratelimit-reset-{what}")
    for what in ("requests", "tokens")
]
_ANTHROPIC = [
    tuple(f"anthropic-ratelimit-{what}-{fact}" for fact in ("remaining", "limit", "reset"))
    for what in ("requests", "tokens", "input-tokens", "output-tokens")
]


def spare_s(headers: Mapping[str, str]) -> float:
    """Return for how long others should be preferred; 0 while enough is left.

    `headers` by their names in lower case.
    """
    waits = []
    for remaining, limit, reset in _OPENAI:
        if remaining in headers and _scarce(headers, remaining, limit):
            waits.append(_reset_s(headers.get(reset, "")))
    for remaining, limit, reset in _ANTHROPIC:
        if remaining in headers and _scarce(headers, remaining, limit):
            waits.append(_until_s(headers, reset))
    return min(max(waits, default=0.0), LONGEST_S)


def _scarce(headers: Mapping[str, str], remaining: str, limit: str) -> bool:
    left = _number(headers[remaining])
    if left is None:
        return False
    whole = _number(headers.get(limit, "")) or 0.0
    last = LAST_REQUESTS if "requests" in remaining and whole > 2 else 0
    return left <= max(NEARLY * whole, last)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _reset_s(text: str) -> float:
    seconds = duration_s(text)
    if seconds is None:
        seconds = _number(text)
    # A number above a week is a time of day of some imitator.
    return USUAL_S if seconds is None or not 0 <= seconds <= 7 * 86400 else seconds


def _until_s(headers: Mapping[str, str], name: str) -> float:
    now, reset = http_date(headers.get("date", "")), moment_of(headers.get(name, ""))
    return USUAL_S if now is None or reset is None else max(0.0, (reset - now).total_seconds())
