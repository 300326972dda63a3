"""List the catalog with prices, abilities and how each model stands."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from routor.v1 import router_pb2, status_pb2, types_pb2
from services.catalog import Catalog, Embedding, Model

MODALITIES = {
    "text": types_pb2.MODALITY_TEXT,
    "image": types_pb2.MODALITY_IMAGE,
    "file": types_pb2.MODALITY_FILE,
    "audio": types_pb2.MODALITY_AUDIO,
    "video": types_pb2.MODALITY_VIDEO,
}
HEALTH = {
    status_pb2.HEALTH_HEALTHY: "healthy",
    status_pb2.HEALTH_DEGRADED: "degraded",
    status_pb2.HEALTH_DOWN: "down",
}


def listing(catalog: Catalog, status: status_pb2.Status | None) -> router_pb2.ListModelsResponse:
    """Return every model of the catalog, retired ones too, in the order of their ids."""
    models = [_model(model) for _, model in sorted(catalog.models.items())]
    embeddings = [_embedding(model) for _, model in sorted(catalog.embeddings.items())]
    providers = None if status is None else {one.provider: one for one in status.providers}
    for listed in (*models, *embeddings):
        _stand(listed, providers)
    return router_pb2.ListModelsResponse(
        models=models, embeddings=embeddings, catalog_version=catalog.version
    )


def _stand(
    listed: router_pb2.Model, providers: Mapping[str, status_pb2.ProviderStatus] | None
) -> None:
    """Tell how a model stands; while nobody knows, it can be called."""
    if providers is None:
        listed.connected, listed.status = True, "unknown"
        return
    provider = providers.get(listed.provider, status_pb2.ProviderStatus())
    listed.connected = provider.connected
    listed.status = _status(listed.id, provider)


def _status(key: str, provider: status_pb2.ProviderStatus) -> str:
    """Say that its provider has it no more, or the worse of the provider's and its own health."""
    own = next((one for one in provider.models if one.model == key), status_pb2.ModelStatus())
    if own.retired:
        return "retired"
    return HEALTH.get(max(provider.health, own.health), "unknown")


def _model(model: Model) -> router_pb2.Model:
    price = router_pb2.Price(
        input=model.price.input,
        output=model.price.output,
        cached_input=model.price.cached_input,
        cache_write=model.price.cache_write,
    )
    structured = model.structured_outputs
    return router_pb2.Model(
        id=model.key,
        name=model.name,
        provider=model.provider,
        upstream_model=model.upstream,
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        input_modalities=[MODALITIES[modality] for modality in model.input_modalities],
        tools=model.tools,
        structured_outputs="" if structured == "none" else structured,
        efforts=model.reasoning.efforts,
        price=price,
        lifecycle=model.lifecycle.status,
        replacement=model.lifecycle.replacement or "",
        aliases=model.aliases,
        created=_seconds(model.released),
    )


def _embedding(model: Embedding) -> router_pb2.Model:
    return router_pb2.Model(
        id=model.key,
        name=model.name,
        provider=model.provider,
        upstream_model=model.upstream,
        context_window=model.max_input_tokens,
        input_modalities=[types_pb2.MODALITY_TEXT],
        price=router_pb2.Price(input=model.price_usd_per_mtok),
        lifecycle="active",
        aliases=model.aliases,
        dimensions=model.dimensions,
    )


def _seconds(day: date | None) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) if day is not None else 0
