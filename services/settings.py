"""Typed settings from the environment. Pure: the environment is an argument.

A settings class is a frozen dataclass with a `PREFIX`; each field is one variable, named
PREFIX + FIELD in capitals or by `variable("NAME", …)`, or settings of their own that several
classes share. Units stand in the names.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar


class Secret(str):
    """A string that never shows itself in logs or errors."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"


class Settings(Protocol):
    """A frozen dataclass with a variable prefix."""

    PREFIX: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=Settings)


class SettingsError(ValueError):
    """Some variables are missing or wrong; the message lists all of them, one a line."""


def variable(name: str, default: object = dataclasses.MISSING) -> Any:
    """Declare a field whose variable has a name of its own, such as REDIS_URL."""
    return dataclasses.field(default=default, metadata={"variable": name})


def names(cls: type[Settings]) -> dict[str, str]:
    """Return field name -> variable name, without those of shared settings in it."""
    return {
        field.name: field.metadata.get("variable", f"{cls.PREFIX}{field.name.upper()}")
        for field in dataclasses.fields(cls)
        if not dataclasses.is_dataclass(field.default)
    }


def read(cls: type[S], environ: Mapping[str, str]) -> S:
    """Read `cls` from `environ`; empty variables count as not set.

    Raises SettingsError naming every faulty variable at once.
    """
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    faults = []
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            try:
                values[field.name] = read(hints[field.name], environ)
            except SettingsError as inner:
                faults.append(str(inner))
            continue
        name = names(cls)[field.name]
        text = environ.get(name, "").strip()
        if not text:
            if field.default is dataclasses.MISSING:
                faults.append(f"{name} is not set")
            continue
        try:
            values[field.name] = _parse(hints[field.name], text)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise SettingsError("\n".join(faults))
    return cls(**values)


def _boolean(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"expected 1 or 0, got {text!r}")


def _number(kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"expected a number, got {text!r}") from None
        if not 0 <= value < float("inf"):
            raise ValueError(f"expected a number from 0 up, got {text!r}")
        return value

    return parse


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


PARSERS: dict[object, Callable[[str], Any]] = {
    str: str,
    Secret: Secret,
    Path: Path,
    bool: _boolean,
    int: _number(int),
    float: _number(float),
    tuple[str, ...]: _words,
}


def _parse(hint: Any, text: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    return PARSERS[hint](text)
