"""The table that words start with: each word gets its vector back, a misspelt one nearly so."""

import numpy as np

from services.router import words
from services.router.classify import VALUES
from services.router.features import Floats
from services.router.learning import distil, train

WORDS = ["translate", "theorem", "übersetze", "poem", "翻译"]


def of(table: Floats, word: str) -> Floats:
    rows = words.rows([word])
    vector: Floats = table[rows.own[0]] + table[rows.grams].mean(axis=0)
    return vector / np.linalg.norm(vector)


def test_words_get_their_vectors_back_and_a_misspelt_one_is_like_the_right_one() -> None:
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), VALUES)).astype(np.float32)
    table = distil.laid_out(WORDS, vectors)
    for word, vector in zip(WORDS, vectors, strict=True):
        assert of(table, word) @ vector / np.linalg.norm(vector) > 0.99
    assert of(table, "transslate") @ of(table, "translate") > 0.5
    assert of(table, "transslate") @ of(table, "poem") < 0.5


def test_the_table_is_small_and_words_of_one_meaning_are_alike_in_it() -> None:
    assert train.DISTILLED.stat().st_size < 5_000_000
    table = train.distilled()
    for one, same, other in (
        ("translate", "traducir", "theorem"),
        ("poem", "gedicht", "debug"),
        ("explain", "объясни", "poem"),
    ):
        assert of(table, one) @ of(table, same) > of(table, one) @ of(table, other) + 0.1
