"""The owner's paths and where they lead."""

import redis.asyncio as redis

from services.edge.admin.keys import Keys
from services.edge.admin.profiles import Profiles
from services.edge.admin.providers import Board, Providers
from services.edge.frame import Route


def routes(client: "redis.Redis | None", board: Board | None) -> list[Route]:
    """Return them all; every one needs the admin key."""
    keys, profiles, providers = Keys(client), Profiles(client), Providers(client, board)
    return [
        Route("POST", "/admin/keys", keys.create, admin=True),
        Route("GET", "/admin/keys", keys.list, admin=True),
        Route("DELETE", "/admin/keys/{id}", keys.revoke, admin=True),
        Route("POST", "/admin/profiles", profiles.create, admin=True),
        Route("GET", "/admin/profiles", profiles.list, admin=True),
        Route("DELETE", "/admin/profiles/{id}", profiles.delete, admin=True),
        Route("GET", "/admin/providers", providers.list, admin=True),
        Route("POST", "/admin/providers/reset", providers.reset, admin=True),
    ]
