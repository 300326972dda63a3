"""Redis: connection, and every key name and schema. Cluster-safe: one hash tag per family.

    {routor:status}:snapshot   string  routor.v1.Status, serialized: the last published status
    {routor:status}:changes    channel the same bytes, at every change and as a heartbeat
    {routor:health}:lease      string  id of the health process that probes; expires
    {routor:attempts}:stream   stream  field "b": routor.v1.Attempts, a batch; capped
    {routor:outcomes}:stream   stream  field "o": routor.v1.RecordOutcomeRequest; capped
    {routor:sessions}:<name>   string  routor.v1.Warmth of a conversation, by a hash; expires
    {routor:keys}:<sha256>     hash    name, preview, created_at_s of an API key; no key itself
    {routor:keys}:all          set     the hashes of all keys

Prompt text is never stored.
"""

import asyncio

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

STATUS_SNAPSHOT = "{routor:status}:snapshot"
STATUS_CHANGES = "{routor:status}:changes"
HEALTH_LEASE = "{routor:health}:lease"
ATTEMPTS = "{routor:attempts}:stream"
# Five batches a second of six processes for the five minutes that health looks back.
ATTEMPTS_LENGTH = 10_000
OUTCOMES = "{routor:outcomes}:stream"
OUTCOMES_LENGTH = 100_000
KEYS = "{routor:keys}:all"

# Redis is never worth waiting for: a request works without it.
TIMEOUT_S = 2.0


def key_name(digest: str) -> str:
    """Return where an API key is described; `digest` is the key's SHA-256 in hex."""
    return f"{{routor:keys}}:{digest}"


def session_name(name: str) -> str:
    """Return where it is kept which model knows a conversation; `name` is a hash of it."""
    return f"{{routor:sessions}}:{name}"


def connect(url: str) -> "redis.Redis":
    """Return a client; it connects when first used and raises redis.RedisError when it cannot."""
    return redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
    )


async def answers(client: "redis.Redis") -> bool:
    """Tell whether Redis answers now."""
    try:
        return bool(await client.ping())
    except (redis.RedisError, OSError, TimeoutError):
        return False


def cancelled() -> bool:
    """Tell whether the running task was asked to end.

    Loops around Redis ask this: redis-py 8.1 may swallow a cancellation that meets the end of
    a blocking call (seen 2026-11), and the loop would then go on for ever.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
