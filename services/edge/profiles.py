"""Routing profiles that are kept in Redis under a name."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
import redis.asyncio as redis

from services import store
from services.edge import terms
from services.edge.door import Call
from services.edge.fields import PROFILES
from services.edge.terms import Rules, Terms
from services.errors import Kind, RoutorError

logger = logging.getLogger(__name__)

# How long an answer of Redis holds, where the news of a change did not come.
TTL_S = 5.0
# Whoever asks for ever new names must not fill the memory.
KEPT = 1_000

_read = msgspec.json.Decoder(Rules).decode


async def put(client: "redis.Redis", name: str, rules: Rules) -> None:
    """Keep a profile, in place of one of the same name. Raises redis.RedisError."""
    await client.hset(store.PROFILES, name, msgspec.json.encode(rules))
    await client.publish(store.PROFILE_CHANGES, name)


async def list_profiles(client: "redis.Redis") -> dict[str, Rules]:
    """Return all profiles by name, sorted. Raises redis.RedisError."""
    kept = await cast(Awaitable[dict[bytes, bytes]], client.hgetall(store.PROFILES))
    return {name.decode(): _read(kept[name]) for name in sorted(kept)}


async def delete(client: "redis.Redis", name: str) -> bool:
    """Delete a profile; False when there is none. Raises redis.RedisError."""
    found = bool(await client.hdel(store.PROFILES, name))
    await client.publish(store.PROFILE_CHANGES, name)
    return found


class Profiles:
    """Finds the rules of a request: those of its key, of its key's profile, of the one it names."""

    def __init__(
        self, client: "redis.Redis | None", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[Rules | None, float]] = {}

    async def bind(self, call: Call, limits: Terms | None) -> Call:
        """Return the call within all of its rules.

        Raises INVALID_REQUEST for a profile that does not exist, PERMISSION_DENIED when the key's
        own is gone or when the call asks for what the rules do not allow.
        """
        if limits is not None:
            call = terms.bound(call, limits.rules)
            if limits.profile is not None:
                call = terms.bound(call, await self._own(limits.profile))
        named = call.fields.routor_profile
        if named is not None and named not in PROFILES:
            rules = await self._find(named)
            if rules is None:
                text = f"routor_profile: must be auto, tier, direct or a profile; {named} is none."
                raise RoutorError(Kind.INVALID_REQUEST, text, param="routor_profile")
            call = terms.bound(call, rules)
        return call

    def forget(self, name: bytes) -> None:
        """Look a profile up anew the next time."""
        self._known.pop(name.decode(), None)

    async def _own(self, name: str) -> Rules:
        rules = await self._find(name)
        if rules is None:
            # Without its rules the key would be able to do anything.
            text = f"The profile {name} of this API key does not exist any more."
            raise RoutorError(Kind.PERMISSION_DENIED, text)
        return rules

    async def _find(self, name: str) -> Rules | None:
        known, until_s = self._known.get(name, (None, float("-inf")))
        if self._clock() < until_s or self._client is None:
            return known
        try:
            asked = self._client.hget(store.PROFILES, name)
            packed = await cast(Awaitable[bytes | None], asked)
        except (redis.RedisError, OSError, TimeoutError) as failure:
            logger.warning("profiles cannot be read from Redis: %s", type(failure).__name__)
            if known is None:
                text = "The routing profile cannot be read now; try again."
                raise RoutorError(Kind.OVERLOADED, text, retry_after_s=1) from None
            # What was known holds on, and nobody waits for a dead server at once again.
            self._known[name] = (known, self._clock() + 1.0)
            return known
        known = None if packed is None else _read(packed)
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[name] = (known, self._clock() + TTL_S)
        return known
