"""Word vectors by hash: what is like in meaning is near, in any language."""

from pathlib import Path

import numpy as np

from services.router.learning import meanings
from services.router.learning.facts import Form, facts

SHIPPED = meanings.shipped()


def likeness(one: str, other: str) -> float:
    return float(SHIPPED.of(one) @ SHIPPED.of(other))


def test_texts_on_one_topic_are_nearer_than_others() -> None:
    law = likeness("The plaintiff sued for damages", "a judge ruled that the contract was void")
    food = likeness("The plaintiff sued for damages", "roast the onions and add the noodles")
    assert law > food + 0.05


def test_languages_meet() -> None:
    same = likeness("Wie ist das Wetter heute?", "What is the weather like today?")
    other = likeness("Wie ist das Wetter heute?", "Prove that the integral converges.")
    assert same > other + 0.1


def test_it_is_of_length_one_or_zero() -> None:
    assert np.isclose(np.linalg.norm(SHIPPED.of("Write a poem about rain")), 1, atol=1e-4)
    assert not SHIPPED.of("").any()
    assert not SHIPPED.of("qzxvvq ⟁⟁").any()


def test_a_table_is_made_of_any_vectors(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    named = [f"word{i}" for i in range(200)]
    vectors = random.normal(size=(200, meanings.DIMENSIONS + 4)).astype(np.float32)
    vectors[1] = vectors[0]
    shares = np.linspace(0.9, 0.01, 200).astype(np.float32)
    meanings.Meanings.of_words(named, vectors, shares).save(tmp_path / "m.npz")
    table = meanings.Meanings.load(tmp_path / "m.npz")
    wanted = [f"word{i}" for i in range(3)]
    assert [word in named for word in wanted] == [True] * 3
    hashes = [meanings._hash(word) for word in wanted]
    rows = table.table[np.searchsorted(table.hashes, hashes)].astype(int)
    assert np.abs(rows[0] - rows[1]).max() <= 1
    assert np.abs(rows[0] - rows[2]).max() > 10


def test_it_is_small() -> None:
    assert meanings.WEIGHTS.stat().st_size < 5_000_000


def test_forms_are_told_apart() -> None:
    assert facts(["Which is a prime? (A) 21 (B) 31 (C) 39"]).form is Form.OPTIONS
    assert facts(["Ann has 12 eggs and sells half of them. How many are left?"]).form is Form.SUM
    assert facts(["Write a letter to my landlord."]).form is Form.OPEN
