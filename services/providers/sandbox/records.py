"""What was asked of the sandbox lately, for tests to look at. In memory, bounded, without keys."""

from collections import deque
from typing import Any

import msgspec
from aiohttp import web

from services.providers.sandbox.vendors import Vendor

_KEPT = 200
_BODY_LIMIT = 100_000  # bytes; of a larger body only the size is kept
_SECRET = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})


class Record(msgspec.Struct):
    """One request; `disconnected` when the client left before its answer had ended."""

    provider: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int | None = None
    done: bool = False
    disconnected: bool = False


class Records:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Record] = deque(maxlen=_KEPT)

    def add(self, vendor: Vendor, request: web.Request, content: bytes) -> Record:
        """Keep the request; its keys are replaced by the word "present"."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers |= dict.fromkeys(headers.keys() & _SECRET, "present")
        query = dict(request.query) | ({"key": "present"} if "key" in request.query else {})
        body = _parsed(content)
        record = Record(vendor.id, request.method, request.path, query, headers, body)
        self._kept.append(record)
        return record

    def of(self, provider: str | None) -> list[Record]:
        """Return the kept requests to one provider, or to all."""
        return [record for record in self._kept if provider in {None, record.provider}]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


def _parsed(content: bytes) -> Any:
    if len(content) > _BODY_LIMIT:
        return {"bytes": len(content)}
    try:
        return msgspec.json.decode(content) if content else None
    except ValueError:
        return content.decode(errors="replace")
