"""/admin/profiles: make, list and delete routing profiles."""

from typing import Any, cast

import msgspec
import redis.asyncio as redis
from aiohttp import web

from services.edge import document, keys, profiles, terms
from services.edge.admin import intake
from services.edge.fields import PROFILES
from services.edge.terms import Name, Rules
from services.errors import Kind, RoutorError

PATH = "/admin/profiles/"
FAULTS = (redis.RedisError, OSError, TimeoutError)


class Wanted(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that makes a profile: its name, and its rules."""

    name: Name


class Profiles:
    """Manages the profiles in Redis."""

    def __init__(self, client: "redis.Redis | None") -> None:
        self._client = client

    async def create(self, request: web.BaseRequest) -> web.Response:
        """Keep a profile, in place of one of the same name: 201."""
        wanted = document.convert(await intake.body(request), Wanted)
        if wanted.name in PROFILES:
            raise document.invalid("name", "auto, tier and direct are taken")
        rules = Rules(**{name: getattr(wanted, name) for name in Rules.__struct_fields__})
        terms.check_rules(rules)
        try:
            await profiles.put(intake.needed(self._client), wanted.name, rules)
        except FAULTS:
            raise intake.lost() from None
        return intake.told(describe(wanted.name, rules), 201)

    async def list(self, request: web.BaseRequest) -> web.Response:
        """Tell all profiles, by name."""
        try:
            kept = await profiles.list_profiles(intake.needed(self._client))
        except FAULTS:
            raise intake.lost() from None
        data = [describe(name, rules) for name, rules in kept.items()]
        return intake.told({"object": "list", "data": data})

    async def delete(self, request: web.BaseRequest) -> web.Response:
        """Delete a profile that no key is bound to."""
        name = request.path.removeprefix(PATH)
        client = intake.needed(self._client)
        try:
            bound = [one for one in await keys.list_keys(client) if one.terms.profile == name]
            if bound:
                text = f"This profile is bound to key {bound[0].preview}; revoke the key first."
                raise RoutorError(Kind.INVALID_REQUEST, text)
            found = await profiles.delete(client, name)
        except FAULTS:
            raise intake.lost() from None
        if not found:
            raise RoutorError(Kind.NOT_FOUND, "There is no profile of this name.")
        return intake.told({"name": name[:64], "deleted": True})


def describe(name: str, rules: Rules) -> dict[str, Any]:
    """Return a profile as it is shown."""
    told = cast(dict[str, Any], msgspec.to_builtins(rules))
    return {"name": name, "object": "profile", **told}
