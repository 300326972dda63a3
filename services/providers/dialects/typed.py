"""Parts of an answer by their types. Pure.

Absent and null say nothing. What is of another type makes it no answer, and raises
RoutorError(PROVIDER_UNAVAILABLE): passed over in silence, a part of the text, or a call, would be
missing from what looks whole.
"""

from typing import Any

from services.errors import Kind, RoutorError
from services.providers.dialects.contract import Json


def string(value: object, name: str) -> str:
    """Return what stands under `name` as a string."""
    if value is None or isinstance(value, str):
        return value or ""
    raise _wrong(name, "string")


def text(body: Json, name: str) -> str:
    """Return the string under `name`."""
    return string(body.get(name), name)


def table(body: Json, name: str) -> Json:
    """Return the object under `name`."""
    value = body.get(name)
    if value is None or isinstance(value, dict):
        return value or {}
    raise _wrong(name, "object")


def rows(body: Json, name: str) -> list[Any]:
    """Return the list under `name`."""
    value = body.get(name)
    if value is None or isinstance(value, list):
        return value or []
    raise _wrong(name, "list")


def tables(body: Json, name: str) -> list[Json]:
    """Return the list of objects under `name`."""
    given = rows(body, name)
    if not all(isinstance(one, dict) for one in given):
        raise _wrong(name, "list of objects")
    return given


def place(body: Json) -> int:
    """Return the index."""
    value = body.get("index")
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise _wrong("index", "number from 0")
    return value


def _wrong(name: str, kind: str) -> RoutorError:
    return RoutorError(Kind.PROVIDER_UNAVAILABLE, f"in its answer {name} is no {kind}")
