"""DeepSeek."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="deepseek",
    name="DeepSeek",
    dialect="openai_chat",
    # https://api-docs.deepseek.com (2026-11-23): no /v1 needed
    base_url="https://api.deepseek.com",
    key_env=("DEEPSEEK_API_KEY",),
    base_url_env="DEEPSEEK_BASE_URL",
    error_words={
        # https://api-docs.deepseek.com/quick_start/error_codes (2026-11-23): HTTP 402
        "insufficient balance": "PROVIDER_QUOTA",
        # Both are HTTP 400 of no code but invalid_request_error
        # (github.com/langbot-app/LangBot/issues/1643, 2025-09)
        "model not exist": "MODEL_GONE",
        # github.com/666ghj/BettaFish/issues/691 (2026-06)
        "content exists risk": "CONTENT_REFUSED",
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1 (2026-11-23): no developer role, no store
        developer_role=False,
        store_and_metadata=False,
        # https://api-docs.deepseek.com/guides/thinking_mode (2026-11-23): on by default, and each
        # turn comes back with its thoughts
        unlisted_thoughts="demanded",
        # The one name of the limit that the vendor knows (litellm 1.109.1)
        unlisted_max_tokens_field="max_tokens",
        # The vendor's reference of chat completions (2026-11-23)
        parameters=("thinking",),
        lacks=("logit_bias",),
        # "The last message … must be a user message", of a system message alone
        # (github.com/huggingface/smolagents/issues/430, 2025-01)
        needs_user_message=True,
        # The same words, whatever comes before the system message
        # (github.com/pig-mesh/deepseek4j/issues/80, 2025-03)
        ends_with_system=False,
        # litellm 1.109.1, deepseek/chat/transformation.py: lists of text are refused
        text_parts=False,
        # strict tools exist on /beta alone (https://api-docs.deepseek.com, 2026-11-23)
        strict_tools=False,
        # https://api-docs.deepseek.com/guides/chat_prefix_completion (2026): beta
        prefill_flag="prefix",
        prefill_path="/beta/chat/completions",
    ),
)
