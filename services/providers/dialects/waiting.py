"""How long a provider asks to be left alone: every way that vendors say it.

Sources: openai 3.54.0 and anthropic 2.12.0 `_base_client.py` (retry-after-ms, retry-after in
seconds or as an HTTP date), OpenAI's x-ratelimit-reset-* durations, Anthropic's
anthropic-ratelimit-*-reset times (RFC 3339), google.rpc.RetryInfo; read 2026-11-23. In words alone
say it OpenAI ("try again in 1.5s"), Azure ("retry after 24 seconds") and Moonshot ("try again after
1 seconds"), where no header came through.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WORDS = re.compile(r"try (?:again )?(?:in|after) (\d[\d.hms]*)( seconds?\b)?")
_LONGEST_S = 7 * 86400.0
# Headers given twice come joined; the comma of a date follows the name of its day.
_BETWEEN = re.compile(r"(?<!mon)(?<!tue)(?<!wed)(?<!thu)(?<!fri)(?<!sat)(?<!sun)(?<!day),", re.I)


def retry_after_s(
    headers: Mapping[str, str], body: object, message: str, *, limited: bool
) -> float | None:
    """Return the seconds to wait, or None when nothing usable is said; `message` is in lower case.

    The resets of rate limits come with every answer and count only when the answer is
    `limited`, as do words. Times of day count from its own `date` header; without one they are
    ignored.
    """
    now = http_date(headers.get("date", ""))
    said = (
        _longest(_milliseconds(one) for one in _each(headers, "retry-after-ms")),
        _longest(_retry_after(one, now) for one in _each(headers, "retry-after")),
        _retry_info(body),
        _openai_reset(headers) if limited else None,
        _anthropic_reset(headers, now) if limited else None,
        _in_words(message) if limited else None,
    )
    wait_s = next((seconds for seconds in said if seconds is not None), None)
    return None if wait_s is None else min(max(wait_s, 0.0), _LONGEST_S)


def duration_s(text: str) -> float | None:
    """Return the seconds of "12ms", "46s", "6m0s" or "1h2m", or None."""
    text = text.strip().lower()
    steps = _STEP.findall(text)
    if not steps or "".join(number + unit for number, unit in steps) != text:
        return None
    return math.fsum(float(number) * _UNIT_S[unit] for number, unit in steps)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _milliseconds(text: str) -> float | None:
    value = _number(text)
    return None if value is None else value / 1000


def _each(headers: Mapping[str, str], name: str) -> list[str]:
    """Return what a header says each time that it is given."""
    return [one.strip() for one in _BETWEEN.split(headers.get(name, ""))]


def _longest(waits: Iterable[float | None]) -> float | None:
    return max((wait_s for wait_s in waits if wait_s is not None), default=None)


def http_date(text: str) -> datetime | None:
    """Return the moment of an HTTP date, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_of(text: str) -> datetime | None:
    """Return the moment of an RFC 3339 time, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _retry_after(text: str, now: datetime | None) -> float | None:
    seconds = _number(text)
    if seconds is not None:
        return seconds
    moment = http_date(text)
    return (moment - now).total_seconds() if moment and now else duration_s(text)


def _retry_info(body: object) -> float | None:
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("RetryInfo"):
            return duration_s(str(detail.get("retryDelay", "")))
    return None


def _in_words(message: str) -> float | None:
    found = _WORDS.search(message)
    if found is None:
        return None
    text, in_seconds = found[1].rstrip("."), found[2]
    return _number(text) if in_seconds else duration_s(text)


def _openai_reset(headers: Mapping[str, str]) -> float | None:
    """Return the reset of what ran out; of the later one when neither says it did."""
    waits: dict[str, float] = {}
    for what in ("requests", "tokens"):
        text = headers.get(f"x-ratelimit-reset-{what}", "")
        wait_s = duration_s(text)
        wait_s = _number(text) if wait_s is None else wait_s
        # A bare number above a week is a time of day of some imitator, not a duration.
        if wait_s is not None and wait_s <= _LONGEST_S:
            waits[what] = wait_s
    spent = [waits[what] for what in waits if headers.get(f"x-ratelimit-remaining-{what}") == "0"]
    return max(spent or waits.values(), default=None)


def _anthropic_reset(headers: Mapping[str, str], now: datetime | None) -> float | None:
    if now is None:
        return None
    waits = []
    for what in ("requests", "tokens", "input-tokens", "output-tokens"):
        if headers.get(f"anthropic-ratelimit-{what}-remaining", "0") != "0":
            continue
        moment = moment_of(headers.get(f"anthropic-ratelimit-{what}-reset", ""))
        if moment is not None:
            waits.append((moment - now).total_seconds())
    return max(waits, default=None)
