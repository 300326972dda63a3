"""Moonshot AI (Kimi)."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="moonshot",
    name="Moonshot AI",
    dialect="openai_chat",
    # https://platform.moonshot.ai/docs (2026-11-23)
    base_url="https://api.moonshot.ai/v1",
    key_env=("MOONSHOT_API_KEY",),
    base_url_env="MOONSHOT_BASE_URL",
    error_codes={
        # https://platform.moonshot.ai/docs/api/chat, error table (2026-11-23)
        "exceeded_current_quota_error": "PROVIDER_QUOTA",
        "engine_overloaded_error": "PROVIDER_UNAVAILABLE",
        "rate_limit_reached_error": "PROVIDER_RATE_LIMITED",
        "incorrect_api_key_error": "PROVIDER_AUTH",
        "invalid_authentication_error": "PROVIDER_AUTH",
        "resource_not_found_error": "MODEL_GONE",
    },
    error_words={
        # hex/claude-council v2026.8.3: 400 "invalid temperature: only 1 is allowed for this model"
        "is allowed for this model": "UNSUPPORTED_PARAMETER",
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1 (2026-11-23)
        developer_role=False,
        store_and_metadata=False,
        # litellm 1.109.1, moonshot/chat/transformation.py: calls come back with thoughts; all
        # models that are known think unless told otherwise (the catalog's `reasoning`)
        unlisted_thoughts="demanded",
        # The one name of the limit that the vendor knows (litellm 1.109.1)
        unlisted_max_tokens_field="max_tokens",
        # https://platform.moonshot.ai/docs/api/chat (2026-11-23)
        services=("prompt_cache_key", "safety_identifier"),
        parameters=("thinking",),
        longest_stop=32,
        lacks=("logit_bias",),
        # litellm 1.109.1, moonshot/chat/transformation.py: lists of text are joined
        text_parts=False,
        strict_tools=False,
        # github.com/MoonshotAI/kimi-cli/issues/2531 (2026-07): "function name is invalid, must
        # start with a letter", "… is not a valid moonshot flavored json schema"
        letter_first=True,
        flavored_schemas=True,
        # https://platform.moonshot.ai/docs/guide/use-partial-mode-feature-of-kimi-api
        prefill_flag="partial",
        # the same file: usage in choices[0] of a stream's last chunk
        usage_in_choice=True,
    ),
)
