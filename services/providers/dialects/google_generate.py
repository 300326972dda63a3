"""Gemini generateContent: Google's own wire format."""

from collections.abc import Mapping

from services.errors import RoutorError
from services.providers.dialects import completion, faults, google_answer, google_request
from services.providers.dialects.contract import Answer, Decoder, Encoded, Json, Target
from services.providers.dialects.conversation import spelled
from services.providers.dialects.google_stream import GoogleDecoder
from services.providers.dialects.openai_chat import model_ids


class GoogleGenerate:
    """The dialect `google_generate`."""

    def encode(self, body: Json, target: Target) -> Encoded:
        """Translate a request; the path names the model and whether it streams."""
        return google_request.encode(spelled(body), target)

    def decode(self, content: bytes, target: Target) -> Answer:
        """Translate a whole answer."""
        return google_answer.decode(content, target)

    def decoder(self, target: Target, request: Json) -> Decoder:
        """Return a fresh decoder for one stream."""
        return GoogleDecoder(target, completion.count(request.get("n")))

    def error(
        self, status: int, headers: Mapping[str, str], content: bytes, target: Target
    ) -> RoutorError:
        """Classify an answer whose HTTP status is not 2xx."""
        return faults.classify(status, headers, content, target)

    def models(self, content: bytes) -> list[str] | None:
        """Return the ids of a model list: `{"models": [{"name": "models/ID"}]}`."""
        names = model_ids(content, "models", "name")
        return None if names is None else [name.removeprefix("models/") for name in names]
