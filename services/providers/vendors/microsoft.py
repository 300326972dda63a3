"""Microsoft Azure AI Foundry, by its OpenAI-compatible v1 door."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="microsoft",
    name="Microsoft",
    dialect="openai_chat",
    # https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (2026-11-23): each
    # customer has an own address; the v1 door needs no api-version and serves every model
    base_url="",
    key_env=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
    base_url_env="AZURE_OPENAI_ENDPOINT",
    base_url_suffix="/openai/v1",
    # openai 3.54.0, lib/azure.py (2026-11-23)
    auth_header="api-key",
    auth_prefix="",
    error_codes={
        # A deployment that is not there, by its name in `model`
        "deploymentnotfound": "MODEL_GONE",
        # A model that is not OpenAI's, with HTTP 400 or 404
        # (github.com/microsoft-foundry/new-foundry-portal/issues/127, 2026-05)
        "unknown_model": "MODEL_GONE",
        # https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter (2026-11-23)
        "content_filter": "CONTENT_REFUSED",
        "responsibleaipolicyviolation": "CONTENT_REFUSED",
        # As OpenAI (github.com/songquanpeng/one-api/issues/2101, 2025-02)
        "invalid_prompt": "CONTENT_REFUSED",
    },
    # Phi and MAI models are served without OpenAI's services (litellm 1.109.1, azure_ai)
    quirks=Quirks(
        developer_role=False,
        store_and_metadata=False,
        strict_tools=False,
        unlisted_thoughts="refused",  # as OpenAI: most of its models are OpenAI's
        # "<think> {Thought section} </think>": how Phi's reasoning models are told to answer
        # (huggingface.co/microsoft/Phi-4-reasoning, 2026-11-23)
        think_tags=True,
    ),
)
