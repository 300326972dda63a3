"""Z.AI (Zhipu)."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="zai",
    name="Z.AI",
    dialect="openai_chat",
    # https://docs.z.ai/api-reference (2026-11-23)
    base_url="https://api.z.ai/api/paas/v4",
    key_env=("ZAI_API_KEY", "ZHIPU_API_KEY"),
    base_url_env="ZAI_BASE_URL",
    # Business codes inside; HTTP 429 alone may be an empty balance or a blocked account:
    # https://docs.z.ai/api-reference/api-code (2026-11-23)
    error_codes={
        **dict.fromkeys(("1000", "1001", "1002", "1003", "1004"), "PROVIDER_AUTH"),
        **dict.fromkeys(("1110", "1111", "1112", "1121"), "PROVIDER_AUTH"),
        "1113": "PROVIDER_QUOTA",
        "1211": "MODEL_GONE",
        "1212": "MODEL_GONE",
        "1220": "PROVIDER_AUTH",
        "1221": "MODEL_GONE",
        "1222": "MODEL_GONE",
        "1230": "PROVIDER_UNAVAILABLE",
        "1234": "PROVIDER_UNAVAILABLE",
        "1261": "CONTEXT_TOO_LONG",
        "1301": "CONTENT_REFUSED",
        **dict.fromkeys(("1302", "1303", "1305"), "PROVIDER_RATE_LIMITED"),
        **dict.fromkeys(("1304", "1308", "1309", "1310"), "PROVIDER_QUOTA"),
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1; litellm 1.109.1, zai/chat (2026-11-23)
        developer_role=False,
        store_and_metadata=False,
        # The vendor's reference of chat completions (2026-11-23)
        parameters=("do_sample", "request_id", "thinking", "tool_stream", "user_id"),
        lacks=("logit_bias",),
        strict_tools=False,
        message_name=False,
        # The same reference: content of the text models is a string
        text_parts=False,
        # Usage comes by itself; stream_options is ignored or stripped (agentscope, 2026)
        stream_options=False,
        max_tokens_field="max_tokens",
        # A list of one word (the same reference; langchain4j and spring-ai say so, too)
        most_stops=1,
        needs_user_message=True,
        # The answer was stopped by the filter (docs.z.ai, chat completion, 2026-11-23)
        finish_reasons={"sensitive": "content_filter"},
    ),
)
