"""A mistyped word is read as the common word that it is a slip of."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router import spelling, words
from services.router.learning import games

COMMON = ["function", "language", "database", "question", "query", "вопрос"]
KNOWN = words.owned(COMMON, words.Known.nothing())
TEXT = ["of", "a"] * 7


def read(word: str) -> str:
    return spelling.Speller(KNOWN).read([*TEXT, word], [len(TEXT)])[-1]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("functoin", "function"),
        ("langauge", "language"),
        ("databse", "database"),
        ("questtion", "question"),
        ("quety", "query"),
        ("databases", "database"),
        ("вопрс", "вопрос"),
        ("elephant", "elephant"),
        ("qry", "qry"),
    ],
)
def test_slips_of_one_letter_are_read_as_the_word(typed: str, meant: str) -> None:
    assert read(typed) == meant


def test_of_several_words_the_most_common_is_meant() -> None:
    known = words.owned(["ports", "parts"], words.Known.nothing())
    assert spelling.Speller(known).read([*TEXT, "pxrts"], [len(TEXT)])[-1] == "ports"


def test_a_text_of_which_little_is_known_stays_as_it_is() -> None:
    text = ["functoin", "langauge", "of"]
    assert spelling.Speller(KNOWN).read(text, [0, 1]) == text


@given(st.sampled_from(COMMON[:4]), st.randoms(use_true_random=False))
def test_what_the_game_of_typing_errors_does_is_undone(word: str, chance: random.Random) -> None:
    typed = games.typos(word, chance)
    assert read(typed) == word


@given(st.text("abcdefghijklmnopqrstuvwxyzäé", min_size=4, max_size=16))
def test_slips_are_hashed_as_the_words_they_make(word: str) -> None:
    slips = spelling._Slips.of([word, "other"], spelling._ALPHABETS[0])
    made = [
        slips.spelled((word, "other")[owner], i) for i, owner in enumerate(slips.owner.tolist())
    ]
    known = words.owned(made, words.Known.nothing())
    rows = [words.rows(made[i : i + 256], known).own for i in range(0, len(made), 256)]
    which, found = words.found(slips.hashes, known)
    assert which.tolist() == list(range(len(made)))
    assert found.tolist() == np.concatenate(rows).tolist()


def test_only_words_nobody_knows_are_strange() -> None:
    said = ["function", "functoin", "x7", "數據", "ab"]
    assert spelling.strange(said, words.rows(said, KNOWN)).tolist() == [
        False, True, False, False, False,
    ]  # fmt: skip
