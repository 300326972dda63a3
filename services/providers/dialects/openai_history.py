"""An OpenAI conversation as an OpenAI-compatible vendor takes it, by the vendor's quirks.

Field lists: openai 3.54.0, types/chat/completion_create_params.py and the message params.
"""

import itertools
from typing import Any

import msgspec

from services.errors import Kind, RoutorError
from services.providers.dialects import (
    anthropic_native,
    history,
    openai_answer,
    openai_native,
    openai_parts,
)
from services.providers.dialects.contract import Json, Target
from services.providers.dialects.parameters import Settled
from services.providers.vendors.contract import Quirks

# What an assistant turn may hold; clients echo more (`model_dump` of our own answers).
_ASSISTANT = (
    "role",
    "content",
    "name",
    "refusal",
    "audio",
    "tool_calls",
    "function_call",
    "prefix",
)
_OURS = (
    "routor",
    "thinking_blocks",
    "annotations",
    "extra_content",
    anthropic_native.CONTENT,
    openai_native.ITEMS,
    openai_native.PHASE,
)
# What other messages may hold. Clients keep more there (times, ids), and those who check strictly
# refuse it: "Extra inputs are not permitted" (github.com/NousResearch/hermes-agent/pull/48604,
# 2026-06).
_OTHERS = ("role", "content", "name", "tool_call_id")
# What clients call thoughts that are not sealed (`openai_answer.thoughts_of`).
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details")
# MiniMax's thoughts (platform.minimax.io/docs/guides/text-m2-function-call, 2026)
_DETAIL = {
    "type": "reasoning.text",
    "id": "reasoning-text-1",
    "format": "MiniMax-response-v1",
    "index": 0,
}
# Members that are said in another way, or mean nothing where they are left out.
_SILENT = ("cache_control", "is_error", *_OURS)
# Stands between a tool's result and the user, where a vendor wants an answer there.
_NOTED = {"role": "assistant", "content": "Understood."}
_UNSAID = "…"
_NO_RESULT = "(The tool gave nothing back.)"
_CONTINUE = {"role": "user", "content": "Continue."}


def conversation_of(given: list[Json], settled: Settled, target: Target) -> list[Json]:
    """Return the messages. Raises RoutorError(INVALID_REQUEST) naming the faulty one."""
    quirks = target.vendor.quirks
    fit = history.nine_id if quirks.tool_call_id == "nine_alphanumerics" else history.short_id
    numbered = history.with_ids(given, fit)
    for path, one in numbered:
        _check_files(one, path, target)
    turns = _shown(history.results_follow(numbered))
    asked = max((place for place, one in enumerate(turns) if _asks(one)), default=-1)
    messages = [
        _message(one, settled, target, recent=place > asked) for place, one in enumerate(turns)
    ]
    messages = _placed(messages, quirks)
    model, last = target.model, messages[-1]
    if quirks.prefill_flag and last["role"] == "assistant":
        # Who has a flag for it refuses a conversation that ends so without.
        if model is not None and model.parameters.prefill:
            last[quirks.prefill_flag] = True
            if isinstance(last.get("content"), str):
                last["content"] = last["content"].rstrip()
        else:
            messages.append(_CONTINUE)
    return messages


def _placed(messages: list[Json], quirks: Quirks) -> list[Json]:
    """Return messages with each role where the vendor takes it, and none that says nothing."""
    if not quirks.store_and_metadata:
        messages = [one for one in messages if not _says_nothing(one)] or [_CONTINUE]
    if quirks.one_system:
        messages = _with_one_system(messages)
    if quirks.template_order:
        messages = _as_template(messages)
    if quirks.needs_user_message and not any(one["role"] == "user" for one in messages):
        systems = [place for place, one in enumerate(messages) if one["role"] == "system"]
        if systems:
            messages[systems[-1]] = {**messages[systems[-1]], "role": "user"}
        else:
            messages.insert(0, _CONTINUE)
    if not quirks.ends_with_system and messages[-1]["role"] == "system":
        messages[-1] = _by_user(messages[-1])
    return messages


def _asks(message: Json) -> bool:
    """Tell whether the user speaks, and not a tool through an added message."""
    return message.get("role") == "user" and type(message) is not history.Added


def _says_nothing(message: Json) -> bool:
    """Tell whether a message may be left out; imitators refuse one that is empty."""
    content = message.get("content")
    blank = not content.strip() if isinstance(content, str) else not content
    return blank and message["role"] != "tool" and not message.get("tool_calls")


def _with_one_system(messages: list[Json]) -> list[Json]:
    """Return messages whose first system messages are one, and later ones the user's."""
    leading = list(itertools.takewhile(lambda one: one["role"] == "system", messages))
    rest = [_by_user(one) if one["role"] == "system" else one for one in messages[len(leading) :]]
    if len(leading) < 2:
        return [*leading, *rest]
    texts = [history.text_of(one["content"], "content") for one in leading]
    return [{"role": "system", "content": "\n\n".join(texts)}, *rest]


def _by_user(message: Json) -> Json:
    """Return a system message as the user's, where none may stand."""
    text = history.text_of(message["content"], "content")
    return {"role": "user", "content": f"<system>\n{text}\n</system>"}


def _as_template(messages: list[Json]) -> list[Json]:
    """Return messages in an order that a strict chat template takes (`Quirks.template_order`)."""
    out: list[Json] = []
    answered, last = False, messages[-1]
    asked = any(message["role"] == "user" for message in messages)
    for message in messages:
        own = message
        late = answered or (asked and message is last)
        if late and message["role"] == "system":
            own = _by_user(message)
        if own["role"] == "user" and out and out[-1]["role"] == "tool":
            out.append(_NOTED)
        answered = answered or own["role"] == "assistant"
        out.append(own)
    return out


def _shown(messages: list[tuple[str, Json]]) -> list[Json]:
    """Return tool messages as text; what else a tool returned follows its turn, as the user's."""
    out: list[Json] = []
    waiting: list[Json] = []
    for path, message in messages:
        own = message
        if message.get("role") == "tool":
            text, shown = history.result_of(message, path)
            waiting += [part for _, part in shown]
            if shown or message.get("is_error") is not None:
                own = {**message, "content": text}
                own.pop("is_error", None)
        elif waiting:
            out.append(history.Added({"role": "user", "content": waiting}))
            waiting = []
        out.append(own)
    return [*out, history.Added({"role": "user", "content": waiting})] if waiting else out


def _message(message: Json, settled: Settled, target: Target, *, recent: bool) -> Json:
    quirks = target.vendor.quirks
    kept = {key: value for key, value in message.items() if value is not None}
    if kept.get("thinking_blocks"):
        # The same thoughts, of a vendor that seals them.
        kept = {name: value for name, value in kept.items() if name not in _THOUGHTS}
    for name in _OURS:
        kept.pop(name, None)
    if kept["role"] == "developer" and not quirks.developer_role:
        kept["role"] = "system"
    if not quirks.message_name or (kept["role"] == "tool" and not quirks.any_parameter):
        # Of a tool, it says again what the call says (openai 3.54.0 has no such field there).
        kept.pop("name", None)
    kept.pop("cache_control", None)
    if kept["role"] != "assistant":
        kept = {name: value for name, value in kept.items() if not _is_odd(name, target)}
    else:
        told = _assistant(kept, target)
        fate = _fate(settled, target, recent=recent)
        kept = _with_thoughts(told, kept, fate, target)
    if isinstance(kept.get("content"), list):
        answer = kept["role"] == "assistant"
        kept["content"] = openai_parts.content(
            kept["content"], target, known=_is_known(target), answer=answer
        )
    if kept["role"] == "tool":
        kept["content"] = _result(kept.get("content") or "", quirks)
    return kept


def _is_odd(name: str, target: Target) -> bool:
    """Tell whether a member is none of a message of the user's, the system's or a tool's."""
    return _is_known(target) and name not in _OTHERS


def _is_known(target: Target) -> bool:
    """Tell whether anybody knows what the model takes."""
    return target.model is not None and not target.vendor.quirks.any_parameter


def _result(content: Any, quirks: Quirks) -> Any:
    """Return what a tool gave; nothing is said in words, where an empty message is refused."""
    blank = isinstance(content, str) and not content.strip()
    return _NO_RESULT if blank and not quirks.store_and_metadata else content


def _check_files(message: Json, path: str, target: Target) -> None:
    """Raise for a file that only others fetch or know; here only images may be web addresses."""
    content = message.get("content")
    for place, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and history.is_fetched(part.get("file")):
            where = f"{path}.content[{place}].file.file_data"
            text = f"{where}: {target.vendor.name} does not fetch files; send the data itself."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=where)
        if isinstance(part, dict) and openai_native.IMAGE in part:
            where = f"{path}.content[{place}].file.file_id"
            text = f"{where}: {target.key} sees no images that are stored; send the data itself."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=where)


def left_out(messages: list[Json], target: Target) -> list[str]:
    """Return what to call that of messages which the vendor does not take."""
    names = [] if target.vendor.quirks.message_name else [*history.names_of(messages)]
    others = (one for one in messages if one["role"] != "assistant")
    odd = {name for one in others for name in one if one[name] is not None}
    told = {f"messages[].{name}" for name in odd - {*_SILENT} if _is_odd(name, target)}
    if _is_known(target):
        contents = (one.get("content") for one in messages)
        parts = (part for one in contents if isinstance(one, list) for part in one)
        told |= {f"messages[].content[].{name}" for name in openai_parts.odd(parts, target)}
    return names + sorted(told)


def _assistant(message: Json, target: Target) -> Json:
    model, quirks = target.model, target.vendor.quirks
    kept = {key: value for key, value in message.items() if model is None or key in _ASSISTANT}
    if not kept.get("prefix") or (model is not None and quirks.prefill_flag != "prefix"):
        kept.pop("prefix", None)  # Mistral's answers say that they are none
    if not quirks.store_and_metadata:
        kept.pop("audio", None)  # an id at OpenAI
        refusal = kept.pop("refusal", None)
        if refusal and not kept.get("content"):
            kept["content"] = refusal
    elif kept.get("refusal") and not kept.get("content") and not kept.get("tool_calls"):
        # A turn needs content or calls; there, a refusal is a part of it.
        kept["content"] = [{"type": "refusal", "refusal": kept.pop("refusal")}]
    calls = kept.pop("tool_calls", None)
    if calls:
        kept["tool_calls"] = [_call(call, quirks) for call in calls]
        if not kept.get("content"):
            kept["content"] = _UNSAID if quirks.answer_text else None
    return kept


def _fate(settled: Settled, target: Target, *, recent: bool) -> str:
    """Return what becomes of a turn's thoughts; `recent`: the user has said nothing since.

    What is "kept" is no more than there is; what is "demanded" has to be there.
    """
    if target.model is None:
        fate = target.vendor.quirks.unlisted_thoughts
        return "refused" if fate == "demanded" and settled.effort == "none" else fate
    facts, thinking = target.model.reasoning, settled.values.get("thinking")
    if facts.replay and settled.thinks:
        return "demanded"
    # Z.AI's switch for thoughts of all turns (docs.z.ai/guides/capabilities/thinking-mode, 2026)
    all_turns = isinstance(thinking, dict) and thinking.get("clear_thinking") is False
    wanted = facts.interleaved and settled.thinks and (recent or all_turns)
    return "kept" if wanted else "refused"


def _with_thoughts(turn: Json, said: Json, fate: str, target: Target) -> Json:
    """Return an assistant turn with its thoughts as the vendor wants them back, or without.

    `said` holds them by the name of whoever told them: OpenRouter, Groq and vLLM say "reasoning".
    """
    detailed = target.vendor.quirks.thought_details
    # Of a model that nobody knows, nobody knows the name either.
    own = target.model is None and fate == "kept" and not detailed
    kept = turn if own else {key: turn[key] for key in turn if key not in _THOUGHTS}
    thoughts, details = openai_answer.thoughts_of(said), said.get("reasoning_details")
    if fate == "demanded":
        # The placeholder stands for thoughts of another vendor (or none): an absent field is
        # refused, a single space is taken (litellm 1.109.1, moonshot transformation).
        return {**kept, "reasoning_content": thoughts or " "}
    if own or fate == "refused":
        return kept
    if not detailed:
        return {**kept, "reasoning_content": thoughts} if thoughts else kept
    told = details or ([{**_DETAIL, "text": thoughts}] if thoughts else None)
    return {**kept, "reasoning_details": told} if told else kept


def _call(call: Json, quirks: Quirks) -> Json:
    custom = call.get("custom")
    if isinstance(custom, dict) and quirks.store_and_metadata:
        said = {"name": custom.get("name", ""), "input": custom.get("input") or ""}
        return {"id": call["id"], "type": "custom", "custom": said}
    arguments = msgspec.json.encode(history.arguments_of(call)).decode()
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": history.name_of(call), "arguments": arguments},
    }
