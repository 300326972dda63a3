"""Word vectors from company: words used alike are alike, and so are words that mean the same."""

import numpy as np

from routor.v1 import router_pb2
from services.router import words
from services.router.classify import COLUMNS
from services.router.features import Floats
from services.router.learning import company
from services.router.learning.examples import OWN, Example


def prompt(text: str, number: int, lang: str = "en") -> Example:
    message = router_pb2.Message(role=router_pb2.ROLE_USER, text=text)
    request = router_pb2.RouteRequest(messages=[message])
    return Example(f"{number}/{lang}", OWN, lang, request, None, None)


def prompts() -> list[Example]:
    made = []
    for i in range(8):
        for verb in ("fix", "repair"):
            made.append(prompt(f"{verb} this broken engine today", len(made)))
        for noun in ("poem", "song"):
            made.append(prompt(f"a little {noun} about spring and love", len(made)))
        both = len(made)
        made.append(prompt("prove the theorem on primes", both))
        made.append(prompt("beweise den satz", both, "de"))
        made.append(prompt(f"number {i} of nothing", both + 1))
    return made


def alike(table: Floats, one: str, other: str) -> float:
    both = []
    for word in (one, other):
        rows = words.rows([word])
        vector = table[rows.own[0]] + table[rows.grams].mean(axis=0)
        both.append(vector[COLUMNS:] / np.linalg.norm(vector))
    return float(both[0] @ both[1])


def test_words_in_like_company_are_alike_and_those_in_other_company_are_not() -> None:
    table = company.table(prompts(), [])
    assert alike(table, "fix", "repair") > alike(table, "fix", "poem") + 0.3
    assert alike(table, "poem", "song") > alike(table, "poem", "repair") + 0.3


def test_a_prompt_in_another_language_and_the_lexicon_give_meaning() -> None:
    table = company.table(prompts(), [(["repariere"], ["repair"])])
    assert alike(table, "beweise", "theorem") > alike(table, "beweise", "song") + 0.3
    assert alike(table, "repariere", "repair") > 0.8


def test_labels_say_nothing_yet() -> None:
    assert not company.table(prompts(), [])[:, :COLUMNS].any()
