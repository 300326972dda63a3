"""OpenAI chat completions: OpenAI, Azure and every vendor that imitates them."""

from collections.abc import Mapping

import msgspec

from services.errors import RoutorError
from services.providers.dialects import (
    assembled,
    completion,
    faults,
    obliged,
    openai_answer,
    openai_request,
)
from services.providers.dialects.contract import Answer, Decoder, Encoded, Json, Target
from services.providers.dialects.openai_stream import OpenAIDecoder


class OpenAIChat:
    """The dialect `openai_chat`."""

    def encode(self, body: Json, target: Target) -> Encoded:
        """Translate a request: the model's rules, then the vendor's quirks."""
        return openai_request.encode(body, target)

    def decode(self, content: bytes, target: Target) -> Answer:
        """Translate a whole answer, or one that came as a stream (`Quirks.thinks_in_streams`)."""
        if assembled.is_stream(content):
            answer = assembled.whole(content, OpenAIDecoder(target), target)
        else:
            answer = openai_answer.decode(content, target)
        return obliged.checked(answer, target)

    def decoder(self, target: Target, request: Json) -> Decoder:
        """Return a fresh decoder for one stream."""
        decoder = OpenAIDecoder(target, completion.count(request.get("n")))
        return obliged.Obliged(decoder, target) if target.must_call else decoder

    def error(
        self, status: int, headers: Mapping[str, str], content: bytes, target: Target
    ) -> RoutorError:
        """Classify an answer whose HTTP status is not 2xx."""
        return faults.classify(status, headers, content, target)

    def models(self, content: bytes) -> list[str] | None:
        """Return the ids of a model list: `{"data": [{"id"}]}`."""
        return model_ids(content, "data", "id")


def model_ids(content: bytes, list_name: str, id_name: str) -> list[str] | None:
    """Return the ids in the list `list_name` of a JSON object, or in a list; None when no list."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    entries = body.get(list_name) if isinstance(body, dict) else body
    if not isinstance(entries, list):
        return None
    ids = (entry.get(id_name) for entry in entries if isinstance(entry, dict))
    return [one for one in ids if isinstance(one, str)]
