"""What one vendor alone knows of a request: carried in the inner one under that vendor's name."""

from typing import TypeVar

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects.contract import Json

T = TypeVar("T", bound=msgspec.Struct)


def take(values: Json, name: str, kind: type[T]) -> T:
    """Take it out of a request's parameters, an empty `kind` where there is none.

    Raises RoutorError(INVALID_REQUEST) for nonsense.
    """
    given = values.pop(name, None)
    if given is None:
        return kind()
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as fault:
        raise RoutorError(Kind.INVALID_REQUEST, f"{name}: {fault}", param=name) from None
