"""Words that are only strung together are left out of what is asked."""

import pytest

from services.router.keywords import without_piles
from services.router.words import sentences

PILE = " ".join(["lemma", "kubernetes", "entropy", "sharding", "proof", "quantum"])
ASKED = "What is the capital of it"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{ASKED} {PILE}", ASKED),
        (f"{PILE} {ASKED}", ASKED),
        (f"{ASKED}? {PILE}", f"{ASKED}?"),
        (f"{PILE}. {ASKED}? {PILE}", f"{ASKED}?"),
        # Too few, alone, or beside what is no English.
        (f"{ASKED} lemma kubernetes entropy", f"{ASKED} lemma kubernetes entropy"),
        (PILE, PILE),
        (f"Schreibe {PILE} bitte", f"Schreibe {PILE} bitte"),
        (f"No me lo digas a mí. {PILE}", f"No me lo digas a mí. {PILE}"),
        ("", ""),
    ],
)
def test_piles_before_and_behind_are_left_out(text: str, left: str) -> None:
    assert without_piles(sentences(text)) == sentences(left)


def test_a_table_inside_a_text_is_material() -> None:
    text = f"What is the name of the third one?\n{PILE}\nTell me that and no more."
    assert without_piles(sentences(text)) == sentences(text)


def test_what_is_quoted_in_another_script_is_no_pile() -> None:
    text = "Tell me what this is about:\n敏捷的棕色狐狸跳过懒狗"
    assert without_piles(sentences(text)) == sentences(text)
