"""How each vendor words a refusal: HTTP status, codes and the shape of the body. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import msgspec

from services.providers.sandbox.error_codes import CODES, CONTEXT
from services.providers.sandbox.vendors import Vendor

Json = dict[str, Any]

# Kind of trouble -> the usual HTTP status.
STATUS: Mapping[str, int] = {
    "invalid": 400,
    "unsupported": 400,
    "context": 400,
    "unauthenticated": 401,
    "billing": 402,
    "forbidden": 403,
    "not_found": 404,
    "timeout": 408,
    "too_large": 413,
    "schema": 422,
    "rate": 429,
    "quota": 429,
    "internal": 500,
    "bad_gateway": 502,
    "overloaded": 503,
    "gateway_timeout": 504,
    "busy": 529,
}
KIND_OF_STATUS: Mapping[int, str] = {
    status: kind
    for kind, status in STATUS.items()
    if kind not in {"invalid", "unsupported", "quota"}
}

MESSAGES: Mapping[str, str] = {
    "invalid": "The request is invalid.",
    "unauthenticated": "Incorrect API key provided.",
    "billing": "Insufficient balance. Add credits to go on.",
    "forbidden": "The key has no permission for this resource.",
    "not_found": "The requested resource was not found.",
    "timeout": "The request took too long.",
    "too_large": "The request is too large.",
    "schema": "The request does not match the schema.",
    "rate": "Rate limit reached. Try again later.",
    "quota": "You exceeded your current quota. Check your plan and billing details.",
    "internal": "The server had an error while processing your request.",
    "bad_gateway": "Bad gateway.",
    "overloaded": "The service is overloaded. Try again later.",
    "gateway_timeout": "The upstream server did not answer in time.",
    "busy": "Overloaded",
}


@dataclass(eq=False)
class Trouble(Exception):  # noqa: N818 - a refusal is an answer here, not a fault of ours
    """One refusal, before it takes a vendor's shape.

    `kind` is a key of STATUS; `status` overrides the vendor's usual HTTP status; `retry_after`
    is seconds or the literal text of the header; `code` overrides the vendor's code.
    """

    kind: str
    message: str = ""
    param: str | None = None
    code: str | None = None
    status: int | None = None
    retry_after: float | str | None = None

    @property
    def text(self) -> str:
        """The message, or the usual one of the kind."""
        return self.message or MESSAGES.get(self.kind, "The request failed.")


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that refuses."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def names(text: str) -> frozenset[str]:
    """Return the words of a text, as the set of fields that an API knows."""
    return frozenset(text.split())


def refusal(vendor: Vendor, trouble: Trouble) -> Refusal:
    """Return the refusal as this vendor words it.

    `retry_after` becomes the header of that name, and RetryInfo at Google, which sends no header.
    A 502 is the HTML page of a proxy, as nobody's application writes it.
    """
    codes = CODES[vendor.id]
    usual, code, type_ = codes.get(trouble.kind, codes[""])
    status = trouble.status or usual or STATUS[trouble.kind]
    if trouble.kind == "context" and not trouble.message:
        trouble = replace(trouble, message=CONTEXT[vendor.id])
    if trouble.kind == "bad_gateway":
        page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
        return Refusal(status, page, "text/html")
    shape = _SHAPES.get(vendor.id, _openai)
    body = shape(trouble, status, trouble.code or code, type_)
    headers = {}
    if trouble.retry_after is not None and vendor.id != "google":
        headers["Retry-After"] = _seconds(trouble.retry_after)
    return Refusal(status, msgspec.json.encode(body), headers=headers)


def _seconds(retry_after: float | str) -> str:
    return retry_after if isinstance(retry_after, str) else f"{retry_after:g}"


def _openai(trouble: Trouble, _status: int, code: str | None, type_: str) -> Json:
    error = {"message": trouble.text, "type": type_, "param": trouble.param, "code": code}
    return {"error": error}


def _anthropic(trouble: Trouble, _status: int, _code: str | None, type_: str) -> Json:
    error = {"type": type_, "message": trouble.text}
    return {"type": "error", "error": error, "request_id": "req_sandbox"}


def _google(trouble: Trouble, status: int, code: str | None, type_: str) -> Json:
    error: Json = {"code": status, "message": trouble.text, "status": type_}
    details: list[Json] = []
    if trouble.kind == "unauthenticated":
        info = {"reason": code or "API_KEY_INVALID", "domain": "googleapis.com"}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info})
    if trouble.kind in {"rate", "quota"}:
        metric = "generativelanguage.googleapis.com/generate_content_requests"
        quota = {"quotaMetric": metric, "quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}
        if trouble.kind == "quota":
            error["message"] += f" Quota exceeded for metric: {metric}, limit: 0"
        failure = "type.googleapis.com/google.rpc.QuotaFailure"
        details.append({"@type": failure, "violations": [quota]})
    if trouble.retry_after is not None:
        delay = _seconds(trouble.retry_after)
        delay = delay if isinstance(trouble.retry_after, str) else f"{delay}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return {"error": error | ({"details": details} if details else {})}


def _xai(trouble: Trouble, _status: int, code: str | None, _type: str) -> Json:
    return {"code": code, "error": trouble.text}


def _nvidia(trouble: Trouble, status: int, _code: str | None, _type: str) -> Json:
    known = status in HTTPStatus._value2member_map_
    title = HTTPStatus(status).phrase if known else "Error"
    return {"status": status, "title": title, "detail": trouble.text}


def _moonshot(trouble: Trouble, _status: int, _code: str | None, type_: str) -> Json:
    return {"error": {"message": trouble.text, "type": type_}}


def _minimax(trouble: Trouble, _status: int, code: str | None, _type: str) -> Json:
    number = int(code) if code and code.isdigit() else 1000
    message = trouble.text
    if number == 2013 and trouble.kind != "context":
        message = f"invalid params, {message}"
    base_resp = {"status_code": number, "status_msg": f"{message} ({number})"}
    return {"choices": None, "base_resp": base_resp}


def _zai(trouble: Trouble, _status: int, code: str | None, _type: str) -> Json:
    return {"error": {"code": code, "message": trouble.text}}


def _alibaba(trouble: Trouble, status: int, code: str | None, type_: str) -> Json:
    body = _openai(trouble, status, code, type_)
    return body | {"request_id": "sandbox-request"}


def _mistral(trouble: Trouble, _status: int, code: str | None, type_: str) -> Json:
    if trouble.kind == "schema":
        location = ["body", *(trouble.param or "").split(".")]
        loc = [int(part) if part.isdigit() else part for part in location]
        return {"detail": [{"type": "extra_forbidden", "loc": loc, "msg": trouble.text}]}
    error = {"object": "error", "message": trouble.text, "type": type_}
    return error | {"param": trouble.param, "code": code}


def _microsoft(trouble: Trouble, status: int, code: str | None, type_: str) -> Json:
    if type_:
        return _openai(trouble, status, code, type_)
    return {"error": {"code": code, "message": trouble.text}}


_SHAPES: Mapping[str, Callable[[Trouble, int, str | None, str], Json]] = {
    "anthropic": _anthropic,
    "google": _google,
    "xai": _xai,
    "nvidia": _nvidia,
    "moonshot": _moonshot,
    "minimax": _minimax,
    "zai": _zai,
    "alibaba": _alibaba,
    "mistral": _mistral,
    "microsoft": _microsoft,
}
