"""What went wrong upstream: an error answer, in any vendor's shape, to one RoutorError.

Order: the vendor's own words and codes (its vendor file), then codes and phrases that mean
the same everywhere, then the HTTP status.
"""

import re
from collections.abc import Mapping
from typing import Any

from services.errors import Kind, RoutorError
from services.providers.dialects import error_body
from services.providers.dialects.contract import Target
from services.providers.dialects.waiting import retry_after_s

MESSAGE_LIMIT = 600
REDACTED = "[redacted]"
CUT = "…"

# Codes that mean the same wherever they occur: OpenAI and its imitators, Anthropic's error types,
# google.rpc codes (openai 3.54.0, anthropic 2.12.0, google-genai 3.4.0; 2026-11-23).
_CODES = {
    "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
    "string_above_max_length": Kind.CONTEXT_TOO_LONG,
    "insufficient_quota": Kind.PROVIDER_QUOTA,
    "credit_balance_exhausted": Kind.PROVIDER_QUOTA,
    "billing_error": Kind.PROVIDER_QUOTA,
    "billing_hard_limit_reached": Kind.PROVIDER_QUOTA,
    "enforced_spend_limit_reached": Kind.PROVIDER_QUOTA,
    "invalid_api_key": Kind.PROVIDER_AUTH,
    "authentication_error": Kind.PROVIDER_AUTH,
    "permission_error": Kind.PROVIDER_AUTH,
    "unauthenticated": Kind.PROVIDER_AUTH,
    "permission_denied": Kind.PROVIDER_AUTH,
    "model_not_found": Kind.MODEL_GONE,
    "not_found_error": Kind.MODEL_GONE,
    "content_filter": Kind.CONTENT_REFUSED,
    "content_policy_violation": Kind.CONTENT_REFUSED,
    "image_content_policy_violation": Kind.CONTENT_REFUSED,
    "unsupported_parameter": Kind.UNSUPPORTED_PARAMETER,
    "unsupported_value": Kind.UNSUPPORTED_PARAMETER,
    # Limits of a vendor's own: OpenAI takes 128 tools, others more or any number
    # (github.com/musistudio/claude-code-router/issues/495, 2025-08), and has views on schemas.
    "array_above_max_length": Kind.UNSUPPORTED_PARAMETER,
    "invalid_function_parameters": Kind.UNSUPPORTED_PARAMETER,
    "rate_limit_exceeded": Kind.PROVIDER_RATE_LIMITED,
    "rate_limit_error": Kind.PROVIDER_RATE_LIMITED,
    "slow_down": Kind.PROVIDER_RATE_LIMITED,
    "resource_exhausted": Kind.PROVIDER_RATE_LIMITED,
    "overloaded_error": Kind.PROVIDER_UNAVAILABLE,
    "timeout_error": Kind.PROVIDER_TIMEOUT,
    "deadline_exceeded": Kind.PROVIDER_TIMEOUT,
}
# A vendor did not get at what a web address names (an image, a file): another one may, from where
# it stands. Vendors' words, 2026: OpenAI "Error while downloading", Anthropic "Unable to download
# the file" and "disallowed by the website's robots.txt", Gemini "Cannot fetch content", Mistral
# "could not be fetched from url", Alibaba "Failed to download multimodal content"
# (github.com/agentscope-ai/agentscope-java/issues/2700).
_UNFETCHED = (
    "while downloading",
    "failed to download",
    "unable to download",
    "could not be fetched",
    "failed to fetch",
    "cannot fetch",
    "could not fetch",
    "unable to fetch",
    "error fetching",
    "fetching image",
    "robots.txt",
)
# What such a refusal is called where the vendor has no word of its own (OpenAI's).
_UNFETCHED_CODE = "invalid_image_url"
_OF = ("with", "by", "for", "on")
# Phrases of a refused request (400, 413, 422), in lower case. A limit on the *output* is not one.
_PHRASES = (
    ("maximum context length", Kind.CONTEXT_TOO_LONG),
    ("context length exceeded", Kind.CONTEXT_TOO_LONG),
    ("context window", Kind.CONTEXT_TOO_LONG),
    ("context length is only", Kind.CONTEXT_TOO_LONG),  # vLLM, vllm/renderers/params.py (2026)
    # What runs open models at a vendor's or one's own, and Groq, as clients list them
    # (github.com/badlogic/pi-mono, packages/ai/src/utils/overflow.ts, read 2026-11-30).
    ("longer than the model's context length", Kind.CONTEXT_TOO_LONG),  # SGLang
    ("maximum model length", Kind.CONTEXT_TOO_LONG),  # vLLM, of whole prompts
    ("available context size", Kind.CONTEXT_TOO_LONG),  # llama.cpp
    ("greater than the context length", Kind.CONTEXT_TOO_LONG),  # LM Studio
    ("reduce the length of the messages", Kind.CONTEXT_TOO_LONG),
    ("prompt is too long", Kind.CONTEXT_TOO_LONG),
    ("input token count", Kind.CONTEXT_TOO_LONG),
    ("input is too long", Kind.CONTEXT_TOO_LONG),
    ("input length", Kind.CONTEXT_TOO_LONG),
    ("exceeded model token limit", Kind.CONTEXT_TOO_LONG),
    ("maximum prompt length", Kind.CONTEXT_TOO_LONG),
    *((phrase, Kind.UNSUPPORTED_PARAMETER) for phrase in _UNFETCHED),
    ("unsupported parameter", Kind.UNSUPPORTED_PARAMETER),
    ("are not supported for", Kind.UNSUPPORTED_PARAMETER),
    *((f"not supported {of} this model", Kind.UNSUPPORTED_PARAMETER) for of in _OF),
    # Of temperature (github.com/The-PR-Agent/pr-agent/issues/2456, 2026-06)
    ("deprecated for this model", Kind.UNSUPPORTED_PARAMETER),
    ("model does not exist", Kind.MODEL_GONE),
    ("model not found", Kind.MODEL_GONE),
    ("credit balance is too low", Kind.PROVIDER_QUOTA),
    ("api key not valid", Kind.PROVIDER_AUTH),
    ("incorrect api key", Kind.PROVIDER_AUTH),
)
_STATUSES = {
    401: Kind.PROVIDER_AUTH,
    402: Kind.PROVIDER_QUOTA,
    403: Kind.PROVIDER_AUTH,
    404: Kind.MODEL_GONE,
    408: Kind.PROVIDER_TIMEOUT,
    409: Kind.PROVIDER_UNAVAILABLE,
    410: Kind.MODEL_GONE,
    413: Kind.TOO_LARGE,
    425: Kind.PROVIDER_UNAVAILABLE,
    429: Kind.PROVIDER_RATE_LIMITED,
    504: Kind.PROVIDER_TIMEOUT,
}
# What is wrong with the request would be wrong elsewhere, too; any other 4xx without a word of why
# (405, 406, 418, 451, …) is said by whatever stands before a model, and another may answer.
_REFUSALS = frozenset({400, 422})
# Words for a refused request, where an error comes with HTTP 200: what is wrong is often found
# after a stream has begun (OpenAI's of a failed response: openai 3.57.0, response_error.py;
# servers' own: github.com/sgl-project/sglang/pull/21900, 2026-04).
_FAULTY = re.compile(
    r"badrequesterror|invalid_(request_error|argument|(base64_)?image(_format|_mode|_url)?)"
    r"|image_\w+|empty_image_file|unsupported_image_media_type|failed_to_download_image"
)
_STATUS = re.compile(r"[45]\d\d")
_ABOUT_THE_REQUEST = (
    Kind.INVALID_REQUEST,
    Kind.UNSUPPORTED_PARAMETER,
    Kind.CONTEXT_TOO_LONG,
    Kind.CONTENT_REFUSED,
    Kind.TOO_LARGE,
)
# Vendors' key shapes, bearer headers, and any long run that could be one: not words that are
# joined, as the names of MCP's tools are, for a fault says by the name what is wrong.
_SECRET = re.compile(
    r"(?i:bearer)\s+\S+|\b(?:sk|tp|nvapi|xai|gsk|pk)-[\w*.-]{4,}|\bAIza[\w-]{10,}"
    r"|\b(?![a-zA-Z]{1,20}(?:[_-]+[a-zA-Z]{1,20})+(?![\w-]))[\w-]{40,}"
)
# Where a request holds what is said; OpenAI bounds names, ids and labels with the same code.
_SAID = re.compile(r"(messages|input|instructions)\b(?!.*(id|name)$)")
# A code that is a word ("invalid_image_url"), not a number of some vendor's own.
_WORD = re.compile(r"[a-z][a-z_]{2,63}")


def classify(
    status: int, headers: Mapping[str, str], content: bytes, target: Target
) -> RoutorError:
    """Return the error of an answer whose HTTP status is not 2xx; header names are lower case."""
    body = error_body.decoded(status, headers, content)
    return _error(status, headers, body, target)


def in_body(body: object, target: Target) -> RoutorError | None:
    """Return the error that an answer or event with HTTP 200 holds, or None.

    Seen as `{"error": ...}`, as an Anthropic error event, and as a `base_resp` whose
    status_code is not 0.
    """
    if not isinstance(body, dict):
        return None
    resp = body.get("base_resp")
    failed = isinstance(resp, dict) and resp.get("status_code") not in (0, None)
    if failed or body.get("error") or body.get("type") == "error":
        return _error(200, {}, body, target)
    return None


def _meant(codes: list[str]) -> int:
    """Return the HTTP status that an error with HTTP 200 stands for, 200 where it tells none."""
    if any(map(_FAULTY.fullmatch, codes)):
        return 400
    told = (int(code) for code in codes if _STATUS.fullmatch(code))
    return next(told, 200)


def bad_answer(target: Target, what: str) -> RoutorError:
    """Return the error of an answer that is no answer; `what` says how, without its text."""
    return RoutorError(
        Kind.PROVIDER_UNAVAILABLE,
        f"{target.vendor.name} sent {what}.",
        provider=target.vendor.id,
        model=target.key,
        upstream_status=200,
    )


def ended_early(target: Target) -> RoutorError:
    """Return the error of a stream that ended before its answer did."""
    return RoutorError(
        Kind.STREAM_BROKEN,
        f"{target.vendor.name} ended its stream before the answer was complete.",
        provider=target.vendor.id,
        model=target.key,
        upstream_status=200,
    )


def redact(text: str) -> str:
    """Return `text` bounded in length, with anything that looks like a key taken out."""
    text = _SECRET.sub(REDACTED, text[: 4 * MESSAGE_LIMIT])
    return text if len(text) <= MESSAGE_LIMIT else text[:MESSAGE_LIMIT] + CUT


def hide(text: str, key: str) -> str:
    """Return `text` without a key, or the part of one at which `redact` has cut it."""
    text = text.replace(key, REDACTED)
    for shown in range(len(key) - 1, 3, -1):
        if text.endswith(key[:shown] + CUT):
            return text[: -shown - len(CUT)] + REDACTED + CUT
    return text


def _error(status: int, headers: Mapping[str, str], body: object, target: Target) -> RoutorError:
    fields = body if isinstance(body, dict) else {}
    codes, (message, param) = _codes(fields), error_body.told(fields)
    words = message.lower()
    kind = _kind(_meant(codes) if status == 200 else status, codes, words, target)
    if kind is Kind.MODEL_GONE and target.model is None and target.upstream_model:
        # Nobody but the caller has ever said that there is such a model.
        kind, param = Kind.UNKNOWN_MODEL, "model"
    if kind is Kind.CONTEXT_TOO_LONG:
        kind = _exceeded(codes, param or "")
    text = redact(message) or f"HTTP status {status}"
    about_request = kind in _ABOUT_THE_REQUEST
    limited = kind is Kind.PROVIDER_RATE_LIMITED
    wait_s = None if about_request else retry_after_s(headers, body, words, limited=limited)
    return RoutorError(
        kind,
        text if about_request and message else f"{target.vendor.name}: {text}",
        param=redact(param) if param else None,
        provider=target.vendor.id,
        model=target.key,
        code=_code(kind, fields, words),
        upstream_status=status,
        retry_after_s=wait_s,
    )


def _exceeded(codes: list[str], param: str) -> Kind:
    """Return what is too long: the input, a tool for this vendor, or a member of any other kind."""
    if param.startswith("tools"):
        return Kind.UNSUPPORTED_PARAMETER
    member = "string_above_max_length" in codes and param and not _SAID.match(param)
    return Kind.INVALID_REQUEST if member else Kind.CONTEXT_TOO_LONG


def _code(kind: Kind, body: Mapping[str, Any], message: str) -> str | None:
    """Return the vendor's own word for what is wrong with a request; None leaves the kind's."""
    unfetched = kind is Kind.UNSUPPORTED_PARAMETER and any(one in message for one in _UNFETCHED)
    if not unfetched and kind is not Kind.INVALID_REQUEST:
        return None
    own = body.get("error")
    code = own.get("code") if isinstance(own, dict) else None
    known = isinstance(code, str) and _WORD.fullmatch(code)
    return str(code) if known else _UNFETCHED_CODE if unfetched else None


def _kind(status: int, codes: list[str], message: str, target: Target) -> Kind:
    quirks = target.vendor.quirks
    said = _vendors_kind(codes, message, target)
    if said is not None:
        return said
    if status in (400, 413, 422):
        for phrase, kind in _PHRASES:
            if phrase in message:
                return kind
    known = next((_CODES[code] for code in codes if code in _CODES), None)
    if known is not None:
        return known
    if status in quirks.bad_key_status:
        return Kind.PROVIDER_AUTH
    refused = Kind.INVALID_REQUEST if status in _REFUSALS else Kind.PROVIDER_UNAVAILABLE
    return _STATUSES.get(status, refused)


def _vendors_kind(codes: list[str], message: str, target: Target) -> Kind | None:
    """Return what the vendor file says of the message's words, then of the codes."""
    vendor = target.vendor
    names = [name for piece, name in vendor.error_words.items() if piece in f"{message}\n"]
    names += [vendor.error_codes[code] for code in codes if code in vendor.error_codes]
    return Kind(names[0]) if names else None


def _codes(body: Mapping[str, Any]) -> list[str]:
    """Return every machine-readable word of an error body, lower case, most specific first."""
    found: list[str] = []
    error = body.get("error")
    tables = [table for table in (error, body.get("base_resp"), body) if isinstance(table, dict)]
    for table in tables:
        for field in ("code", "status_code", "status", "type"):
            value = table.get(field)
            if isinstance(value, str | int) and not isinstance(value, bool):
                found.append(str(value).lower())
        found += _reasons(table.get("details"))
    return found


def _reasons(details: object) -> list[str]:
    """Return what details say: google.rpc.ErrorInfo "API_KEY_INVALID", Anthropic its error_code.

    The latter: anthropic 2.12.0, _exceptions.py, extract_error_code.
    """
    if isinstance(details, dict):
        reasons = [details.get("error_code")]
    else:
        rows = details if isinstance(details, list) else []
        reasons = [row.get("reason") for row in rows if isinstance(row, dict)]
    return [reason.lower() for reason in reasons if isinstance(reason, str)]
