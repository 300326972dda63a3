"""xAI."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="xai",
    name="xAI",
    dialect="openai_chat",
    # https://docs.x.ai/developers (2026-11-23)
    base_url="https://api.x.ai/v1",
    key_env=("XAI_API_KEY",),
    base_url_env="XAI_BASE_URL",
    error_words={
        # https://docs.x.ai/developers/debugging (2026-11-23): a wrong key is HTTP 400
        "incorrect api key": "PROVIDER_AUTH",
        "invalid api key": "PROVIDER_AUTH",
        "used all available credits": "PROVIDER_QUOTA",
        "monthly spending limit": "PROVIDER_QUOTA",
        # HTTP 403, as for a key without permission: github.com/continuedev/continue/issues/12670
        # (2026-06), github.com/Wei-Shaw/sub2api/issues/4069 (2026-07)
        "have any credits": "PROVIDER_QUOTA",
        "run out of credits": "PROVIDER_QUOTA",
        # HTTP 403, too: github.com/theopenco/llmgateway/pull/1785 (2026-03)
        "violates usage guidelines": "CONTENT_REFUSED",
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1 (2026-11-23)
        developer_role=False,
        store_and_metadata=False,
        # https://docs.x.ai/docs/api-reference, chat completions (2026-11-23): logit_bias is
        # "unsupported", penalties are refused by models that reason, which all newer ones do
        services=("user",),
        parameters=("deferred", "search_parameters"),
        lacks=("logit_bias", "frequency_penalty", "presence_penalty"),
        # litellm 1.109.1, xai/chat/transformation.py: `strict` and `name` are taken out
        strict_tools=False,
        message_name=False,
        # genai-prices 0.2.3: completion_tokens exclude reasoning, total_tokens include it
        reasoning_outside_completion=True,
        # https://docs.x.ai/developers/cost-tracking (2026-11-29): what is billed, tools included
        billed_ticks_field="cost_in_usd_ticks",
    ),
)
