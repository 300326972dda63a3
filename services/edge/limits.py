"""Counts what keys spend: dollars, requests and tokens per minute, in Redis for all edges.

Before a request goes to the providers its expected cost is reserved, after it the actual one is
settled; both by a script that works on the one hash of its key, so that no two requests can take
the same dollar. A reservation that is never settled, as when an edge is killed, stays: its
request may have been billed.
"""

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import redis.asyncio as redis
from aiohttp import web

from routor.v1 import router_pb2
from services import store
from services.edge import notes, terms
from services.edge.prices import Prices
from services.edge.terms import Terms
from services.errors import Kind, RoutorError

logger = logging.getLogger(__name__)

# A request is let in while anything is left, so that the last one may exceed the budget: by no
# more than itself, as the next one sees its reservation. The minute begins with its first request:
# when it ends is the truth that Retry-After tells.
RESERVE: Final = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1],
  'spent_usd', 'reserved_usd', 'minute_ms', 'requests', 'tokens')
for i = 1, 5 do kept[i] = tonumber(kept[i] or '0') end
local spent, reserved, minute_ms, requests, tokens = unpack(kept)
if now_ms - minute_ms >= 60000 or now_ms < minute_ms then
  minute_ms, requests, tokens = now_ms, 0, 0
end
local left_ms = minute_ms + 60000 - now_ms
local budget, most_requests, most_tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if budget and spent >= budget then return {'spent', 0} end
if budget and spent + reserved >= budget then return {'reserved', 0} end
if most_requests and requests >= most_requests then return {'requests', left_ms} end
if most_tokens and tokens >= most_tokens then return {'tokens', left_ms} end
redis.call('HSET', KEYS[1], 'minute_ms', string.format('%.0f', minute_ms),
  'requests', requests + 1, 'tokens', string.format('%.0f', tokens + ARGV[5]))
redis.call('HINCRBYFLOAT', KEYS[1], 'reserved_usd', ARGV[4])
return {'held', minute_ms}
"""
SETTLE: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local left = redis.call('HINCRBYFLOAT', KEYS[1], 'reserved_usd', '-' .. ARGV[1])
if tonumber(left) < 0 then redis.call('HSET', KEYS[1], 'reserved_usd', 0) end
redis.call('HINCRBYFLOAT', KEYS[1], 'spent_usd', ARGV[2])
if redis.call('HGET', KEYS[1], 'minute_ms') == ARGV[3] then
  redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[4])
end
return 1
"""
# What others have reserved may soon be free again: so long is waited for it, step by step.
WAITS_S: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
# What an answer may cost is not known before. Expected costs are means over many requests, and
# a short answer may cost twice its own ("Hello there" on Claude Opus 4.8, 2026-11): reserved is
# this multiple, and at least what an answer of so many tokens costs, where its limit is no lower.
MARGIN: Final = 3.0
USUAL_TOKENS: Final = 2048
# After a failure Redis is left alone for this long.
REST_S = 1.0
CHARS_PER_TOKEN = 4

_UNKNOWN: Final = router_pb2.Price()
Answer = Callable[[], Awaitable[web.StreamResponse]]
_FAULTS = (redis.RedisError, OSError, TimeoutError)


class Estimate(NamedTuple):
    """What a request is expected to take: dollars at its dearest model and at its first, tokens."""

    most_usd: float
    usual_usd: float
    tokens: int


def estimate(
    question: router_pb2.RouteRequest,
    decision: router_pb2.Decision,
    prices: Mapping[str, router_pb2.Price],
) -> Estimate:
    """Return what to reserve: whichever model of the chain answers, and the caller's own limit."""
    chars = sum(message.text_chars or len(message.text) for message in question.messages)
    tokens = question.needs.input_tokens or chars // CHARS_PER_TOKEN
    limit_tokens = question.needs.max_output_tokens
    answer_tokens = min(limit_tokens or USUAL_TOKENS, USUAL_TOKENS)
    most_usd = 0.0
    for member in decision.chain:
        price = prices.get(member.model, _UNKNOWN)
        usual_usd = (tokens * price.input + answer_tokens * price.output) / 1e6
        most_usd = max(most_usd, usual_usd, MARGIN * member.expected_cost_usd)
    return Estimate(most_usd, decision.chain[0].expected_cost_usd, tokens + limit_tokens)


class _Bill(msgspec.Struct):
    """What requests of one key that began in one of its minutes have to settle."""

    reserved_usd: float = 0.0
    spent_usd: float = 0.0
    tokens: int = 0  # beside those that were reserved

    def add(self, reserved_usd: float, spent_usd: float, tokens: int) -> None:
        self.reserved_usd += reserved_usd
        self.spent_usd += spent_usd
        self.tokens += tokens


class Limits:
    """Holds keys to their limits, with one round trip to Redis before the request.

    Without Redis a key with a budget is turned down, since nobody could tell what is left of it;
    limits per minute are let go, since they only spread load.
    """

    def __init__(
        self,
        client: "redis.Redis | None",
        prices: Prices,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._prices = prices
        self._clock = clock
        self._resting_until_s = float("-inf")
        # By key and minute: what comes while others are settled goes together.
        self._bills: defaultdict[tuple[str, int], _Bill] = defaultdict(_Bill)
        self._settling: asyncio.Task[None] | None = None
        if client is not None:
            self._reserve = client.register_script(RESERVE)
            self._settle = client.register_script(SETTLE)

    async def keep(
        self,
        request: web.BaseRequest,
        question: router_pb2.RouteRequest,
        decision: router_pb2.Decision,
        answer: Answer,
    ) -> web.StreamResponse:
        """Check, reserve, answer, settle.

        Raises before the answer PERMISSION_DENIED, OUT_OF_BUDGET or CALLER_RATE_LIMITED.
        """
        owner, limits = request[notes.OWNER], request[notes.TERMS]
        terms.permit(decision, limits)
        if not limits.metered:
            return await answer()
        budgeted = limits.budget_usd is not None
        known = await self._prices.known() if budgeted else {}
        expected = estimate(question, decision, known)
        minute_ms = await self._hold(owner, limits, expected)
        # What a client left before its end, or broke off, is taken to have cost the usual.
        spent_usd, tokens = expected.usual_usd, expected.tokens
        try:
            return await answer()
        except RoutorError as failure:
            # What failed before it was answered costs what its attempts did.
            spent_usd = sum(attempt.cost_usd for attempt in failure.attempts)
            tokens = sum(one.input_tokens + one.output_tokens for one in failure.attempts)
            raise
        finally:
            served = request.get(notes.SERVED)
            if served is not None:
                spent_usd = served.cost_usd
                tokens = served.usage.input_tokens + served.usage.output_tokens
            if minute_ms is not None:
                bill = self._bills[owner, minute_ms]
                bill.add(expected.most_usd, spent_usd, tokens - expected.tokens)
                if self._settling is None or self._settling.done():
                    self._settling = asyncio.create_task(self._work_off())

    async def close(self) -> None:
        """Settle what is not settled yet, if Redis is there."""
        if self._settling is not None:
            await self._settling

    async def _hold(self, owner: str, limits: Terms, expected: Estimate) -> int | None:
        """Reserve; return the minute in which the tokens count, None where nothing could be."""
        for wait_s in (*WAITS_S, None):
            told, number = await self._ask(owner, limits, expected)
            if told == "held":
                return number
            if told == "unknown":
                return None
            if told != "reserved" or wait_s is None:
                break
            # Those who wait must not all ask at the same moments.
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311
        if told in ("spent", "reserved"):
            text = "The budget of this API key is used up."
            if told == "reserved":
                text = "What is left of this API key's budget is reserved by running requests."
            raise RoutorError(Kind.OUT_OF_BUDGET, text)
        most = limits.requests_per_minute if told == "requests" else limits.tokens_per_minute
        text = f"This API key is limited to {most} {told} per minute."
        raise RoutorError(Kind.CALLER_RATE_LIMITED, text, retry_after_s=number / 1000)

    async def _ask(self, owner: str, limits: Terms, expected: Estimate) -> tuple[str, int]:
        if self._client is not None and self._clock() >= self._resting_until_s:
            bounds = (limits.budget_usd, limits.requests_per_minute, limits.tokens_per_minute)
            given = ["" if bound is None else bound for bound in bounds]
            asked = [*given, _usd(expected.most_usd), expected.tokens]
            try:
                told, number = await self._reserve([store.spend_name(owner)], asked)
                return told.decode(), number
            except _FAULTS as failure:
                logger.warning("limits cannot be counted in Redis: %s", type(failure).__name__)
                self._resting_until_s = self._clock() + REST_S
        if limits.budget_usd is None:
            return "unknown", 0
        text = "The budget of this API key cannot be checked now; try again."
        raise RoutorError(Kind.OVERLOADED, text, retry_after_s=REST_S)

    async def _work_off(self) -> None:
        while self._bills:
            (owner, minute_ms), bill = self._bills.popitem()
            usd = [_usd(bill.reserved_usd), _usd(bill.spent_usd)]
            try:
                await self._settle([store.spend_name(owner)], [*usd, minute_ms, bill.tokens])
            except _FAULTS:
                # It may have been counted all the same: rather twice than never.
                self._bills[owner, minute_ms].add(bill.reserved_usd, bill.spent_usd, bill.tokens)
                await asyncio.sleep(REST_S)


def _usd(amount_usd: float) -> str:
    return f"{amount_usd:.12f}"
