"""Alibaba Cloud Model Studio (DashScope, Qwen)."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="alibaba",
    name="Alibaba",
    dialect="openai_chat",
    # https://www.alibabacloud.com/help/en/model-studio/base-url (2026-11-23): Singapore; keys are
    # bound to their region, other regions by DASHSCOPE_BASE_URL
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    key_env=("DASHSCOPE_API_KEY",),
    base_url_env="DASHSCOPE_BASE_URL",
    # https://www.alibabacloud.com/help/en/model-studio/error-code (2026-11-23)
    error_codes={
        "invalidapikey": "PROVIDER_AUTH",
        "accessdenied": "PROVIDER_AUTH",
        # The second: HTTP 403 (github.com/axoviq-ai/synthadoc/issues/215, 2026-07)
        **dict.fromkeys(("arrearage", "allocationquota.freetieronly"), "PROVIDER_QUOTA"),
        "modelnotfound": "MODEL_GONE",
        **dict.fromkeys(("throttling", "throttling.allocationquota"), "PROVIDER_RATE_LIMITED"),
        **dict.fromkeys(("throttling.ratequota", "throttling.burstrate"), "PROVIDER_RATE_LIMITED"),
        # The second: here a rate, not the balance; tokens per minute are used up
        **dict.fromkeys(("limit_requests", "insufficient_quota"), "PROVIDER_RATE_LIMITED"),
        **dict.fromkeys(("datainspectionfailed", "data_inspection_failed"), "CONTENT_REFUSED"),
    },
    error_words={
        "range of input length": "CONTEXT_TOO_LONG",
        "enable_thinking must be set to false": "UNSUPPORTED_PARAMETER",
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1 (2026-11-23)
        developer_role=False,
        store_and_metadata=False,
        unlisted_max_tokens_field="max_tokens",  # the one name of it (litellm 1.109.1)
        # https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference (2026-11-23)
        parameters=(
            "enable_search",  # its fee differs by region, and is in no cost
            "enable_thinking",
            "repetition_penalty",
            "search_options",
            "thinking_budget",
            "top_k",
            "vl_high_resolution_images",
        ),
        lacks=("logit_bias",),
        part_members=("max_pixels", "min_pixels"),  # of images (model-studio/vision, 2026-11-23)
        strict_tools=False,
        # github.com/agentscope-ai/agentscope-java/issues/613 (2026-01)
        needs_user_message=True,
        # https://www.alibabacloud.com/help/en/model-studio/context-cache (2026-11-23)
        cache_control=True,
        # https://www.alibabacloud.com/help/en/model-studio/deep-thinking (2026-11-23): some models
        # think in streams alone ("enable_thinking must be set to false for non-streaming calls")
        thinks_in_streams=True,
        # https://www.alibabacloud.com/help/en/model-studio/partial-mode (2026-11-23)
        prefill_flag="partial",
    ),
)
