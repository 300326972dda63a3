"""The one file where an error becomes HTTP, in OpenAI's shape."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from services.errors import Kind, RoutorError

SERVER = "routor"
MOST_RETRY_AFTER_S = 600
# Clients retry 429 and 5xx by themselves; these will not be better the next time, or have
# already cost all the time there was.
HOPELESS = frozenset(
    {
        Kind.PROVIDER_QUOTA,
        Kind.PROVIDER_AUTH,
        Kind.MODEL_GONE,
        Kind.PROVIDER_TIMEOUT,
        Kind.STREAM_BROKEN,
        Kind.INTERNAL,
    }
)
_CODES = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}


def document(error: RoutorError, request_id: str) -> dict[str, Any]:
    """Return the body of an error; what was tried upstream stands in `error.routor`."""
    rule = error.kind.rule
    fault: dict[str, Any] = {
        "message": error.message,
        "type": rule.type,
        "param": error.param,
        "code": error.code,
    }
    return {"error": {**fault, **tried(error, request_id)}}


def tried(error: RoutorError, request_id: str) -> dict[str, Any]:
    """Return the member `routor` of an error, whatever its shape; none when nobody was called."""
    if not error.attempts:
        return {}
    names = ("provider", "model", "kind", "http_status", "latency_ms")
    attempts = [{name: getattr(attempt, name) for name in names} for attempt in error.attempts]
    for attempt in attempts:
        attempt["latency_ms"] = round(attempt["latency_ms"], 1)
    return {"routor": {"request_id": request_id, "attempts": attempts}}


def refused(status: int, text: str, request_id: str) -> dict[str, Any]:
    """Return the body for what never reached a front door."""
    code = _CODES.get(status)
    fault = {"message": text, "type": "invalid_request_error", "param": None, "code": code}
    return {"error": fault}


class Shape(NamedTuple):
    """How the clients of a path are told what went wrong: errors, and refusals by HTTP status."""

    error: Callable[[RoutorError, str], dict[str, Any]]
    refused: Callable[[int, str, str], dict[str, Any]]


OPENAI = Shape(document, refused)


def response(error: RoutorError, body: Mapping[str, Any]) -> web.Response:
    """Return the whole HTTP answer of an error, `body` being what its door makes of it."""
    return web.Response(
        status=error.kind.rule.http,
        headers=_headers(error),
        body=msgspec.json.encode(body),
        content_type="application/json",
    )


def refusal(told: web.HTTPException, method: str, request_id: str, shape: Shape) -> web.Response:
    """Return the HTTP answer to what never reached a front door: no such path, method or type."""
    status = told.status
    texts = {
        404: "There is nothing at this path.",
        405: f"This path does not take {method[:16]}.",
        415: told.text or "The body must be JSON.",
    }
    headers = {"Allow": told.headers["Allow"]} if "Allow" in told.headers else {}
    body = shape.refused(status, texts.get(status, told.reason), request_id)
    return web.Response(
        status=status,
        headers=headers,
        body=msgspec.json.encode(body),
        content_type="application/json",
    )


def malformed(status: int) -> web.Response:
    """Return the HTTP answer to what is not even HTTP; nothing of it is repeated."""
    kind = Kind.INVALID_REQUEST if status < 500 else Kind.INTERNAL
    text = "The HTTP request is malformed." if status < 500 else "The request failed; try again."
    return web.Response(
        status=status,
        headers={"Server": SERVER},
        body=msgspec.json.encode(document(RoutorError(kind, text), "")),
        content_type="application/json",
    )


def _head_too_large() -> bytes:
    text = "The head of the request is too large."
    fault = RoutorError(Kind.INVALID_REQUEST, text)
    body = msgspec.json.encode(document(fault, ""))
    lines = [
        "HTTP/1.1 431 Request Header Fields Too Large",
        f"Server: {SERVER}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


HEAD_TOO_LARGE = _head_too_large()


def _headers(error: RoutorError) -> Mapping[str, str]:
    headers = {}
    status = error.kind.rule.http
    if error.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.kind in HOPELESS or (status < 500 and status != 429):
        headers["x-should-retry"] = "false"
    if status in (429, 503) or (
        error.retry_after_s is not None and "x-should-retry" not in headers
    ):
        wait_s = math.ceil(error.retry_after_s or 1)
        headers["Retry-After"] = str(min(max(wait_s, 1), MOST_RETRY_AFTER_S))
    return headers
