"""What is made of phrases, the lexicon and games: labels stay, everything is repeatable."""

import random
from pathlib import Path

import pytest

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.learning import games, lexicon, phrases
from services.router.learning.examples import OWN, Example

FILE = """# a comment
== coding LIGHT
explain {code}
write a loop in {lang}
== chat NANO
hi
%% lang
python|rust
%% thanks
thanks|danke
%% continue
go on
%% answer
Shall I go on?
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "phrases.txt"
    path.write_text(FILE)
    return path


def example(text: str, lang: str = "en") -> Example:
    message = router_pb2.Message(role=router_pb2.ROLE_USER, text=text)
    request = router_pb2.RouteRequest(messages=[message])
    return Example("x-1", OWN, lang, request, Category.CODING, Tier.LIGHT)


def said(made: list[Example]) -> list[str]:
    return [e.request.messages[-1].text for e in made]


def test_phrases_are_filled_and_labelled(file: Path) -> None:
    made = list(phrases.spoken([], ["def f(): pass"], file))
    assert [e.request for e in made] == [
        e.request for e in phrases.spoken([], ["def f(): pass"], file)
    ]
    assert len(made) == phrases.EACH * 2 + 2
    assert not any("{" in text for text in said(made))
    assert any("def f" in text and "explain" in text for text in said(made))
    assert {e.tier for e in made if e.category is Category.CHAT} == {Tier.NANO}
    assert len({e.id for e in made}) == len(made)


def test_one_phrase_stays_on_one_side(file: Path) -> None:
    sides: dict[str, set[str]] = {}
    for made in phrases.spoken([], [], file):
        sides.setdefault(made.id.rsplit("/", 1)[0], set()).add(made.split)
    assert all(len(split) == 1 for split in sides.values())


def test_closings_thank_or_go_on_behind_a_turn(file: Path) -> None:
    made = list(phrases.closings([example("write a parser")], file))
    assert {(e.follows, e.tier) for e in made} == {(False, Tier.NANO), (True, Tier.LIGHT)}
    assert all(len(e.request.messages) == 3 for e in made)


def test_the_shipped_phrases_cover_every_category_but_vision() -> None:
    found, lists = phrases.read()
    assert {phrase.category for phrase in found} == set(Category) - {Category.VISION}
    assert {phrase.tier for phrase in found} == set(Tier)
    used = {name for phrase in found for name in phrases._SLOT.findall(phrase.text)}
    assert used - {"text", "code"} <= set(lists)


def test_the_lexicon_ties_expressions_word_by_word(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.tsv"
    path.write_text("concept\ten\tde\tzh\nwrite\twrite|set down\tschreibe\t写下\n")
    assert lexicon.ties(lexicon.read(path)) == [
        (["schreibe"], ["set", "down"]),
        (["写下"], ["set", "down"]),
    ]


def test_the_lexicon_switches_the_longest_expression(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.tsv"
    path.write_text(
        "concept\ten\tde\nwrite\twrite|writes\tschreibe\nemail\tan email\teine E-Mail\n"
    )
    made = list(lexicon.switched([example("Write an email!")], lexicon.read(path), 1))
    assert said(made) == ["schreibe eine E-Mail!"]
    assert made[0].lang == "de"
    assert made[0].tier is Tier.LIGHT
    assert not list(lexicon.switched([example("schreibe", "de")], lexicon.read(path), 1))


@pytest.mark.parametrize("game", games.GAMES)
def test_a_game_keeps_the_prompt_recognisable(game: games.Game) -> None:
    text = "Explain how rainbows form over water and why their colours are always ordered alike"
    got = game(text, random.Random(3))
    assert got != text
    kept = sum(word.lower() in got.lower() for word in text.split())
    assert kept >= 3


def test_games_keep_labels_and_leave_the_original_alone() -> None:
    original = example("Explain this loop")
    made = list(games.played([original], 3))
    assert len(made) == 3
    assert all((e.category, e.tier) == (Category.CODING, Tier.LIGHT) for e in made)
    assert original.request.messages[0].text == "Explain this loop"
