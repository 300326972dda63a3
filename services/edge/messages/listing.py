"""Anthropic's list of models.

Source: anthropic 2.12.0, types/model_info.py and pagination.py (2026-11-23).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from routor.v1 import router_pb2
from services.edge import document

Json = dict[str, Any]

LIMIT = 20  # of models on a page, where the caller names none
MOST = 1000
_LIFECYCLES = {"deprecated": "deprecated", "retired": "retired"}


def page(models: Sequence[router_pb2.Model], query: Mapping[str, str]) -> Json:
    """Return a page of the list; `query` is Anthropic's: limit, after_id, before_id."""
    shown = [auto(models), *map(describe, models)]
    ids = [model["id"] for model in shown]
    first, last = 0, len(shown)
    if query.get("after_id") in ids:
        first = ids.index(query["after_id"]) + 1
    if query.get("before_id") in ids:
        last = ids.index(query["before_id"])
    limit = _limit(query.get("limit", str(LIMIT)))
    backwards = "before_id" in query and "after_id" not in query
    cut = shown[first:last][-limit:] if backwards else shown[first:last][:limit]
    return {
        "data": cut,
        "has_more": len(cut) < last - first,
        "first_id": cut[0]["id"] if cut else None,
        "last_id": cut[-1]["id"] if cut else None,
    }


def auto(models: Sequence[router_pb2.Model]) -> Json:
    """Return `auto` in Anthropic's shape: it reads and writes as much as any of its models."""
    return {
        "type": "model",
        "id": "auto",
        "display_name": "Auto",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": max((model.context_window for model in models), default=None),
        "max_tokens": max((model.max_output_tokens for model in models), default=None),
    }


def describe(model: router_pb2.Model) -> Json:
    """Return a model in Anthropic's shape."""
    made = datetime.fromtimestamp(model.created, UTC)
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": _LIFECYCLES.get(model.lifecycle, "active"),
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output_tokens,
    }


def _limit(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= MOST:
        raise document.invalid("limit", f"must be a whole number from 1 to {MOST}")
    return int(given)
