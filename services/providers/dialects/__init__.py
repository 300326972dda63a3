"""Wire formats: one module each, all with the interface of `contract`."""

import msgspec

from services.providers.dialects import reasoning, stopping
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


def chosen(target: Target, body: Json) -> tuple[Dialect, Target]:
    """Return the wire format of a request, and the target with what is done for the vendor there.

    It is the vendor's own format, or the one that takes tools and thought together. Raises
    RoutorError(INVALID_REQUEST) for a reasoning_effort that is none of OpenAI's words.
    """
    name = _name(target, body)
    stop = stopping.here(body, target, name)
    return DIALECTS[name], msgspec.structs.replace(target, stop=stop) if stop else target


def _name(target: Target, body: Json) -> str:
    model = target.model
    both = model is not None and model.parameters.tools_over_responses and body.get("tools")
    if model is not None and both and reasoning.will_think(body, target, model):
        return "openai_responses"
    return target.vendor.dialect
