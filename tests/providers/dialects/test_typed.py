"""Wrong types anywhere in an answer: never a part of it missing from what looks whole."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from services.errors import RoutorError
from services.providers.dialects import DIALECTS
from services.providers.dialects.contract import Json
from tests.providers.dialects.targets import call_delta, chunk, event, run, target, text, tool_calls

WRONG = (0, 1, True, False, 1.5, [], [7], {}, {"a": 1})
CALL = {"name": "f", "arguments": '{"x":1}'}
ITEM = {"type": "function_call", "id": "i", "call_id": "c", "status": "completed", **CALL}
SAID = {"type": "output_text", "text": "Hé wo"}
MESSAGE = {"type": "message", "role": "assistant", "content": [SAID]}
RESPONSE = {"id": "r", "created_at": 5, "status": "completed", "output": [MESSAGE, ITEM]}
BLOCKS = [
    {"type": "text", "text": "Hé wo"},
    {"type": "tool_use", "id": "c", "name": "f", "input": {"x": 1}},
]
PARTS = [{"text": "Hé wo"}, {"functionCall": {"name": "f", "args": {"x": 1}}}]
STREAMS: dict[str, list[Json]] = {
    "openai": [
        chunk({"role": "assistant", "content": "Hé"}),
        chunk({"content": " wo"}),
        chunk(call_delta(0, '{"x"', "c", "f")),
        chunk(call_delta(0, ":1}")),
        chunk({}, "tool_calls"),
    ],
    "anthropic": [
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in ("Hé", " wo")
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {**BLOCKS[1], "input": {}}},
        *(
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": piece},
            }
            for piece in ('{"x"', ":1}")
        ),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ],
    "google": [
        {"candidates": [{"index": 0, "content": {"parts": [part]}}]}
        for part in ({"text": "Hé"}, {"text": " wo"}, PARTS[1])
    ]
    + [{"candidates": [{"index": 0, "finishReason": "STOP"}], "usageMetadata": {}}],
    "responses": [
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
        {"type": "response.output_text.delta", "delta": "Hé"},
        {"type": "response.output_text.delta", "delta": " wo"},
        {"type": "response.output_item.done", "output_index": 1, "item": ITEM},
        {"type": "response.completed", "response": RESPONSE},
    ],
}
WHOLE: dict[str, Json] = {
    "openai": {
        "id": "c1",
        "choices": [
            {
                "index": 0,
                "message": {
                    "content": "Hé wo",
                    "tool_calls": [{"id": "c", "type": "function", "function": CALL}],
                },
                "finish_reason": "tool_calls",
            }
        ],
    },
    "anthropic": {"type": "message", "id": "m", "content": BLOCKS, "stop_reason": "tool_use"},
    "google": {
        "candidates": [{"index": 0, "content": {"parts": PARTS}, "finishReason": "STOP"}],
    },
    "responses": RESPONSE,
}
# What the model itself has written: the caller's tool has to judge it. And what tells it apart.
OWN = {"input", "args", "id", "call_id", "role"}
# Some vendors' own ways: parts, of which there are none here, and arguments that are an object.
LEGAL: tuple[tuple[str, Any], ...] = (("content", []), ("arguments", {}), ("arguments", {"a": 1}))


def dialect_of(provider: str) -> tuple[Any, Any]:
    if provider == "responses":
        return DIALECTS["openai_responses"], target("openai")
    asked = target(provider)
    return DIALECTS[asked.vendor.dialect], asked


def spoiled(body: Any) -> Iterator[Any]:
    """Yield the body with each of its members, at any depth, of each wrong type."""
    for name in body if isinstance(body, dict) else range(len(body)):
        if name in OWN:
            continue
        for wrong in WRONG:
            if type(wrong) is not type(body[name]) and (name, wrong) not in LEGAL:
                yield put(body, name, wrong)
        if isinstance(body[name], dict | list):
            for inner in spoiled(body[name]):
                yield put(body, name, inner)


def put(body: Any, name: Any, value: Any) -> Any:
    made = body.copy()
    made[name] = value
    return made


def is_all(said: str, calls: list[Any]) -> bool:
    return said == "Hé wo" and [one["function"] for one in calls] == [CALL]


@pytest.mark.parametrize("provider", STREAMS)
def test_a_stream_is_whole_or_broken(provider: str) -> None:
    dialect, asked = dialect_of(provider)
    told = STREAMS[provider]
    for at, one in enumerate(told):
        for odd in spoiled(one):
            bodies = [*told[:at], odd, *told[at + 1 :]]
            try:
                chunks, _ = run(dialect.decoder(asked, {}), b"".join(map(event, bodies)))
            except RoutorError:
                continue
            assert is_all(text(chunks), tool_calls(chunks)), odd


@pytest.mark.parametrize("provider", WHOLE)
def test_a_whole_answer_is_whole_or_none(provider: str) -> None:
    dialect, asked = dialect_of(provider)
    for odd in spoiled(WHOLE[provider]):
        try:
            answer = dialect.decode(msgspec.json.encode(odd), asked)
        except RoutorError:
            continue
        (choice,) = answer.body["choices"]
        message = choice["message"]
        assert is_all(message["content"], message.get("tool_calls", [])), odd
