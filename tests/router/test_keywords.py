"""Words that are only strung together stand apart from what is asked."""

import pytest

from services.router.keywords import LISTED, set_apart
from services.router.words import sentences

PILE = ["lemma", "kubernetes", "entropy", "sharding", "proof", "quantum"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What is the capital of it " + " ".join(PILE), [6, 7]),
        (" ".join(PILE) + " what is the capital of Peru", [7, 6]),
        ("What is the capital of Peru? " + " ".join(PILE), [7, 7]),
        ("What is the capital of it " + " ".join(PILE[:5]), [11]),
        (" ".join(PILE), [6]),
        ("Schreibe " + " ".join(PILE) + " bitte", [8]),
        ("", []),
    ],
)
def test_piles_of_words_stand_apart(text: str, found: list[int]) -> None:
    assert [len(sentence) for sentence in set_apart(sentences(text))] == found


def test_only_piles_are_marked() -> None:
    kept = set_apart(sentences("Tell me what it is. " + " ".join(PILE)))
    assert kept == [["tell", "me", "what", "it", "is"], [LISTED, *PILE]]


def test_what_is_quoted_in_another_script_is_no_pile() -> None:
    text = "Tell me what this is about:\n敏捷的棕色狐狸跳过懒狗"
    assert set_apart(sentences(text)) == sentences(text)
