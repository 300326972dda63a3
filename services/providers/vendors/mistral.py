"""Mistral AI."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="mistral",
    name="Mistral AI",
    dialect="openai_chat",
    # mistralai 3.7.0, client/sdkconfiguration.py (2026-11-23)
    base_url="https://api.mistral.ai/v1",
    key_env=("MISTRAL_API_KEY",),
    base_url_env="MISTRAL_BASE_URL",
    error_words={
        "invalid model": "MODEL_GONE",
        "too large for model with": "CONTEXT_TOO_LONG",
    },
    quirks=Quirks(
        # mistralai 3.7.0, models/chatcompletionrequest.py and the messages beside it
        # (2026-11-23): random_seed, no stream_options, no name, no developer role, "any"
        developer_role=False,
        message_name=False,
        stream_options=False,
        store_and_metadata=False,
        services=("metadata", "prediction", "prompt_cache_key", "service_tier"),
        service_tiers={"auto": "auto", "default": "standard_only"},
        unlisted_max_tokens_field="max_tokens",
        unlisted_thoughts="refused",  # not in models/assistantmessage.py
        parameters=(
            "guardrails",
            "min_tokens",
            "prompt_logprobs",
            "prompt_mode",
            "random_seed",
            "repetition_penalty",
            "safe_prompt",
            "top_k",
            "top_prompt_logprobs",
        ),
        lacks=("logit_bias", "modalities"),
        seed_field="random_seed",
        required_word="any",
        # https://docs.mistral.ai/capabilities/completion/prefix (2026): given back, too, as the
        # cookbook of Mistral shows by cutting it off (prefix_use_cases)
        prefill_flag="prefix",
        prefill_echo=True,
        # The API refuses others: "Tool call id must be a-z, A-Z, 0-9, with a length of 9"
        # (mistral-common, protocol/instruct/validator.py, 2026)
        tool_call_id="nine_alphanumerics",
        # "Unexpected role 'system' after role 'assistant'", "Expected last role User or Tool"
        # (mistral-common 1.13.1, the same file), "… 'user' after role 'tool'", code 3230
        # (github.com/BerriAI/litellm/issues/17761, 2025-12; mistral-common takes it since)
        template_order=True,
        needs_user_message=True,
        # "top_p must be 1 when using greedy sampling", said too where a thinking model gets none
        # (Orkeon, llm-providers-comparison, measured 2026-08-30)
        greedy_alone=True,
    ),
)
