"""The statuses, codes and types with which each vendor refuses. Pure data.

Sources, all read 2026-11: openai 3.54.0 and anthropic 2.12.0 (error types), google-genai 3.4.0
(errors.py), docs.z.ai/api-reference/api-code, platform.minimax.io errorcode.md,
api-docs.deepseek.com/quick_start/error_codes, alibabacloud.com/help/model-studio/error-code,
docs.x.ai/developers/debugging; xAI's body: i-am-bee/beeai-framework#447; Google's bad key:
google/timesketch#3703; NVIDIA's body: Alishahryar1/free-claude-code#1485. Moonshot's type names,
Mistral's codes and Xiaomi's body are not documented publicly and follow common reports.
"""

from collections.abc import Mapping

# Kind of trouble -> (HTTP status or None for the usual one, code, type); "" is all other kinds.
Codes = Mapping[str, tuple[int | None, str | None, str]]
_OPENAI: Codes = {
    "unsupported": (None, "unsupported_parameter", "invalid_request_error"),
    "context": (None, "context_length_exceeded", "invalid_request_error"),
    "unauthenticated": (None, "invalid_api_key", "invalid_request_error"),
    "forbidden": (None, "unsupported_country_region_territory", "request_forbidden"),
    "not_found": (None, "model_not_found", "invalid_request_error"),
    "billing": (None, "credit_balance_exhausted", "insufficient_quota"),
    "rate": (None, "rate_limit_exceeded", "requests"),
    "quota": (None, "insufficient_quota", "insufficient_quota"),
    "internal": (None, None, "server_error"),
    "overloaded": (None, None, "server_error"),
    "": (None, None, "invalid_request_error"),
}
_MICROSOFT: Codes = {
    **_OPENAI,
    "unauthenticated": (None, "401", ""),
    "not_found": (None, "DeploymentNotFound", ""),
    "rate": (None, "429", ""),
    "quota": (None, "insufficient_quota", "insufficient_quota"),
}
_ANTHROPIC: Codes = {
    "unauthenticated": (None, None, "authentication_error"),
    "billing": (None, None, "billing_error"),
    "quota": (402, None, "billing_error"),
    "forbidden": (None, None, "permission_error"),
    "not_found": (None, None, "not_found_error"),
    "too_large": (None, None, "request_too_large"),
    "rate": (None, None, "rate_limit_error"),
    "internal": (None, None, "api_error"),
    "overloaded": (None, None, "overloaded_error"),
    "timeout": (None, None, "timeout_error"),
    "gateway_timeout": (None, None, "timeout_error"),
    "busy": (None, None, "overloaded_error"),
    "": (None, None, "invalid_request_error"),
}
_GOOGLE: Codes = {
    "unauthenticated": (400, None, "INVALID_ARGUMENT"),
    "forbidden": (None, None, "PERMISSION_DENIED"),
    "billing": (None, None, "FAILED_PRECONDITION"),
    "not_found": (None, None, "NOT_FOUND"),
    "timeout": (None, None, "DEADLINE_EXCEEDED"),
    "rate": (None, None, "RESOURCE_EXHAUSTED"),
    "quota": (None, None, "RESOURCE_EXHAUSTED"),
    "internal": (None, None, "INTERNAL"),
    "overloaded": (None, None, "UNAVAILABLE"),
    "busy": (None, None, "UNAVAILABLE"),
    "gateway_timeout": (None, None, "DEADLINE_EXCEEDED"),
    "": (None, None, "INVALID_ARGUMENT"),
}
_DEEPSEEK: Codes = {
    "unauthenticated": (None, "invalid_request_error", "authentication_error"),
    "billing": (None, "invalid_request_error", "unknown_error"),
    "quota": (402, "invalid_request_error", "unknown_error"),
    "rate": (None, "rate_limit_reached", "rate_limit_error"),
    "internal": (None, "internal_error", "server_error"),
    "overloaded": (None, "service_unavailable", "service_unavailable_error"),
    "": (None, "invalid_request_error", "invalid_request_error"),
}
_XAI: Codes = {
    "unauthenticated": (400, "Client specified an invalid argument", ""),
    "forbidden": (None, "The caller does not have permission to execute the operation", ""),
    "billing": (None, "Some resource has been exhausted", ""),
    "quota": (None, "Some resource has been exhausted", ""),
    "rate": (None, "Some resource has been exhausted", ""),
    "not_found": (None, "Some requested entity was not found", ""),
    "internal": (None, "Internal error", ""),
    "overloaded": (None, "The service is currently unavailable", ""),
    "": (None, "Client specified an invalid argument", ""),
}
_MOONSHOT: Codes = {
    "unauthenticated": (None, None, "invalid_authentication_error"),
    "forbidden": (None, None, "permission_denied_error"),
    "not_found": (None, None, "resource_not_found_error"),
    "rate": (None, None, "rate_limit_reached_error"),
    "quota": (None, None, "exceeded_current_quota_error"),
    "billing": (None, None, "exceeded_current_quota_error"),
    "internal": (None, None, "server_error"),
    "overloaded": (None, None, "engine_overloaded_error"),
    "": (None, None, "invalid_request_error"),
}
# Errors of the application arrive with HTTP 200; an unknown model and a broken server do not.
_MINIMAX: Codes = {
    "invalid": (200, "2013", ""),
    "unsupported": (200, "2013", ""),
    "context": (200, "2013", ""),
    "unauthenticated": (200, "1004", ""),
    "rate": (200, "1002", ""),
    "quota": (200, "1008", ""),
    "billing": (None, "1008", ""),
    "not_found": (None, "2013", ""),
    "timeout": (None, "1001", ""),
    "": (None, "1000", ""),
}
_ZAI: Codes = {
    "invalid": (None, "1210", ""),
    "unsupported": (None, "1210", ""),
    "context": (None, "1261", ""),
    "unauthenticated": (None, "1000", ""),
    "forbidden": (None, "1220", ""),
    "not_found": (None, "1211", ""),
    "rate": (None, "1302", ""),
    "quota": (None, "1113", ""),
    "billing": (None, "1113", ""),
    "overloaded": (None, "1305", ""),
    "": (None, "500", ""),
}
_ALIBABA: Codes = {
    "unauthenticated": (None, "invalid_api_key", "invalid_request_error"),
    "forbidden": (None, "AccessDenied", "AccessDenied"),
    "billing": (None, "Arrearage", "Arrearage"),
    "quota": (400, "Arrearage", "Arrearage"),
    "not_found": (None, "model_not_found", "invalid_request_error"),
    "rate": (None, "Throttling.RateQuota", "Throttling.RateQuota"),
    "internal": (None, "InternalError", "internal_server_error"),
    "overloaded": (None, "ServiceUnavailable", "ServiceUnavailable"),
    "": (None, "InvalidParameter", "invalid_request_error"),
}
_MISTRAL: Codes = {
    "unauthenticated": (None, None, "unauthorized"),
    "billing": (None, None, "payment_required"),
    "quota": (402, None, "payment_required"),
    "not_found": (None, "1500", "invalid_model"),
    "rate": (None, "1300", "rate_limited"),
    "context": (None, "3051", "context_length_exceeded"),
    "internal": (None, "1000", "internal_server_error"),
    "overloaded": (None, "3505", "service_tier_capacity_exceeded"),
    "": (None, "3000", "invalid_request_error"),
}
_XIAOMI: Codes = {
    "unauthenticated": (None, "401", "invalid_key"),
    "billing": (None, "402", "insufficient_balance"),
    "quota": (402, "402", "insufficient_balance"),
    "forbidden": (None, "403", "forbidden"),
    "not_found": (None, "404", "not_found"),
    "rate": (None, "429", "rate_limit"),
    "internal": (None, "500", "server_error"),
    "overloaded": (None, "503", "server_error"),
    "": (None, "400", "invalid_request_error"),
}
_NVIDIA: Codes = {"billing": (None, None, ""), "": (None, None, "")}
CODES: Mapping[str, Codes] = {
    "openai": _OPENAI,
    "anthropic": _ANTHROPIC,
    "google": _GOOGLE,
    "deepseek": _DEEPSEEK,
    "xai": _XAI,
    "nvidia": _NVIDIA,
    "moonshot": _MOONSHOT,
    "minimax": _MINIMAX,
    "zai": _ZAI,
    "alibaba": _ALIBABA,
    "mistral": _MISTRAL,
    "microsoft": _MICROSOFT,
    "xiaomi": _XIAOMI,
}

# How each vendor says that the prompt does not fit.
CONTEXT: Mapping[str, str] = {
    "openai": "This model's maximum context length is 400000 tokens. Reduce your messages.",
    "microsoft": "This model's maximum context length is 16384 tokens. Reduce your messages.",
    "anthropic": "prompt is too long: 1200000 tokens > 1000000 maximum",
    "google": "The input token count (1200000) exceeds the maximum number of tokens (1048576).",
    "deepseek": "This model's maximum context length is 1048576 tokens. Reduce your messages.",
    "xai": "This model's maximum prompt length is 256000 but the request contains 300000 tokens.",
    "nvidia": "This model's maximum context length is 262144 tokens. Reduce your messages.",
    "moonshot": "Invalid request: Your request exceeded model token limit: 262144",
    "minimax": "invalid params, context window exceeds limit",
    "zai": "Prompt exceeds max length",
    "alibaba": "InternalError.Algo.InvalidParameter: Range of input length should be [1, 991808]",
    "mistral": "Prompt contains 300000 tokens, too large for model with 262144 context length",
    "xiaomi": "This model's maximum context length is 262144 tokens. Reduce your messages.",
}
