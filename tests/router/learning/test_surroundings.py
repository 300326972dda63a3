"""Requests with other text around them: nothing of either is lost, labels stay."""

from pathlib import Path

import pytest

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.learning import surroundings
from services.router.learning.examples import OWN, Example

FILE = """# a comment
== de
Es regnet.

Der Bus kam nicht.
== en
It rains.
== en
The bus is late.
== de
Montag
"""


@pytest.fixture
def passages(tmp_path: Path) -> surroundings.Passages:
    path = tmp_path / "surroundings.txt"
    path.write_text(FILE)
    return surroundings.read(path)


def example(text: str, lang: str = "en", category: Category = Category.CODING) -> Example:
    message = router_pb2.Message(role=router_pb2.ROLE_USER, text=text)
    request = router_pb2.RouteRequest(messages=[message])
    return Example("x-1", OWN, lang, request, category, Tier.LIGHT)


def test_passages_are_read_by_language_with_their_line_breaks(passages):
    assert passages == {
        "de": ["Es regnet.\n\nDer Bus kam nicht.", "Montag"],
        "en": ["It rains.", "The bus is late."],
    }


def test_a_request_is_whole_among_passages_of_its_language_and_keeps_its_labels(passages):
    said = [example(f"sort {i} numbers") for i in range(60)]
    found = list(surroundings.surrounded(said, passages, 2))
    assert len(found) == 30
    places = set()
    for before, after in zip(said[::2], found, strict=True):
        asked, text = before.request.messages[0].text, after.request.messages[0].text
        head, _, tail = text.partition(asked)
        around = (head + tail).split()
        assert around
        assert set(around) <= {"It", "rains.", "The", "bus", "is", "late."}
        places.add((bool(head), bool(tail)))
        assert (after.category, after.tier, after.split) == (
            before.category,
            before.tier,
            before.split,
        )
    assert places == {(True, False), (False, True), (True, True)}
    assert found == list(surroundings.surrounded(said, passages, 2))


@pytest.mark.parametrize(
    "left",
    [
        example("sort it", lang="fr"),
        example("word " * 80),
        example("what is in it?", category=Category.VISION),
        example("in one line", category=Category.SUMMARIZATION),
    ],
)
def test_what_may_be_about_the_text_around_it_is_left_alone(passages, left):
    assert not list(surroundings.surrounded([left], passages, 1))


def test_what_is_shipped_can_be_read():
    passages = surroundings.read()
    assert len(passages) >= 12
    assert all(len(known) >= 20 for known in passages.values())


def test_a_request_is_whole_beside_a_preface_of_its_language(tmp_path):
    path = tmp_path / "prefaces.txt"
    path.write_text(
        "# a comment\n== en\nAfter weeks of topology:\n… in our Kafka shop.\n== de\nPuh.\n"
    )
    said = [example(f"sort {i} numbers") for i in range(40)] + [example("tri", "fr")]
    found = list(surroundings.prefaced(said, surroundings.read(path), 1))
    assert len(found) == 40
    texts = [one.request.messages[0].text for one in found]
    for before, text in zip(said, texts, strict=False):
        asked = before.request.messages[0].text
        assert " ".join(text.split()) in {
            f"After weeks of topology: {asked}",
            f"{asked} in our Kafka shop.",
        }
    assert len({text.startswith("After") for text in texts}) == 2
    assert {one.tier for one in found} == {Tier.LIGHT}
