"""Who may come in: the check of API keys. Closed by default."""

import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast

import msgspec
import redis.asyncio as redis
from multidict import CIMultiDictProxy

from services import store
from services.edge import keys
from services.edge.terms import Terms
from services.errors import Kind, RoutorError

logger = logging.getLogger(__name__)

# How long an answer of Redis holds: where the news did not come, a revoked key works so long.
ACCEPTED_TTL_S = 5.0
REFUSED_TTL_S = 2.0
CACHE_SIZE = 10_000
# After a failure Redis is left alone for this long: no request waits for a dead server twice.
REST_S = 1.0

HELP = "Send it as `Authorization: Bearer sk-routor-...`."


class Caller(NamedTuple):
    """Whose key it is, by the key's digest, and what limits it; None when nothing does."""

    owner: str
    terms: Terms | None = None


class Gate:
    """Checks keys: those of the environment, then those in Redis.

    Without an `admin_key` nobody is an admin.

    Only digests are compared, so time tells nothing about a key. Without Redis the keys of the
    environment and those accepted before still work.
    """

    def __init__(
        self,
        api_keys: str,
        client: "redis.Redis | None" = None,
        clock: Callable[[], float] = time.monotonic,
        admin_key: str = "",
    ) -> None:
        words = [word.strip() for word in api_keys.split(",")]
        self._own = [Caller(keys.digest(word)) for word in words if word]
        self._admin = keys.digest(admin_key) if admin_key else ""
        self._client = client
        self._clock = clock
        self._cache: OrderedDict[str, tuple[Caller | None, float]] = OrderedDict()
        self._resting_until_s = float("-inf")
        if not self._own and client is None:
            logger.warning("No API key is configured: every request will be refused.")

    async def check(self, headers: "CIMultiDictProxy[str]") -> Caller:
        """Return whose key the request brings; raise RoutorError(UNAUTHENTICATED)."""
        digest = keys.digest(_key(headers))
        # Every comparison is made: how long it takes does not tell which key fits.
        fitting = [own for own in self._own if hmac.compare_digest(digest, own.owner)]
        known = fitting[0] if fitting else await self._stored(digest)
        if known is None:
            raise RoutorError(Kind.UNAUTHENTICATED, f"Incorrect API key provided. {HELP}")
        return known

    def check_admin(self, headers: "CIMultiDictProxy[str]") -> Caller:
        """Return the admin; raise PERMISSION_DENIED where there is none, else UNAUTHENTICATED."""
        if not self._admin:
            text = "This path is closed: no admin key is configured (ROUTOR_ADMIN_KEY)."
            raise RoutorError(Kind.PERMISSION_DENIED, text)
        if not hmac.compare_digest(keys.digest(_key(headers)), self._admin):
            raise RoutorError(Kind.UNAUTHENTICATED, "This path needs the admin key.")
        return Caller(self._admin)

    def forget(self, digest: bytes) -> None:
        """Look a key up anew the next time: it was revoked."""
        self._cache.pop(digest.decode(), None)

    async def _stored(self, digest: str) -> Caller | None:
        now_s = self._clock()
        known, until_s = self._cache.get(digest, (None, float("-inf")))
        if now_s < until_s or self._client is None:
            return known
        if now_s < self._resting_until_s:
            return known
        try:
            known = await self._read(self._client, digest)
        except (redis.RedisError, OSError, TimeoutError) as failure:
            logger.warning("keys cannot be read from Redis: %s", type(failure).__name__)
            self._resting_until_s = self._clock() + REST_S
            return known
        except msgspec.DecodeError:
            # Better no key than one without its limits.
            logger.warning("the terms of key %s cannot be read", digest[: keys.ID_CHARS])
            known = None
        self._remember(digest, known)
        return known

    async def _read(self, client: "redis.Redis", digest: str) -> Caller | None:
        asked = client.hmget(store.key_name(digest), ["created_at_s", "terms"])
        created, terms = await cast(Awaitable[list[bytes | None]], asked)
        if created is None:
            return None
        return Caller(digest, None if terms is None else keys.read_terms(terms))

    def _remember(self, digest: str, known: Caller | None) -> None:
        ttl_s = REFUSED_TTL_S if known is None else ACCEPTED_TTL_S
        self._cache[digest] = (known, self._clock() + ttl_s)
        self._cache.move_to_end(digest)
        if len(self._cache) > CACHE_SIZE:
            # A flood of wrong keys pushes out the oldest answers, never memory's bounds.
            self._cache.popitem(last=False)


def _key(headers: "CIMultiDictProxy[str]") -> str:
    """Return the key that Authorization carries, or x-api-key where there is none.

    Claude Code sends both where both are configured: the gateway's as a token, beside Anthropic's
    own key (github.com/Alishahryar1/free-claude-code/issues/902, 2026-07).
    """
    bearers = headers.getall("Authorization", ())
    plain = headers.getall("x-api-key", ())
    if not bearers and not plain:
        raise RoutorError(Kind.UNAUTHENTICATED, f"The API key is missing. {HELP}")
    if len(bearers) > 1 or len(plain) > 1:
        raise RoutorError(Kind.UNAUTHENTICATED, f"The API key was sent more than once. {HELP}")
    found = plain[0].strip() if plain else ""
    if bearers:
        scheme, _, word = bearers[0].partition(" ")
        if scheme.lower() != "bearer":
            raise RoutorError(Kind.UNAUTHENTICATED, f"The API key is not a bearer token. {HELP}")
        found = word.strip()
    if not found:
        raise RoutorError(Kind.UNAUTHENTICATED, f"The API key is empty. {HELP}")
    return found
