"""What outcome learning sees: form is counted, words are hashed, size is bounded."""

import numpy as np

from services.router.learning.facts import NAMES, facts

EXAM = "Which of these is a prime?\nA. 21\nB. 27\nC. 31\nD. 39"
SUMS = "Ann has 12 eggs and sells 5 of them for $2 each. How much does she earn?"


def fact(text: str, name: str) -> float:
    return float(facts([text]).dense[NAMES.index(name)])


def test_every_fact_has_a_name() -> None:
    for text in ("", EXAM, SUMS, "日本の首都は？", "\ud800 broken"):
        assert facts([text]).dense.shape == (len(NAMES),)
        assert np.isfinite(facts([text]).dense).all()


def test_options_are_counted_and_their_numbers_seen() -> None:
    assert fact(EXAM, "options") == np.log1p(4)
    assert fact(EXAM, "numeric options") == 1
    assert fact(SUMS, "options") == 0
    assert fact("A. one\nC. three\nsome text\nB. two", "options") == 0


def test_the_stem_leaves_the_options_out() -> None:
    assert fact(EXAM, "stem characters") < fact(EXAM, "characters")
    assert fact(SUMS, "stem characters") == fact(SUMS, "characters")


def test_quantities_and_turns_are_counted() -> None:
    assert fact(SUMS, "numbers") == np.log1p(3)
    assert fact(SUMS, "length of a question about quantities") != 0
    assert facts(["a", "b"]).dense[NAMES.index("turns")] == np.log1p(1)


def test_words_are_of_length_one_together_and_case_does_not_matter() -> None:
    lower, upper = facts(["prove the theorem"]), facts(["Prove the THEOREM"])
    assert np.isclose(np.linalg.norm(lower.weights), 1)
    assert set(lower.words.tolist()) == set(upper.words.tolist())


def test_a_long_prompt_is_read_in_part() -> None:
    long = facts(["x " * 500_000])
    longer = facts(["x " * 5_000_000])
    assert np.array_equal(long.dense, longer.dense)
