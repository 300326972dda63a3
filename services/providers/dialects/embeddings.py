"""Embeddings: OpenAI's request to each vendor's, and its vectors back as OpenAI lists them.

Beside the dialects of conversations: each embedding model makes one, over its vendor's own.
Shapes: openai 3.54.0, types/embedding_create_params.py and create_embedding_response.py;
mistralai 3.7.0, models/embeddingrequest.py; https://ai.google.dev/api/embeddings (2026-11-23).
"""

import math
from typing import Any

import msgspec

from services.catalog import Embedding
from services.errors import Kind, RoutorError
from services.providers.dialects import faults, openai_answer
from services.providers.dialects.completion import count
from services.providers.dialects.contract import (
    Answer,
    Decoder,
    Dialect,
    Encoded,
    Json,
    Target,
    Usage,
)
from services.tokens import density


class Embeddings:
    """The dialect of one request to one embedding model.

    Its errors are those of its vendor's `usual` dialect.
    """

    def __init__(self, model: Embedding, usual: Dialect, request: Json) -> None:
        self._model = model
        self._given = texts(request)
        self._usual = usual
        self.models = usual.models
        self.error = usual.error

    def encode(self, body: Json, target: Target) -> Encoded:
        """Translate a request."""
        return encode(body, self._model, target)

    def decode(self, content: bytes, target: Target) -> Answer:
        """Translate an answer."""
        return decode(content, target, self._given)

    def decoder(self, target: Target, request: Json) -> Decoder:
        """Raise: vectors are not streamed."""
        raise RoutorError(Kind.INTERNAL, "Embeddings are not streamed.")


def encode(body: Json, model: Embedding, target: Target) -> Encoded:
    """Translate a request. Raises RoutorError naming the field that the model does not take."""
    given = body["input"]
    _check(body, texts(body), model)
    if target.vendor.dialect == "google_generate":
        return _google(texts(body), body, target)
    request: Json = {"model": target.upstream_model, "input": given}
    field = "output_dimension" if target.vendor.id == "mistral" else "dimensions"
    if body.get("dimensions") is not None:
        request[field] = body["dimensions"]
    dropped: tuple[str, ...] = ()
    if target.vendor.quirks.store_and_metadata:
        # As the caller asked: numbers that went through base64 read otherwise than the vendor's.
        request |= {name: body[name] for name in ("encoding_format", "user") if body.get(name)}
    elif body.get("user") is not None:
        dropped = ("user",)
    return Encoded("/embeddings", msgspec.json.encode(request), dropped=dropped)


def decode(content: bytes, target: Target, given: list[Any]) -> Answer:
    """Translate an answer; vectors are lists of numbers or base64 of little-endian float32.

    `given` are the texts. Where their tokens are not told, as Gemini may leave them out, these are
    estimated: they are paid for, and budgets count them.
    """
    body = openai_answer.parsed(content, target)
    if target.vendor.dialect == "google_generate":
        vectors: list[Any] = [_values(one) for one in openai_answer.rows(body, "embeddings")]
        told = _told(body, "usageMetadata", "promptTokenCount")
    else:
        vectors = _in_order(openai_answer.rows(body, "data"), target)
        told = _told(body, "usage", "prompt_tokens")
    if not vectors or not all(vectors):
        raise faults.bad_answer(target, "an answer without vectors")
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = told or sum(map(_estimated, given))
    used = {"prompt_tokens": tokens, "total_tokens": tokens}
    told_all = {"object": "list", "data": data, "model": target.key, "usage": used}
    return Answer(told_all, Usage(input_tokens=tokens))


def _told(body: Json, table: str, name: str) -> int:
    """Return the count of tokens that an answer tells; 0 where it tells none."""
    counters = body.get(table)
    return count(counters.get(name)) if isinstance(counters, dict) else 0


def _estimated(given: Any) -> int:
    """Return about how many tokens a text has, or how many a list of them has."""
    return math.ceil(len(given) * density(given)) if isinstance(given, str) else len(given)


def _in_order(rows: list[Any], target: Target) -> list[Any]:
    """Return the vectors by their indices; raises RoutorError where these do not count them.

    A vector whose place is not told, or told twice, is perhaps that of another text.
    """
    placed = {
        row["index"]: row.get("embedding")
        for row in rows
        if isinstance(row, dict) and type(row.get("index")) is int
    }
    if len(placed) != len(rows) or not all(place in placed for place in range(len(rows))):
        raise faults.bad_answer(target, "vectors whose indices do not fit their number")
    return [placed[place] for place in range(len(rows))]


def texts(body: Json) -> list[Any]:
    """Return what a request wants vectors of: texts, or lists of token numbers."""
    given: Any = body["input"]
    return [given] if isinstance(given, str) or _are_tokens(given) else given


def _are_tokens(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and isinstance(given[0], int)


def _check(body: Json, given: list[Any], model: Embedding) -> None:
    if len(given) > model.max_inputs:
        text = f"input: {model.key} takes at most {model.max_inputs} texts at once."
        raise RoutorError(Kind.INVALID_REQUEST, text, param="input")
    if not model.tokens_input and not all(isinstance(text, str) for text in given):
        raise _unsupported("input", model, "as text, not as token numbers")
    wanted = body.get("dimensions")
    if wanted is None or wanted == model.dimensions:
        return
    if not model.shortens or wanted > model.dimensions:
        raise _unsupported("dimensions", model, f"with {model.dimensions} dimensions")


def _unsupported(param: str, model: Embedding, what: str) -> RoutorError:
    text = f"{param}: {model.key} takes it only {what}."
    return RoutorError(
        Kind.UNSUPPORTED_PARAMETER, text, param=param, provider=model.provider, model=model.key
    )


def _google(given: list[str], body: Json, target: Target) -> Encoded:
    size = body.get("dimensions")
    shortened = {"outputDimensionality": size} if size is not None else {}
    name = f"models/{target.upstream_model}"
    requests = [
        {"model": name, "content": {"parts": [{"text": text}]}, **shortened} for text in given
    ]
    path = f"/v1beta/{name}:batchEmbedContents"
    dropped = ("user",) if body.get("user") is not None else ()
    return Encoded(path, msgspec.json.encode({"requests": requests}), dropped=dropped)


def _values(given: Any) -> Any:
    return given.get("values") if isinstance(given, dict) else None
