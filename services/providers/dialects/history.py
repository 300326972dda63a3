"""Reading an OpenAI conversation, whoever wrote its turns: parts, tool calls and their ids."""

import base64
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects.completion import digest
from services.providers.dialects.contract import Json
from services.providers.dialects.inline import seen

# Splits a call's own id from Google's thought signature, which has to come back with it and
# which clients keep nowhere else. Allowed in every vendor's ids.
_SEAL = "__ts__"
# What OpenAI's sealed thoughts begin with, where Anthropic's have a signature or what it alone
# can read.
OPENAI_PARCEL = "openai."
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
# Text has one name that all know: Gemini refuses application/json
# (github.com/ProjectTech4DevAI/kaapi-backend/pull/571, 2026-02).
_TEXTS = ("json", "jsonl", "x-ndjson", "xml", "yaml", "x-yaml", "toml", "javascript", "sql")
# Names of clients' own for what vendors know by one name alone.
_MEDIA_TYPES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    **{f"application/{kind}": "text/plain" for kind in _TEXTS},
}
_ENDINGS = {"text/plain": "txt"}
_FILE_TYPES = dict.fromkeys(("txt", "md", "csv", "json", "xml", "yaml", "html"), "text/plain")


def invalid(message: str, param: str) -> RoutorError:
    """Return the refusal of a faulty request, naming the field by its path."""
    return RoutorError(Kind.INVALID_REQUEST, message, param=param)


class Added(dict[str, Any]):
    """A message that the caller has not written: it does not count in the paths of others."""


def parts_of(content: object, path: str) -> list[tuple[str, Json]]:
    """Return content (text, null or parts) as parts with their paths, without blank text."""
    if content is None:
        return []
    if isinstance(content, str):
        return [(path, {"type": "text", "text": content})] if content.strip() else []
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise invalid(f"{path} must be a string or a list of parts.", path)
    return [
        (f"{path}[{place}]", part)
        for place, part in enumerate(content)
        if part.get("type") != "text" or _solid(part)
    ]


def text_of(content: object, path: str) -> str:
    """Return the text of content that may hold nothing else (system, tool, assistant)."""
    if isinstance(content, str):
        return content
    texts = []
    for where, part in parts_of(content, path):
        text = part.get("text") or part.get("refusal")
        if not isinstance(text, str):
            raise invalid(f"{where} must be a text part.", f"{where}.type")
        texts.append(text)
    return "\n".join(texts)


def said_of(content: object, path: str) -> str:
    """Return the text of an answer, whose parts are pieces of one text: nothing is between them.

    A passage with a source is a block of its own, in the midst of its sentence
    (anthropic 2.12.0, TextBlock.citations).
    """
    pieces = content if isinstance(content, list) else []
    texts = [piece.get("text") for piece in pieces if isinstance(piece, dict)]
    if len(texts) == len(pieces) > 1 and all(isinstance(text, str) for text in texts):
        return "".join(map(str, texts))
    return text_of(content, path)


BESIDE_TEXT = "[What this tool returned beside text follows.]"


def result_of(message: Json, path: str) -> tuple[str, list[tuple[str, Json]]]:
    """Return a tool's result as text, and its other parts with their paths.

    For vendors whose results are text alone; the text says that it failed, or that more follows.
    """
    texts, shown = [], []
    for where, part in parts_of(message.get("content"), f"{path}.content"):
        text = part.get("text") or part.get("refusal")
        if isinstance(text, str):
            texts.append(text)
        else:
            shown.append((where, part))
    if shown:
        texts.append(BESIDE_TEXT)
    whole = "\n".join(texts)
    return (f"Error: {whole}" if message.get("is_error") else whole), shown


def _solid(part: Json) -> bool:
    return isinstance(part.get("text"), str) and bool(part["text"].strip())


def data_url(url: object, path: str) -> tuple[str, str] | None:
    """Split a data URL into media type and base64 text; None for another URL."""
    if not isinstance(url, str) or not url:
        raise invalid(f"{path} must be a URL.", path)
    if not url.startswith("data:"):
        return None
    head, _, data = url[5:].partition(",")
    media_type, *options = head.split(";")
    if not data or "base64" not in options:
        raise invalid(f"{path} must be a data URL with base64 data.", path)
    kind = media_type.lower() or "application/octet-stream"
    picture = seen(data) if kind.startswith("image/") else ""
    return picture or _MEDIA_TYPES.get(kind, kind), data


def file_url(file: Any) -> object:
    """Return the file_data of a file part as a URL: clients send a data URL or bare base64."""
    data = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(data, str) or not data or data.startswith(("data:", "http:", "https:")):
        return data
    suffix = str(file.get("filename") or "").rpartition(".")[2].lower()
    return f"data:{_FILE_TYPES.get(suffix, 'application/pdf')};base64,{data}"


def attached(file: Json) -> Json:
    """Return a file as OpenAI takes its data: as a URL, and with a name.

    It calls the id missing where either is (github.com/langchain-ai/langchainjs/pull/9570, 2025-12;
    of Responses: github.com/laravel/ai/pull/324, 2026-03).
    """
    data = file_url(file)
    if not isinstance(data, str) or not data:
        return file
    kind = data.removeprefix("data:").partition(";")[0]
    ending = _ENDINGS.get(kind) or kind.rpartition("/")[2]
    return {**file, "file_data": data, "filename": file.get("filename") or f"document.{ending}"}


def is_fetched(file: Any) -> bool:
    """Tell whether the data of a file part is a web address."""
    data = file.get("file_data") if isinstance(file, dict) else None
    return isinstance(data, str) and data[:8].lower().startswith(("http://", "https://"))


def mark_of(block: object) -> str:
    """Return what the provider that made a thinking block knows it by; "" when there is none."""
    own = (block.get("data") or block.get("signature")) if isinstance(block, dict) else None
    return own if isinstance(own, str) else ""


def marks_of(message: Json) -> list[str]:
    """Return the same of all thinking blocks of a turn."""
    given = message.get("thinking_blocks")
    return list(map(mark_of, given)) if isinstance(given, list) else []


def name_of(call: Json) -> str:
    """Return the name of what a past call called: a function or a custom tool."""
    called = call.get("function") or call.get("custom")
    return str(called.get("name") or "") if isinstance(called, dict) else ""


def arguments_of(call: Json) -> Json:
    """Return a past call's arguments as an object, whatever some vendor made of them."""
    custom = call.get("custom")
    if isinstance(custom, dict):
        return {"input": custom.get("input") or ""}
    given = (call.get("function") or {}).get("arguments")
    if isinstance(given, dict):
        return given
    if not isinstance(given, str) or not given.strip():
        return {}
    try:
        parsed = msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError):
        return {"raw_arguments": given}
    if isinstance(parsed, dict):
        return parsed
    return {} if parsed is None else {"value": parsed}


def seal(call_id: str, signature: str) -> str:
    """Put a thought signature into a call's id, so that it survives any OpenAI client."""
    padded = base64.urlsafe_b64encode(signature.encode()).decode()
    return f"{call_id}{_SEAL}{padded.rstrip('=')}"


def unseal(call_id: str) -> tuple[str, str]:
    """Return a call's own id and the signature put into it ("" when there is none)."""
    own, found, padded = call_id.partition(_SEAL)
    if not found:
        return call_id, ""
    try:
        return own, base64.urlsafe_b64decode(padded + "=" * (-len(padded) % 4)).decode()
    except ValueError:
        return own, ""


def plain_id(call_id: str) -> str:
    """Return an id of at most 40 characters of `[a-zA-Z0-9_-]`: Anthropic's rule."""
    own = unseal(call_id)[0]
    if own and len(own) <= 40 and not _FOREIGN.search(own):
        return own
    return f"call_{digest(call_id.encode())}"


def short_id(call_id: str) -> str:
    """Return an id of at most 40 characters, else as it is: Kimi's speak ("functions.f:0")."""
    own = unseal(call_id)[0]
    return own if 0 < len(own) <= 40 else plain_id(call_id)


def nine_id(call_id: str) -> str:
    """Return an id of nine alphanumerics: Mistral's rule."""
    own = unseal(call_id)[0]
    return own if len(own) == 9 and own.isalnum() and own.isascii() else digest(own.encode())[:9]


def ids_of(messages: object) -> frozenset[str]:
    """Return the ids of all calls in a conversation, of whatever is well formed in it."""
    turns = (one for one in messages if isinstance(one, dict)) if isinstance(messages, list) else ()
    made = (calls for turn in turns if isinstance(calls := turn.get("tool_calls"), list))
    ids = (call.get("id") for calls in made for call in calls if isinstance(call, dict))
    return frozenset(own for own in ids if isinstance(own, str))


def with_ids(messages: list[Any], fit: Callable[[str], str]) -> list[tuple[str, Any]]:
    """Return the messages, each with its path, and with fitted ids of calls.

    The ids are unique, and rewritten alike in results. Results belong to the calls of the last
    assistant turn; equal ids are matched in order.
    Raises RoutorError(INVALID_REQUEST) for a result without a call or a call without a result.
    """
    used: set[str] = set()
    waiting: dict[str, deque[str]] = {}
    answered: dict[str, str] = {}
    place, asked, out = 0, "", []
    calls: list[Json] = []
    for message in messages:
        own, path = message, f"messages[{place}]"
        place += type(message) is not Added
        if message.get("role") == "assistant":
            _all_answered(waiting, calls, asked)
            waiting, answered, asked = {}, {}, f"{path}.tool_calls"
            calls = message.get("tool_calls") or []
            if calls:
                renamed = [_renamed(one, fit, used, waiting) for one in calls]
                own = {**message, "tool_calls": renamed}
        elif message.get("role") == "tool":
            old = str(message.get("tool_call_id") or "")
            queue = waiting.get(old)
            if not queue and old not in answered:
                path += ".tool_call_id"
                raise invalid(f"{path} answers no tool call of the assistant turn before.", path)
            answered[old] = queue.popleft() if queue else answered[old]
            own = {**message, "tool_call_id": answered[old]}
        out.append((path, own))
    _all_answered(waiting, calls, asked)
    return out


def results_follow(messages: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return a fitted conversation with each call's one result right after the turn that called.

    They are in the order of the calls, by which templates of models tell them apart. What came
    between follows them; a second result of a call is added to the first.
    """
    if not any(one.get("role") == "tool" for _, one in messages):
        return messages
    out: list[tuple[str, Any]] = []
    first = 0  # where the results of the latest turn begin
    calls: list[str] = []  # ... and what it called
    told: list[str] = []  # the calls that have their result, as these stand
    for path, message in messages:
        if message.get("role") != "tool":
            out.append((path, message))
            if message.get("role") == "assistant":
                calls = [call["id"] for call in message.get("tool_calls") or ()]
                first, told = len(out), []
            continue
        own = message["tool_call_id"]
        if own in told:
            place = first + told.index(own)
            out[place] = _added(out[place], message)
        else:
            told = [one for one in calls if one in (*told, own)]
            out.insert(first + told.index(own), (path, message))
    return out


def in_order(results: dict[str, Json], calls: Sequence[str]) -> list[Json]:
    """Return the results of calls, by id, in the order of the calls; others follow."""
    known = [one for one in calls if one in results]
    return [results[one] for one in (*known, *(one for one in results if one not in known))]


def _added(known: tuple[str, Any], message: Any) -> tuple[str, Any]:
    """Return a result with another one of the same call."""
    given = (known[1].get("content"), message.get("content"))
    parts = [part for one in given for _, part in parts_of(one, "content")]
    return known[0], {**known[1], "content": parts}


def names_of(messages: list[Any]) -> tuple[str, ...]:
    """Return what to call the names of people, where messages have some and the vendor none."""
    named = any(one["name"] and one.get("role") != "tool" for one in messages if "name" in one)
    return ("messages[].name",) if named else ()


def _all_answered(waiting: dict[str, deque[str]], calls: list[Json], path: str) -> None:
    missing = next((old for old, queue in waiting.items() if queue), None)
    if missing is not None:
        names = [str(call.get("id") or "") for call in calls]
        path = f"{path}[{names.index(missing)}]"
        raise invalid(f"{path}: the call {missing!r} has no result that answers it.", path)


def _renamed(
    call: Json, fit: Callable[[str], str], used: set[str], waiting: dict[str, deque[str]]
) -> Json:
    old = str(call.get("id") or "")
    new, number = fit(old), 0
    while new in used:
        number += 1
        new = fit(digest(f"{old}#{number}".encode()))
    used.add(new)
    waiting.setdefault(old, deque()).append(new)
    return {**call, "id": new}
