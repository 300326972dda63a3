"""An OpenAI conversation as Anthropic's system prompt and alternating turns.

Rules: https://platform.claude.com/docs/en/api/messages (2026-11-23): results of tools come
first in the turn after their calls, text is never blank, a final assistant turn does not
end in white space.
"""

import re
from base64 import b64decode
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import anthropic_native, history
from services.providers.dialects.contract import Json, Target

Turn = tuple[str, list[Json]]  # who speaks, and the blocks

# Opus 4.8 and all later ones, which the catalog says by their parameters of those in it.
SINCE_OPUS_4_8 = re.compile(r"claude-(?:opus-4-[89]|[a-z]+-[5-9])(?!\d)")
_CONTINUE = {"type": "text", "text": "Continue."}
# anthropic 2.12.0, types/base64_image_source_param.py
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"  # the same release, types/base64_pdf_source_param.py


def conversation(
    messages: list[Any], target: Target, *, thinks: bool, prefill: bool
) -> tuple[list[Json], list[Json]]:
    """Return the system blocks and the turns.

    Leading system messages become the system prompt. Later ones stay in their place: as turns of
    Anthropic's clients where the model takes such (`_system_turns`), else as marked text of the
    user's. Thinking blocks go along only when the model `thinks`; an answer that is begun is gone
    on with where it may be (`prefill`).
    """
    fitted = history.with_ids(messages, history.plain_id)
    leading = 0
    while leading < len(fitted) and _is_system(fitted[leading][1]):
        leading += 1
    system = [
        block for path, message in fitted[:leading] for block in _texts(message, f"{path}.content")
    ]
    turns: list[Json] = []
    told = [_turn(message, path, thinks=thinks) for path, message in fitted[leading:]]
    for role, blocks in _system_turns([turn for turn in told if turn[1]], target):
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns and system:
        return [], [{"role": "user", "content": system}]
    return system, _ordered(turns, prefill=prefill)


def lacks_thoughts(messages: list[Any]) -> bool:
    """Whether a turn of the model in this loop of tools does not begin with its thinking blocks.

    A model with a thinking budget refuses such turns while thinking is on: "a final `assistant`
    message must start with a thinking block (preceding the lastmost set of `tool_use` and
    `tool_result` blocks)". What the user says after the results is no turn of its own: it stands
    beside them; and the model's messages that follow each other are one turn, the blank ones none.
    """
    turns: list[list[Any]] = []
    told = (message for message in reversed(messages) if not _is_silent(message))
    for spoken, group in groupby(told, lambda one: one.get("role") == "assistant"):
        turn = list(group)
        if spoken and any(message.get("tool_calls") for message in turn):
            turns.append(turn)
        elif spoken or not any(message.get("role") == "tool" for message in turn):
            break
    return not all(_thoughts(turn[-1]) for turn in turns)


def _is_silent(message: Json) -> bool:
    """Whether a message of the model is left out, as nothing is in it but white space."""
    if message.get("role") != "assistant" or message.get("tool_calls") or message.get("refusal"):
        return False
    whole = message.get(anthropic_native.CONTENT)
    if isinstance(whole, list):
        return not _as_given(whole, message, thinks=False)
    return not history.parts_of(message.get("content"), "content")


def _is_system(message: Json) -> bool:
    return message.get("role") in ("system", "developer")


def _turn(message: Json, path: str, *, thinks: bool) -> Turn:
    role = message.get("role")
    if role == "assistant":
        return "assistant", _assistant(message, path, thinks=thinks)
    if role == "tool":
        return "user", [_result(message, path)]
    if _is_system(message):
        blocks = _texts(message, f"{path}.content")
        own = anthropic_native.CONTENT in message
        return ("system", blocks) if own or not blocks else ("user", [_marked(blocks)])
    return "user", _cached(_given(message, path), message)


def _system_turns(told: list[Turn], target: Target) -> list[Turn]:
    """Keep turns of instructions where a model takes them; make them marked text elsewhere.

    Anthropic's clients alone say such: whoever else gives instructions late gets marked text, which
    every model and address of Anthropic's takes. Such a turn follows one of the user, and stands
    before one of the model or at the end
    (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages,
    2026-11-30: Opus 4.8; models before it answer "role 'system' is not supported").
    """
    able = _takes_system_turns(target)
    made: list[Turn] = []
    groups = [(role, list(turns)) for role, turns in groupby(told, itemgetter(0))]
    for (role, turns), (after, _) in pairwise([*groups, ("assistant", [])]):
        before = made[-1][0] if made else ""
        keeps = role != "system" or (able and before == "user" and after == "assistant")
        made += turns if keeps else [("user", [_marked(blocks)]) for _, blocks in turns]
    return made


def _takes_system_turns(target: Target) -> bool:
    if target.model is None:
        return bool(SINCE_OPUS_4_8.match(target.upstream_model))
    return target.model.parameters.system_turns


def _marked(blocks: list[Json]) -> Json:
    text = "\n".join(block["text"] for block in blocks)
    return {"type": "text", "text": f"<system>\n{text}\n</system>"}


def _given(message: Json, path: str) -> list[Json]:
    """Return the blocks of what a user said or a tool gave, as Anthropic's clients wrote them."""
    whole = message.get(anthropic_native.CONTENT)
    if isinstance(whole, list):
        return [block for block in whole if isinstance(block, dict) and not _is_blank(block)]
    parts = history.parts_of(message.get("content"), f"{path}.content")
    return [_block(part, where) for where, part in parts]


def _texts(message: Json, path: str) -> list[Json]:
    parts = history.parts_of(message.get("content"), path)
    blocks = [_block(part, where) for where, part in parts]
    if any(block["type"] != "text" for block in blocks):
        raise history.invalid(f"{path} of a system message must be text.", path)
    return _cached(blocks, message)


def _cached(blocks: list[Json], message: Json) -> list[Json]:
    """Move a message's cache_control to its last block, where Anthropic has it."""
    if blocks and isinstance(message.get("cache_control"), dict):
        blocks[-1] = {**blocks[-1], "cache_control": message["cache_control"]}
    return blocks


def _assistant(message: Json, path: str, *, thinks: bool) -> list[Json]:
    whole = message.get(anthropic_native.CONTENT)
    if isinstance(whole, list):
        return _as_given(whole, message, thinks=thinks)
    blocks = _thoughts(message) if thinks else []
    content = message.get("content")
    if not content and message.get("refusal"):
        content = message["refusal"]
    for where, part in history.parts_of(content, f"{path}.content"):
        text = part.get("text") or part.get("refusal")
        if not isinstance(text, str):
            kind = f"{where}.type"
            raise history.invalid(f'{kind} must be "text" or "refusal".', kind)
        if text.strip():
            blocks.append(_text(text, part))
    blocks += [
        {
            "type": "tool_use",
            "id": call["id"],
            "name": history.name_of(call),
            "input": history.arguments_of(call),
        }
        for call in message.get("tool_calls") or ()
    ]
    only_thoughts = all(block["type"].endswith("thinking") for block in blocks)
    return [] if only_thoughts else _cached(blocks, message)


def _is_blank(block: Json) -> bool:
    return block.get("type") == "text" and not str(block.get("text")).strip()


def _as_given(whole: list[Any], message: Json, *, thinks: bool) -> list[Json]:
    """Return the blocks of a turn as Anthropic gave them, with the ids that its calls have now."""
    ids = iter([call["id"] for call in message.get("tool_calls") or ()])
    blocks = []
    for block in whole:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "tool_use":
            blocks.append({**block, "id": next(ids, block.get("id"))})
        elif kind in ("thinking", "redacted_thinking"):
            blocks += [block] if thinks and _is_own(block) else []
        elif isinstance(kind, str) and not _is_blank(block):
            blocks.append(block)
    return blocks


def _thoughts(message: Json) -> list[Json]:
    """Return thinking blocks as Anthropic gave them (`index` is for OpenAI's stream helpers)."""
    given = message.get("thinking_blocks")
    blocks = given if isinstance(given, list) else []
    return [
        {key: value for key, value in block.items() if key != "index"}
        for block in blocks
        if isinstance(block, dict) and _is_own(block)
    ]


def _is_own(block: Json) -> bool:
    """Tell whether a thinking block is Anthropic's: signed, and not a parcel of another vendor."""
    mark = history.mark_of(block)
    return bool(mark) and not mark.startswith(history.OPENAI_PARCEL)


def _result(message: Json, path: str) -> Json:
    result: Json = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
    if blocks := _given(message, path):
        result["content"] = blocks
    if message.get("is_error"):
        result["is_error"] = True
    return _cached([result], message)[0]


def _ordered(turns: list[Json], *, prefill: bool) -> list[Json]:
    """Put results before text, merge double results, and mind the first and the last turn."""
    asked: list[str] = []
    for turn in turns:
        if turn["role"] == "user":
            turn["content"] = _results_first(turn["content"], asked)
        asked = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
    if not turns or turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": [_CONTINUE]})
    last = turns[-1]
    if last["role"] == "assistant":
        if not prefill:
            turns.append({"role": "user", "content": [_CONTINUE]})
        elif last["content"][-1]["type"] == "text":
            tail = last["content"][-1]
            last["content"][-1] = {**tail, "text": tail["text"].rstrip()}
    return turns


def _results_first(blocks: list[Json], asked: list[str]) -> list[Json]:
    """Put results before text, one for each call and in their order."""
    results: dict[str, Json] = {}
    for block in blocks:
        if block["type"] != "tool_result":
            continue
        known = results.get(block["tool_use_id"])
        content = [*(known or {}).get("content", []), *block.get("content", [])]
        results[block["tool_use_id"]] = {**block, "content": content} if content else block
    rest = (block for block in blocks if block["type"] != "tool_result")
    return [*history.in_order(results, asked), *rest]


def _text(text: str, part: Json) -> Json:
    block: Json = {"type": "text", "text": text}
    if isinstance(part.get("cache_control"), dict):
        block["cache_control"] = part["cache_control"]
    return block


def _block(part: Json, path: str) -> Json:
    """Return the block of a user's part."""
    kind = part.get("type")
    if kind == "text":
        return _text(part["text"], part)
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        block = _image(url, f"{path}.image_url.url")
    elif kind == "file":
        block = _document(part.get("file"), f"{path}.file")
    else:
        raise RoutorError(
            Kind.UNSUPPORTED_PARAMETER,
            f"Anthropic's models take text, images and files; {path}.type is {str(kind)[:40]!r}.",
            param=f"{path}.type",
        )
    if isinstance(part.get("cache_control"), dict):
        block["cache_control"] = part["cache_control"]
    return block


def _image(url: object, path: str) -> Json:
    source = _source(url, path)
    if source.get("media_type", _IMAGES[0]) not in _IMAGES:
        text = f"{path}: Anthropic's models take {', '.join(_IMAGES)}."
        raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=path)
    return {"type": "image", "source": source}


def _source(url: object, path: str) -> Json:
    inline = history.data_url(url, path)
    if inline is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": inline[0], "data": inline[1]}


def _document(file: Any, path: str) -> Json:
    given = file if isinstance(file, dict) else {}
    if not given.get("file_data"):
        raise RoutorError(
            Kind.UNSUPPORTED_PARAMETER,
            f"{path}.file_data is needed: a file_id is known to its own provider alone.",
            param=f"{path}.file_data",
        )
    source = _source(history.file_url(given), f"{path}.file_data")
    if str(source.get("media_type", "")).startswith("text/"):
        try:
            text = b64decode(source["data"]).decode()
        except ValueError as error:
            where = f"{path}.file_data"
            raise history.invalid(f"{where} must be UTF-8 text in base64.", where) from error
        source = {"type": "text", "media_type": "text/plain", "data": text}
    elif source.get("media_type", _PDF) != _PDF:
        text = f"{path}.file_data: Anthropic's models take PDF and text files."
        raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=f"{path}.file_data")
    document: Json = {"type": "document", "source": source}
    return {**document, "title": given["filename"]} if given.get("filename") else document


def used_tools(turns: list[Json]) -> list[Json]:
    """Return a declaration for each tool that the turns call: calls need one (HTTP 400 else)."""
    blocks = (block for turn in turns for block in turn["content"])
    names = dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use")
    return [
        {"name": name, "input_schema": msgspec.json.decode(b'{"type":"object"}')} for name in names
    ]
