"""Streams of OpenAI's Responses with parts left out, as those who imitate it send them."""

from typing import Any

import msgspec
import pytest

from services.errors import RoutorError
from services.providers.dialects.openai_responses import OpenAIResponses
from tests.providers.dialects.targets import CALL, target

THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}, {"type": "summary_text", "text": "Ah."}],
    "encrypted_content": "sealed",
}
CITED = {"type": "url_citation", "url": "https://x.test", "start_index": 0, "end_index": 3}
PART = {"type": "output_text", "text": "Sunny.", "annotations": [CITED]}
TEXT = {"type": "message", "id": "msg_1", "role": "assistant", "content": [PART]}
FREE = {
    "type": "custom_tool_call",
    "id": "ctc_1",
    "call_id": "call_2",
    "name": "sql",
    "input": "select 1",
}
OUTPUT = [THOUGHT, TEXT, CALL, FREE]
USAGE = {"input_tokens": 7, "output_tokens": 30, "total_tokens": 37}
WHOLE = {"id": "resp_1", "status": "completed", "output": OUTPUT, "usage": USAGE}


def of(place: int, kind: str, **more: Any) -> dict[str, Any]:
    at = {"output_index": place, "item_id": OUTPUT[place]["id"]}
    return {"type": f"response.{kind}", **at, **more}


def item(place: int, kind: str, **more: Any) -> dict[str, Any]:
    told = {**OUTPUT[place], **more}
    return {"type": f"response.output_item.{kind}", "output_index": place, "item": told}


def summary(number: int, text: str) -> list[dict[str, Any]]:
    at = {"summary_index": number}
    return [
        of(0, "reasoning_summary_part.added", **at),
        of(0, "reasoning_summary_text.delta", **at, delta=text[:1]),
        of(0, "reasoning_summary_text.delta", **at, delta=text[1:]),
        of(0, "reasoning_summary_text.done", **at, text=text),
    ]


def arguments(place: int, kind: str, field: str) -> list[dict[str, Any]]:
    text = OUTPUT[place][field]
    return [
        item(place, "added", **{field: ""}),
        *(of(place, f"{kind}.delta", delta=piece) for piece in (text[:5], text[5:])),
        of(place, f"{kind}.done", **{field: text}),
        item(place, "done"),
    ]


FULL = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
    item(0, "added", summary=[], encrypted_content=""),
    *(event for number, text in enumerate(("Hm.", "Ah.")) for event in summary(number, text)),
    item(0, "done"),
    item(1, "added", content=[]),
    of(1, "content_part.added", content_index=0),
    of(1, "output_text.delta", content_index=0, delta="Sun"),
    of(1, "output_text.delta", content_index=0, delta="ny."),
    of(1, "output_text.annotation.added", content_index=0, annotation=CITED),
    of(1, "output_text.done", content_index=0, text="Sunny."),
    item(1, "done"),
    *arguments(2, "function_call_arguments", "arguments"),
    *arguments(3, "custom_tool_call_input", "input"),
    {"type": "response.completed", "response": WHOLE},
]


def told(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a stream says, put together."""
    decoder = OpenAIResponses().decoder(target(), {})
    data = b"".join(b"data: %b\n\n" % msgspec.json.encode(event) for event in events)
    deltas = [chunk.body["choices"][0]["delta"] for chunk in decoder.feed(data)]
    ending = decoder.close()
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    return {
        "thoughts": "".join(delta.get("reasoning_content") or "" for delta in deltas),
        "text": "".join(delta.get("content") or "" for delta in deltas),
        "cited": [one for delta in deltas for one in delta.get("annotations", ())],
        "sealed": [one for delta in deltas for one in delta.get("thinking_blocks", ())],
        "calls": [(call["id"], call.get("function") or call["custom"]) for call in calls],
        "finish": ending.finish_reason,
        "output": ending.usage.output_tokens,
    }


def without(*words: str) -> list[dict[str, Any]]:
    return [event for event in FULL if not any(word in event["type"] for word in words)]


def bare(*names: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name not in names} for event in FULL]


def test_all_events_tell_all_once() -> None:
    said = told(FULL)
    assert (said["thoughts"], said["text"]) == ("Hm.\n\nAh.", "Sunny.")
    assert len(said["cited"]) == len(said["sealed"]) == 1
    assert [own for own, _ in said["calls"]] == ["call_1", "call_2"]
    assert said["calls"][0][1] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert (said["finish"], said["output"]) == ("tool_calls", 30)


@pytest.mark.parametrize(
    "words",
    [
        ("created",),
        ("output_item.added",),
        ("output_item.done",),
        ("output_item",),
        ("part.added",),
        ("_text.delta", "part.added"),
        ("_text.done", "arguments.done", "input.done"),
        ("arguments.delta", "input.delta"),
        ("arguments.", "input."),
        ("annotation",),
        ("created", "output_item", "part.added", "_text.done", "arguments", "input"),
    ],
    ids=str,
)
def test_events_that_are_left_out_change_nothing_that_others_tell(words) -> None:
    said, whole = told(without(*words)), told(FULL)
    if "part.added" in words:
        # It parts two paragraphs of thoughts.
        said, whole = {**said, "thoughts": ""}, {**whole, "thoughts": ""}
    assert said == whole


def test_the_response_need_not_repeat_its_items() -> None:
    emptied = {"type": "response.completed", "response": {**WHOLE, "output": []}}
    for words in (
        (),
        ("output_item.added",),
        ("_text.delta", "part.added"),
        ("arguments", "input"),
    ):
        said = told([*without(*words)[:-1], emptied])
        assert {**said, "thoughts": ""} == {**told(FULL), "thoughts": ""}


@pytest.mark.parametrize("names", [("output_index",), ("item_id",), ("output_index", "item_id")])
def test_events_need_not_name_their_item(names) -> None:
    assert told(bare(*names)) == told(FULL)


def test_an_item_may_be_called_otherwise_in_each_event() -> None:
    events: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(FULL))
    for number, event in enumerate(events):
        if "item_id" in event:
            event["item_id"] = f"odd_{number}"
        if "item" in event:
            event["item"]["id"] = f"odd_{number}"
    assert {**told(events), "sealed": []} == {**told(FULL), "sealed": []}


def test_a_call_that_nothing_ends_is_told_with_its_pieces() -> None:
    events = [*without("output_item.done", "arguments.done", "input.done")[:-1]]
    events.append({"type": "response.completed", "response": {**WHOLE, "output": []}})
    assert told(events)["calls"] == told(FULL)["calls"]
    assert told([*events[:-1], {"type": "response.completed"}])["calls"] == told(FULL)["calls"]


def test_a_call_that_the_limit_has_cut_is_told_as_far_as_it_went() -> None:
    begun = [item(2, "added", arguments=""), of(2, "function_call_arguments.delta", delta='{"ci')]
    cut = {"type": "response.incomplete", "response": {**WHOLE, "output": []}}
    cut["response"].pop("status")
    said = told([FULL[0], *begun, cut])
    assert said["calls"] == [("call_1", {"name": "weather", "arguments": '{"ci'})]
    assert said["finish"] == "length"


def test_a_text_that_its_end_tells_otherwise_is_not_told_twice() -> None:
    events = [event for event in FULL if event["type"] != "response.output_text.done"]
    other = {**TEXT, "content": [{**PART, "text": "Rainy."}]}
    events = [{**event, "item": other} if event == item(1, "done") else event for event in events]
    assert told(events)["text"] == "Sunny."


def test_a_stream_of_another_format_is_still_none() -> None:
    decoder = OpenAIResponses().decoder(target(), {})
    decoder.feed(b'data: {"id": "c1", "choices": []}\n\n')
    with pytest.raises(RoutorError):
        decoder.close()
