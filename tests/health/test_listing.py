"""What a provider's own list of models proves about the catalog."""

import pytest

from services import catalog
from services.health.listing import missing

CATALOG = catalog.read()


def models(provider):
    return [model for model in CATALOG.models.values() if model.provider == provider]


def upstream(provider):
    return [model.upstream for model in models(provider) if model.callable]


def test_a_model_that_is_no_longer_listed_is_missing():
    listed = [name for name in upstream("openai") if name != "gpt-5.4-nano"]
    assert missing("openai", models("openai"), listed) == {"openai/gpt-5.4-nano"}


@pytest.mark.parametrize("provider", sorted(CATALOG.providers))
def test_a_full_list_misses_nothing(provider):
    assert missing(provider, models(provider), upstream(provider)) == frozenset()


@pytest.mark.parametrize("listed", [[], ["gpt-9", "whisper-1"]])
def test_a_list_with_none_of_our_models_proves_nothing(listed):
    assert missing("openai", models("openai"), listed) == frozenset()


@pytest.mark.parametrize("provider", ["nvidia", "microsoft"])
def test_weak_lists_prove_nothing(provider):
    assert missing(provider, models(provider), upstream(provider)[:1]) == frozenset()


def test_an_alias_need_not_be_listed():
    aliases = [model for model in models("deepseek") if model.lifecycle.status == "alias"]
    assert aliases
    listed = [model.upstream for model in models("deepseek") if model not in aliases]
    assert missing("deepseek", models("deepseek"), listed) == frozenset()


@pytest.mark.parametrize("suffix", ["-20260301", "-2026-03-01", "-0301"])
def test_a_dated_version_shows_the_model(suffix):
    listed = [f"{name}{suffix}" for name in upstream("anthropic")]
    assert missing("anthropic", models("anthropic"), listed) == frozenset()


def test_a_longer_name_does_not_show_a_shorter_one():
    listed = [name for name in upstream("openai") if name != "gpt-5.4"]
    assert missing("openai", models("openai"), listed) == {"openai/gpt-5.4"}


def test_googles_names_carry_a_prefix():
    listed = [f"models/{name}" for name in upstream("google")]
    assert missing("google", models("google"), listed) == frozenset()
    assert missing("google", models("google"), listed[1:]) != frozenset()
