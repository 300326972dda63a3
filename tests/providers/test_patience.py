import pytest

from services.providers.patience import TRAILING_S, Patience, idle, limits

TEXT = b'data: {"choices": []}\n\n'
COMMENT = b": keep-alive\n\n"


def of(stream: bool = True, **facts) -> Patience:
    given = {"effort": "none", "left_s": 600.0, "others": False, **facts}
    made = limits(first_token_s=30.0, stall_s=20.0, stream=stream, **given)
    return Patience(made, 100.0, stream)


@pytest.mark.parametrize(
    ("effort", "wait_s"), [("none", 30), ("", 30), ("low", 45), ("medium", 75), ("xhigh", 240)]
)
def test_thinking_gets_more_time(effort, wait_s):
    assert of(effort=effort).until() == (100 + wait_s, f"no first token within {wait_s} s")


def test_a_whole_answer_gets_the_time_to_be_written():
    assert of(stream=False).until() == (220, "no answer within 120 s")


def test_half_of_what_is_left_is_kept_for_others():
    assert of(left_s=20.0, others=True).until()[0] == 110
    assert of(left_s=20.0).until() == (120, "not finished within 20 s")


def test_comments_are_no_first_token():
    patience = of()
    patience.heard(125.0, COMMENT, content=False)
    assert patience.until()[0] == 130


def test_growing_tool_calls_are_progress():
    patience = of()
    patience.heard(125.0, TEXT, content=False)
    assert patience.until()[0] == 145


def test_the_same_empty_event_again_and_again_is_no_progress():
    patience = of()
    for second in range(125, 150):
        patience.heard(float(second), TEXT * (second % 2 + 1), content=False)
    assert patience.until()[0] == 145
    patience.heard(150.0, b'data: {"arguments": "x"}\n\n' * 2, content=False)
    patience.heard(151.0, b'data: {"arguments": "x"}\n\n', content=False)
    assert patience.until()[0] == 171


def test_when_all_was_said_little_is_waited_for():
    patience = of()
    patience.heard(110.0, TEXT, content=True)
    for second in (111.0, 112.0):
        patience.said_all(second)
        patience.heard(second, COMMENT, content=False)
    assert patience.until_s() == 111 + TRAILING_S
    patience.heard(112.0, TEXT, content=True)
    assert patience.until_s() == 132


def test_after_content_silence_is_a_stall():
    patience = of()
    patience.heard(110.0, TEXT, content=True)
    assert patience.until() == (130, "nothing more for 20 s")
    patience.heard(125.0, COMMENT, content=False)
    # Comments hold the stream, but no longer than a first token may take.
    assert patience.until()[0] == 140


def test_a_dripping_line_is_no_progress():
    patience = of()
    patience.heard(110.0, TEXT, content=True)
    for second in range(115, 140, 5):
        patience.heard(float(second), b"da", content=False)
    assert patience.until()[0] == 140
    patience.heard(139.0, b"{}\n\n", content=False)
    assert patience.until()[0] == 159


def test_the_total_ends_it():
    patience = of(left_s=50.0)
    patience.heard(145.0, TEXT, content=True)
    assert patience.until() == (150, "not finished within 50 s")


@pytest.mark.parametrize(
    "data",
    [COMMENT, b"\n", b"", b'event: ping\ndata: {"type": "ping"}\n\n', b'data:{"type":"ping"}\r\n'],
)
def test_signs_of_life(data):
    assert idle(data)


@pytest.mark.parametrize("data", [TEXT, COMMENT + TEXT, b'ices": []}\n\n', b":" * 300])
def test_progress(data):
    assert not idle(data)
