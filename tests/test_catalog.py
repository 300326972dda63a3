"""The built-in catalog: what it must know, and what every entry must hold to."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from services import catalog
from services.catalog import Effort, Facts, Model, Price, PriceStep, Score

CHECKED = date(2026, 11, 23)
CATALOG = catalog.read()
MODELS = sorted(CATALOG.models.values(), key=lambda model: model.key)
EFFORTS: tuple[Effort, ...] = get_args(Effort)

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)

PROVIDERS = {
    "alibaba",
    "anthropic",
    "deepseek",
    "google",
    "microsoft",
    "minimax",
    "mistral",
    "moonshot",
    "nvidia",
    "openai",
    "xai",
    "xiaomi",
    "zai",
}
# Routor's id and what the provider's API calls it.
NAMED = {
    "openai/gpt-5.5": "gpt-5.5",
    "openai/gpt-5.4": "gpt-5.4",
    "openai/gpt-5.4-mini": "gpt-5.4-mini",
    "openai/gpt-5.4-nano": "gpt-5.4-nano",
    "anthropic/claude-opus-4.8": "claude-opus-4-8",
    "anthropic/claude-sonnet-4.6": "claude-sonnet-4-6",
    "anthropic/claude-haiku-4.5": "claude-haiku-4-5",
    "google/gemini-3.5-flash": "gemini-3.5-flash",
    "google/gemini-3.1-pro": "gemini-3.1-pro-preview",
    "google/gemini-3.1-flash-lite": "gemini-3.1-flash-lite",
    "deepseek/deepseek-flash": "deepseek-flash",
    "deepseek/deepseek-v4-flash": "deepseek-v4-flash",
    "deepseek/deepseek-v4-pro": "deepseek-v4-pro",
    "xai/grok-4": "grok-4-0709",
    "xai/grok-4.3": "grok-4.3",
    "xai/grok-4.5": "grok-4.5",
    "xai/grok-4.7": "grok-4.7",
    "xai/grok-4.20-reasoning": "grok-4.20-0309-reasoning",
    "xai/grok-4.20-non-reasoning": "grok-4.20-0309-non-reasoning",
    "nvidia/nemotron-3-ultra": "nvidia/nemotron-3-ultra-550b-a55b",
    "nvidia/nemotron-3-super": "nvidia/nemotron-3-super-120b-a12b",
    "nvidia/nemotron-3-nano": "nvidia/nemotron-3-nano-30b-a3b",
    "nvidia/nemotron-3-nano-omni": "nvidia/nemotron-3-nano-omni-30b-a3b-reasoning",
    "moonshot/kimi-k2.6": "kimi-k2.6",
    "minimax/minimax-m3": "MiniMax-M3",
    "zai/glm-5.2": "glm-5.2",
    "zai/glm-4.7-flash": "glm-4.7-flash",
    "alibaba/qwen3.7-max": "qwen3.7-max",
    "alibaba/qwen3.7-plus": "qwen3.7-plus",
    "alibaba/qwen3.7-flash": "qwen3.7-flash",
    "mistral/mistral-large-3": "mistral-large-2512",
    "mistral/mistral-small-4": "mistral-small-2603",
    "microsoft/phi-4": "Phi-4",
    "microsoft/phi-4-mini-instruct": "Phi-4-mini-instruct",
    "microsoft/phi-4-multimodal-instruct": "Phi-4-multimodal-instruct",
    "microsoft/phi-4-reasoning": "Phi-4-reasoning",
    "microsoft/phi-4-mini-reasoning": "Phi-4-mini-reasoning",
    "microsoft/mai-code-1-flash": "mai-code-1-flash",
    "microsoft/mai-code-1.1-flash": "MAI-Code-1.1-Flash",
    "xiaomi/mimo-v2.5-pro": "mimo-v2.5-pro",
    "xiaomi/mimo-v2.6-pro": "mimo-v2.6-pro",
}
# Ids that are gone, and what to call instead.
GONE = {
    "xai/grok-4": "xai/grok-4.3",
    "microsoft/mai-code-1-flash": "microsoft/mai-code-1.1-flash",
    "xiaomi/mimo-v2.5-pro": "xiaomi/mimo-v2.6-pro",
}


def model(key: str) -> Model:
    return CATALOG.models[key]


def test_every_provider_has_models() -> None:
    assert set(CATALOG.providers) == PROVIDERS
    assert {one.provider for one in MODELS} == PROVIDERS


@pytest.mark.parametrize(("key", "upstream"), NAMED.items())
def test_a_named_model_is_found_by_id_and_by_the_vendors_name(key: str, upstream: str) -> None:
    provider, _, bare = key.partition("/")
    for name in (key, key.upper(), bare, f"{provider}/{upstream}", upstream):
        found = CATALOG.find(name)
        assert found is not None, name
        assert found.key == key, name
    assert model(key).upstream == upstream


@every_model
def test_every_name_leads_to_its_model(model: Model) -> None:
    for name in (model.id, model.upstream, *model.aliases):
        assert CATALOG.find(name) is model, name
        assert CATALOG.find(f"{model.provider}/{name}") is model, name


def test_an_unknown_name_is_not_found() -> None:
    assert CATALOG.find("gpt-3.5-turbo") is None
    assert CATALOG.find("openai/claude-opus-4.8") is None


@every_model
def test_what_is_gone_or_replaced_points_to_a_model_that_answers(model: Model) -> None:
    life = model.lifecycle
    if life.status in ("retired", "alias"):
        assert life.replacement
        assert life.note
    if life.status == "deprecated":
        assert life.retires is not None
        assert life.retires > CHECKED
    if life.replacement:
        assert CATALOG.models[life.replacement].callable


@pytest.mark.parametrize(("key", "replacement"), GONE.items())
def test_retired_models_are_not_called(key: str, replacement: str) -> None:
    assert not model(key).callable
    assert model(key).lifecycle.replacement == replacement
    assert model(replacement).callable


@pytest.mark.parametrize(
    ("key", "replacement"),
    [
        ("deepseek/deepseek-v4-flash", "deepseek/deepseek-flash"),
    ],
)
def test_an_alias_still_answers_and_says_who_serves_it(key: str, replacement: str) -> None:
    assert model(key).callable
    assert model(key).lifecycle.status == "alias"
    assert model(key).lifecycle.replacement == replacement


@every_model
def test_facts_have_a_source_and_were_checked_by_then(model: Model) -> None:
    facts: list[Facts | Score] = [model, model.lifecycle, model.price, model.reasoning]
    facts += [model.parameters, *model.scores, *model.speed]
    for fact in facts:
        assert fact.source.strip() == fact.source != ""
        assert not fact.source.startswith("/")
        assert date(2025, 1, 1) <= fact.checked <= CHECKED


def test_providers_have_a_source() -> None:
    for provider in CATALOG.providers.values():
        assert provider.source
        assert provider.checked is not None
        assert provider.checked <= CHECKED


@every_model
def test_prices_are_sane(model: Model) -> None:
    price = model.price
    assert 0 <= price.input <= price.output <= 100
    assert price.cached_input is None or price.cached_input <= price.input
    assert price.cache_write is None or price.cache_write >= price.input
    assert price.cache_write_hour is None or price.cache_write_hour >= price.cache_write
    previous: Price | PriceStep = price
    for step in price.steps:
        assert 0 < step.above_input_tokens < model.context_window
        assert step.input > previous.input
        assert step.output > previous.output
        assert step.cached_input is None or step.cached_input <= step.input
        previous = step
    bounds = [step.above_input_tokens for step in price.steps]
    assert all(low < high for low, high in pairwise(bounds))


def test_deepseek_doubles_its_prices_at_peak() -> None:
    for key in ("deepseek/deepseek-flash", "deepseek/deepseek-v4-pro"):
        peak = model(key).price.peak
        assert peak is not None
        assert peak.multiplier == 2
        assert peak.weekdays == (1, 2, 3, 4, 5)
        assert peak.hours_utc == ((1, 4), (6, 10))


@pytest.mark.parametrize(
    ("key", "last_cheap_token"),
    [
        ("openai/gpt-5.5", 272_000),
        ("google/gemini-3.1-pro", 200_000),
        ("xai/grok-4.7", 199_999),  # xAI counts the 200 000th token in
        ("minimax/minimax-m3", 512_000),
        ("alibaba/qwen3.7-plus", 256_000),
    ],
)
def test_long_prompts_have_a_price_of_their_own(key: str, last_cheap_token: int) -> None:
    (step,) = model(key).price.steps
    assert step.above_input_tokens == last_cheap_token


@every_model
def test_limits_are_sane(model: Model) -> None:
    assert model.context_window >= 16_000
    assert 4_000 <= model.max_output_tokens <= model.context_window
    if model.max_output_tokens == model.context_window and model.provider == "xai":
        assert "No cap on output" in model.note


@every_model
def test_tools_and_their_choices_agree(model: Model) -> None:
    if model.tools:
        assert "auto" in model.parameters.tool_choice
    else:
        assert not model.parallel_tools
        assert model.parameters.tool_choice == ("none",)


@every_model
def test_reasoning_controls_agree_with_each_other(model: Model) -> None:
    reasoning = model.reasoning
    assert list(reasoning.efforts) == sorted(reasoning.efforts, key=EFFORTS.index)
    assert set(reasoning.words.values()) <= set(reasoning.efforts)
    assert not reasoning.words.keys() & set(reasoning.efforts)
    match reasoning.switch:
        case "none":
            assert reasoning.efforts == ()
            assert reasoning.default == "none"
            assert not reasoning.replay
        case "always":
            assert reasoning.efforts == ()
            assert reasoning.default != "none"
            assert not reasoning.can_disable
        case _:
            assert reasoning.default in reasoning.efforts
            assert ("none" in reasoning.efforts) == reasoning.can_disable


@every_model
def test_figures_are_of_efforts_the_model_has_and_are_not_said_twice(model: Model) -> None:
    known = {None, model.reasoning.default, *model.reasoning.efforts}
    scores = [(score.benchmark, score.effort) for score in model.scores]
    speeds = [speed.effort for speed in model.speed]
    assert {effort for _, effort in scores} | set(speeds) <= known
    assert len(set(scores)) == len(scores)
    assert len(set(speeds)) == len(speeds)


@every_model
def test_figures_are_on_their_scales(model: Model) -> None:
    for score in model.scores:
        top = 3000 if score.benchmark.endswith("_elo") else 100
        assert 0 <= score.score <= top, score
    for speed in model.speed:
        assert speed.output_tokens_per_s is not None and speed.output_tokens_per_s > 0
        assert speed.first_token_s is not None and speed.first_token_s > 0


def test_effort_decides_quality_and_latency() -> None:
    scores = {
        score.effort: score.score
        for score in model("openai/gpt-5.5").scores
        if score.benchmark == "aa_intelligence_index"
    }
    waits = {speed.effort: speed.first_token_s for speed in model("openai/gpt-5.5").speed}
    assert scores == {"none": 35.4, "low": 43.5, "medium": 50.4, "high": 53.1, "xhigh": 54.8}
    assert waits["none"] == 0.9
    assert waits["xhigh"] == 99.62


def test_openai_rules() -> None:
    for key in ("gpt-5.5", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano"):
        rules = model(f"openai/{key}").parameters
        assert rules.max_tokens_field == "max_completion_tokens"
        assert (rules.temperature, rules.top_p) == ("without_reasoning", "without_reasoning")
        assert not rules.tools_with_reasoning
        assert rules.n and rules.logprobs and rules.seed and rules.stop
    assert model("openai/gpt-5.5").reasoning.default == "medium"
    assert model("openai/gpt-5.4").reasoning.default == "none"


def test_anthropic_rules() -> None:
    for one in MODELS:
        if one.provider == "anthropic":
            rules = one.parameters
            assert rules.stop and rules.parallel_tool_calls
            assert not (rules.seed or rules.penalties or rules.n or rules.logprobs)
    opus, haiku = model("anthropic/claude-opus-4.8"), model("anthropic/claude-haiku-4.5")
    assert (opus.parameters.temperature, opus.parameters.top_p) == ("fixed", "fixed")
    assert opus.reasoning.switch == "anthropic_adaptive"
    assert haiku.reasoning.switch == "anthropic_budget"
    prefill = {one.id for one in MODELS if one.provider == "anthropic" and one.parameters.prefill}
    assert prefill == {"claude-haiku-4.5"}


def test_rules_of_vendors_that_refuse_what_openai_takes() -> None:
    for one in MODELS:
        rules = one.parameters
        if one.provider == "xai":
            assert not rules.stop and not rules.penalties
        if one.provider == "google":
            assert rules.n and not rules.penalties and not one.reasoning.can_disable
        if one.provider == "zai":
            assert rules.tool_choice == ("auto",)
            assert rules.temperature_max == 1
        if one.provider == "mistral":
            assert rules.prefill
    kimi, minimax = model("moonshot/kimi-k2.6"), model("minimax/minimax-m3")
    assert kimi.parameters.temperature == "fixed"
    assert "required" not in kimi.parameters.tool_choice
    assert (minimax.parameters.temperature_min, minimax.parameters.temperature_max) == (0.01, 1)
    assert not minimax.parameters.n
    assert not model("microsoft/phi-4").tools


def test_reasoning_is_sent_back_where_the_vendor_insists() -> None:
    replayed = {one.provider for one in MODELS if one.reasoning.replay}
    assert replayed == {"deepseek", "moonshot", "xiaomi"}


PROVIDER = """
[provider]
id = "acme"
name = "Acme"
base_url = "http://127.0.0.1:9/v1"
"""
ENTRY = """
[[model]]
id = "small"
upstream = "acme-small-1"
name = "Small"
context_window = 8000
max_output_tokens = 2000
source = "acme.example"
checked = 2026-11-23
lifecycle = { status = "active", source = "acme.example", checked = 2026-11-23 }
price = { input = 1.0, output = 2.0, source = "acme.example", checked = 2026-11-23 }
reasoning = { source = "acme.example", checked = 2026-11-23 }
parameters = { source = "acme.example", checked = 2026-11-23 }
"""


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (PROVIDER + ENTRY + 'colour = "red"\n', "colour"),
        (PROVIDER + ENTRY.replace("8000", '"8000"'), "context_window"),
        (PROVIDER + ENTRY.replace("input = 1.0, ", ""), "input"),
        (PROVIDER + ENTRY.replace('"active"', '"asleep"'), "status"),
        (ENTRY, "provider"),
        (PROVIDER + "[[model", "array declaration"),
    ],
    ids=["unknown field", "wrong type", "missing field", "wrong word", "no provider", "no TOML"],
)
def test_a_wrong_file_is_named_with_its_field(tmp_path: Path, text: str, field: str) -> None:
    (tmp_path / "acme.toml").write_text(text)
    with pytest.raises(ValueError, match=r"acme\.toml") as caught:
        catalog.read(tmp_path)
    assert field in str(caught.value)


def test_a_directory_adds_a_provider_and_replaces_a_model(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(PROVIDER + ENTRY)
    (tmp_path / "cheaper.toml").write_text(
        '[provider]\nid = "openai"\nname = "OpenAI by contract"\n'
        + ENTRY.replace('"small"', '"gpt-5.5"').replace('"acme-small-1"', '"gpt-5.5"')
    )
    changed = catalog.read(tmp_path)
    assert changed.providers["acme"].base_url == "http://127.0.0.1:9/v1"
    assert changed.find("acme-small-1") is changed.models["acme/small"]
    assert changed.models["openai/gpt-5.5"].price.input == 1.0
    assert changed.models["openai/gpt-5.4"] == CATALOG.models["openai/gpt-5.4"]
    assert len(changed.models) == len(CATALOG.models) + 1


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    assert catalog.read().version == CATALOG.version
    assert catalog.read(tmp_path).version == CATALOG.version
    (tmp_path / "acme.toml").write_text(PROVIDER + ENTRY)
    added = catalog.read(tmp_path).version
    assert added != CATALOG.version
    (tmp_path / "acme.toml").write_text(PROVIDER + ENTRY.replace("1.0", "1.1"))
    assert catalog.read(tmp_path).version not in (added, CATALOG.version)
