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
"""
LISTS = """%% before
well, |
%% after
!
%% thanks
thanks|danke
%% continue
go on
%% answer
Shall I go on?
"""
FILE += LISTS


@pytest.fixture
def file(tmp_path: Path) -> phrases.Phrases:
    (tmp_path / "en.txt").write_text(FILE)
    return phrases.read(tmp_path)[0]


def example(text: str, lang: str = "en") -> Example:
    message = router_pb2.Message(role=router_pb2.ROLE_USER, text=text)
    request = router_pb2.RouteRequest(messages=[message])
    return Example("x-1", OWN, lang, request, Category.CODING, Tier.LIGHT)


def said(made: list[Example]) -> list[str]:
    return [e.request.messages[-1].text for e in made]


def test_phrases_are_filled_and_labelled(file: phrases.Phrases) -> None:
    made = list(phrases.spoken(file, {}, ["def f(): pass"]))
    assert [e.request for e in made] == [
        e.request for e in phrases.spoken(file, {}, ["def f(): pass"])
    ]
    assert len(made) == phrases.EACH * 2 + 2
    assert not any("{" in text for text in said(made))
    assert any("def f" in text and "explain" in text for text in said(made))
    assert {e.tier for e in made if e.category is Category.CHAT} == {Tier.NANO}
    assert len({e.id for e in made}) == len(made)


def test_what_stands_around_a_phrase_is_of_its_file(file: phrases.Phrases) -> None:
    hi = [text for text in said(list(phrases.spoken(file, {}, []))) if "hi" in text]
    assert set(hi) <= {"hi", "well, hi", "hi!", "well, hi!"}


def test_pasted_material_is_of_the_language_of_a_phrase(tmp_path: Path) -> None:
    (tmp_path / "de.txt").write_text("== summarization LIGHT\nfass zusammen: {text}\n" + LISTS)
    [german] = phrases.read(tmp_path)
    made = list(phrases.spoken(german, {"en": ["a tale"], "de": ["ein Märchen"]}, []))
    texts = said(made)
    assert any("ein Märchen"[:5] in text for text in texts)
    assert not any("tale" in text for text in texts)
    assert {e.lang for e in made} == {"de"}


def test_closings_thank_or_go_on_behind_a_turn(file: phrases.Phrases) -> None:
    made = list(phrases.closings(file, [example("write a parser"), example("nein", "de")]))
    assert {(e.follows, e.tier) for e in made} == {(False, Tier.NANO), (True, Tier.LIGHT)}
    assert all(len(e.request.messages) == 3 for e in made)
    assert {e.request.messages[0].text for e in made} == {"write a parser"}


@pytest.mark.parametrize("shipped", phrases.read(), ids=lambda shipped: shipped.lang)
def test_the_shipped_phrases_cover_every_category_but_vision(shipped: phrases.Phrases) -> None:
    assert {phrase.category for phrase in shipped.said} >= set(Category) - {
        Category.VISION,
        Category.TOOL_USE,
    }
    assert {phrase.tier for phrase in shipped.said} == set(Tier)
    used = {name for phrase in shipped.said for name in phrases._SLOT.findall(phrase.text)}
    around = {"before", "after", "thanks", "continue", "answer"}
    assert (used - {"text", "code"}) | around <= set(shipped.lists)
    assert len({phrase.text for phrase in shipped.said}) == len(shipped.said)


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
