import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import RoutorError
from services.providers.dialects import DIALECTS, halves
from tests.providers.dialects.targets import call_delta, chunk, event, run, target, text, tool_calls

DIALECT = DIALECTS["openai_chat"]
FACE = json.dumps("\U0001f600")[1:-1]
FIRST, SECOND = FACE[:6], FACE[6:]


def said(content: str) -> bytes:
    """Return an event whose text is written so."""
    return event(json.dumps(chunk({"content": "?"})).replace("?", content))


END = event(chunk({}, "stop")) + event("[DONE]")


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["a" + FIRST, SECOND + "b"], "a\U0001f600b"),
        ([FIRST, SECOND + FIRST, SECOND, "c"], "\U0001f600\U0001f600c"),
        (["a", FIRST.upper().replace("U", "u"), SECOND, "b", "c"], "a\U0001f600bc"),
        (["a" + FIRST, "b", "c"], "a\ufffdbc"),
        (["a", SECOND + "b", "c"], "a\ufffdbc"),
        (["a" + FIRST + "b", SECOND, "c"], "a\ufffdb\ufffdc"),
        (["a" + FIRST], "a\ufffd"),
        ([FIRST, FIRST], "\ufffd\ufffd"),
        (["\\\\" + FACE[1:6]], "\\" + FACE[1:6]),
        ([FACE], "\U0001f600"),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "minimax"])
def test_halves_are_joined_or_told_as_unknown(pieces: list[str], whole: str, provider: str) -> None:
    data = event(chunk({"content": "-"})) + b"".join(map(said, pieces))
    for size in (1 << 30, 7):
        chunks, ending = run(DIALECT.decoder(target(provider), {}), data + END, size)
        assert text(chunks) == "-" + whole
        assert ending.finish_reason == "stop"


def test_the_end_tells_what_was_held() -> None:
    last = said(FIRST).replace(b'"finish_reason": null', b'"finish_reason": "stop"')
    chunks, ending = run(DIALECT.decoder(target(), {}), last + event("[DONE]"))
    assert (text(chunks), ending.finish_reason) == ("\ufffd", "stop")


def test_what_is_held_when_a_stream_breaks_off_is_missing() -> None:
    stopped = said("a").replace(b'"finish_reason": null', b'"finish_reason": "stop"')
    with pytest.raises(RoutorError, match="before the answer was complete"):
        run(DIALECT.decoder(target(), {}), stopped + said(FIRST))


def test_halves_in_the_arguments_of_a_tool() -> None:
    pieces = ('{\\"x\\":\\"' + FIRST, SECOND + '\\"}')
    data = b"".join(
        event(json.dumps(chunk(call_delta(0, "?", "a", "f"))).replace("?", piece))
        for piece in pieces
    )
    chunks, _ = run(DIALECT.decoder(target(), {}), data + END)
    assert tool_calls(chunks)[0]["function"]["arguments"] == '{"x":"\U0001f600"}'


@given(st.text(st.sampled_from('a\\"\U0001f600\U0001f601\u00e9'), max_size=9), st.integers(0, 9))
def test_a_text_cut_anywhere_in_utf_16_comes_whole(whole: str, at: int) -> None:
    units = whole.encode("utf-16-le")
    pieces = (units[: 2 * at], units[2 * at :])
    before, after = (json.dumps(piece.decode("utf-16-le", "surrogatepass")) for piece in pieces)
    told = [msgspec.json.decode(halves.mended(one)) for one in halves.joined(before, after)]
    assert "".join(told) == whole
    assert halves.is_cut(before) is halves.is_cut(after)
