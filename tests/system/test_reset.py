"""The owner has mended a key at a vendor, and does not want to wait."""

import json

import pytest

from tests.system.harness import Up, Vendors, until
from tests.system.test_secrets import ADMIN, call, chat


@pytest.fixture
def vendors():
    running = Vendors()
    yield running
    running.stop()


def test_a_reset_brings_a_refused_provider_back_at_once(vendors, tmp_path):
    workers = {"ROUTOR_PROVIDERS_WORKERS": "2", "ROUTOR_ADMIN_KEY": ADMIN}
    up = Up(tmp_path, {**vendors.environ(), **workers})
    try:
        asked = chat(model="openai/gpt-5.5")

        def ask():
            return call(up, "POST", "/v1/chat/completions", up.key, asked)[0]

        def health():
            _, _, told = call(up, "GET", "/admin/providers", ADMIN)
            known = {one["provider"]: one["health"] for one in json.loads(told).get("data", [])}
            return known.get("openai")

        assert ask() == 200
        vendors.fault("openai", kind="status", status=401)
        until(lambda: ask() == 502 and health() == "down", "openai is out")
        vendors.heal()
        # Whom a caller names is called all the same; of others' chains it stays out for now.
        assert (ask(), health()) == (200, "down")
        status, _, told = call(up, "POST", "/admin/providers/reset", ADMIN)
        assert status == 202
        assert json.loads(told)["processes"] == 3  # two of providers, one of health
        until(lambda: health() == "healthy", "openai is back", 10)
        until(lambda: [ask() for _ in range(6)] == [200] * 6, "every process calls it", 5)
    finally:
        up.stop()
