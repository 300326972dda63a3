"""Anthropic."""

from services.providers.vendors.contract import Vendor

VENDOR = Vendor(
    id="anthropic",
    name="Anthropic",
    dialect="anthropic_messages",
    # anthropic 2.12.0, _client.py (2026-11-23)
    base_url="https://api.anthropic.com",
    key_env=("ANTHROPIC_API_KEY",),
    base_url_env="ANTHROPIC_BASE_URL",
    auth_header="x-api-key",
    auth_prefix="",
    # https://platform.claude.com/docs/en/api/versioning (2026-11-23): 2026-10-21 refuses
    # temperature, top_p and top_k; 2023-06-01 is served on.
    headers={"anthropic-version": "2023-06-01"},
    models_path="/v1/models?limit=1000",
    # platform.claude.com, web search tool: $10 per 1,000 (by claudecodeguides.com, 2026-11-29)
    fees_usd={"web_search": 0.01},
    # Not in costs: code execution, by the time of its container beyond free hours, which answers
    # do not tell. Web fetch has no fee (same documentation, 2026-11-29).
    error_codes={
        # developersdigest.tech/errors/api/anthropic-api (2026-11-23): 429, not to be retried
        "enforced_spend_limit_reached": "PROVIDER_QUOTA",
        # error.details.error_code (anthropic 2.12.0, types/shared/*_error_details.py): 429 as
        # well, then 400s that are about the owner's account, not about the request
        "contract_spend_limit_reached": "PROVIDER_QUOTA",
        "organization_on_hold": "PROVIDER_AUTH",
        "organization_type_not_supported": "PROVIDER_AUTH",
        "cmek_key_disabled": "PROVIDER_AUTH",
        "cmek_key_network_blocked": "PROVIDER_AUTH",
    },
    error_words={
        # Schemas of tools are taken in part here, and whole elsewhere: a choice at the root, keys
        # of properties (github.com/anthropics/claude-code/issues/79418, 2026-07)
        "input_schema": "UNSUPPORTED_PARAMETER",
        "enforced_spend_limit_reached": "PROVIDER_QUOTA",
        # HTTP 400 when prepaid credit is used up (same source)
        "credit balance is too low": "PROVIDER_QUOTA",
        # HTTP 400, too, until the month ends: the limit that the owner has set
        # (github.com/anthropics/claude-code/issues/38035, 2026-03)
        "specified api usage limits": "PROVIDER_QUOTA",
        # HTTP 400, and no word of the request: the account behind the key is closed
        # (github.com/anthropics/claude-code/issues/72457, 2026-06)
        "organization has been disabled": "PROVIDER_AUTH",
        # HTTP 400, and an event of streams
        # (github.com/anthropics/claude-code/issues/58367, 2026-05)
        "blocked by content filtering policy": "CONTENT_REFUSED",
    },
)
