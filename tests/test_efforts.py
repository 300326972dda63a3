"""What a caller's word for how much to think means, to the router and to a vendor's model."""

from typing import Any

import pytest

from services import catalog
from services.efforts import EFFORTS, meant, of_budget
from services.providers.dialects.reasoning import resolve
from services.router.effort import asked

MODELS = [model for _, model in sorted(catalog.read().models.items())]


@pytest.mark.parametrize(
    ("available", "word", "effort"),
    [
        (("none", "high", "max"), "xhigh", "high"),
        (("none", "low", "high"), "medium", "low"),
        (("none", "low", "high"), "minimal", "low"),
        (("none", "high"), "low", "high"),
        (("none", "high"), "minimal", "none"),
        (("low", "high"), "none", "low"),
        (("medium", "high"), "minimal", "medium"),
    ],
)
def test_a_word_means_the_nearest_and_the_lower_of_two(
    available: Any, word: Any, effort: str
) -> None:
    assert meant(available, word, {}) == effort


def test_a_vendors_own_meaning_goes_first() -> None:
    words: Any = {"xhigh": "max", "minimal": "low"}
    assert meant(("none", "high", "max"), "xhigh", words) == "max"
    assert meant(("none", "low", "high"), "minimal", words) == "low"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("zai/glm-5.2", ("none", "none", "high", "high", "high", "max", "max")),
        ("deepseek/deepseek-flash", ("none", "low", "low", "high", "high", "high", "max")),
        ("deepseek/deepseek-v4-pro", ("none", "none", "high", "high", "high", "high", "max")),
    ],
)
def test_words_that_vendors_map_by_themselves(key: str, words: tuple[str, ...]) -> None:
    (model,) = (one for one in MODELS if one.key == key)
    assert tuple(resolve(word, model) for word in EFFORTS) == words


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)
def test_the_router_reckons_with_what_the_vendor_is_told(model: catalog.Model) -> None:
    for word in EFFORTS:
        if (effort := asked(model, word)) is not None and model.reasoning.switch != "none":
            assert resolve(word, model) == effort == resolve(effort, model)


@pytest.mark.parametrize(
    ("tokens", "word"),
    [(1024, "low"), (5_119, "low"), (5_120, "medium"), (24_575, "high"), (64_000, "xhigh")],
)
def test_a_budget_stands_for_a_word(tokens: int, word: str) -> None:
    assert of_budget(tokens) == word
