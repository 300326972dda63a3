"""The table that words start with: each word gets its vector back, a misspelt one nearly so."""

from functools import partial

import numpy as np

from services.router import words
from services.router.classify import VALUES
from services.router.features import Floats
from services.router.learning import distil
from services.router.learning.distilled import DISTILLED, Distilled

WORDS = ["translate", "theorem", "übersetze", "poem", "翻译"]


def of(told: Distilled, word: str) -> Floats:
    rows = words.rows([word], told.known)
    vector: Floats = told.table[rows.own[0]] + told.table[rows.grams].mean(axis=0)
    return vector / np.linalg.norm(vector)


def test_words_get_their_vectors_back_and_a_misspelt_one_is_like_the_right_one() -> None:
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), VALUES)).astype(np.float32)
    said = partial(of, distil.laid_out(WORDS, vectors))
    for word, vector in zip(WORDS, vectors, strict=True):
        assert said(word) @ vector / np.linalg.norm(vector) > 0.99
    assert said("transslate") @ said("translate") > 0.5
    assert said("transslate") @ said("poem") < 0.5


def test_points_that_lie_together_are_clustered_together() -> None:
    random = np.random.default_rng(2)
    centres = random.normal(0, 10, (3, 8))
    points = np.repeat(centres, 40, axis=0) + random.normal(0, 0.1, (120, 8))
    found = distil.clustered(points.astype(np.float32), 12).reshape(3, 40)
    assert not set(found[0]) & set(found[1]) | set(found[1]) & set(found[2])


def test_a_word_that_is_to_have_no_row_of_its_own_is_told_by_its_meaning() -> None:
    told = Distilled.load()
    known = told.know(["translate", "brandnewword"], [])
    own, meaning, new, nothing = words.rows(
        ["translate", "poem", "brandnewword", "zzxqy"], known
    ).own.tolist()
    assert (own, new, nothing) == (0, 1, words.NOWHERE)
    assert words.OWN <= meaning < words.GRAMS_AT
    start = told.start(known)
    assert start[0].any() and start[meaning].any() and not start[1].any()


def test_a_slip_of_a_common_word_is_that_word_and_leaves_its_start_alone() -> None:
    told = Distilled.load()
    own = ["come", "people"]
    known = told.know(own, ["come", "cmoe", "peopel", "poem"])
    come, people, slip, other, poem = words.rows([*own, "cmoe", "peopel", "poem"], known).own
    assert (come, people) == (slip, other) == (0, 1)
    assert poem >= words.OWN
    plain = told.start(told.know(own, []))
    assert np.array_equal(told.start(known)[:2], plain[:2])


def test_the_table_is_small_and_words_of_one_meaning_are_alike_in_it() -> None:
    assert DISTILLED.stat().st_size < 5_000_000
    alike = (
        ("translate", "traducir", "theorem"),
        ("poem", "gedicht", "debug"),
        ("explain", "объясни", "poem"),
    )
    said = partial(of, Distilled.load())
    for one, same, other in alike:
        assert said(one) @ said(same) > said(one) @ said(other) + 0.1
