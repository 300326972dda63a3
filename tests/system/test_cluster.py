"""What holds over all processes together: one budget, one word on a model, one prober."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis

from services import store
from tests.system.harness import Up, Vendors, free_port, until

ADMIN = "an admin's key"
MODEL = "openai/gpt-5.4-mini"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}]}
AT_ONCE = 200


@pytest.fixture(scope="module")
def vendors():
    """Vendors whom nobody else asks."""
    running = Vendors()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def up(vendors, tmp_path_factory):
    workers = {"ROUTOR_EDGE_WORKERS": "2", "ROUTOR_PROVIDERS_WORKERS": "2"}
    environ = {**vendors.environ(), **workers, "ROUTOR_ADMIN_KEY": ADMIN}
    running = Up(tmp_path_factory.mktemp("cluster"), environ)
    yield running
    assert running.stop() == 0


def admin(up, method, path, body=None):
    headers = {"Authorization": f"Bearer {ADMIN}"}
    return httpx.request(method, f"{up.url}{path}", headers=headers, json=body, timeout=30).json()


def posts(vendors):
    listed = vendors.control("GET", "requests?provider=openai")["requests"]
    return sum(record["method"] == "POST" for record in listed)


def probes(vendors):
    listed = vendors.control("GET", "requests")["requests"]
    return sum(record["method"] == "GET" for record in listed)


def test_of_two_health_services_one_probes(up, healed):
    metrics = f"127.0.0.1:{free_port()}"
    noted = up.note()["environ"]
    listens = {
        "ROUTOR_HEALTH_LISTEN": f"127.0.0.1:{free_port()}",
        "ROUTOR_HEALTH_METRICS_LISTEN": metrics,
    }
    with redis.from_url(noted["REDIS_URL"]) as kept:
        holder = kept.get(store.HEALTH_LEASE)
        assert holder
        healed.control("DELETE", "requests")
        second = subprocess.Popen(
            [sys.executable, "-m", "services.health"], env={**os.environ, **noted, **listens}
        )
        try:
            # It knows from Redis how all providers are; nobody's evidence is stale yet.
            until(lambda: _tells(metrics, "routor_redis_up 1"), "the second one runs")
            assert kept.get(store.HEALTH_LEASE) == holder
            assert probes(healed) == 0
            up.kill("health")
            until(lambda: kept.get(store.HEALTH_LEASE) not in (None, holder), "a new holder")
            until(lambda: probes(healed), "it validates anew")
        finally:
            second.terminate()
            assert second.wait(20) == 0


def _tells(address, line):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as told:
        return line in told.read().decode()


def test_200_at_once_exceed_a_budget_by_one_request_at_most(up, healed):
    cost_usd = up.get("/v1/chat/completions", BODY)["routor"]["costUsd"]
    budget_usd = 20.5 * cost_usd
    made = admin(up, "POST", "/admin/keys", {"name": "spender", "budget_usd": budget_usd})
    healed.control("DELETE", "requests")

    def ask(_):
        # A connection each, so that both workers of the edge have their part.
        headers = {"Authorization": f"Bearer {made['key']}"}
        return httpx.post(
            f"{up.url}/v1/chat/completions", json=BODY, headers=headers, timeout=60, verify=False
        ).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(ask, range(AT_ONCE)))
    let_in = statuses.count(200)
    assert 1 <= let_in <= 21
    assert statuses.count(402) == AT_ONCE - let_in
    assert posts(healed) == let_in

    def spent():
        listed = admin(up, "GET", "/admin/keys")["data"]
        told = next(key["spent_usd"] for key in listed if key["name"] == "spender")
        return told if told >= (let_in - 0.5) * cost_usd else None

    told = until(spent, "all is settled")
    assert told <= budget_usd + cost_usd


def retired(up):
    listed = up.get("/v1/models?all=true")["data"]
    return next(model["status"] for model in listed if model["id"] == MODEL) == "retired"


def test_a_retired_model_leaves_and_returns(up, healed):
    asked = {**BODY, "model": "auto", "routor_providers": {"only": ["openai", "mistral"]}}
    healed.fault("openai", kind="status", status=404, model="gpt-5.4-mini")
    with pytest.raises(urllib.error.HTTPError) as refused:
        up.get("/v1/chat/completions", BODY)
    assert refused.value.code == 404
    until(lambda: retired(up), "it is retired everywhere", 5)
    chain = up.get("/v1/routing/debug", asked)["decision"]["filteredChain"]
    assert chain
    assert MODEL not in chain
    healed.control("DELETE", "requests")
    for _ in range(10):
        assert up.get("/v1/chat/completions", asked)["model"] != MODEL
    healed.heal()
    # Its provider lists it: after a while it gets a second chance.
    until(lambda: not retired(up), "it is back", 40)
    assert up.get("/v1/chat/completions", BODY)["model"] == MODEL
