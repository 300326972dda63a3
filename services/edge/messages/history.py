"""A conversation of Anthropic's blocks as OpenAI messages.

What only Anthropic has (cache marks, signed thoughts) stays on the messages by the names that
`services/providers/dialects` gives it back under when the answer comes from Anthropic.
"""

import base64
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from services.edge import document
from services.edge.messages import ids, native
from services.edge.messages.schema import (
    Assistant,
    Base64,
    Counted,
    Document,
    Image,
    Picture,
    Plain,
    Redacted,
    SearchResult,
    Stored,
    System,
    Text,
    Thinking,
    ToolReference,
    ToolResult,
    ToolUse,
    Url,
    User,
    UserBlock,
    Wrapped,
    Written,
)
from services.edge.spelling import Place

Json = dict[str, Any]
Told = tuple[Json, Place]


# What members of messages, parts and calls are called here (`spelling.Names`).
WORDS = {
    ".file": ".source",
    ".file.file_data": ".source",
    ".file.file_id": ".source.file_id",
    ".function.arguments": ".input",
    ".function.name": ".name",
    ".image_url.url": ".source",
    ".tool_call_id": ".tool_use_id",
}


def conversation(request: Counted) -> tuple[list[Json], list[Place]]:
    """Return the messages and their places.

    Raises INVALID_REQUEST for results and calls that do not match.
    """
    _check_results(request.messages)
    told = _system(request.system, "system")
    for index, turn in enumerate(request.messages):
        path = f"messages[{index}]"
        if isinstance(turn, System):
            told += _own_turns(_system(turn.content, f"{path}.content"))
        elif isinstance(turn, User):
            told += _user(turn, path)
        else:
            told.append((_assistant(turn), _place(path, turn.content)))
    messages = [message for message, _ in told]
    if request.cache_control is not None and messages:
        messages[-1]["cache_control"] = request.cache_control
    return messages, [place for _, place in told]


def _place(path: str, blocks: str | Sequence[object]) -> Place:
    """Return the place of a turn of the model."""
    place = Place(path, f"{path}.content", [], [])
    for number, block in enumerate(blocks):
        if isinstance(block, Text | ToolUse):
            among = place.parts if isinstance(block, Text) else place.calls
            among.append(f"{place.content}[{number}]")
    return place


def _check_results(turns: Sequence[User | Assistant | System]) -> None:
    """Every call is answered before the model's next turn, and nothing else is.

    Consecutive turns of the user are one (https://platform.claude.com/docs/en/api/messages).
    """
    waiting: set[str] = set()
    called: set[str] = set()
    for index, turn in enumerate(turns):
        results = {
            block.tool_use_id: place
            for place, block in enumerate(_blocks(turn))
            if isinstance(block, ToolResult)
        }
        for answered in results.keys() - called:
            path = f"messages[{index}].content[{results[answered]}].tool_use_id"
            raise document.invalid(path, "answers no tool_use of the turn before")
        waiting -= results.keys()
        later = turns[index + 1] if index + 1 < len(turns) else None
        if waiting and (later is None or Assistant in (type(turn), type(later))):
            path = f"messages[{index}].content"
            missing = min(waiting)[:64]
            raise document.invalid(path, f"has no tool_result for the tool_use {missing!r}")
        if isinstance(turn, Assistant):
            waiting = {block.id for block in _blocks(turn) if isinstance(block, ToolUse)}
            called = set(waiting)
    if waiting and len(turns) > 1:
        path = f"messages[{len(turns) - 1}].content"
        raise document.invalid(path, "ends with a tool_use that no tool_result answers")


def _blocks(turn: User | Assistant | System) -> Sequence[object]:
    return turn.content if isinstance(turn.content, list) else ()


def _own_turns(told: list[Told]) -> list[Told]:
    """Mark instructions as turns, which Anthropic knows: of other clients they are none."""
    for message, _ in told:
        given = message["content"]
        blocks = [{"type": "text", "text": given}] if isinstance(given, str) else given
        message["anthropic_content"] = blocks
    return told


def _system(given: str | list[Text] | None, path: str) -> list[Told]:
    if not given:
        return []
    content = given if isinstance(given, str) else [_text(block) for block in given]
    paths = [f"{path}[{number}]" for number in range(len(content) if content is not given else 0)]
    return [({"role": "system", "content": content}, Place(path, path, paths, []))]


def _user(turn: User, path: str) -> list[Told]:
    """Return the results of tools, each a message, then what the user says."""
    place = Place(path, f"{path}.content", [], [])
    if isinstance(turn.content, str):
        return [({"role": "user", "content": turn.content}, place)]
    if not turn.content:
        raise document.invalid(place.content, "must not be empty")
    told: list[Told] = []
    parts: list[Json] = []
    for number, block in enumerate(turn.content):
        where = f"{place.content}[{number}]"
        if isinstance(block, ToolResult):
            told.append(_result(block, where))
        else:
            parts += (made := _parts(block, where))
            place.parts.extend([where] * len(made))
    if not parts:
        return told
    said: Json = {"role": "user", "content": parts}
    if whole := native.whole(one for one in turn.content if not isinstance(one, ToolResult)):
        said["anthropic_content"] = whole
    return [*told, (said, place)]


def _result(block: ToolResult, path: str) -> Told:
    """Return the result: a text, or parts when there are images in it."""
    inner = [Text(block.content)] if isinstance(block.content, str) else block.content or []
    place = Place(path, f"{path}.content", [], [])
    parts: list[Json] = []
    for number, one in enumerate(inner):
        where = f"{place.content}[{number}]"
        parts += (made := _parts(one, where))
        place.parts.extend([where] * len(made))
    only_text = all(part["type"] == "text" for part in parts)
    text = "\n".join(part["text"] for part in parts) if only_text else ""
    message: Json = {
        "role": "tool",
        "tool_call_id": ids.whole(block.tool_use_id),
        "content": text if only_text else parts,
    }
    if whole := native.whole(inner):
        message["anthropic_content"] = whole
    if block.is_error:
        message["is_error"] = True
    return _marked(message, block.cache_control), place


def _assistant(turn: Assistant) -> Json:
    if isinstance(turn.content, str):
        return {"role": "assistant", "content": turn.content}
    texts = [_text(block) for block in turn.content if isinstance(block, Text)]
    calls = [_call(block) for block in turn.content if isinstance(block, ToolUse)]
    message: Json = {"role": "assistant", "content": texts or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    if whole := native.whole(turn.content):
        message["anthropic_content"] = whole
    return {**message, **_thoughts(turn.content)}


def _call(block: ToolUse) -> Json:
    written = msgspec.json.encode(block.input).decode()
    return {
        "id": ids.whole(block.id),
        "type": "function",
        "function": {"name": block.name, "arguments": written},
    }


def _thoughts(blocks: Iterable[object]) -> Json:
    """Return signed thoughts as they were given, and those of other models as text."""
    signed: list[Json] = []
    told: list[str] = []
    for block in blocks:
        if isinstance(block, Redacted) or (isinstance(block, Thinking) and block.signature):
            signed.append(msgspec.to_builtins(block))
        elif isinstance(block, Thinking):
            told.append(block.thinking)
    thoughts: Json = {"thinking_blocks": signed} if signed else {}
    return {**thoughts, "reasoning_content": "\n".join(told)} if told else thoughts


def _parts(block: UserBlock | Text | ToolReference, path: str) -> list[Json]:
    if isinstance(block, ToolReference):
        return [{"type": "text", "text": f"The tool {block.tool_name} can be called."}]
    if isinstance(block, Text):
        return [_text(block)]
    if isinstance(block, Image):
        return [_marked(_image(block), block.cache_control)]
    if isinstance(block, Document):
        return [_marked(part, block.cache_control) for part in _document(block, path)]
    if isinstance(block, SearchResult):
        found = "\n".join(text.text for text in block.content)
        part = {"type": "text", "text": f"{block.title} ({block.source})\n{found}"}
        return [_marked(part, block.cache_control)]
    if isinstance(block, Wrapped):
        return [_stored(block.block.get("file_id"))]
    raise document.invalid(f"{path}.type", "must not be tool_result inside a tool_result")


def _text(block: Text) -> Json:
    return _marked({"type": "text", "text": block.text}, block.cache_control)


def _marked(part: Json, mark: Json | None) -> Json:
    return {**part, "cache_control": mark} if mark is not None else part


def _image(block: Image) -> Json:
    source = block.source
    if isinstance(source, Stored):
        return _stored(source.file_id)
    url = source.url if isinstance(source, Url) else _data_url(source)
    return {"type": "image_url", "image_url": {"url": url}}


def _stored(file_id: Any) -> Json:
    """Return what stands for a file that Anthropic's models alone can see (`native.only`)."""
    return {"type": "file", "file": {"file_id": file_id}}


def _data_url(source: Base64 | Picture) -> str:
    return f"data:{source.media_type};base64,{source.data}"


def _document(block: Document, path: str) -> list[Json]:
    """Return a document as a file; one that is text is told with its title and context."""
    source = block.source
    if isinstance(source, Stored):
        return [_stored(source.file_id)]
    if isinstance(source, Url):
        name = block.title or "document.pdf"
        return [{"type": "file", "file": {"filename": name, "file_data": source.url}}]
    if isinstance(source, Base64):
        if not source.media_type.startswith("text/"):
            name = block.title or "document.pdf"
            return [{"type": "file", "file": {"filename": name, "file_data": _data_url(source)}}]
        told: Sequence[Text | Image] = [Text(_decoded(source, path))]
    else:
        told = _written(source)
    head = [Text(word) for word in (block.title, block.context) if word]
    return _joined([*head, *told])


def _decoded(source: Base64, path: str) -> str:
    try:
        return base64.b64decode(source.data, validate=True).decode()
    except ValueError:
        raise document.invalid(f"{path}.source.data", "is not text in base64") from None


def _written(source: Plain | Written) -> Sequence[Text | Image]:
    given = source.data if isinstance(source, Plain) else source.content
    return [Text(given)] if isinstance(given, str) else given


def _joined(blocks: Iterable[Text | Image]) -> list[Json]:
    """Return parts in the order of blocks: texts beside each other are one, on lines of it."""
    parts: list[Json] = []
    for seen, run in groupby(blocks, lambda block: isinstance(block, Image)):
        if seen:
            parts += [_image(block) for block in run if isinstance(block, Image)]
        else:
            text = "\n".join(block.text for block in run if isinstance(block, Text))
            parts.append({"type": "text", "text": text})
    return parts
