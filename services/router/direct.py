"""Find the one model that the caller names."""

import difflib
from typing import Final, NamedTuple

from services.catalog import Embedding
from services.errors import Kind, RoutorError
from services.router.capable import Drop, retired
from services.router.need import Need
from services.router.pool import Entry, Pool
from services.router.roster import Roster
from services.router.standing import Standings

NEAR_MATCHES: Final = 3


class PassedOn(NamedTuple):
    """A model of a connected provider that the catalog does not list."""

    provider: str
    upstream_model: str

    @property
    def key(self) -> str:
        """Routor's full id."""
        return f"{self.provider}/{self.upstream_model}"


def find(name: str, pool: Pool, roster: Roster) -> Entry | PassedOn:
    """Return the model of a full id, bare id or alias, or `provider/anything` to be passed on.

    Raises UNKNOWN_MODEL naming the replacement of a retired id, or near matches, or for a model
    that makes vectors.
    """
    entry = pool.named(name)
    if entry is not None:
        if retired(entry, roster.today):
            raise _retired(entry, pool)
        return entry
    if vectors := pool.catalog.find_embedding(name):
        raise _silent(vectors)
    prefix, _, upstream = name.partition("/")
    for provider, standing in roster.standings.providers.items():
        if upstream and standing.connected and provider.lower() == prefix.lower():
            return PassedOn(provider, upstream)
    raise _unknown(name, pool, roster)


def reachable(passed: PassedOn, need: Need, standings: Standings) -> None:
    """Raise when a model that is passed on may not be called."""
    if (need.only and passed.provider not in need.only) or passed.provider in need.ignore:
        raise RoutorError(
            Kind.NO_CAPABLE_MODEL,
            f"{passed.key}: provider {passed.provider} is not allowed by routor_providers.",
            model=passed.key,
            param="model",
        )
    if standings.of(passed.key).unlisted:
        raise _gone(passed.key, passed.provider)
    if need.max_cost_usd is not None:
        raise RoutorError(
            Kind.NO_CAPABLE_MODEL,
            f"{passed.key} is not in the catalog, so its price is unknown; "
            "leave routor_max_cost out to use it.",
            model=passed.key,
            param="routor_max_cost",
        )


def not_able(drop: Drop, entry: Entry) -> RoutorError:
    """Return the error of a named model that cannot take the request."""
    if drop.reason == "lifecycle":
        return _gone(entry.key, entry.provider, entry.model.lifecycle.replacement)
    if drop.reason == "context":
        # Clients shorten a conversation when they are told this: by the code, or, as Claude Code
        # does, by the words that the message begins with.
        kind, text = Kind.CONTEXT_TOO_LONG, f"Prompt is too long for {entry.key}"
    else:
        kind, text = Kind.NO_CAPABLE_MODEL, f"{entry.key} cannot take this request"
    return RoutorError(
        kind,
        f"{text}: {drop.detail}.",
        model=entry.key,
        provider=entry.provider,
        param="model",
    )


def _gone(key: str, provider: str, replacement: str | None = None) -> RoutorError:
    """Return the error of a model that its provider has no more, whatever the catalog says."""
    hint = f" Use {replacement}." if replacement else " GET /v1/models lists all."
    return RoutorError(
        Kind.UNKNOWN_MODEL,
        f"{provider} no longer has the model {key}.{hint}",
        model=key,
        provider=provider,
        param="model",
    )


def _retired(entry: Entry, pool: Pool) -> RoutorError:
    following = pool.current(entry.key)
    hint = f" Use {following.key}." if following is not None and following is not entry else ""
    return RoutorError(
        Kind.UNKNOWN_MODEL,
        f"The model {entry.key} is retired.{hint}",
        model=entry.key,
        param="model",
    )


def _silent(vectors: Embedding) -> RoutorError:
    text = f"{vectors.key} is an embedding model and does not chat; POST /v1/embeddings takes it."
    return RoutorError(Kind.UNKNOWN_MODEL, text, model=vectors.key, param="model")


def _unknown(name: str, pool: Pool, roster: Roster) -> RoutorError:
    names: dict[str, str] = {}
    for entry in pool.entries:
        connected = roster.standings.provider(entry.provider).connected
        if connected and not retired(entry, roster.today):
            names[entry.key.lower()] = names[entry.model.id.lower()] = entry.key
    # Long names are cut: matching takes time in their length.
    near = difflib.get_close_matches(name.lower()[:100], names, NEAR_MATCHES)
    matches = list(dict.fromkeys(names[match] for match in near))
    hint = f" Did you mean {' or '.join(matches)}?" if matches else " GET /v1/models lists all."
    return RoutorError(
        Kind.UNKNOWN_MODEL, f"The model {name[:100]!r} does not exist.{hint}", param="model"
    )
