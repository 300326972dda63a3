"""What the imitation of each vendor looks like from outside: address, key, dialect, habits.

Written from the vendors' own documentation and packages and from nothing else in Routor, so that
a mistake of Routor's is not repeated here. Pure data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Dialect = Literal["openai_chat", "openai_responses", "anthropic_messages", "google_generate"]
Switch = Literal["effort", "type", "enable", "template"]
ReasoningPlace = Literal["hidden", "reasoning_content", "think_tags", "content_parts"]
UsagePlace = Literal["extra_chunk", "last_chunk", "choice"]


@dataclass(frozen=True)
class Vendor:
    """One imitated provider.

    `prefix` precedes the dialect's own paths on this server. The other fields are the habits of
    an OpenAI-style vendor: `cap_fields` are the token limits it knows, `switch` is how thinking
    is asked for, `reasoning` where it is shown, `usage` where a stream reports tokens.
    """

    id: str
    prefix: str
    key_env: str
    base_url_env: str
    models: tuple[str, ...]
    dialect: Dialect = "openai_chat"
    key_headers: tuple[str, ...] = ("authorization",)
    base_url_path: str | None = None  # what the environment variable names; None: the prefix
    cap_fields: tuple[str, ...] = ("max_tokens", "max_completion_tokens")
    switch: Switch = "effort"
    reasoning: ReasoningPlace = "hidden"
    usage: UsagePlace = "extra_chunk"

    @property
    def key(self) -> str:
        """The only key that this vendor accepts."""
        return f"sandbox-{self.id}-key"


_ALL = (
    Vendor(
        "openai", "/openai/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL",
        ("gpt-5.5", "gpt-5.5-2026-04-23", "gpt-5.4", "gpt-5.4-2026-03-05", "gpt-5.4-mini",
         "gpt-5.4-mini-2026-03-17", "gpt-5.4-nano", "gpt-5.4-nano-2026-03-17"),
    ),
    Vendor(
        "anthropic", "/anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
        ("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        dialect="anthropic_messages", key_headers=("x-api-key", "authorization"),
    ),
    Vendor(
        "google", "/google", "GEMINI_API_KEY", "GEMINI_BASE_URL",
        ("gemini-3.5-flash", "gemini-3.1-pro-preview", "gemini-pro-latest", "gemini-3.6-flash",
         "gemini-3.1-flash-lite"),
        dialect="google_generate", key_headers=("x-goog-api-key",),
    ),
    Vendor(
        "deepseek", "/deepseek", "DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL",
        ("deepseek-flash", "deepseek-v4-flash", "deepseek-v4-pro"),
        cap_fields=("max_tokens",), switch="type", reasoning="reasoning_content",
    ),
    Vendor(
        "xai", "/xai/v1", "XAI_API_KEY", "XAI_BASE_URL",
        ("grok-4.7", "grok-4.5", "grok-4.5-latest", "grok-4.3", "grok-4.20",
         "grok-4.20-0309-reasoning", "grok-4.20-0309-non-reasoning", "grok-4.20-reasoning",
         "grok-4.20-non-reasoning"),
        reasoning="reasoning_content", usage="last_chunk",
    ),
    Vendor(
        "nvidia", "/nvidia/v1", "NVIDIA_API_KEY", "NVIDIA_BASE_URL",
        ("nvidia/nemotron-3-ultra-550b-a55b", "nvidia/nemotron-3-super-120b-a12b",
         "nvidia/nemotron-3-nano-30b-a3b", "nvidia/nemotron-3-nano-omni-30b-a3b-reasoning"),
        cap_fields=("max_tokens",), switch="template", reasoning="reasoning_content",
    ),
    Vendor(
        "moonshot", "/moonshot/v1", "MOONSHOT_API_KEY", "MOONSHOT_BASE_URL",
        ("kimi-k2.6", "kimi-k2.7", "kimi-k3"),
        switch="type", reasoning="reasoning_content", usage="choice",
    ),
    Vendor(
        "minimax", "/minimax/v1", "MINIMAX_API_KEY", "MINIMAX_BASE_URL",
        ("MiniMax-M3", "minimax-m3", "MiniMax-M3.1-Flash"),
        switch="type", reasoning="think_tags",
    ),
    Vendor(
        "zai", "/zai/api/paas/v4", "ZAI_API_KEY", "ZAI_BASE_URL",
        ("glm-5.2", "glm-5.3", "glm-5.3-flash", "glm-4.7-flash"),
        cap_fields=("max_tokens",), switch="type", reasoning="reasoning_content",
        usage="last_chunk",
    ),
    Vendor(
        "alibaba", "/alibaba/compatible-mode/v1", "DASHSCOPE_API_KEY", "DASHSCOPE_BASE_URL",
        ("qwen3.7-max", "qwen3.7-plus", "qwen3.7-flash"),
        cap_fields=("max_tokens",), switch="enable", reasoning="reasoning_content",
    ),
    Vendor(
        "mistral", "/mistral/v1", "MISTRAL_API_KEY", "MISTRAL_BASE_URL",
        ("mistral-large-2512", "mistral-large-latest", "mistral-small-2603",
         "mistral-small-latest"),
        cap_fields=("max_tokens",), reasoning="content_parts", usage="last_chunk",
    ),
    Vendor(
        "microsoft", "/microsoft/openai/v1", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT",
        ("Phi-4", "Phi-4-mini-instruct", "Phi-4-multimodal-instruct", "Phi-4-reasoning",
         "Phi-4-mini-reasoning", "mai-code-1-flash", "MAI-Code-1.1-Flash"),
        key_headers=("api-key", "authorization"), base_url_path="/microsoft",
    ),
    Vendor(
        "xiaomi", "/xiaomi/v1", "MIMO_API_KEY", "MIMO_BASE_URL",
        ("mimo-v2.5-pro", "mimo-v2.6-pro"),
        key_headers=("api-key", "authorization"), switch="type", reasoning="reasoning_content",
    ),
)  # fmt: skip

VENDORS: Mapping[str, Vendor] = {vendor.id: vendor for vendor in _ALL}


def environment(base: str) -> dict[str, str]:
    """Return the environment that connects a Routor to the sandbox at `base`.

    `base` is an address without a path, "http://127.0.0.1:9000". The result holds the key and
    the address variable of every provider.
    """
    base = base.rstrip("/")
    variables = {}
    for vendor in _ALL:
        variables[vendor.key_env] = vendor.key
        path = vendor.prefix if vendor.base_url_path is None else vendor.base_url_path
        variables[vendor.base_url_env] = base + path
    return variables
