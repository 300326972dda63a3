"""The fields of the inner request by the names that a door's callers know. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from services.errors import RoutorError

# The inner name of a field -> the door's; what is not in it has the same name. With a dot before
# it: of a member of a message, a part or a call.
Names = Mapping[str, str]

_PATH = re.compile(
    r"messages\[(?P<message>\d+)\](?:\.(?P<list>content|tool_calls)(?:\[(?P<number>\d+)\])?)?"
    r"(?P<rest>(?:\.\w+|\[\d+\])*)"
)


class Place(NamedTuple):
    """Where a message of the inner request stands in the door's: the paths of it and its parts."""

    message: str
    content: str
    parts: list[str]
    calls: list[str]


Places = Sequence[Place]


def fields(inner: Iterable[str], names: Names) -> list[str]:
    """Return names of fields as the caller knows them."""
    return [names.get(name, name) for name in inner]


def error(failure: RoutorError, names: Names) -> RoutorError:
    """Return an error that names its field as the caller does."""
    inner = failure.param or ""
    if failure.upstream_status and inner.partition("[")[0] == "messages":
        # Which one is of no use: what a vendor was sent is counted otherwise. Its words stay.
        failure.param = names.get("messages", inner)
    elif inner in names:
        word = re.compile(rf"(?<![\w.]){re.escape(inner)}(?!\w)")
        failure.message = word.sub(names[inner], failure.message)
        failure.param = names[inner]
    return failure


@contextmanager
def placing(places: Places, names: Names) -> Iterator[None]:
    """Let errors that are raised within name messages as the caller does."""
    try:
        yield
    except RoutorError as failure:
        raise placed(failure, places, names) from failure.__cause__


def placed(failure: RoutorError, places: Places, names: Names) -> RoutorError:
    """Return an error that names its message as the caller does; a vendor's own words stay."""
    if places and not failure.upstream_status and _PATH.match(failure.param or ""):

        def told(found: re.Match[str]) -> str:
            return _told(found, places, names)

        failure.param = _PATH.sub(told, failure.param or "")
        failure.message = _PATH.sub(told, failure.message)
    return failure


def _told(found: re.Match[str], places: Places, names: Names) -> str:
    index = int(found["message"])
    if index >= len(places):
        return found[0]
    place, rest = places[index], found["rest"]
    if found["list"] is None:
        # A member of the message itself.
        return place.message + names.get(rest, rest)
    among = place.parts if found["list"] == "content" else place.calls
    number = int(found["number"] or len(among))
    return among[number] + names.get(rest, rest) if number < len(among) else place.content
