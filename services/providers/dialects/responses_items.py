"""The items of a stream of OpenAI's Responses: what has been told of each, and what has not yet.

OpenAI tells an item in many events. Those who imitate it leave some out, and in others the place
or the id of the item: then its end, or that of the response, tells the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.providers.dialects import responses_answer, typed
from services.providers.dialects.contract import Json

_NOWHERE = ""  # what an event is about that names no item
_FIELDS = {  # the events of a call's words -> what they are in its item
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
}


@dataclass
class _Call:
    """A call under way: its item as it began, and the pieces of its words since."""

    item: Json
    pieces: list[str] = field(default_factory=list)

    def ended(self, item: Json) -> Json:
        """Return the item as it ended, with what only its beginning and its pieces told."""
        name = "input" if self.item.get("type") == "custom_tool_call" else "arguments"
        said = "".join(self.pieces)
        began = {**self.item, **({name: said} if said else {})}
        return {**began, **{member: value for member, value in item.items() if value}}


class Items:
    """Remembers by place and by id; of a text without either, it is taken to be the next item's."""

    def __init__(self) -> None:
        self._told: dict[tuple[object, str], list[str]] = {}
        self._done: set[object] = set()
        self._ended = 0
        self._calls: dict[object, _Call] = {}

    def begin(self, event: Json) -> None:
        """Note that an item begins."""
        item = event.get("item")
        if isinstance(item, dict) and typed.text(item, "type") in responses_answer.CALLS:
            self._calls.setdefault(_marks(event)[0], _Call(item))

    def tell(self, event: Json, field: str, text: str) -> None:
        """Note what has been told of an item."""
        self._told.setdefault((_marks(event)[0], field), []).append(text)

    def has(self, event: Json, field: str) -> bool:
        """Tell whether anything has been told of an item."""
        return any((mark, field) in self._told for mark in (*_marks(event), _NOWHERE))

    def untold(self, event: Json, field: str, whole: str) -> str:
        """Return what is left to tell of an item that has ended."""
        marks = [(mark, field) for mark in (*_marks(event), _NOWHERE)]
        # Some call an item otherwise when it ends: then it is the first that has not.
        marks += [known for known in self._told if known[1] == field]
        known = next((mark for mark in marks if mark in self._told), None)
        if known is None:
            return whole
        told = "".join(self._told.pop(known))
        return whole.removeprefix(told) if whole.startswith(told) else ""

    def grow(self, event: Json) -> None:
        """Take a piece of the words of a call, or all of them, if it is that."""
        told, _, kind = typed.text(event, "type").rpartition(".")
        if told not in _FIELDS or kind not in ("delta", "done"):
            return
        call = self._call(event)
        if call is None and len(self._calls) == 1:
            (call,) = self._calls.values()
        if call is None:
            return
        if kind == "delta":
            call.pieces.append(typed.text(event, "delta"))
        elif whole := typed.text(event, _FIELDS[told]):
            call.pieces = [whole]

    def end(self, event: Json) -> Json:
        """Note that an item has ended; return it, with what only its pieces told."""
        item: Json = event["item"]
        place = event.get("output_index")
        self._done.update(_own(item, place if type(place) is int else self._ended))
        self._ended += 1
        call = self._call(event)
        if call is None:
            return item
        self._calls = {mark: one for mark, one in self._calls.items() if one is not call}
        return call.ended(item)

    def _call(self, event: Json) -> _Call | None:
        """Return the call that an event is about; None for another item's."""
        for mark in _marks(event):
            if mark in self._calls:
                return self._calls[mark]
        item = event.get("item")
        named = item.get("call_id") if isinstance(item, dict) else None
        same = (one for one in self._calls.values() if one.item.get("call_id") == named)
        return next(same, None) if named is not None else None

    def missing(self, response: Json) -> Iterable[Json]:
        """Return, as events, what has not ended before the response: its items, and calls."""
        for place, item in enumerate(typed.rows(response, "output")):
            event = {"output_index": place, "item": item}
            if not isinstance(item, dict) or not self._done.intersection(_own(item, place)):
                yield event
        for mark, call in [*self._calls.items()]:
            yield {"output_index": mark, "item": call.item}


def _marks(event: Json) -> list[Any]:
    """Return what the item of an event is known by: its place, its id."""
    item = event.get("item")
    own = event.get("item_id") or (item.get("id") if isinstance(item, dict) else None)
    place = event.get("output_index")
    marks = [place] if type(place) is int else []
    return [*marks, own] if isinstance(own, str) and own else marks or [_NOWHERE]


def _own(item: Json, place: int) -> list[object]:
    """Return what an item that has ended is known by."""
    ids = [(name, item[name]) for name in ("id", "call_id") if isinstance(item.get(name), str)]
    return [*ids, (place, typed.text(item, "type"))]
