"""Wire formats: one module each, all with the interface of `contract`."""

from collections.abc import Mapping

import msgspec

from services.providers.dialects import (
    anthropic_native,
    anthropic_thinking,
    free_text,
    members,
    naming,
    obliged,
    openai_native,
    parameters,
    passage,
    reasoning,
    stopping,
    structured,
)
from services.providers.dialects.anthropic_messages import AnthropicMessages
from services.providers.dialects.contract import Dialect, Json, Target
from services.providers.dialects.google_generate import GoogleGenerate
from services.providers.dialects.openai_chat import OpenAIChat
from services.providers.dialects.openai_responses import OpenAIResponses

DIALECTS: dict[str, Dialect] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic_messages": AnthropicMessages(),
    "google_generate": GoogleGenerate(),
}


def chosen(target: Target, body: Json) -> tuple[Dialect, Target, Json]:
    """Return the wire format of a request, the target with what is done there, and the request.

    What is done stands in for the vendor; the names of tools are such as it takes.

    It is the vendor's own format, or the one that takes tools and thought together. Raises
    RoutorError(INVALID_REQUEST) for a reasoning_effort that is none of OpenAI's words.
    """
    name = _name(target, body)
    return DIALECTS[name], *fitted(name, target, body)


def fitted(name: str, target: Target, body: Json) -> tuple[Target, Json]:
    """Return the target and the request as `chosen` does, for a format that is given."""
    items = openai_native.NAME in body or anthropic_native.NAME in body
    if name == "anthropic_messages":
        body, target = anthropic_thinking.asked(anthropic_thinking.written(body), target)
    stop = stopping.here(body, target, name)
    must = obliged.here(body, target, name)
    body, names = naming.fit(body, name, lettered=target.vendor.quirks.letter_first)
    free: frozenset[str] = frozenset()
    if name != "openai_responses" and not parameters.is_openai(target):
        body, free = free_text.fit(body)
    by_tool = structured.by_tool(body, target)
    known: Mapping[str, members.Names] = {}
    if name == "anthropic_messages":
        body, known = members.fit(body, by_tool=by_tool)
    done = {
        "stop": stop,
        "must_call": must,
        "names": names,
        "free": free,
        "members": known,
        "items": items,
        "unfenced": passage.is_fenced(body, target),
        "by_tool": by_tool,
    }
    return msgspec.structs.replace(target, **done) if any(done.values()) else target, body


def _name(target: Target, body: Json) -> str:
    missed = openai_native.is_missed(body) or openai_native.is_shown_more(body)
    if missed and openai_native.speaks(target):
        return "openai_responses"
    model = target.model
    # Chat completions neither take tools with thoughts nor tell any.
    both = body.get("tools") or openai_native.is_told_thoughts(body)
    if model is None:
        both = both and target.vendor.quirks.unlisted_over_responses
        asked = both and reasoning.asked(body, target) not in ("", "none")
        return "openai_responses" if asked else target.vendor.dialect
    both = both and model.parameters.tools_over_responses
    if both and reasoning.will_think(body, target, model):
        return "openai_responses"
    return target.vendor.dialect
