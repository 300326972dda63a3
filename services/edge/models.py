"""GET /v1/models and /v1/models/{id}: OpenAI's list, with what Routor knows about each model.

Who sends `anthropic-version` gets Anthropic's list.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from routor.v1 import router_pb2, types_pb2
from services.edge.messages import listing
from services.edge.messages.fault import SPOKEN
from services.edge.peers import Peers
from services.errors import Kind, RoutorError

# What comes after it names a model.
PATH = "/v1/models/"
AUTO = {"id": "auto", "object": "model", "created": 0, "owned_by": "routor", "name": "Auto"}


class Models:
    """Lists what can chat now; `?all=true` lists the whole catalog, embedding models too."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def list(self, request: web.BaseRequest) -> web.Response:
        """Answer with the list."""
        catalog = await self._peers.models()
        everything = request.query.get("all", "").lower() in ("1", "true")
        listed = [model for model in catalog.models if everything or callable_now(model)]
        if SPOKEN in request.headers:
            return _json(listing.page(listed, request.query))
        shown = [*listed, *catalog.embeddings] if everything else listed
        return _json({"object": "list", "data": [AUTO, *map(describe, shown)]})

    async def one(self, request: web.BaseRequest) -> web.Response:
        """Answer with one model, named by its id, bare id or alias."""
        wanted = request.path.removeprefix(PATH)
        theirs = SPOKEN in request.headers
        if wanted == AUTO["id"] and not theirs:
            return _json(AUTO)
        catalog = await self._peers.models()
        if wanted == AUTO["id"]:
            return _json(listing.auto([*filter(callable_now, catalog.models)]))
        found = find([*catalog.models, *catalog.embeddings], wanted)
        return _json(listing.describe(found) if theirs else describe(found))


def find(catalog: Sequence[router_pb2.Model], wanted: str) -> router_pb2.Model:
    """Return the model of an id; raise UNKNOWN_MODEL naming near ones."""
    for model in catalog:
        if wanted in (model.id, model.id.partition("/")[2], *model.aliases):
            return model
    ids = [model.id for model in catalog]
    near = difflib.get_close_matches(wanted[:128], ids, 3, 0.5)
    hint = f" Near matches: {', '.join(near)}." if near else " GET /v1/models lists them all."
    raise RoutorError(
        Kind.UNKNOWN_MODEL, f"There is no such model.{hint}", param="model", model=wanted[:128]
    )


def callable_now(model: router_pb2.Model) -> bool:
    """Tell whether requests can name the model: connected, and not retired."""
    return model.connected and model.lifecycle != "retired"


def describe(model: router_pb2.Model) -> dict[str, Any]:
    """Return a model in OpenAI's shape, and more; prices are US dollars per million tokens."""
    price = model.price
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.provider,
        "name": model.name,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "input_modalities": _modalities(model.input_modalities),
        "capabilities": {
            "tools": model.tools,
            "structured_outputs": model.structured_outputs or None,
            "reasoning_efforts": list(model.efforts),
        },
        "price_usd_per_mtok": {
            "input": price.input,
            "output": price.output,
            "cached_input": price.cached_input if price.HasField("cached_input") else None,
            "cache_write": price.cache_write if price.HasField("cache_write") else None,
        },
        "lifecycle": model.lifecycle,
        "replacement": model.replacement or None,
        "aliases": list(model.aliases),
        "connected": model.connected,
        "status": model.status,
        **({"dimensions": model.dimensions} if model.dimensions else {}),
    }


def _modalities(kinds: "Iterable[types_pb2.Modality.ValueType]") -> list[str]:
    return [types_pb2.Modality.Name(kind).removeprefix("MODALITY_").lower() for kind in kinds]


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
