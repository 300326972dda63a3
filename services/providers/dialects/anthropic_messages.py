"""Anthropic Messages: Anthropic, and the vendors that offer the same door."""

from collections.abc import Mapping

from services.errors import RoutorError
from services.providers.dialects import anthropic_answer, anthropic_request, faults
from services.providers.dialects.anthropic_stream import AnthropicDecoder
from services.providers.dialects.contract import Answer, Decoder, Encoded, Json, Target
from services.providers.dialects.conversation import spelled
from services.providers.dialects.openai_chat import model_ids


class AnthropicMessages:
    """The dialect `anthropic_messages`."""

    def encode(self, body: Json, target: Target) -> Encoded:
        """Translate a request."""
        return anthropic_request.encode(spelled(body), target)

    def decode(self, content: bytes, target: Target) -> Answer:
        """Translate a whole message."""
        return anthropic_answer.decode(content, target)

    def decoder(self, target: Target, request: Json) -> Decoder:
        """Return a fresh decoder for one stream."""
        options = request.get("stream_options") or {}
        return AnthropicDecoder(target, usage_at_start=bool(options.get("usage_at_start")))

    def error(
        self, status: int, headers: Mapping[str, str], content: bytes, target: Target
    ) -> RoutorError:
        """Classify an answer whose HTTP status is not 2xx."""
        return faults.classify(status, headers, content, target)

    def models(self, content: bytes) -> list[str] | None:
        """Return the ids of a model list: `{"data": [{"id"}]}`."""
        return model_ids(content, "data", "id")
