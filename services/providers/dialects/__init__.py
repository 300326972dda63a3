"""Wire formats: one module each, all with the interface of `contract`."""

from services.providers.dialects.anthropic_messages import AnthropicMessages
from services.providers.dialects.contract import Dialect
from services.providers.dialects.google_generate import GoogleGenerate
from services.providers.dialects.openai_chat import OpenAIChat

DIALECTS: dict[str, Dialect] = {
    "openai_chat": OpenAIChat(),
    "anthropic_messages": AnthropicMessages(),
    "google_generate": GoogleGenerate(),
}
