"""Errors in Anthropic's shape.

Source: https://platform.claude.com/docs/en/api/errors (2026-11-23).
"""

from typing import Any

from services.errors import RoutorError

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


def document(error: RoutorError, request_id: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {
        "type": "error",
        "error": {"type": kind(error.kind.rule.http), "message": error.message},
        "request_id": request_id,
    }


def kind(status: int) -> str:
    """Return Anthropic's word for an HTTP status."""
    return _TYPES.get(status, "api_error")
