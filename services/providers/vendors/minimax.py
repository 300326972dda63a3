"""MiniMax."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="minimax",
    name="MiniMax",
    dialect="openai_chat",
    # https://platform.minimax.io/docs (2026-11-23)
    base_url="https://api.minimax.io/v1",
    key_env=("MINIMAX_API_KEY",),
    base_url_env="MINIMAX_BASE_URL",
    # base_resp.status_code, with HTTP 200 too:
    # https://platform.minimax.io/docs/api-reference/errorcode (2026-11-23)
    error_codes={
        **dict.fromkeys(("1000", "1013", "1024", "1033"), "PROVIDER_UNAVAILABLE"),
        **dict.fromkeys(("1026", "1027"), "CONTENT_REFUSED"),
        "1001": "PROVIDER_TIMEOUT",
        "1002": "PROVIDER_RATE_LIMITED",
        "1004": "PROVIDER_AUTH",
        "1008": "PROVIDER_QUOTA",
        **dict.fromkeys(("1039", "1041", "2045"), "PROVIDER_RATE_LIMITED"),
        "2013": "INVALID_REQUEST",
        "2049": "PROVIDER_AUTH",
    },
    # 2013 stands for every refused request; the message tells which.
    error_words={
        "context window exceeds": "CONTEXT_TOO_LONG",
        "unknown model": "MODEL_GONE",
        # HTTP 429 or 500, the code in the words alone
        # (github.com/MiniMax-AI/MiniMax-M2/issues/62, 2025-12)
        "insufficient balance": "PROVIDER_QUOTA",
        # 2056, until the next window of five hours; the code in the words alone, too
        # (github.com/MiniMax-AI/MiniMax-M2.7/issues/36, 2026-05)
        "usage limit exceeded": "PROVIDER_QUOTA",
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1 (2026-11-23)
        developer_role=False,
        store_and_metadata=False,
        # The vendor's reference of chat completions (2026-11-23)
        parameters=("mask_sensitive_info", "reasoning_split", "thinking"),
        # "ignored" (the vendor's page on OpenAI's SDK, by github.com/camel-ai/camel, 2026)
        lacks=("logit_bias",),
        strict_tools=False,
        # "invalid chat setting (2013)": github.com/MiniMax-AI/MiniMax-M2/issues/51 (2025-11),
        # github.com/can1357/oh-my-pi/pull/954 (2026-05)
        one_system=True,
        # https://platform.minimax.io/docs/api-reference/text-openai-api (2026-11-23): max_tokens
        # is deprecated; without reasoning_split thoughts sit in content; cache_control is taken
        max_tokens_field="max_completion_tokens",
        extra_body={"reasoning_split": True},
        cache_control=True,
        think_tags=True,
        # https://platform.minimax.io/docs/guides/text-m2-function-call (2026): with reasoning_split
        # the thoughts between calls come back in reasoning_details
        thought_details=True,
    ),
)
