"""The one error type of Routor and its taxonomy. Pure: no I/O, no clock.

A `RoutorError` is raised where something fails, crosses gRPC as google.rpc.Status
(`services.rpc`) and becomes HTTP in one file per front door.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from routor.v1.types_pb2 import Attempt

E = TypeVar("E", bound=BaseException)


@dataclass(frozen=True)
class Rule:
    """What follows from a kind of error.

    `http`, `type` and `code` are what OpenAI clients see; `grpc` is the name of the
    gRPC status code; `tries_next` says whether the chain goes on; `counts` whether
    it is evidence against the provider.
    """

    http: int
    type: str
    code: str | None
    grpc: str
    tries_next: bool = False
    counts: bool = False


class Kind(StrEnum):
    """Every way a request can fail."""

    INVALID_REQUEST = "INVALID_REQUEST"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    OUT_OF_BUDGET = "OUT_OF_BUDGET"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    NOT_FOUND = "NOT_FOUND"
    TOO_LARGE = "TOO_LARGE"
    NO_CAPABLE_MODEL = "NO_CAPABLE_MODEL"
    CALLER_RATE_LIMITED = "CALLER_RATE_LIMITED"
    OVERLOADED = "OVERLOADED"
    CONTEXT_TOO_LONG = "CONTEXT_TOO_LONG"
    UNSUPPORTED_PARAMETER = "UNSUPPORTED_PARAMETER"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    PROVIDER_RATE_LIMITED = "PROVIDER_RATE_LIMITED"
    PROVIDER_QUOTA = "PROVIDER_QUOTA"
    PROVIDER_AUTH = "PROVIDER_AUTH"
    MODEL_GONE = "MODEL_GONE"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"
    STREAM_BROKEN = "STREAM_BROKEN"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"

    @property
    def rule(self) -> Rule:
        """What follows from this kind."""
        return RULES[self]


# What each kind means: to the client, to the chain and to the health of the provider.
RULES = {
    Kind.INVALID_REQUEST: Rule(400, "invalid_request_error", None, "INVALID_ARGUMENT"),
    Kind.UNAUTHENTICATED: Rule(401, "invalid_request_error", "invalid_api_key", "UNAUTHENTICATED"),
    Kind.PERMISSION_DENIED: Rule(
        403, "invalid_request_error", "permission_denied", "PERMISSION_DENIED"
    ),
    Kind.OUT_OF_BUDGET: Rule(
        402, "insufficient_quota", "insufficient_quota", "FAILED_PRECONDITION"
    ),
    Kind.UNKNOWN_MODEL: Rule(404, "invalid_request_error", "model_not_found", "NOT_FOUND"),
    Kind.NOT_FOUND: Rule(404, "invalid_request_error", "not_found", "NOT_FOUND"),
    Kind.TOO_LARGE: Rule(
        413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT", tries_next=True
    ),
    Kind.NO_CAPABLE_MODEL: Rule(
        422, "invalid_request_error", "no_capable_model", "FAILED_PRECONDITION"
    ),
    Kind.CALLER_RATE_LIMITED: Rule(
        429, "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"
    ),
    Kind.OVERLOADED: Rule(503, "server_error", "overloaded", "UNAVAILABLE"),
    Kind.CONTEXT_TOO_LONG: Rule(
        400, "invalid_request_error", "context_length_exceeded", "OUT_OF_RANGE", tries_next=True
    ),
    Kind.UNSUPPORTED_PARAMETER: Rule(
        400, "invalid_request_error", "unsupported_parameter", "INVALID_ARGUMENT", tries_next=True
    ),
    Kind.CONTENT_REFUSED: Rule(
        400, "invalid_request_error", "content_filter", "FAILED_PRECONDITION"
    ),
    Kind.PROVIDER_RATE_LIMITED: Rule(
        429, "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED", tries_next=True
    ),
    Kind.PROVIDER_QUOTA: Rule(
        429, "insufficient_quota", "insufficient_quota", "UNAVAILABLE", tries_next=True, counts=True
    ),
    Kind.PROVIDER_AUTH: Rule(
        502, "server_error", "provider_auth", "UNAVAILABLE", tries_next=True, counts=True
    ),
    Kind.MODEL_GONE: Rule(
        404, "invalid_request_error", "model_not_found", "UNAVAILABLE", tries_next=True
    ),
    Kind.PROVIDER_UNAVAILABLE: Rule(
        502, "server_error", "provider_unavailable", "UNAVAILABLE", tries_next=True, counts=True
    ),
    Kind.PROVIDER_TIMEOUT: Rule(
        504, "server_error", "provider_timeout", "DEADLINE_EXCEEDED", tries_next=True, counts=True
    ),
    Kind.STREAM_BROKEN: Rule(502, "server_error", "stream_broken", "ABORTED", counts=True),
    Kind.CANCELLED: Rule(499, "server_error", "cancelled", "CANCELLED"),
    Kind.INTERNAL: Rule(500, "server_error", "internal_error", "INTERNAL"),
}


class RoutorError(Exception):
    """A request failed, for a known reason.

    `message` is shown to the caller: it names the field or the provider and says what
    to do, and never holds a secret or prompt text. `param` is the path of the faulty
    field (`messages[3].content`). `retry_after_s` is how long to wait, in seconds.
    `attempts` is what was tried upstream, in order.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        param: str | None = None,
        provider: str = "",
        model: str = "",
        code: str | None = None,
        upstream_status: int = 0,
        retry_after_s: float | None = None,
        attempts: Sequence[Attempt] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.param = param
        self.provider = provider
        self.model = model
        self.code = code or kind.rule.code
        self.upstream_status = upstream_status
        self.retry_after_s = retry_after_s
        self.attempts = tuple(attempts)

    def __repr__(self) -> str:
        return f"RoutorError({self.kind.name}, {self.message!r})"


def bare(failure: E) -> E:
    """Return an exception without where it came from, once nobody will ask that.

    Its frames hold the request and what was read of an answer. Where they hold the exception as
    well, or the task that it ended, all of it would stay until the collector of garbage comes.
    """
    failure.__cause__ = failure.__context__ = failure.__traceback__ = None
    return failure
