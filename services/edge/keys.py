"""API keys: made here, shown once, kept in Redis as SHA-256 digests."""

import hashlib
import secrets
import time
from collections.abc import Awaitable
from typing import Any, cast

import msgspec
import redis.asyncio as redis

from services import store
from services.edge.terms import FREE, Terms

PREFIX = "sk-routor-"
PREVIEW_CHARS = 18
ID_CHARS = 16

read_terms = msgspec.json.Decoder(Terms).decode


class KeyRecord(msgspec.Struct, frozen=True):
    """What is kept about a key; the key itself is not."""

    digest: str  # SHA-256 in hex
    name: str
    preview: str  # the first 18 characters and "..."
    created_at_s: int
    terms: Terms = FREE

    @property
    def id(self) -> str:
        """What the key goes by where it is managed; it opens nothing."""
        return self.digest[:ID_CHARS]


def digest(key: str) -> str:
    """Return the SHA-256 of a key in hex: all that is ever stored or compared."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def preview(key: str) -> str:
    """Return what may be shown of a key."""
    return f"{key[:PREVIEW_CHARS]}..."


def generate(name: str, created_at_s: int, terms: Terms = FREE) -> tuple[str, KeyRecord]:
    """Make a key of 256 random bits, URL-safe, and its record."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, KeyRecord(digest(key), name, preview(key), created_at_s, terms)


async def create(client: "redis.Redis", name: str, terms: Terms = FREE) -> tuple[str, KeyRecord]:
    """Make a key, store its record and return both. Raises redis.RedisError."""
    key, record = generate(name, int(time.time()), terms)
    fields: dict[Any, Any] = {
        "name": record.name,
        "preview": record.preview,
        "created_at_s": str(record.created_at_s),
    }
    if terms != FREE:
        fields["terms"] = msgspec.json.encode(terms)
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.hset(store.key_name(record.digest), mapping=fields)
        pipeline.sadd(store.KEYS, record.digest)
        await pipeline.execute()
    return key, record


async def list_keys(client: "redis.Redis") -> list[KeyRecord]:
    """Return all records, oldest first. Raises redis.RedisError."""
    members = await cast(Awaitable[set[bytes]], client.smembers(store.KEYS))
    digests = sorted(member.decode() for member in members)
    async with client.pipeline(transaction=False) as pipeline:
        for known in digests:
            pipeline.hgetall(store.key_name(known))
        answers = await pipeline.execute()
    records = [_record(*pair) for pair in zip(digests, answers, strict=True) if pair[1]]
    return sorted(records, key=lambda record: (record.created_at_s, record.digest))


async def revoke(client: "redis.Redis", key: str) -> bool:
    """Delete a key, named in full, by its id or by its preview; False when there is none.

    A preview that fits several keys deletes none. Raises redis.RedisError.
    """
    wanted = {digest(key), key}
    shown = key if key.endswith("...") else f"{key}..."
    found = [
        record.digest
        for record in await list_keys(client)
        if wanted & {record.digest, record.id} or record.preview == shown
    ]
    if len(found) != 1:
        return False
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.delete(store.key_name(found[0]))
        pipeline.srem(store.KEYS, found[0])
        await pipeline.execute()
    await client.delete(store.spend_name(found[0]))
    await client.publish(store.KEY_CHANGES, found[0])
    return True


def _record(known: str, fields: dict[bytes, bytes]) -> KeyRecord:
    words = {name.decode(): value.decode() for name, value in fields.items()}
    created_at_s = int(words.get("created_at_s", "0"))
    terms = read_terms(words["terms"]) if "terms" in words else FREE
    return KeyRecord(known, words.get("name", ""), words.get("preview", ""), created_at_s, terms)
