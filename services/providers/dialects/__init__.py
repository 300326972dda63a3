"""Wire formats: one module each, all with the interface of `contract`."""

from services.providers.dialects import reasoning
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


def chosen(target: Target, body: Json) -> Dialect:
    """Return the wire format of a request: the vendor's, or the one that takes tools and thought.

    Raises RoutorError(INVALID_REQUEST) for a reasoning_effort that is none of OpenAI's words.
    """
    model = target.model
    if model is not None and model.parameters.tools_over_responses and body.get("tools"):
        effort = reasoning.resolve(reasoning.asked(body, target), model)
        if reasoning.thinks(effort, model):
            return DIALECTS["openai_responses"]
    return DIALECTS[target.vendor.dialect]
