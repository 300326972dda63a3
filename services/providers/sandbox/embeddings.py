"""Embeddings as the imitated vendors give them. Pure: equal texts have equal vectors.

Sources: openai 3.54.0, types/create_embedding_response.py; mistralai 3.7.0,
models/embeddingrequest.py; https://ai.google.dev/api/embeddings (2026-11-23).
"""

import base64
import hashlib
import struct
from typing import Any

import msgspec

from services.providers.sandbox.answer import tokens
from services.providers.sandbox.errors import Trouble, names
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]

MODELS = {
    "openai": ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"),
    "google": ("gemini-embedding-001", "gemini-embedding-2"),
    "mistral": ("mistral-embed", "codestral-embed"),
    "alibaba": ("text-embedding-v4",),
}
_FIELDS = {
    "openai": names("input model encoding_format dimensions user"),
    "mistral": names("input model output_dimension output_dtype encoding_format metadata"),
    "alibaba": names("input model dimensions encoding_format user"),
}
_DIMENSIONS = 64  # unless the request says


def whole(vendor: Vendor, model: str, body: Json) -> bytes:
    """Return the JSON answer; raises Trouble for what the vendor refuses."""
    if vendor.dialect == "google_generate":
        return _google(body)
    for field in body.keys() - _FIELDS[vendor.id]:
        raise Trouble("invalid", f"Unknown parameter: '{field}'.", field, "unknown_parameter")
    given = body.get("input")
    if not isinstance(given, str | list) or not given:
        raise Trouble("invalid", "'$.input' is invalid.", param="input")
    texts = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    if any(text in ("", []) for text in texts):
        raise Trouble("invalid", "'$.input' is invalid: it is empty.", param="input")
    size = body.get("dimensions") or body.get("output_dimension") or _DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, size, packed=packed)}
        for index, text in enumerate(texts)
    ]
    count = sum(tokens(str(text)) for text in texts)
    used = {"prompt_tokens": count, "total_tokens": count}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": used})


def _google(body: Json) -> bytes:
    vectors = []
    for number, one in enumerate(body["requests"]):
        text = " ".join(str(part.get("text", "")) for part in one["content"]["parts"])
        if not text:
            raise Trouble("invalid", f"requests[{number}].content is empty.")
        size = one.get("outputDimensionality") or _DIMENSIONS
        vectors.append({"values": _vector(text, size, packed=False)})
    return msgspec.json.encode({"embeddings": vectors})


def _vector(text: object, size: int, *, packed: bool) -> list[float] | str:
    seed = hashlib.shake_256(str(text).encode()).digest(size)
    values = [byte / 127.5 - 1 for byte in seed]
    if packed:
        return base64.b64encode(struct.pack(f"<{size}f", *values)).decode()
    return values
