"""Find the embedding model that the caller names: vectors of two models never mix.

So nothing is ranked here, and a chain has one member.
"""

import difflib
from typing import Final

from routor.v1 import router_pb2, types_pb2
from services.catalog import Catalog, Embedding
from services.errors import Kind, RoutorError
from services.router.roster import Roster

NEAR_MATCHES: Final = 3


def route(
    request: router_pb2.RouteRequest, catalog: Catalog, roster: Roster
) -> router_pb2.RouteResponse:
    """Return the decision for a request for vectors.

    Raises UNKNOWN_MODEL naming near matches, or NO_CAPABLE_MODEL for a provider that is not
    connected.
    """
    model = catalog.find_embedding(request.model)
    if model is None:
        raise _unknown(request.model, catalog, roster)
    # Nobody else has its vectors: who is Down is tried all the same.
    _reachable(model, roster)
    usd = request.needs.input_tokens * model.price_usd_per_mtok / 1e6
    decision = router_pb2.Decision(
        request_id=request.request_id,
        profile=types_pb2.PROFILE_DIRECT,
        confidence=1.0,
        method="direct",
        cost_usd=usd,
        reasoning="named by the caller",
        catalog_version=catalog.version,
        status_version=roster.standings.version,
    )
    decision.chain.add(
        model=model.key,
        provider=model.provider,
        upstream_model=model.upstream,
        expected_cost_usd=usd,
        quality=1.0,
    )
    return router_pb2.RouteResponse(decision=decision)


def _reachable(model: Embedding, roster: Roster) -> None:
    standing = roster.standings.provider(model.provider)
    if not standing.connected:
        raise RoutorError(
            Kind.NO_CAPABLE_MODEL,
            f"{model.key} cannot be called: provider {model.provider} is not connected.",
            provider=model.provider,
            model=model.key,
            param="model",
        )


def _unknown(name: str, catalog: Catalog, roster: Roster) -> RoutorError:
    connected = [
        key
        for key, model in catalog.embeddings.items()
        if roster.standings.provider(model.provider).connected
    ]
    near = difflib.get_close_matches(name, connected, NEAR_MATCHES, 0.3) or connected
    hint = f" Embedding models are: {', '.join(near)}." if near else ""
    return RoutorError(
        Kind.UNKNOWN_MODEL,
        f"There is no embedding model {name[:128]!r}.{hint}",
        model=name[:128],
        param="model",
    )
