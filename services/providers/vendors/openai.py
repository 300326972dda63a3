"""OpenAI."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="openai",
    name="OpenAI",
    dialect="openai_chat",
    # openai 3.54.0, _client.py (2026-11-23)
    base_url="https://api.openai.com/v1",
    key_env=("OPENAI_API_KEY",),
    base_url_env="OPENAI_BASE_URL",
    error_codes={
        # https://platform.openai.com/docs/guides/error-codes (2026-11-23): 429, waiting is useless
        "insufficient_quota": "PROVIDER_QUOTA",
        "credit_balance_exhausted": "PROVIDER_QUOTA",
        # "Your account is not active" (github.com/BerriAI/litellm/issues/2743, 2024-03)
        "billing_not_active": "PROVIDER_QUOTA",
        # "your prompt was flagged as potentially violating our usage policy"
        # (github.com/openai/codex/issues/7250, 2026-09)
        "invalid_prompt": "CONTENT_REFUSED",
    },
    error_words={
        # Tools with reasoning on chat completions: community.openai.com/t/1386454 (2026)
        "function tools with reasoning_effort": "UNSUPPORTED_PARAMETER",
    },
    # platform.openai.com/docs/pricing: $10 and $2.50 per 1,000 (by modelcostwatch.com/openai,
    # 2026-03-12)
    fees_usd={"web_search": 0.01, "file_search": 0.0025},
    # Not in costs, as answers do not tell enough (2026-11-29): containers of code_interpreter and
    # shell, by minute and memory; image_generation, by tokens of image models that the catalog
    # does not price; storage of files; searches of models asked by web_search_options.
    quirks=Quirks(
        # openai 3.54.0, types/chat/completion_create_params.py: max_tokens is deprecated, and
        # refused by models that reason; the newer field is taken by all
        unlisted_max_tokens_field="max_completion_tokens",
        # community.openai.com/t/1386454 (2026): newer models think with tools on Responses alone
        unlisted_over_responses=True,
        # openai 3.54.0, types/chat/chat_completion_assistant_message_param.py: no such field
        unlisted_thoughts="refused",
        # The parts beside it (3.57.0)
        part_members=("prompt_cache_breakpoint",),
    ),
)
