"""NVIDIA NIM (build.nvidia.com)."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="nvidia",
    name="NVIDIA",
    dialect="openai_chat",
    # https://docs.api.nvidia.com (2026-11-23)
    base_url="https://integrate.api.nvidia.com/v1",
    key_env=("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
    base_url_env="NVIDIA_BASE_URL",
    error_words={
        # HTTP 400 that is an outage: github.com/decolua/9router#2527 (2026)
        "degraded function": "PROVIDER_UNAVAILABLE",
        # A removed model: github.com/Alishahryar1/free-claude-code#1485 (2026)
        "not found for account": "MODEL_GONE",
    },
    quirks=Quirks(
        # vLLM and NIM know the roles of the chat template alone; requests are checked
        # strictly against each model's schema (docs.api.nvidia.com, 2026-11-23)
        developer_role=False,
        store_and_metadata=False,
        # The one name of the limit that the vendor knows (litellm 1.109.1)
        unlisted_max_tokens_field="max_tokens",
        # The vendor's reference of chat completions (2026-11-23)
        parameters=(
            "chat_template_kwargs",
            "guided_json",
            "min_tokens",
            "nvext",
            "reasoning_budget",
        ),
        strict_tools=False,
        text_parts=False,
        message_name=False,
    ),
)
