"""OpenAI Responses, statelessly: where chat completions refuse tools with reasoning."""

from collections.abc import Mapping

from services.errors import RoutorError
from services.providers.dialects import faults, openai_chat, responses_answer, responses_request
from services.providers.dialects.contract import Answer, Decoder, Encoded, Json, Target
from services.providers.dialects.responses_stream import ResponsesDecoder

# What chat completions call the fields of a request that an error may name.
_PARAMS = {
    "input": "messages",
    "max_output_tokens": "max_completion_tokens",
    "reasoning": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",
    "text.format": "response_format",
    "text.format.schema": "response_format.json_schema.schema",
    "text.verbosity": "verbosity",
}


class OpenAIResponses:
    """The dialect `openai_responses`."""

    def encode(self, body: Json, target: Target) -> Encoded:
        """Translate a request."""
        return responses_request.encode(body, target)

    def decode(self, content: bytes, target: Target) -> Answer:
        """Translate a whole answer."""
        return responses_answer.decode(content, target)

    def decoder(self, target: Target, request: Json) -> Decoder:
        """Return a fresh decoder for one stream."""
        return ResponsesDecoder(target)

    def error(
        self, status: int, headers: Mapping[str, str], content: bytes, target: Target
    ) -> RoutorError:
        """Classify an answer whose HTTP status is not 2xx."""
        error = faults.classify(status, headers, content, target)
        # Items are not counted as messages are: of `input[3]` only the input is told.
        named = (error.param or "").partition("[")[0]
        error.param = _PARAMS.get(named, error.param)
        return error

    def models(self, content: bytes) -> list[str] | None:
        """Return the ids of a model list: `{"data": [{"id"}]}`."""
        return openai_chat.model_ids(content, "data", "id")
