import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.seam import Seam, UnjoinedError, anchor_of, closed, tellable

WHOLE = (
    "The first line — café, 漢字 and 🚀 — says ha ha ha ha.\n\n  * one  two\n  * one  two\n\n"
    "0, 0, 0, 0, 0, 0, and a last line of quite a few more words than that."
)
PIECES = st.integers(1, 40)


def joined(seam: Seam, text: str, size: int) -> str:
    """Return what comes out when a text comes in pieces of this size."""
    out = [seam.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join([*out, seam.close()])


@given(st.integers(1, len(WHOLE)), PIECES, st.sampled_from(["exact", "trimmed", "whole", "tail"]))
def test_a_prefill_is_joined_wherever_the_text_was_cut(cut, size, how):
    before = WHOLE[:cut]
    core = before.rstrip()
    texts = {
        "exact": WHOLE[len(core) :],
        "trimmed": WHOLE[len(core) :].lstrip() if before != core else WHOLE[cut:],
        "whole": WHOLE,
        "tail": WHOLE[max(len(core) - 30, 0) :],
    }
    seam = Seam(before, echoes=how == "whole")
    if how == "tail" and cut < 60:
        return  # too little to be told from a new beginning
    if how == "trimmed" and before != core and WHOLE[cut:] != WHOLE[len(core) :].lstrip():
        return  # the model left out white space that had not gone out: nobody can know
    assert before + joined(seam, texts[how], size) == WHOLE


def test_a_line_that_is_the_same_as_the_last_one_is_kept():
    for line in ("  * one  two\n", "        return None\n", "| --- | --- |\n"):
        for cut in range(len("Here:\n" + line), len("Here:\n" + 2 * line)):
            whole = "Here:\n" + 3 * line + "And an end."
            core = whole[:cut].rstrip()
            assert whole[:cut] + joined(Seam(whole[:cut]), whole[len(core) :], 5) == whole


@given(st.integers(12, len(WHOLE)), PIECES, st.sampled_from(["", "Sure, here it is:\n", "\n\n"]))
def test_words_are_joined_at_their_anchor(cut, size, preamble):
    before = WHOLE[:cut]
    anchor = anchor_of(before)
    if not tellable(before) or (preamble.strip() and len(anchor) < 24):
        return
    rest = anchor + WHOLE[len(before.rstrip()) :]
    assert before + joined(Seam(before, anchor), preamble + rest, size) == WHOLE


@pytest.mark.parametrize("said", ["«Once upon a time there", "Once upon a time there"])
@pytest.mark.parametrize("size", [1, 7, 99])
def test_a_mark_before_the_first_word_may_be_left_out(said, size):
    before = "«Once upon a time there"
    anchor = anchor_of(before)
    assert (
        before + joined(Seam(before, anchor), f"{said} was a king.", size)
        == f"{before} was a king."
    )


@given(st.integers(40, len(WHOLE)), PIECES)
def test_a_new_beginning_is_joined_where_the_old_one_ends(cut, size):
    before = WHOLE[:cut]
    assert before + joined(Seam(before), WHOLE, size) == WHOLE
    assert before + joined(Seam(before, anchor_of(before)), WHOLE, size) == WHOLE


@given(st.text(min_size=1, max_size=400), PIECES)
def test_something_else_is_never_joined_by_words(text, size):
    before = "A quite unusual beginning of an answer, which"
    anchor = anchor_of(before)
    if anchor in text:
        return
    with pytest.raises(UnjoinedError):
        joined(Seam(before, anchor), text, size)


def test_a_pattern_goes_on():
    """What looks like a repetition is how the text goes on."""
    for before, more in (
        ("0, 0, 0, 0, 0, 0, 0,", " 0, 0, 0, 0, 0, 0"),
        ("ha", "ha!"),
        ("|--|--|--|", "--|--|"),
        ("if a:\n    return None\n", "    return None\nelse:"),
    ):
        for size in (1, 3, 50):
            assert joined(Seam(before), more, size) == more


def test_white_space_is_not_said_twice():
    assert joined(Seam("one \n"), " \n  two", 1) == "  two"
    assert joined(Seam("one  "), " two", 1) == "two"
    assert joined(Seam("one "), "\ntwo", 1) == "\ntwo"
    assert joined(Seam("one"), " two", 1) == " two"


def test_the_beginning_alone_is_no_continuation():
    with pytest.raises(UnjoinedError):
        joined(Seam("A quite unusual beginning, and more"), "A quite unusual", 4)


def test_short_or_patterned_ends_tell_nothing():
    assert not tellable("I am")
    assert not tellable("0, 0, 0, 0, 0, 0, 0, 0,")
    assert tellable("I am quite sure")


def test_texts_that_may_be_whole():
    assert closed("It is so.") and closed("| a |\n") and closed("答えです。") and closed("```")
    assert not closed("It is") and not closed("first,") and not closed("(") and not closed("")
