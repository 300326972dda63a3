"""The free list of models, in each vendor's shape. Pure.

Shapes after the model types of openai 3.54.0, anthropic 2.12.0, google-genai 3.4.0 and mistralai
3.7.0, read 2026-11-23; pages as Anthropic (after_id, 20 each) and Google (pageToken, 50 each)
cut them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.providers.sandbox.errors import Trouble
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]

_BIRTH = 1_767_225_600
_BIRTHDAY = "2026-01-01T00:00:00Z"


def listing(vendor: Vendor, models: Sequence[str], query: Mapping[str, str]) -> Json:
    """Return the page of the list that `query` asks for."""
    if vendor.dialect == "anthropic_messages":
        return _anthropic(models, query)
    if vendor.dialect == "google_generate":
        return _google(models, query)
    data = [_card(vendor, model) for model in models]
    return {"object": "list", "data": data}


def _card(vendor: Vendor, model: str) -> Json:
    card: Json = {"id": model, "object": "model", "created": _BIRTH, "owned_by": vendor.id}
    match vendor.id:
        case "openai":
            return card | {"shutdown_date": None}
        case "deepseek":
            return {"id": model, "object": "model", "owned_by": "deepseek"}
        case "mistral":
            able = {"completion_chat": True, "function_calling": True, "vision": False}
            card |= {"owned_by": "mistralai", "name": model, "max_context_length": 262144}
            return card | {"aliases": [], "deprecation": None, "type": "base", "capabilities": able}
        case "microsoft":
            able = {"chat_completion": True, "inference": True}
            mine = {"status": "succeeded", "capabilities": able}
            return {"id": model, "object": "model", "created_at": _BIRTH, **mine}
    return card


def _page(models: Sequence[str], start: int, limit: str) -> Sequence[str]:
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise Trouble("invalid", "The page size must be a number from 1 to 1000.")
    return models[start : start + int(limit)]


def _anthropic(models: Sequence[str], query: Mapping[str, str]) -> Json:
    after = query.get("after_id")
    start = models.index(after) + 1 if after in models else 0
    page = _page(models, start, query.get("limit", "20"))
    data = [
        {
            "type": "model",
            "id": model,
            "display_name": model,
            "created_at": _BIRTHDAY,
            "lifecycle": "active",
            "deprecated_at": None,
            "retires_at": None,
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
        }
        for model in page
    ]
    more = start + len(page) < len(models)
    ends = {"first_id": page[0], "last_id": page[-1]} if page else {}
    return {"data": data, "has_more": more, **ends}


def _google(models: Sequence[str], query: Mapping[str, str]) -> Json:
    token = query.get("pageToken", "0")
    start = int(token) if token.isdigit() else 0
    page = _page(models, start, query.get("pageSize", "50"))
    data = [
        {
            "name": f"models/{model}",
            "displayName": model,
            "version": "001",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "thinking": True,
        }
        for model in page
    ]
    end = start + len(page)
    return {"models": data} | ({"nextPageToken": str(end)} if end < len(models) else {})
