"""What greets and thanks is left out of a request; what is all there is stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.courtesy import asked
from services.router.words import sentences

REQUEST = "Write a poem about the sea"


@pytest.mark.parametrize(
    "text",
    [
        f"Good day! Could you please help me with this? {REQUEST}",
        f"{REQUEST}. Thanks a lot in advance!",
        f"please {REQUEST} thank you very much",
        f"hey, {REQUEST}. Have a nice day!",
        f"{REQUEST} and have a lovely evening",
        f"{REQUEST} much obliged, take care",
        f"Dear Sir or Madam,\n{REQUEST}\n\nKind regards,\nJoanna Oakes",
        f"```text\n{REQUEST}\n```",
        f"# Context\n\nNone.\n\n# Request\n\n{REQUEST}",
        f"### Task\n\n**{REQUEST}**\n",
        f"This is really trivial. {REQUEST}",
        f"Be careful, this is an extremely difficult task. {REQUEST}",
        f"Guten Tag! Könntest du mir bitte helfen? {REQUEST}. Vielen Dank im Voraus!",
        f"你好！{REQUEST}。谢谢！",
        f"Здравствуйте! {REQUEST}. Заранее спасибо.",
    ],
)
def test_courtesies_around_a_request_are_left_out(text: str) -> None:
    assert asked(sentences(text)) == [REQUEST.lower().split()]


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "Hi there! How are you today?",
        "thanks",
        "Ok. Thank you very much!",
        "ok, thanks",
        "I moved the file. Is that right?",
        "It fell. How?",
        "Write a card saying thank you",
        "What is the German word for thanks",
        "Who is Joanna? Thanks. Now sing a song of the sea",
        "",
    ],
)
def test_what_is_all_there_is_stays(text: str) -> None:
    assert asked(sentences(text)) == sentences(text)


def test_thanks_belong_to_a_short_turn() -> None:
    assert asked(sentences("go on. thanks!")) == [["go", "on"], ["thanks"]]


def test_courtesies_in_the_middle_stay() -> None:
    text = "\n".join(("Translate this letter:", "Dear Anna,", "it rains here.", "Who won?"))
    assert asked(sentences(text)) == sentences(text)


@given(
    st.lists(st.lists(st.sampled_from(["please", "thanks", "hi", "?", "sum", "prove"]), min_size=1))
)
def test_something_is_left_and_nothing_is_added(found: list[list[str]]) -> None:
    before = [list(sentence) for sentence in found]
    kept = asked(found)
    assert found == before
    assert bool(kept) == bool(found)
    assert all(kept)
    words = [word for sentence in found for word in sentence]
    assert all(word in words for sentence in kept for word in sentence)
