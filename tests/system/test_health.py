"""What health says is obeyed; who is well again comes back."""

import openai
import pytest
import redis

from tests.system.harness import Up, until

MODEL = "openai/gpt-5.4-mini"
BODY = {
    "messages": [{"role": "user", "content": "Hello"}],
    "routor_providers": {"only": ["openai", "mistral"]},
}


@pytest.fixture(scope="module")
def up(vendors, tmp_path_factory):
    """All providers connected, xAI with a wrong key."""
    environ = {**vendors.environ(), "XAI_API_KEY": "wrong"}
    running = Up(tmp_path_factory.mktemp("health"), environ)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def client(up):
    return openai.OpenAI(base_url=f"{up.url}/v1", api_key=up.key, max_retries=0)


def owners(up):
    chain = up.get("/v1/routing/debug", BODY)["decision"]["filteredChain"]
    return {model.split("/")[0] for model in chain}


def status_of(up, provider):
    listed = up.get("/v1/models?all=true")["data"]
    return {model["status"] for model in listed if model["id"].startswith(f"{provider}/")}


def ask(client):
    return client.chat.completions.create(model=MODEL, messages=BODY["messages"])


def test_a_provider_whose_key_is_refused_is_in_no_chain(up):
    assert status_of(up, "xai") == {"down"}
    for tier in ("NANO", "SIMPLE", "LIGHT", "STANDARD", "COMPLEX"):
        asked = {"messages": BODY["messages"], "routor_profile": "tier", "routor_tier": tier}
        shown = up.get("/v1/routing/debug", asked)["decision"]["filteredChain"]
        assert not any(model.startswith("xai/") for model in shown)


def test_a_failing_provider_leaves_and_returns(up, client, healed):
    assert owners(up) == {"openai", "mistral"}
    ask(client)
    healed.fault("openai", kind="status", status=500)
    healed.fault("openai", kind="list_models_down")

    def fails():
        try:
            ask(client)
        except openai.APIStatusError as error:
            assert error.status_code in (502, 503)
            assert error.body["code"] in ("provider_unavailable", "overloaded")
        return owners(up) == {"mistral"}

    until(fails, "openai leaves the chains", 20)
    assert status_of(up, "openai") == {"down"}
    # Whoever does not insist on it is answered as if nothing had happened.
    answer = client.chat.completions.create(
        model="auto",
        messages=BODY["messages"],
        extra_body={"routor_providers": BODY["routor_providers"]},
    )
    assert answer.model.startswith("mistral/")
    assert answer.model_extra["routor"]["attempts"] == 1
    healed.heal()
    until(lambda: owners(up) == {"openai", "mistral"}, "openai is back in the chains", 35)
    until(lambda: ask(client).model == MODEL, "openai answers again", 10)


def test_a_wiped_redis_heals(up, client):
    with redis.from_url(up.note()["environ"]["REDIS_URL"]) as store:
        store.flushall()
        assert ask(client).model == MODEL
        until(lambda: store.keys("*snapshot*"), "the status is published again", 5)
    assert owners(up) == {"openai", "mistral"}
