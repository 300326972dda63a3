"""JSON from outside: read strictly, checked against a type, faults named by their path. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

import msgspec

from services.edge.schema import SoundFormat
from services.errors import Kind, RoutorError

T = TypeVar("T")
Json = dict[str, Any]

MAX_DEPTH = 100
# All others wait while a body is read: 100,000 messages would take half a second.
LISTS, MOST_ELEMENTS = ("messages", "input", "tools", "functions"), 10_000
MOST_CONTAINERS = 100_000
# OpenAI takes 300,000 tokens to embed, which may be numbers. A million values take half a second,
# and so do 50,000 numbers such as 1.2345678901234567e-300, a hundred times as slow as any others.
MOST_VALUES, MOST_EXPONENTS, FEW_VALUES = 320_000, 1_000, 20_000
# What is smaller is read in time whatever it holds.
QUICK_BYTES = 1 << 20
COPIED_BYTES = 64 << 10
NAME_CHARS, MOST_NAMES = 64, 32
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_MARKS = (b",", b"[", b"{")
_PLACE = re.compile(r"(?P<text>.*?)(?: - at (?:`key` in )?`\$\.?(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
# A field of the body, or of an object in it: few, so that reading again costs little.
_FRACTION = re.compile(r"Expected `int.*`, got `float` - at `\$\.([\w.]+)`")
# Up to here a number with a point is as exact as one without.
_EXACT = 2**53
# How msgspec tells that the fault is in some value of an object, of whatever name.
_SOME = "[...]"
# What names of tools are made of.
NAME = "letters, digits, _ and - alone"
_TYPES = re.compile(r"`([^`]+)`")
_INDEX = re.compile(r"\[\d+\]")
# JSON's words for what msgspec calls by Python's.
_KINDS = {"float": "number", "int": "integer", "str": "string", "bool": "boolean", "array": "list"}
# What may stand where msgspec only says that something else stood there: by the last name of its
# path, or the last two.
_WORDS = {
    "role": "system, developer, user, assistant or tool",
    "type": "a type that this field takes",
    "content.type": "text, or of users image_url, input_audio, file or video_url",
    "custom.name": f"{NAME}, 64 at most",
    "function.name": f"{NAME}, 64 at most",
    "url": "an address that begins with https: or http:, or a data URL of base64",
    "input_audio.format": ", ".join(get_args(SoundFormat)),
    "effort": "none, minimal, low, medium, high, xhigh or max",
    "reasoning_effort": "none, minimal, low, medium, high, xhigh or max",
    "routor_tier": "NANO, SIMPLE, LIGHT, STANDARD or COMPLEX",
    "routor_tier_floor": "NANO, SIMPLE, LIGHT, STANDARD or COMPLEX",
    "routor_tier_ceiling": "NANO, SIMPLE, LIGHT, STANDARD or COMPLEX",
    "routor_profile": "auto, tier, direct or a stored profile",
    "tool_choice": "auto, none, required or an object naming a tool",
}
NO_WORDS: Mapping[str, str] = {}


def read(raw: bytes) -> Json:
    """Decode a JSON object.

    Refuses, with INVALID_REQUEST, what parsers disagree on: duplicate names, NaN, invalid
    UTF-8, lone surrogates, nesting beyond 100 levels and integers beyond 64 bits; and more than
    10,000 fields, messages or tools, or 100,000 objects and lists or 320,000 values in all.
    """
    check_crowd(raw)
    try:
        tree = _decode(raw)
    except RecursionError:
        raise _refusal("The body is nested too deeply.") from None
    except (ValueError, OverflowError):
        raise _refusal("The body is not valid JSON in UTF-8.") from None
    if not isinstance(tree, dict):
        raise _refusal("The body must be a JSON object.")
    if len(tree) > MOST_ELEMENTS:
        raise _refusal(f"The body has more than {MOST_ELEMENTS:,} fields.")
    for name in LISTS:
        given = tree.get(name)
        if type(given) is list and len(given) > MOST_ELEMENTS:
            raise invalid(name, f"must have {MOST_ELEMENTS:,} elements at most")
    # Of a name given twice only the last is in the tree.
    if not _complete(raw, tree, _members(tree)):
        raise _refusal("The body names a field twice in one object.")
    return tree


def convert(tree: object, kind: type[T], words: Mapping[str, str] = NO_WORDS) -> T:
    """Check decoded JSON against a type; raise INVALID_REQUEST naming the faulty field.

    `words` say what may stand in a field, where that is not what `_WORDS` has.
    """
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as failure:
        told = str(failure)
        if _made_whole(told, tree):
            return convert(tree, kind, words)
        if _SOME in told and isinstance(tree, dict):
            told = _named_value(told, tree, kind)
        raise _fault(told, {**_WORDS, **words}) from None


def within(tree: object, kind: type[T], path: str) -> T:
    """Do the same to what stands at a path of the body."""
    try:
        return convert(tree, kind)
    except RoutorError as fault:
        inner = fault.param or ""
        text = fault.message.removeprefix(f"{inner}: ").rstrip(".")
        raise invalid(f"{path}.{inner}" if inner else path, text) from None


def invalid(param: str, text: str) -> RoutorError:
    """Return the error of a faulty field; `text` goes on from its name."""
    return RoutorError(Kind.INVALID_REQUEST, f"{param}: {text}.", param=param)


def unknown(given: object, kind: type[msgspec.Struct]) -> list[str]:
    """Return the members of an object that a type does not know, as far as they say something."""
    known = (*kind.__struct_fields__, "type")
    members = given.items() if isinstance(given, dict) else ()
    return [name for name, value in members if value and name not in known]


def named(fields: Iterable[str]) -> tuple[str, ...]:
    """Return the names of fields that were left out, as far as they are worth telling."""
    return tuple(name[:NAME_CHARS] for name in sorted(fields)[:MOST_NAMES])


def _refusal(message: str) -> RoutorError:
    return RoutorError(Kind.INVALID_REQUEST, message)


def check_crowd(raw: bytes) -> None:
    """Refuse, before it is decoded, what would take long: all others would wait for it."""
    if len(raw) <= QUICK_BYTES:
        return
    if not any(_more(raw, mark, FEW_VALUES) for mark in _MARKS) or _is_quick(raw):
        return
    # Much may stand in texts.
    if not _is_quick(_bare(raw)):
        raise _refusal(f"The body holds more than {MOST_VALUES:,} values, or too many exponents.")


def _is_quick(raw: bytes) -> bool:
    # A comma or a bracket is before each value but one.
    exponents = raw.count(b"e-") + raw.count(b"E-")
    return sum(map(raw.count, _MARKS)) <= MOST_VALUES and exponents <= MOST_EXPONENTS


def _bare(raw: bytes) -> bytes:
    """Return valid JSON without what stands in its strings, as far as it is not refused."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b'"'.join(raw.split(b'"', 4 * MOST_VALUES)[::2])


def _members(tree: Json) -> int:
    """Count the members of all objects, level by level, and check depth, integers and size."""
    count = containers = 0
    level: list[Any] = [tree]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            values: Any = container
            if type(container) is dict:
                count += len(container)
                values = container.values()
            for value in values:
                kind = type(value)
                if kind is dict or kind is list:
                    below.append(value)
                elif kind is int and value.bit_length() > 64:  # signed or not
                    raise _refusal("The body holds an integer beyond 64 bits.")
        if not below:
            return count
        containers += len(below)
        if containers > MOST_CONTAINERS:
            raise _refusal(f"The body holds more than {MOST_CONTAINERS:,} objects and lists.")
        level = below
    raise _refusal(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _complete(raw: bytes, tree: Json, members: int) -> bool:
    """Tell whether the tree, of so many members, holds all that were written.

    Without colons in texts their number tells it. Most other bodies are written as they would be
    here, but for spaces: to compare is quicker than to look where the colons stand, unless so
    much is copied that the memory for it costs more.
    """
    if not _more(raw, b":", members):
        return True
    if len(raw) < COPIED_BYTES or b"\\" in raw:
        written = _encode(tree)
        if raw == written or msgspec.json.format(raw, indent=-1) == written:
            return True
    return members == _colons(raw)


def _more(raw: bytes, mark: bytes, number: int) -> bool:
    """Tell whether there are more marks than so many, texts included; quicker than to count."""
    at = -1
    for _ in range(number + 1):
        at = raw.find(mark, at + 1)
        if at < 0:
            return False
    return True


def _colons(raw: bytes) -> int:
    """Count the members as they were written: in valid JSON, the colons outside strings."""
    return _bare(raw).count(b":")


def _made_whole(told: str, tree: Any) -> bool:
    """Write 100.0 as 100 where an integer is due: JSON has one kind of number, some clients two."""
    match = _FRACTION.fullmatch(told)
    if match is None:
        return False
    *way, name = match[1].split(".")
    for step in way:
        tree = tree[step]
    value = tree[name]
    if not value.is_integer() or abs(value) > _EXACT:
        return False
    tree[name] = int(value)
    return True


def _named_value(told: str, tree: Json, kind: type) -> str:
    """Return what msgspec told, with the name of the faulty value of an object such as metadata."""
    for field in msgspec.structs.fields(kind):
        place = f"$.{field.name}{_SOME}"
        if place not in told:
            continue
        for name, value in tree[field.name].items():
            try:
                msgspec.convert({name: value}, field.type)
            except msgspec.ValidationError:
                return told.replace(place, f"$.{field.name}.{name[:NAME_CHARS]}")
    return told


def _fault(told: str, words: Mapping[str, str]) -> RoutorError:
    match = _PLACE.fullmatch(told)
    text, path = (match["text"], match["path"] or "") if match else (told, "")
    missing = _MISSING.fullmatch(text)
    if missing:
        path = f"{path}.{missing[1]}".lstrip(".")
        text = "is missing"
    elif text.startswith("Invalid "):
        # msgspec would repeat what the caller wrote.
        text = f"must be {_word(path, words) or 'one of the values allowed here'}"
    elif "matching regex" in text and (word := _word(path, words)):
        text = f"must be {word}"
    else:
        text = _TYPES.sub(_kinds, text[:1].lower() + text[1:])
    if not path:
        return _refusal(f"The body is not what was expected: {text}.")
    return invalid(path, text)


def _word(path: str, words: Mapping[str, str]) -> str:
    """Return what may stand at a path, "" where nobody has said it."""
    names = _INDEX.sub("", path).split(".")
    return words.get(".".join(names[-2:])) or words.get(names[-1], "")


def _kinds(types: re.Match[str]) -> str:
    """Return JSON's words for types; null is not worth telling beside others."""
    names = types[1].split(" | ")
    return " or ".join(_KINDS.get(name, name) for name in names if name != "null") or "null"
