"""The wall of faults: every way to fail, at every place of the chain, and what came of each.

A cell is one request to a providers service before the sandbox, with a fault set for some of its
providers. The text of an answer is dictated and ends with its own checksum, so that it is known
to be right or not; see `Outcome`. Run it whole with `make wall`.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec

from routor.v1.providers_pb2 import CompleteRequest, StreamRequest
from routor.v1.types_pb2 import ChainMember
from services import catalog, rpc
from services.errors import RoutorError

CATALOG = catalog.read()
# Companies of four dialects; the second and the fourth take a prefill.
CHAIN = (
    "openai/gpt-5.4-mini",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.5-flash",
    "mistral/mistral-small-4",
)
# Nobody here takes a prefill.
WORDS = ("xai/grok-4.3", "openai/gpt-5.4-mini", "google/gemini-3.5-flash")
PLACES = {"first": 1, "first two": 2, "all but last": -1, "all": 0}

BEFORE: tuple[dict[str, Any], ...] = (
    *({"kind": "status", "status": status} for status in (401, 402, 403, 404, 408, 410)),
    *({"kind": "status", "status": status} for status in (500, 502, 503, 504, 529)),
    {"kind": "status", "status": 502, "body": "<html>Bad Gateway</html>"},
    *(
        {"kind": "status", "status": 429, "retry_after": wait}
        for wait in (7, "Wed, 21 Oct 2099 07:28:00 GMT", None)
    ),
    *({"kind": kind} for kind in ("quota", "context", "reset", "close", "redirect", "empty")),
    *({"kind": kind} for kind in ("not_json", "error_in_200", "no_choices", "cut_json")),
    *({"kind": kind} for kind in ("short_body", "timeout")),
)
HEAVY: tuple[dict[str, Any], ...] = ({"kind": "bomb"},)
CUTS = (
    "stream_cut",
    "stream_reset",
    "stream_error_event",
    "stream_malformed_chunk",
    "stream_invalid_utf8",
    "stream_no_finish",
    "stream_stall",
)
ODD = ("stream_no_done", "stream_bytes")
SLOW = ("timeout", "stream_stall")
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}


@dataclass(frozen=True)
class Cell:
    """One request and its faults."""

    fault: dict[str, Any]
    place: str
    stream: bool
    tool: bool
    chain: Sequence[str] = CHAIN

    @property
    def faulted(self) -> Sequence[str]:
        """The members that fail."""
        most = PLACES[self.place]
        return self.chain[: most if most > 0 else len(self.chain) + most]

    @property
    def spoken(self) -> bool:
        """Whether text has gone out before the fault strikes."""
        return self.fault.get("after_chunks", 0) > 2 or self.fault["kind"] == "stream_no_finish"

    @property
    def name(self) -> str:
        """What the table calls it."""
        fault = self.fault
        when = " after text" if self.spoken and self.fault["kind"] in CUTS else ""
        return f"{fault['kind']} {fault.get('status') or ''}".strip() + when


@dataclass
class Outcome:
    """What came of a cell.

    `verdict`: right (the whole answer), honest (an error, and nothing before it that is not the
    answer's beginning), or wrong: finished and not the answer, or characters lost or repeated.
    """

    cell: Cell
    verdict: str
    calls: int = 0
    continued: bool = False
    detail: str = ""


def text_of(number: int) -> str:
    """Return a text that is hard to join: repetition, white space, long characters."""
    body = (
        f"Cell {number}: the wall — naïve café, 漢字, 🚀 — has ha ha ha, 0, 0, 0, 0, rows.\n\n"
        "  * one  two   three\n  * one  two   three\n\n```\nif a:\n    b = a\n```\n"
        f"It ends at {number * 7919}, checked: "
    )
    return f"{body}{zlib.crc32(body.encode()):08x}."


def cells(whole: bool) -> Iterable[Cell]:
    """Return the cells, of the short form or of the whole wall."""
    places = list(PLACES) if whole else ["first", "first two", "all"]
    for fault in (*BEFORE, *(HEAVY if whole else ())):
        slow = fault["kind"] in SLOW
        for place in places:
            for stream in (False, True):
                for tool in (False, True):
                    if whole or not (slow and (tool or place != "first")):
                        yield Cell(fault, place, stream, tool)
    if not whole:
        yield Cell(HEAVY[0], "first", False, False)
    for kind in (*CUTS, *ODD):
        yield from _streams(kind, places, whole)


def _streams(kind: str, places: Sequence[str], whole: bool) -> Iterable[Cell]:
    slow = kind in SLOW
    marks = range(22) if whole and not slow else (0, 2, 4, 9, 16) if whole else (0, 4, 9)
    for after in marks:
        fault = {"kind": kind, "after_chunks": after}
        for place in places:
            if not whole and slow and (after == 9 or place == "first two"):
                continue
            yield Cell(fault, place, True, False)
            yield Cell(fault, place, True, False, WORDS)
            if not slow or whole:
                yield Cell(fault, place, True, True)


@dataclass
class Wall:
    """A service and a sandbox to run cells on, one after the other."""

    service: Any
    sandbox: Any
    number: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)  # a model's tool call when all is well

    async def run(self, cell: Cell) -> Outcome:
        """Run a cell on its own: nothing is known of earlier ones."""
        self.number += 1
        await self.sandbox.heal()
        self.service.parts.breakers.reset()
        expected = text_of(self.number)
        if cell.tool:
            expected = await self._expected_call()
        for name in cell.faulted:
            await self.sandbox.fault(name.partition("/")[0], **cell.fault)
        outcome = await self._ask(cell, expected)
        self.outcomes.append(outcome)
        return outcome

    async def _expected_call(self) -> str:
        if not self.calls:
            done = await self.service.complete(_request(Cell({}, "first", False, True), 0))
            message = msgspec.json.decode(done.body)["choices"][0]["message"]
            self.calls["any"] = _calls_of(message["tool_calls"])
        return self.calls["any"]

    async def _ask(self, cell: Cell, expected: str) -> Outcome:
        asked = _request(cell, self.number)
        try:
            if not cell.stream:
                done = await self.service.complete(asked)
                message = msgspec.json.decode(done.body)["choices"][0]["message"]
                calls = _calls_of(message.get("tool_calls") or [])
                return _finished(cell, message.get("content") or calls, expected, done.served)
            return await self._streamed(cell, asked, expected)
        except grpc.aio.AioRpcError as failure:
            return _failed(cell, rpc.error_of(failure, "providers"))

    async def _streamed(self, cell: Cell, asked: StreamRequest, expected: str) -> Outcome:
        text, calls, ids, finish = "", [], set(), None
        call = self.service.stub.Stream(asked, metadata=self.service.metadata)
        try:
            async for response in call:
                if response.WhichOneof("event") == "finish":
                    finish = response.finish
                    ids |= {msgspec.json.decode(one)["id"] for one in finish.chunks}
                    continue
                for raw in [response.chunk] if response.chunk else response.chunks.chunks:
                    chunk = msgspec.json.decode(raw)
                    ids.add(chunk["id"])
                    delta = chunk["choices"][0]["delta"]
                    text += delta.get("content") or ""
                    calls += delta.get("tool_calls") or []
        except grpc.aio.AioRpcError as failure:
            error = rpc.error_of(failure, "providers")
            if not expected.startswith(text) or calls:
                return Outcome(cell, "wrong", len(error.attempts), detail=f"error after {text!r}")
            return _failed(cell, error)
        if finish is None or len(ids) != 1:
            return Outcome(cell, "wrong", detail=f"no end, or {len(ids)} ids")
        return _finished(cell, text or _calls_of(calls), expected, finish.served)


def _request(cell: Cell, number: int) -> Any:
    prompt = "What is the weather in Oslo?" if cell.tool else f"Repeat exactly: {text_of(number)}"
    body: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}]}
    if cell.tool:
        body["tools"] = [TOOL]
    kind = StreamRequest if cell.stream else CompleteRequest
    chain = [
        ChainMember(
            model=name,
            provider=name.partition("/")[0],
            upstream_model=CATALOG.models[name].upstream,
        )
        for name in cell.chain
    ]
    return kind(request_id="wall", body=msgspec.json.encode(body), chain=chain)


def _calls_of(calls: Sequence[Any]) -> str:
    told = [(call["function"]["name"], call["function"]["arguments"]) for call in calls]
    return repr([(name, msgspec.json.decode(text)) for name, text in told])


def _finished(cell: Cell, said: str, expected: str, served: Any) -> Outcome:
    verdict = "right" if said == expected else "wrong"
    detail = "" if verdict == "right" else f"finished with {said!r}, not {expected!r}"
    return Outcome(cell, verdict, len(served.attempts), served.continued, detail)


def _failed(cell: Cell, error: RoutorError) -> Outcome:
    verdict = "honest" if 400 <= error.kind.rule.http < 600 else "wrong"
    detail = f"{error.kind.name}: {error.message}"
    return Outcome(cell, verdict, len(error.attempts), detail=detail)


def answerable(cell: Cell) -> bool:
    """Tell whether a healthy model is left, and nothing has gone out before the fault."""
    silent = not cell.spoken or (cell.tool and cell.stream)
    return cell.place != "all" and silent and cell.fault["kind"] not in ("context",)


def continuable(cell: Cell) -> bool:
    """Tell whether a text is cut that a healthy model can go on with."""
    return cell.stream and not cell.tool and cell.place != "all" and cell.spoken


@dataclass(frozen=True)
class Figures:
    """The wall in numbers: shares in percent, counts, and upstream calls a request."""

    cells: int
    sound: float
    wrong: int
    answered: float
    continued: float
    calls: float


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Count."""
    right = [one for one in outcomes if one.verdict == "right"]
    honest = [one for one in outcomes if one.verdict == "honest"]

    def share(chosen: Sequence[Outcome]) -> float:
        return 100 * sum(one.verdict == "right" for one in chosen) / max(len(chosen), 1)

    return Figures(
        cells=len(outcomes),
        sound=100 * (len(right) + len(honest)) / max(len(outcomes), 1),
        wrong=sum(one.verdict == "wrong" for one in outcomes),
        answered=share([one for one in outcomes if answerable(one.cell)]),
        continued=share([one for one in outcomes if continuable(one.cell)]),
        calls=sum(one.calls for one in outcomes) / max(len(outcomes), 1),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table: a row per fault, then the figures, then what was not as it should be."""
    rows: dict[str, Counter[str]] = {}
    for one in outcomes:
        row = rows.setdefault(one.cell.name, Counter())
        row.update({one.verdict: 1, "cells": 1, "calls": one.calls, "continued": one.continued})
    head = f"{'fault':34}{'cells':>7}{'right':>7}{'honest':>8}{'wrong':>7}{'contd':>7}{'calls':>7}"
    lines = [head, "-" * len(head)]
    for name, row in rows.items():
        calls = row["calls"] / row["cells"]
        numbers = f"{row['cells']:7}{row['right']:7}{row['honest']:8}{row['wrong']:7}"
        lines.append(f"{name:34}{numbers}{row['continued']:7}{calls:7.2f}")
    told = figures(outcomes)
    lines += [
        "",
        f"right or an honest error        {told.sound:6.1f} %  of {told.cells} cells",
        f"wrong (cut, lost or repeated)   {told.wrong:6}",
        f"answered by a healthy model     {told.answered:6.1f} %",
        f"cut after text and finished     {told.continued:6.1f} %",
        f"upstream calls a request        {told.calls:6.2f}",
    ]
    for one in missed(outcomes):
        lines.append(f"! {one.cell.name}, {one.cell.place}, {_mode(one.cell)}: {one.detail[:300]}")
    return "\n".join(lines)


def _mode(cell: Cell) -> str:
    words = ("tool " if cell.tool else "text ") + ("stream" if cell.stream else "json")
    return f"{words} after {cell.fault.get('after_chunks')} of {cell.chain[0]}"


def missed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return what is wrong, or was not answered although it could be."""
    return [
        one
        for one in outcomes
        if one.verdict == "wrong"
        or (one.verdict != "right" and (answerable(one.cell) or continuable(one.cell)))
    ]
