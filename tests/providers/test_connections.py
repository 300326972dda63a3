import pytest

from services import catalog
from services.providers.connections import connections
from services.providers.vendors import VENDORS
from tests.providers.conftest import CATALOG

COMPANY = """
[provider]
id = "company"
name = "Company gateway"
base_url = "http://models.internal:8000/v1/"
key_env = "{key_env}"
"""


def of(environ: dict[str, str], name: str = "openai", facts=CATALOG):
    return connections(facts, environ)[name]


def test_only_providers_with_a_key_are_connected():
    known = connections(CATALOG, {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "  "})
    assert {name for name, one in known.items() if one.connected} == {"openai"}
    assert set(known) == set(VENDORS)
    assert known["anthropic"].missing == "ANTHROPIC_API_KEY"


def test_either_name_of_googles_key_will_do():
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        assert of({name: "k"}, "google").headers()["x-goog-api-key"] == "k"


def test_azure_needs_an_address_and_gets_its_suffix():
    key = {"AZURE_OPENAI_API_KEY": "k"}
    assert not of(key, "microsoft").connected
    assert of(key, "microsoft").missing == "AZURE_OPENAI_ENDPOINT"
    for tail in ("", "/", "/openai/v1", "/openai/v1/"):
        one = of({**key, "AZURE_OPENAI_ENDPOINT": f"https://me.azure.com{tail}"}, "microsoft")
        assert one.connected
        assert one.url("/chat/completions") == "https://me.azure.com/openai/v1/chat/completions"


def test_an_override_replaces_everything_before_the_dialects_path():
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/proxy/v1/"}
    one = of(environ)
    assert one.url("/chat/completions") == "http://127.0.0.1:9/proxy/v1/chat/completions"


@pytest.mark.parametrize(("key_env", "connected"), [("", True), ("COMPANY_KEY", False)])
def test_a_catalog_file_connects_a_provider_without_code(key_env, connected):
    facts = catalog.parse({"company.toml": COMPANY.format(key_env=key_env)})
    one = of({}, "company", facts)
    assert one.connected is connected
    assert one.url("/chat/completions") == "http://models.internal:8000/v1/chat/completions"
    assert ("Authorization" in one.headers()) is False


def test_no_secret_shows():
    environ = {"OPENAI_API_KEY": "sk-very-secret", "OPENAI_BASE_URL": "https://me:pass@host/v1"}
    one = of(environ)
    assert "very-secret" not in f"{one!r} {one} {one.key!r}"
    assert one.public_url == "https://host/v1"
    assert one.headers()["Authorization"] == "Bearer sk-very-secret"
