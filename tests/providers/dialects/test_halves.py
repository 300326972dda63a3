import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import RoutorError
from services.providers.dialects import DIALECTS, halves
from services.providers.dialects.contract import Decoder
from services.providers.dialects.openai_responses import OpenAIResponses
from services.providers.dialects.unrolled import Unrolled
from tests.providers.dialects.targets import call_delta, chunk, event, run, target, text, tool_calls

DIALECT = DIALECTS["openai_chat"]
FACE = json.dumps("\U0001f600")[1:-1]
FIRST, SECOND = FACE[:6], FACE[6:]


def said(content: str) -> bytes:
    """Return an event whose text is written so."""
    return event(json.dumps(chunk({"content": "?"})).replace("?", content))


END = event(chunk({}, "stop")) + event("[DONE]")


def anthropic(kind: str, field: str, *pieces: str) -> bytes:
    """Return a stream of one block whose deltas are written so, a ping between them."""
    block = {"text": "text", "thinking": "thinking", "partial_json": "tool_use"}[field]
    opened = {"type": block, "id": "toolu_1", "name": "f", "input": {}}
    body = {"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: "?"}}
    deltas = [
        event(json.dumps(body).replace("?", piece), "content_block_delta") for piece in pieces
    ]
    message = {"id": "msg_1", "type": "message", "usage": {"input_tokens": 1}}
    return b"".join(
        [
            event({"type": "message_start", "message": message}),
            event({"type": "content_block_start", "index": 0, "content_block": opened}),
            event({"type": "ping"}, "ping").join(deltas),
            event({"type": "content_block_stop", "index": 0}),
            event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
            event({"type": "message_stop"}),
        ]
    )


def google(*pieces: str, thought: bool = False) -> bytes:
    """Return a stream of parts that are written so; the last one has the finishReason."""
    part = {"text": "?", **({"thought": True} if thought else {})}
    events = []
    for number, piece in enumerate(pieces, 1):
        ended = {"finishReason": "STOP"} if number == len(pieces) else {}
        candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, **ended}
        body = {"responseId": "r", "candidates": [candidate]}
        events.append(event(json.dumps(body).replace("?", piece)))
    return b"".join(events)


def responses(kind: str, *pieces: str) -> bytes:
    """Return a stream of deltas that are written so."""
    body = {"type": kind, "item_id": "i", "delta": "?", "logprobs": [{"token": "?"}]}
    deltas = [event(json.dumps(body).replace("?", piece)) for piece in pieces]
    said = {"type": "output_text", "text": "?"}
    message = {"type": "message", "content": [said]}
    whole = {"id": "resp_1", "status": "completed", "output": [message]}
    ended = json.dumps({"type": "response.completed", "response": whole})
    created = event({"type": "response.created", "response": {"id": "resp_1"}})
    return created + b"".join(deltas) + event(ended.replace("?", pieces[-1]))


STREAMS = {
    "anthropic text": lambda *pieces: anthropic("text_delta", "text", *pieces),
    "anthropic thoughts": lambda *pieces: anthropic("thinking_delta", "thinking", *pieces),
    "google text": google,
    "google thoughts": lambda *pieces: google(*pieces, thought=True),
    "responses text": lambda *pieces: responses("response.output_text.delta", *pieces),
    "responses refusal": lambda *pieces: responses("response.refusal.delta", *pieces),
    "responses thoughts": lambda *pieces: responses("response.reasoning_text.delta", *pieces),
}
FIELDS = {"text": "content", "refusal": "refusal", "thoughts": "reasoning_content"}


def decoder(provider: str) -> Decoder:
    dialects = {"anthropic": "anthropic_messages", "google": "google_generate"}
    if provider == "responses":
        return OpenAIResponses().decoder(target(), {})
    return DIALECTS[dialects[provider]].decoder(target(provider), {})


PIECES = [
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
]


@pytest.mark.parametrize(("pieces", "whole"), PIECES)
@pytest.mark.parametrize("provider", ["openai", "minimax"])
def test_halves_are_joined_or_told_as_unknown(pieces: list[str], whole: str, provider: str) -> None:
    data = event(chunk({"content": "-"})) + b"".join(map(said, pieces))
    for size in (1 << 30, 7):
        chunks, ending = run(DIALECT.decoder(target(provider), {}), data + END, size)
        assert text(chunks) == "-" + whole
        assert ending.finish_reason == "stop"


@pytest.mark.parametrize(("pieces", "whole"), PIECES)
@pytest.mark.parametrize("name", STREAMS)
def test_every_dialect_joins_them(pieces: list[str], whole: str, name: str) -> None:
    provider, kind = name.split()
    for size in (1 << 30, 7):
        chunks, ending = run(decoder(provider), STREAMS[name](*pieces), size)
        assert text(chunks, FIELDS[kind]) == whole
        assert ending.finish_reason == "stop"


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (['{\\"x\\":\\"' + FIRST, SECOND + '\\"}'], '{"x":"\U0001f600"}'),
        (['{\\"x\\":\\"\\' + FIRST, "\\" + SECOND + '\\"}'], '{"x":"' + FACE + '"}'),
        (['{\\"x\\":\\"' + FIRST, '\\"}'], '{"x":"\ufffd"}'),
        (['{\\"x\\":\\"\\' + FIRST, '\\"}'], '{"x":"\\ufffd"}'),
    ],
)
def test_halves_in_the_arguments_of_anthropics_tools(pieces: list[str], whole: str) -> None:
    chunks, _ = run(decoder("anthropic"), anthropic("input_json_delta", "partial_json", *pieces))
    assert tool_calls(chunks)[0]["function"]["arguments"] == whole


def test_two_choices_are_joined_each_with_its_own() -> None:
    first, second = (
        event(
            json.dumps(
                {"id": "c", "choices": [{"index": n, "delta": {"content": "?"}} for n in (0, 1)]}
            ).replace("?", piece)
        )
        for piece in ("a" + FIRST, SECOND + "b")
    )
    ends = b"".join(event(chunk({}, "stop", index)) for index in (0, 1))
    chunks, _ = run(DIALECT.decoder(target(), {"n": 2}), first + second + ends + event("[DONE]"))
    assert text(chunks) == "aa\U0001f600b\U0001f600b"


def test_a_list_of_events_is_joined() -> None:
    events = google("a" + FIRST, SECOND + "b").split(b"\n\n")[:-1]
    listed = b"[" + b",".join(one.removeprefix(b"data: ") for one in events) + b"]"
    dialect = DIALECTS["google_generate"]
    reader = Unrolled(dialect, target("google"), dialect.decoder(target("google"), {}))
    reader.feed(listed)
    assert text(reader.rest()) == "a\U0001f600b"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("openai", {"choices": [{"message": {"content": "?"}, "finish_reason": "length"}]}),
        ("anthropic", {"type": "message", "content": [{"type": "text", "text": "?"}]}),
        (
            "google",
            {"candidates": [{"content": {"parts": [{"text": "?"}]}, "finishReason": "STOP"}]},
        ),
    ],
)
def test_half_a_character_in_a_whole_answer_is_unknown(provider: str, body: dict[str, Any]) -> None:
    content = json.dumps(body).replace("?", "a" + FIRST).encode()
    answer = DIALECTS[target(provider).vendor.dialect].decode(content, target(provider))
    assert answer.body["choices"][0]["message"]["content"] == "a\ufffd"


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
