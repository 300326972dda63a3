"""Each of the 13 providers through its true dialect, and failover away from it."""

from contextlib import ExitStack, contextmanager

import openai
import pytest

from tests.system.harness import PROVIDERS, Up

# One model of each that takes tools.
MODELS = {
    "openai": "openai/gpt-5.4-mini",
    "anthropic": "anthropic/claude-haiku-4.5",
    "google": "google/gemini-3.5-flash",
    "deepseek": "deepseek/deepseek-v4-pro",
    "xai": "xai/grok-4.3",
    "nvidia": "nvidia/nemotron-3-ultra",
    "moonshot": "moonshot/kimi-k2.6",
    "minimax": "minimax/minimax-m3",
    "zai": "zai/glm-5.2",
    "alibaba": "alibaba/qwen3.7-plus",
    "mistral": "mistral/mistral-large-3",
    "microsoft": "microsoft/mai-code-1.1-flash",
    "xiaomi": "xiaomi/mimo-v2.6-pro",
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def client(connected):
    return openai.OpenAI(base_url=f"{connected.url}/v1", api_key=connected.key, max_retries=0)


def ask(text):
    return [{"role": "user", "content": text}]


def sandboxed(vendors, provider):
    return vendors.control("GET", f"requests?provider={provider}")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_json(client, provider):
    answer = client.chat.completions.create(
        model=MODELS[provider], messages=ask("Say hello to Ada.")
    )
    assert answer.model == MODELS[provider]
    assert "sandbox" in answer.choices[0].message.content.lower()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0
    assert answer.model_extra["routor"]["model"] == MODELS[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_stream(client, provider):
    stream = client.chat.completions.create(
        model=MODELS[provider], messages=ask("Say hello to Ada."), stream=True
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "sandbox" in text.lower()
    assert [chunk.choices[0].finish_reason for chunk in chunks].count("stop") == 1
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {MODELS[provider]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_tool_call_and_its_result(client, provider, stream):
    messages = ask("What is the weather in Paris? Use get_weather.")
    message = _message(client, MODELS[provider], messages, stream)
    (call,) = message["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert '"city"' in call["function"]["arguments"]
    messages += [message, {"role": "tool", "tool_call_id": call["id"], "content": "Sunny, 21 °C"}]
    answer = client.chat.completions.create(
        model=MODELS[provider], messages=messages, tools=[WEATHER]
    )
    assert "Sunny" in answer.choices[0].message.content


def _message(client, model, messages, stream):
    if not stream:
        answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
        assert answer.choices[0].finish_reason == "tool_calls"
        return answer.choices[0].message.model_dump(exclude_none=True)
    with client.chat.completions.stream(model=model, messages=messages, tools=[WEATHER]) as events:
        answer = events.get_final_completion()
    assert answer.choices[0].finish_reason == "tool_calls"
    message = answer.choices[0].message.model_dump(exclude_none=True)
    for call in message["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
        call.pop("index", None)
    return {name: value for name, value in message.items() if name != "parsed"}


def test_an_id_outside_the_catalog_is_passed_on(client):
    answer = client.chat.completions.create(model="mistral/custom-tuned-1", messages=ask("Hello"))
    assert answer.model == "mistral/custom-tuned-1"


FAULTS = {
    "500": {"kind": "status", "status": 500},
    "429": {"kind": "status", "status": 429, "retry_after": 1},
    "timeout": {"kind": "timeout"},
    "unreachable": None,
}


# One half is faulted while the other half is well.
HALVES = (PROVIDERS[::2], PROVIDERS[1::2])


def first_choice(connected, provider, others):
    """Return routing fields under which `provider` comes first and another one follows."""
    for tier in ("NANO", "SIMPLE", "LIGHT", "STANDARD", "COMPLEX"):
        for other in others:
            fields = {
                "routor_profile": "tier",
                "routor_tier": tier,
                "routor_providers": {"only": [provider, other]},
            }
            try:
                shown = connected.get("/v1/routing/debug", {"messages": ask("Hello"), **fields})
            except OSError:
                continue
            owners = [model.split("/")[0] for model in shown["decision"]["filteredChain"]]
            if owners[0] == provider and set(owners) == {provider, other}:
                return fields
    return None


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_failover_away_from_each_provider(vendors, tmp_path, fault, half):
    """A fresh Routor each time: nothing is known yet of what is about to fail."""
    quick = {"ROUTOR_PROVIDERS_FIRST_TOKEN_TIMEOUT_S": "0.4"}
    up = Up(tmp_path, {**vendors.environ(), **quick})
    client = openai.OpenAI(base_url=f"{up.url}/v1", api_key=up.key, max_retries=0)
    choices = {name: first_choice(up, name, HALVES[1 - half]) for name in HALVES[half]}
    with ExitStack() as faults:
        for provider in HALVES[half]:
            faults.enter_context(faulted(vendors, provider, FAULTS[fault]))
        for provider, fields in choices.items():
            assert fields is not None, f"{provider} is never chosen first"
            first, *others = [_answer(client, fields, stream) for stream in (False, True)]
            for text, routor in (first, *others):
                assert "sandbox" in text.lower(), provider
                assert not routor["model"].startswith(f"{provider}/"), provider
            # The later one may already know, and not even try.
            assert first[1]["fallback"] is True, provider
            assert first[1]["attempts"] >= 2, provider
    assert up.stop() == 0


@contextmanager
def faulted(vendors, provider, fault):
    if fault is None:
        vendors.cut_off(provider)
    else:
        vendors.fault(provider, **fault)
    try:
        yield
    finally:
        if fault is None:
            vendors.bring_back(provider)
        else:
            vendors.heal()


def _answer(client, fields, stream):
    answer = client.chat.completions.create(
        model="auto", messages=ask("Hello"), stream=stream, extra_body=fields, timeout=30
    )
    if not stream:
        assert answer.choices[0].finish_reason == "stop"
        return answer.choices[0].message.content, answer.model_extra["routor"]
    chunks = list(answer)
    assert chunks[-1].choices[0].finish_reason == "stop"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    return text, chunks[-1].model_extra["routor"]
