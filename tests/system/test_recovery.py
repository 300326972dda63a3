"""How soon the dead are left alone, and how soon the healed are back."""

import time

import openai
import pytest

from tests.system.harness import Up, until

OTHERS = ["openai", "mistral", "google"]
BODY = {
    "messages": [{"role": "user", "content": "Hello"}],
    "routor_providers": {"only": OTHERS},
}


@pytest.fixture(scope="module")
def up(vendors, tmp_path_factory):
    vendors.heal()
    running = Up(tmp_path_factory.mktemp("recovery"), vendors.environ())
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def client(up):
    return openai.OpenAI(base_url=f"{up.url}/v1", api_key=up.key, max_retries=0)


@pytest.fixture
def first(up, client, healed):
    """The provider that these requests go to when all is well."""
    # Who was refused needs requests to prove itself.
    asked_until(lambda _: len(chain(up)) > 1 and ready(up), client, "all are well", 30)
    return chain(up)[0]


def chain(up):
    shown = up.get("/v1/routing/debug", BODY)["decision"]["filteredChain"]
    return [model.split("/")[0] for model in shown]


def ready(up):
    listed = up.get("/v1/models?all=true")["data"]
    ours = [model for model in listed if model["id"].split("/")[0] in OTHERS]
    return all(model["status"] != "down" for model in ours)


def ask(client):
    """Return who answered."""
    answer = client.chat.completions.create(
        model="auto",
        messages=BODY["messages"],
        extra_body={"routor_providers": BODY["routor_providers"]},
    )
    return answer.model.split("/")[0]


def posts(vendors, provider):
    listed = vendors.control("GET", f"requests?provider={provider}")["requests"]
    return sum(record["method"] == "POST" for record in listed)


def asked_until(holds, client, what, timeout_s):
    """Send requests, each of which must be answered, until `holds(who answered)`; the seconds."""
    start_s = time.monotonic()
    until(lambda: holds(ask(client)), what, timeout_s)
    return time.monotonic() - start_s


@pytest.mark.parametrize("lists", ["up", "down"])
def test_a_dead_provider_is_soon_left_and_soon_back(up, client, healed, first, lists):
    healed.control("DELETE", "requests")
    if lists == "down":
        healed.fault(first, kind="list_models_down")
    healed.fault(first, kind="status", status=500)
    for _ in range(20):
        assert ask(client) != first
    asked_until(lambda _: chain(up)[0] != first, client, "it leaves the chains", 10)
    out = posts(healed, first)
    assert out <= 5
    healed.heal()
    back_s = asked_until(lambda who: who == first, client, "it is back", 15)
    assert back_s <= 10


def test_a_limit_is_kept_to_and_ends_at_its_reset(up, client, healed, first):
    healed.control("DELETE", "requests")
    healed.fault(first, kind="status", status=429, retry_after=4, times=1)
    start_s = time.monotonic()
    assert ask(client) != first
    back_s = asked_until(lambda who: who == first, client, "the limit is over", 10)
    touched = posts(healed, first)
    whole_s = time.monotonic() - start_s
    # The refused one, and the one after the reset.
    assert touched == 2
    assert 3.9 <= whole_s <= 6
    assert back_s > 3


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 401}, {"kind": "quota"}])
def test_a_refused_key_is_used_once_and_again_when_a_probe_says_so(
    up, client, healed, first, fault
):
    healed.control("DELETE", "requests")
    refused = fault.get("status") == 401
    if refused:
        healed.fault(first, kind="list_models_down", status=401)
    healed.fault(first, **fault)
    for _ in range(20):
        assert ask(client) != first
    touched = posts(healed, first)
    healed.heal()
    asked_until(lambda who: who == first, client, "the key works again", 40)
    assert touched == 1


def test_a_total_outage_is_not_multiplied(up, client, healed, first):
    healed.control("DELETE", "requests")
    for name in OTHERS:
        healed.fault(name, kind="status", status=503)
        healed.fault(name, kind="list_models_down")
    counts = []
    for _ in range(60):
        before = sum(posts(healed, name) for name in OTHERS)
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client)
        assert caught.value.status_code in (502, 503)
        counts.append(sum(posts(healed, name) for name in OTHERS) - before)
    assert sum(counts) / 60 <= 3.0
    assert sum(counts[40:]) / 20 <= 1.5
    healed.heal()

    def answered():
        try:
            return bool(ask(client))
        except openai.APIStatusError:
            return False

    until(answered, "answers again", 10)


def test_probes_cost_no_token(up, client, healed, first):
    healed.fault(first, kind="list_models_down")
    healed.fault(first, kind="status", status=500)
    asked_until(lambda _: chain(up)[0] != first, client, "it leaves the chains", 10)
    healed.control("DELETE", "requests")
    listed = f"requests?provider={first}"
    until(lambda: len(healed.control("GET", listed)["requests"]) > 1, "it is probed", 10)
    assert posts(healed, first) == 0
