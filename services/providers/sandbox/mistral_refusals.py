"""What Mistral refuses that a careless gateway sends. Pure.

Sources, read 2026-11: mistralai 3.7.0 (ChatCompletionRequest and the messages), mistral-common
1.13.1 (validator.py: ids, order of roles); greedy sampling: measured 2026-08-30 (Orkeon).
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from services.providers.sandbox.errors import Trouble, names
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]

_FIELDS = names(
    "frequency_penalty guardrails logprobs max_tokens messages metadata min_tokens model n "
    "parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_logprobs "
    "prompt_mode random_seed reasoning_effort repetition_penalty response_format safe_prompt "
    "service_tier stop stream temperature tool_choice tools top_k top_logprobs "
    "top_prompt_logprobs top_p"
)
_MESSAGES: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_PARTS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text"}),
    "image_url": frozenset({"type", "image_url"}),
}


def _fields(_vendor: Vendor, body: Json) -> None:
    for field in body.keys() - _FIELDS:
        raise Trouble("schema", "Extra inputs are not permitted", param=field)
    for number, message in enumerate(body["messages"]):
        known = _MESSAGES.get(message["role"])
        if known is None:
            raise Trouble("schema", "Unknown role", param=f"messages.{number}.role")
        for field in message.keys() - known:
            where = f"messages.{number}.{message['role']}.{field}"
            raise Trouble("schema", "Extra inputs are not permitted", param=where)
        _parts(number, message.get("content"))


def _parts(number: int, content: Any) -> None:
    for place, part in enumerate(content if isinstance(content, list) else ()):
        for field in part.keys() - _PARTS.get(part.get("type"), part.keys()):
            where = f"messages.{number}.content.{place}.{field}"
            raise Trouble("schema", "Extra inputs are not permitted", param=where)


def _ids(_vendor: Vendor, body: Json) -> None:
    ids = [message.get("tool_call_id") for message in body["messages"]]
    ids += [call.get("id") for m in body["messages"] for call in m.get("tool_calls") or ()]
    for one in ids:
        if one is not None and not re.fullmatch("[a-zA-Z0-9]{9}", one):
            text = f"Tool call id was {one} but must be a-z, A-Z, 0-9, with a length of 9."
            raise Trouble("invalid", text, code="3280")


_FOLLOWS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"system", "user", "assistant"}),
    "user": frozenset({"system", "user", "assistant"}),
    "assistant": frozenset({"user", "assistant", "tool"}),
    "tool": frozenset({"assistant", "tool"}),
}


def _order(_vendor: Vendor, body: Json) -> None:
    """Refuse roles in another order than the chat template's (mistral-common, validator.py)."""
    roles = [message["role"] for message in body["messages"]]
    for before, role in pairwise(roles):
        if role not in _FOLLOWS[before]:
            raise Trouble("invalid", f"Unexpected role '{role}' after role '{before}'", code="3230")
    if roles[-1] == "system":
        text = "Expected last role User or Tool for serving but got system"
        raise Trouble("invalid", text, code="3230")


def _greedy(_vendor: Vendor, body: Json) -> None:
    """Refuse a choice among tokens where there is none; left out, top_p may be another than 1."""
    if body.get("temperature") == 0 and body.get("top_p") != 1:
        raise Trouble("invalid", "top_p must be 1 when using greedy sampling.", param="top_p")


CHECKS: tuple[Callable[[Vendor, Json], None], ...] = (_fields, _ids, _order, _greedy)
