from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Kind, RoutorError
from services.providers.dialects import sse
from services.providers.dialects.sse import Event, Parser

STREAM = (
    b'\xef\xbb\xbf: hello\r\n\r\nevent: delta\r\ndata:{"a":"\xc3\xa4\xe2\x80\xa8\xc2\x85"}\r\n\r\n'
    b"data: one\rdata: two\r\rid: 7\nretry: 5\ndata\n\ndata: \xf0\x9f\x98\x80\n\n"
    b": keep-alive\n\nevent: empty\n\nevent: empty\ndata: \ndata:\n\ndata: last\n\n"
)
EVENTS = [
    Event("delta", '{"a":"ä\u2028\x85"}'),
    Event("", "one\ntwo"),
    Event("", "😀"),
    Event("", "last"),
]


def test_fields_line_ends_and_comments() -> None:
    assert Parser().feed(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_split_anywhere_gives_equal_events(cuts: list[int]) -> None:
    parser, edges = Parser(), [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


PIECES = st.lists(
    st.sampled_from(
        [b"data: a\n\n", b"data:b\n\n", b"data:  \xc3\xa4\n\n", b"data: \n\n", b"data\n\n",
         b": c\n\n", b"event: e\n", b"data: x\n", b"\n", b"\r\n", b"data: y\r\n\r\n",
         b"data: z\r", b"\xef\xbb\xbf", b"d"]
    ),
    max_size=8,
)  # fmt: skip


@given(st.lists(PIECES, max_size=5))
def test_lines_are_what_feed_would_give(reads: list[list[bytes]]) -> None:
    parser, plain = Parser(), Parser()
    for pieces in reads:
        data = b"".join(pieces)
        lines = parser.lines(data)
        found = [one.data for one in parser.feed(data)] if lines is None else [
            line.decode() for line in lines]  # fmt: skip
        assert [one for one in found if one.strip()] == [one.data for one in plain.feed(data)]


def test_byte_by_byte() -> None:
    parser = Parser()
    assert [e for i in range(len(STREAM)) for e in parser.feed(STREAM[i : i + 1])] == EVENTS


def test_large_event_in_small_pieces() -> None:
    data = b"data: " + b"x" * 300_000 + b"\n\n"
    parser, events = Parser(), []
    for start in range(0, len(data), 7):
        events += parser.feed(data[start : start + 7])
    assert [len(event.data) for event in events] == [300_000]


@pytest.mark.parametrize("line", [b"data: ", b"data: x\ndata: "])
def test_endless_event_is_refused(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_LIMIT_BYTES", 1000)
    parser = Parser()
    with pytest.raises(RoutorError) as caught:
        for _ in range(3):
            parser.feed(line + b"y" * 500)
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


def test_body_that_is_no_stream_is_kept() -> None:
    parser = Parser()
    assert parser.feed(b'{"error":\n {"message":"x"}}') == []
    assert parser.stray == b'{"error":\n {"message":"x"}}'
