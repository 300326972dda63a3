"""Whom we call: one file per provider, data only."""

from services import catalog
from services.providers.vendors import (
    alibaba,
    anthropic,
    deepseek,
    google,
    microsoft,
    minimax,
    mistral,
    moonshot,
    nvidia,
    openai,
    xai,
    xiaomi,
    zai,
)
from services.providers.vendors.contract import Quirks, Vendor

VENDORS: dict[str, Vendor] = {
    module.VENDOR.id: module.VENDOR
    for module in (
        openai,
        anthropic,
        google,
        deepseek,
        xai,
        nvidia,
        moonshot,
        minimax,
        zai,
        alibaba,
        mistral,
        microsoft,
        xiaomi,
    )
}


def custom(provider: catalog.Provider) -> Vendor:
    """Make a vendor of a catalog file's provider: an endpoint that has no vendor file.

    OpenAI's imitators (vLLM, Ollama, a company gateway) take the plain core of the dialect:
    no services of OpenAI's own, and thoughts possibly written into the content. Its address
    may be overridden by `<ID>_BASE_URL`, the id in capitals.
    """
    key_env = (provider.key_env,) if provider.key_env else ()
    base_url_env = f"{provider.id.upper().replace('-', '_')}_BASE_URL"
    bare = {"anthropic_messages": anthropic.VENDOR, "google_generate": google.VENDOR}
    like = bare.get(provider.dialect)
    if like is not None:
        return Vendor(
            id=provider.id,
            name=provider.name,
            dialect=provider.dialect,
            base_url=provider.base_url,
            key_env=key_env,
            base_url_env=base_url_env,
            auth_header=like.auth_header,
            auth_prefix=like.auth_prefix,
            headers=like.headers,
            models_path=like.models_path,
        )
    return Vendor(
        id=provider.id,
        name=provider.name,
        dialect="openai_chat",
        base_url=provider.base_url,
        key_env=key_env,
        base_url_env=base_url_env,
        models_path=provider.models_path,
        quirks=Quirks(
            developer_role=False,
            store_and_metadata=False,
            strict_tools=False,
            think_tags=True,
            any_parameter=True,
        ),
    )
