"""A limit that a model could give, and its window cannot hold beside the input."""

from typing import Any

import pytest

from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import ask, sent, target, user

WHOLE = {"context_window": 100_000, "max_output_tokens": 100_000}
CHAT = DIALECTS["openai_chat"]


def limit(body: dict[str, Any], **facts: Any) -> tuple[int, tuple[str, ...]]:
    encoded = CHAT.encode(body, target("mistral", **{**WHOLE, **facts}))
    return sent(encoded)["max_tokens"], encoded.dropped


@pytest.mark.parametrize("asked", [100_000, 10_000_000])
def test_it_is_what_the_input_leaves_and_named(asked: int) -> None:
    given, dropped = limit(ask(user("word " * 10_000), max_tokens=asked))
    assert 70_000 < given < 90_000
    assert dropped == ("max_tokens",)


def test_one_that_fits_stays() -> None:
    assert limit(ask(user("hi"), max_tokens=50_000)) == (50_000, ())
    assert limit(ask(user("hi"), max_tokens=80_000)) == (80_000, ())


def test_a_picture_counts_as_one_not_as_its_letters() -> None:
    url = "data:image/png;base64," + "A" * 400_000
    picture = {"type": "image_url", "image_url": {"url": url}}
    text = {"type": "text", "text": "What is it?"}
    given, _ = limit(ask(user([text, picture]), max_tokens=100_000),
                     input_modalities=("text", "image"))  # fmt: skip
    assert given > 90_000


def test_what_leaves_no_room_is_for_the_vendor_to_refuse() -> None:
    assert limit(ask(user("word " * 100_000), max_tokens=90_000)) == (90_000, ())
