"""/admin/keys: make, list and revoke API keys."""

from collections.abc import Awaitable
from typing import Annotated, Any, cast

import msgspec
import redis.asyncio as redis
from aiohttp import web
from msgspec import Meta

from services import store
from services.edge import document, keys, profiles, terms
from services.edge.admin import intake
from services.edge.keys import KeyRecord
from services.edge.terms import Terms
from services.errors import Kind, RoutorError

PATH = "/admin/keys/"
FAULTS = (redis.RedisError, OSError, TimeoutError)


class Wanted(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that makes a key: its name, and what limits it."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]


class Keys:
    """Manages the keys in Redis; those of the environment are not listed."""

    def __init__(self, client: "redis.Redis | None") -> None:
        self._client = client

    async def create(self, request: web.BaseRequest) -> web.Response:
        """Make a key, and show it for the only time: 201."""
        wanted = document.convert(await intake.body(request), Wanted)
        given = {name: getattr(wanted, name) for name in Terms.__struct_fields__}
        limits = Terms(**given)
        terms.check(limits)
        client = intake.needed(self._client)
        try:
            if limits.profile is not None:
                await _check_profile(client, limits.profile)
            key, record = await keys.create(client, wanted.name, limits)
        except FAULTS:
            raise intake.lost() from None
        return intake.told({"key": key, **describe(record)}, 201)

    async def list(self, request: web.BaseRequest) -> web.Response:
        """Tell all keys, oldest first, with what they have spent."""
        client = intake.needed(self._client)
        try:
            records = await keys.list_keys(client)
            spent = [await _spent(client, record) for record in records]
        except FAULTS:
            raise intake.lost() from None
        data = [{**describe(record), **more} for record, more in zip(records, spent, strict=True)]
        return intake.told({"object": "list", "data": data})

    async def revoke(self, request: web.BaseRequest) -> web.Response:
        """Delete a key, named by its id or its preview."""
        named = request.path.removeprefix(PATH)
        try:
            found = await keys.revoke(intake.needed(self._client), named)
        except FAULTS:
            raise intake.lost() from None
        if not found:
            raise RoutorError(Kind.NOT_FOUND, "There is no key of this id or preview.")
        return intake.told({"id": named[: keys.PREVIEW_CHARS], "deleted": True})


def describe(record: KeyRecord) -> dict[str, Any]:
    """Return what may be shown of a key."""
    return {
        "id": record.id,
        "object": "key",
        "name": record.name,
        "preview": record.preview,
        "created_at_s": record.created_at_s,
        **cast(dict[str, Any], msgspec.to_builtins(record.terms)),
    }


async def _spent(client: "redis.Redis", record: KeyRecord) -> dict[str, float]:
    if not record.terms.metered:
        return {}
    names = ["spent_usd", "reserved_usd"]
    asked = client.hmget(store.spend_name(record.digest), names)
    kept = await cast(Awaitable[list[bytes | None]], asked)
    return {name: float(value or 0) for name, value in zip(names, kept, strict=True)}


async def _check_profile(client: "redis.Redis", name: str) -> None:
    if name not in await profiles.list_profiles(client):
        raise RoutorError(
            Kind.INVALID_REQUEST, f"profile: there is no profile {name}.", param="profile"
        )
