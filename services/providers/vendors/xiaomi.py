"""Xiaomi MiMo."""

from services.providers.vendors.contract import Quirks, Vendor

VENDOR = Vendor(
    id="xiaomi",
    name="Xiaomi",
    dialect="openai_chat",
    # https://platform.xiaomimimo.com/docs (2026-11-23)
    base_url="https://api.xiaomimimo.com/v1",
    key_env=("MIMO_API_KEY", "XIAOMI_MIMO_API_KEY", "XIAOMI_API_KEY"),
    base_url_env="MIMO_BASE_URL",
    error_words={
        # https://platform.xiaomimimo.com/docs/en-US/quick-start/error-codes (2026-11-23): HTTP 404
        # also means that the model takes no images; it is not gone for that
        "image": "UNSUPPORTED_PARAMETER",
    },
    quirks=Quirks(
        # npm @mariozechner/pi-ai 0.73.1 (2026-11-23), for vendors of this family
        developer_role=False,
        store_and_metadata=False,
        # platform.xiaomimimo.com/docs/en-US (2026-11-23): on by default, 400 without its thoughts
        unlisted_thoughts="demanded",
        # "`text` is not set": of calls without text (github.com/NousResearch/hermes-agent/pull/
        # 37841, 2026-06), and of a tool's result in parts (github.com/XiaomiMiMo/MiMo/issues/44)
        answer_text=True,
        text_parts=False,
        # "data:{MIME_TYPE};base64,…", audio/wav or audio/mp3, "by input_audio.data as a data URL";
        # bare data is not among the forms (mimo.mi.com/docs, usage-guide/audio, 2026)
        sound_urls=True,
        # The vendor's reference of chat completions (2026-11-23)
        parameters=("thinking",),
        lacks=("logit_bias",),
        strict_tools=False,
        # vendor's reference, chat completion (2026-11-23); max_tokens works by litellm 1.109.1
        max_tokens_field="max_completion_tokens",
    ),
)
