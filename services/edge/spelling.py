"""The fields of the inner request by the names that a door's callers know. Pure."""

import re
from collections.abc import Iterable, Mapping

from services.errors import RoutorError

# The inner name of a field -> the door's; what is not in it has the same name.
Names = Mapping[str, str]


def fields(inner: Iterable[str], names: Names) -> list[str]:
    """Return names of fields as the caller knows them."""
    return [names.get(name, name) for name in inner]


def error(failure: RoutorError, names: Names) -> RoutorError:
    """Return an error that names its field as the caller does."""
    inner = failure.param or ""
    if inner in names:
        word = re.compile(rf"(?<![\w.]){re.escape(inner)}(?!\w)")
        failure.message = word.sub(names[inner], failure.message)
        failure.param = names[inner]
    return failure
