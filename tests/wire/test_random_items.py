"""Any items of OpenAI's, some of them at once: each keeps its place, in streams and afterwards."""

import json
import random

import pytest
from openai.types.responses import Response

from tests.wire.strict import foreign
from tests.wire.test_hosted_tools import FUNCTION, GPT, SEARCH, SEARCHED, read, thought
from tests.wire.upstream import answer, events, response

MCP = {
    "type": "mcp_call",
    "name": "x",
    "server_label": "d",
    "arguments": "{}",
    "output": "ok",
    "error": None,
    "approval_request_id": None,
    "status": "completed",
}
HOSTED = ("web_search_call", "mcp_call")


def said(number, phase):
    part = {"type": "output_text", "text": f"text {number}.", "annotations": [], "logprobs": []}
    told = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed"}
    return {**told, "content": [part], **({"phase": phase} if phase else {})}


def called(number):
    call = {"type": "function_call", "id": f"fc_{number}", "call_id": f"c{number}"}
    return {**call, "name": "f", "arguments": "{}", "status": "completed"}


def output_of(chance):
    """Return up to seven items; thoughts never come last."""
    kinds = {
        "search": lambda number: {**SEARCHED, "id": f"ws_{number}"},
        "mcp": lambda number: {**MCP, "id": f"mcp_{number}"},
        "thought": thought,
        "said": lambda number: said(number, chance.choice([None, "commentary", "final_answer"])),
        "called": called,
    }
    chosen = [chance.choice(list(kinds)) for _ in range(chance.randint(0, 6))]
    return [kinds[kind](number) for number, kind in enumerate([*chosen, "said"])]


def told_of(place, item):
    """Return the events of one item."""
    at = {"output_index": place}
    begun = {**item, **({"content": []} if item["type"] == "message" else {})}
    rows = [{"type": "response.output_item.added", **at, "item": begun}]
    at |= {"item_id": item["id"]}
    if item["type"] == "message":
        text = item["content"][0]["text"]
        at |= {"content_index": 0, "logprobs": []}
        rows += [
            {"type": "response.output_text.delta", **at, "delta": piece}
            for piece in (text[:3], text[3:])
        ]
    elif item["type"] in HOSTED:
        words = ("in_progress", "completed")
        rows += [{"type": f"response.{item['type']}.{word}", **at} for word in words]
    done = {"type": "response.output_item.done", "output_index": place, "item": item}
    return [*rows, done]


def stream_of(chance, output):
    """Return a stream in which neighbouring items of OpenAI's own tools are told at once."""
    rows = [{"type": "response.created", "response": response(status="in_progress")}]
    place = 0
    while place < len(output):
        end = place + 1
        while end < len(output) and {output[end]["type"], output[end - 1]["type"]} <= {*HOSTED}:
            end += 1
        lanes = [told_of(at, output[at]) for at in range(place, end)]
        rows += [lane.pop(0) for lane in lanes]
        while left := [lane for lane in lanes if lane]:
            rows.append(chance.choice(left).pop(0))
        place = end
    rows.append({"type": "response.completed", "response": response(*output)})
    return events(*rows, done=False, named=True)


def essence(items):
    """Return what has to be the same of items that have got new ids."""
    return [
        (item["type"], item.get("phase"), item.get("call_id"))
        + ((item["id"],) if item["type"] in HOSTED else ())
        + ((item["content"][0]["text"],) if item["type"] == "message" else ())
        for item in items
    ]


@pytest.mark.parametrize("seed", range(40))
async def test_every_item_keeps_its_place(wire, seed):
    chance = random.Random(seed)
    output = output_of(chance)
    wire.upstream.script = lambda _: stream_of(chance, output)
    rows = read(await wire.responses(GPT, tools=[SEARCH, FUNCTION], stream=True))
    streamed = rows[-1]["response"]["output"]
    places = [
        (row["output_index"], row.get("item_id") or row["item"]["id"])
        for row in rows
        if "output_index" in row
    ]
    assert {*places} == {*enumerate(item["id"] for item in streamed)}
    wire.upstream.script = lambda _: answer(response(*output))
    whole = (await wire.responses(GPT, tools=[SEARCH, FUNCTION])).json()
    assert not foreign(Response.model_validate(whole))
    assert essence(streamed) == essence(whole["output"]) == essence(output)
    assert json.dumps(whole["output"]).count('"encrypted_content"') == sum(
        item["type"] == "reasoning" for item in output
    )
