from pathlib import Path

import pytest

import services.providers.vendors as package
from services import catalog
from services.errors import Kind
from services.providers.dialects import DIALECTS
from services.providers.vendors import VENDORS, custom
from services.providers.vendors.address import address, headers

KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GEMINI_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "xai": "XAI_API_KEY",
    "nvidia": "NVIDIA_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "minimax": "MINIMAX_API_KEY",
    "zai": "ZAI_API_KEY",
    "alibaba": "DASHSCOPE_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "microsoft": "AZURE_OPENAI_API_KEY",
    "xiaomi": "MIMO_API_KEY",
}


def test_thirteen_vendors_by_their_own_key_names() -> None:
    assert {name: vendor.key_env[0] for name, vendor in VENDORS.items()} == KEYS
    assert VENDORS["microsoft"].base_url_env == "AZURE_OPENAI_ENDPOINT"


@pytest.mark.parametrize("name", sorted(VENDORS))
def test_declarations_are_whole(name: str) -> None:
    vendor = VENDORS[name]
    assert vendor.dialect in DIALECTS
    assert vendor.base_url.startswith("https://") or name == "microsoft"
    for table in (vendor.error_codes, vendor.error_words):
        assert all(Kind(kind) and key == key.lower() for key, kind in table.items())
    path = Path(package.__file__).parent / f"{name}.py"
    assert len(path.read_text().splitlines()) < 60


@pytest.mark.parametrize(
    ("name", "base", "path", "url"),
    [
        ("openai", "", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("openai", "http://h/v1/", "/chat/completions", "http://h/v1/chat/completions"),
        ("anthropic", "", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "http://h/v1", "/v1/messages", "http://h/v1/messages"),
        ("anthropic", "http://h/anthropic", "/v1/messages", "http://h/anthropic/v1/messages"),
        ("google", "http://h/v1beta/", "/v1beta/models/m:generateContent",
         "http://h/v1beta/models/m:generateContent"),
        ("microsoft", "https://r.openai.azure.com/", "/chat/completions",
         "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("microsoft", "https://r.openai.azure.com/openai/v1", "/models",
         "https://r.openai.azure.com/openai/v1/models"),
        ("zai", "", "/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions"),
    ],
)  # fmt: skip
def test_addresses(name: str, base: str, path: str, url: str) -> None:
    vendor = VENDORS[name]
    assert address(vendor, base or vendor.base_url, path) == url


def test_azure_without_endpoint_says_what_to_set() -> None:
    with pytest.raises(ValueError, match="AZURE_OPENAI_ENDPOINT"):
        address(VENDORS["microsoft"], "", "/models")


def test_keys_go_where_the_vendor_wants_them() -> None:
    assert headers(VENDORS["openai"], "k")["Authorization"] == "Bearer k"
    assert headers(VENDORS["google"], "k")["x-goog-api-key"] == "k"
    assert headers(VENDORS["microsoft"], "k")["api-key"] == "k"
    anthropic = headers(VENDORS["anthropic"], "k")
    assert (anthropic["x-api-key"], anthropic["anthropic-version"]) == ("k", "2023-06-01")
    assert "Authorization" not in headers(VENDORS["openai"], "")


def test_a_catalog_file_makes_a_vendor() -> None:
    local = catalog.Provider(id="my-vllm", name="Ours", base_url="http://gpu:8000/v1")
    vendor = custom(local)
    assert (vendor.dialect, vendor.key_env) == ("openai_chat", ())
    assert vendor.base_url_env == "MY_VLLM_BASE_URL"
    claude = catalog.Provider(
        id="c", name="C", dialect="anthropic_messages", base_url="http://h", key_env="C_KEY"
    )
    made = custom(claude)
    assert headers(made, "k")["x-api-key"] == "k"
    assert made.models_path == "/v1/models?limit=1000"
