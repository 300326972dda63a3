"""The table that words start with: each word gets its vector back, a misspelt one nearly so."""

import itertools
from functools import partial

import numpy as np

from services.router import words
from services.router.classify import VALUES
from services.router.features import Floats
from services.router.learning import distil, train
from services.router.learning.batches import Vocabulary

WORDS = ["translate", "theorem", "übersetze", "poem", "翻译"]


def of(table: Floats, tags: words.Tags, word: str) -> Floats:
    rows = words.rows([word], tags)
    vector: Floats = table[rows.own[0]] + table[rows.grams].mean(axis=0)
    return vector / np.linalg.norm(vector)


def test_words_get_their_vectors_back_and_a_misspelt_one_is_like_the_right_one() -> None:
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), VALUES)).astype(np.float32)
    tags = words.tagged(WORDS)
    said = partial(of, distil.laid_out(WORDS, vectors, tags), tags)
    for word, vector in zip(WORDS, vectors, strict=True):
        assert said(word) @ vector / np.linalg.norm(vector) > 0.99
    assert said("transslate") @ said("translate") > 0.5
    assert said("transslate") @ said("poem") < 0.5


def test_the_table_is_small_and_words_of_one_meaning_are_alike_in_it() -> None:
    assert train.DISTILLED.stat().st_size < 5_000_000
    alike = (
        ("translate", "traducir", "theorem"),
        ("poem", "gedicht", "debug"),
        ("explain", "объясни", "poem"),
    )
    names = list(itertools.chain(*alike))
    tags = words.tagged(names)
    said = partial(of, train.distilled(Vocabulary.of(names, tags)), tags)
    for one, same, other in alike:
        assert said(one) @ said(same) > said(one) @ said(other) + 0.1
