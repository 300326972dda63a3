"""Errors in Anthropic's shape.

Source: https://platform.claude.com/docs/en/api/errors (2026-11-23).
"""

from typing import Any

from services.edge.problem import Shape, tried
from services.errors import Kind, RoutorError

# Who sends it speaks Anthropic's format.
SPOKEN = "anthropic-version"

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}

# Told this, Anthropic's SDK sends the whole conversation again instead of naming the last answer
# (anthropic 2.12.0, types/thread_unsupported_request_error_details.py, 2026-11-23).
_THREADLESS = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
# Claude Code makes a conversation shorter when an error begins with Anthropic's words for one that
# is too long, and gives up at others' (github.com/sbluemin/fleet-harness/pull/461, 2026-08;
# github.com/Yeachan-Heo/oh-my-claudecode/issues/3574, 2026-07).
_TOO_LONG = "prompt is too long"


def document(error: RoutorError, request_id: str) -> dict[str, Any]:
    """Return the body of an error; what was tried upstream stands in `error.routor`."""
    told: dict[str, Any] = {"type": kind(error.kind.rule.http), "message": _message(error)}
    if error.kind is Kind.UNSUPPORTED_PARAMETER and error.param == "thread":
        told["details"] = _THREADLESS
    told |= tried(error, request_id)
    return {"type": "error", "error": told, "request_id": request_id}


def _message(error: RoutorError) -> str:
    named = error.message.lower().startswith(_TOO_LONG)
    if error.kind is not Kind.CONTEXT_TOO_LONG or named:
        return error.message
    return f"{_TOO_LONG}: {error.message}"


def refused(status: int, text: str, request_id: str) -> dict[str, Any]:
    """Return the body for what never reached a front door."""
    named = "not_found_error" if status == 404 else "invalid_request_error"
    return {"type": "error", "error": {"type": named, "message": text}, "request_id": request_id}


def kind(status: int) -> str:
    """Return Anthropic's word for an HTTP status."""
    return _TYPES.get(status, "api_error")


ANTHROPIC = Shape(document, refused)
