"""Redis: connection, and every key name and schema. Cluster-safe: one hash tag per family.

    {routor:status}:snapshot   string  routor.v1.Status, serialized: the last published status
    {routor:status}:changes    channel the same bytes, at every change and as a heartbeat
    {routor:status}:resets     channel empty messages: forget what was learned from calls
    {routor:health}:lease      string  id of the health process that probes; expires
    {routor:attempts}:stream   stream  field "b": routor.v1.Attempts, a batch; capped
    {routor:outcomes}:stream   stream  field "o": routor.v1.RecordOutcomeRequest; capped
    {routor:sessions}:<name>   string  routor.v1.Warmth of a conversation, by a hash; expires
    {routor:keys}:<sha256>     hash    name, preview, created_at_s of an API key; no key itself.
                               With limits also terms, JSON of services.edge.terms.Terms
    {routor:keys}:all          set     the hashes of all keys
    {routor:keys}:changes      channel the hash of a key that was revoked
    {routor:spend}:<sha256>    hash    of a key with limits: spent_usd, reserved_usd; minute_ms, its
                               minute's begin, and the requests and tokens in it
    {routor:profiles}:all      hash    name -> JSON of services.edge.terms.Rules
    {routor:profiles}:changes  channel the name of a profile that was made, changed or deleted
    {routor:decisions}:<hour>  hash    <first 16 of a key's sha256>:<request id> ->
                               routor.v1.RecordOutcomeRequest without score; capped; expires

Prompt text is never stored.
"""

import asyncio

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

STATUS_SNAPSHOT = "{routor:status}:snapshot"
STATUS_CHANGES = "{routor:status}:changes"
STATUS_RESETS = "{routor:status}:resets"
HEALTH_LEASE = "{routor:health}:lease"
ATTEMPTS = "{routor:attempts}:stream"
# Five batches a second of six processes for the five minutes that health looks back.
ATTEMPTS_LENGTH = 10_000
OUTCOMES = "{routor:outcomes}:stream"
OUTCOMES_LENGTH = 100_000
KEYS = "{routor:keys}:all"
KEY_CHANGES = "{routor:keys}:changes"
PROFILES = "{routor:profiles}:all"
PROFILE_CHANGES = "{routor:profiles}:changes"

# Redis is never worth waiting for: a request works without it.
TIMEOUT_S = 2.0
CONNECTIONS = 32


def key_name(digest: str) -> str:
    """Return where an API key is described; `digest` is the key's SHA-256 in hex."""
    return f"{{routor:keys}}:{digest}"


def spend_name(digest: str) -> str:
    """Return where it is counted what an API key spends; `digest` as for `key_name`."""
    return f"{{routor:spend}}:{digest}"


def decisions_name(hour: int) -> str:
    """Return where the decisions of an hour are kept; `hour` counts since the epoch."""
    return f"{{routor:decisions}}:{hour}"


def session_name(name: str) -> str:
    """Return where it is kept which model knows a conversation; `name` is a hash of it."""
    return f"{{routor:sessions}}:{name}"


def connect(url: str) -> "redis.Redis":
    """Return a client; it connects when first used and raises redis.RedisError when it cannot."""
    # A socket file (unix://) has no keep-alive, and takes no word of it.
    probed = {} if url.startswith("unix:") else {"socket_keepalive": True}
    pool = redis.BlockingConnectionPool.from_url(
        url,
        # Whoever comes in a burst waits for a connection; the usual pool would turn them away.
        max_connections=CONNECTIONS,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        **probed,
        retry=Retry(NoBackoff(), 1),
    )
    return redis.Redis.from_pool(pool)


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
