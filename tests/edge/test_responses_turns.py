"""The items of a Responses conversation as turns: what was thought, said and called together."""

import pytest

from tests.edge.test_responses_codec import CALLED, HELLO, RESULT, TOOL, inner


def test_what_one_turn_said_and_called_is_one_message():
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]}
    other = {**CALLED, "call_id": "call_2"}
    items = [HELLO, said, CALLED, other, RESULT, {**RESULT, "call_id": "call_2"}]
    told = inner(*items, tools=[TOOL])["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in told[1]["tool_calls"]] == ["call_1", "call_2"]


def test_what_is_thought_and_said_before_calls_are_answered_is_one_turn():
    """Models think and talk between calls; a result then answers the turn, not the last word."""
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "Wait."}]}
    other = {**CALLED, "call_id": "call_2"}
    items = [HELLO, thought, CALLED, said, thought, other, said, RESULT]
    told = inner(*items, {**RESULT, "call_id": "call_2"}, tools=[TOOL])["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in told[1]["tool_calls"]] == ["call_1", "call_2"]
    assert told[1]["reasoning_content"] == "Hm.\nHm."
    assert [part["text"] for part in told[1]["content"]] == ["Wait.", "Wait."]


ODD_ORDERS = [
    ["c1", "c2", "r2", "c3", "r1", "r3"],
    ["c1", "c2", "r2", "text", "r1"],
    ["c1", "c2", "r2", "thought", "c3", "r3", "r1"],
]


@pytest.mark.parametrize("order", ODD_ORDERS)
def test_calls_among_results_are_one_turn(order):
    made = {
        "c": lambda own: {"type": "function_call", "call_id": own, "name": "f", "arguments": "{}"},
        "r": lambda own: {"type": "function_call_output", "call_id": own, "output": own},
        "te": lambda own: {"role": "assistant", "content": "Wait."},
        "th": lambda own: {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm"}],
        },
    }
    items = [
        next(make(one[1:]) for key, make in made.items() if one.startswith(key)) for one in order
    ]
    first, *rest = inner(*items)["messages"]
    assert [call["id"] for call in first["tool_calls"]] == [c[1:] for c in order if c[0] == "c"]
    assert [one["content"] for one in rest] == [r[1:] for r in order if r[0] == "r"]
    assert first["content"] == ("Wait." if "text" in order else None)
    assert first.get("reasoning_content") == ("Hm" if "thought" in order else None)


def test_all_thoughts_before_an_answer_are_told():
    thoughts = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]} for text in "ab"
    ]
    (told,) = inner(*thoughts, {"role": "assistant", "content": "Hi"})["messages"]
    assert told["reasoning_content"] == "a\nb"
