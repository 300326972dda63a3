from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from services.providers.dialects.waiting import duration_s
from services.providers.vendors import VENDORS
from tests.providers.dialects.targets import target


def fail(provider: str, status: int, body: Any, **headers: str) -> RoutorError:
    aim = target(provider)
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return DIALECTS[aim.vendor.dialect].error(status, named, content, aim)


def openai(code: str | None = None, message: str = "m", **extra: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "t", "param": None, "code": code, **extra}}


def google(status: str, message: str = "m", *details: Any) -> dict[str, Any]:
    return {"error": {"code": 1, "status": status, "message": message, "details": list(details)}}


def anthropic(kind: str, message: str = "m") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


LONG = "This model's maximum context length is 8192 tokens."


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind"),
    [
        ("openai", 401, openai("invalid_api_key"), "PROVIDER_AUTH"),
        ("openai", 403, openai("unsupported_country_region_territory"), "PROVIDER_AUTH"),
        ("openai", 404, openai("model_not_found"), "MODEL_GONE"),
        ("openai", 429, openai("rate_limit_exceeded"), "PROVIDER_RATE_LIMITED"),
        ("openai", 429, openai("insufficient_quota"), "PROVIDER_QUOTA"),
        ("openai", 400, openai("context_length_exceeded"), "CONTEXT_TOO_LONG"),
        ("openai", 400, openai("unsupported_parameter", param="stop"), "UNSUPPORTED_PARAMETER"),
        ("openai", 400, openai("invalid_value"), "INVALID_REQUEST"),
        ("openai", 400, openai("array_above_max_length", param="tools"), "UNSUPPORTED_PARAMETER"),
        ("openai", 400, openai("invalid_function_parameters"), "UNSUPPORTED_PARAMETER"),
        ("openai", 400, openai("string_above_max_length", param="tools[0].function.description"),
         "UNSUPPORTED_PARAMETER"),
        ("openai", 400, openai("string_above_max_length", param="messages[0].content"),
         "CONTEXT_TOO_LONG"),
        ("openai", 400, openai("string_above_max_length", param="metadata.ticket"),
         "INVALID_REQUEST"),
        ("openai", 400, openai("string_above_max_length", param="messages[1].tool_calls[0].id"),
         "INVALID_REQUEST"),
        ("openai", 400, openai("invalid_prompt", "Invalid prompt: your prompt was flagged as "
                               "potentially violating our usage policy."), "CONTENT_REFUSED"),
        ("openai", 429, openai("billing_not_active"), "PROVIDER_QUOTA"),
        ("openai", 500, openai("server_error"), "PROVIDER_UNAVAILABLE"),
        ("openai", 503, b"", "PROVIDER_UNAVAILABLE"),
        ("openai", 408, b"", "PROVIDER_TIMEOUT"),
        ("openai", 504, b"<html>", "PROVIDER_TIMEOUT"),
        ("openai", 302, b"", "PROVIDER_UNAVAILABLE"),
        ("openai", 502, b"<html>Bad gateway</html>", "PROVIDER_UNAVAILABLE"),
        ("anthropic", 400, anthropic("invalid_request_error"), "INVALID_REQUEST"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "prompt is too long: 210000 tokens > 200000 maximum"),
         "CONTEXT_TOO_LONG"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "Your credit balance is too low to access the API"),
         "PROVIDER_QUOTA"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "You have reached your specified API usage limits. You will "
                                     "regain access on 2026-12-01 at 00:00 UTC."),
         "PROVIDER_QUOTA"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "Output blocked by content filtering policy"),
         "CONTENT_REFUSED"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "`temperature` is deprecated for this model."),
         "UNSUPPORTED_PARAMETER"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "adaptive thinking is not supported on this model"),
         "UNSUPPORTED_PARAMETER"),
        ("google", 400, google("INVALID_ARGUMENT",
                               "Thinking level MINIMAL is not supported for this model."),
         "UNSUPPORTED_PARAMETER"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "This organization has been disabled."), "PROVIDER_AUTH"),
        ("anthropic", 401, anthropic("authentication_error"), "PROVIDER_AUTH"),
        ("anthropic", 402, anthropic("billing_error"), "PROVIDER_QUOTA"),
        ("anthropic", 404, anthropic("not_found_error"), "MODEL_GONE"),
        ("anthropic", 413, anthropic("request_too_large"), "TOO_LARGE"),
        ("anthropic", 429, anthropic("rate_limit_error"), "PROVIDER_RATE_LIMITED"),
        ("anthropic", 504, anthropic("timeout_error"), "PROVIDER_TIMEOUT"),
        ("anthropic", 529, anthropic("overloaded_error"), "PROVIDER_UNAVAILABLE"),
        ("anthropic", 500, anthropic("api_error"), "PROVIDER_UNAVAILABLE"),
        ("anthropic", 429, anthropic("api_error"), "PROVIDER_RATE_LIMITED"),
        ("anthropic", 400, anthropic("api_error"), "INVALID_REQUEST"),
        ("anthropic", 400, anthropic("invalid_request_error",
                                     "tools.1.custom.input_schema.properties: Property keys"),
         "UNSUPPORTED_PARAMETER"),
        ("google", 400, google("INVALID_ARGUMENT", "Unknown name \"x\" at "
                               "'tools[0].function_declarations[3].parameters'"),
         "UNSUPPORTED_PARAMETER"),
        ("google", 400, google("INVALID_ARGUMENT"), "INVALID_REQUEST"),
        ("google", 400, google("INVALID_ARGUMENT", "API key not valid.",
                               {"reason": "API_KEY_INVALID"}), "PROVIDER_AUTH"),
        ("google", 400, google("INVALID_ARGUMENT", "The input token count (9) exceeds 8"),
         "CONTEXT_TOO_LONG"),
        ("google", 403, google("PERMISSION_DENIED"), "PROVIDER_AUTH"),
        ("google", 404, google("NOT_FOUND"), "MODEL_GONE"),
        ("google", 429, [google("RESOURCE_EXHAUSTED")], "PROVIDER_RATE_LIMITED"),
        ("google", 429, google("RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: m"),
         "PROVIDER_QUOTA"),
        ("google", 429, google("RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
         "PROVIDER_QUOTA"),
        ("google", 429, google("RESOURCE_EXHAUSTED",
                               "Your project has exceeded its monthly spending cap."),
         "PROVIDER_QUOTA"),
        ("google", 503, google("UNAVAILABLE"), "PROVIDER_UNAVAILABLE"),
        ("google", 504, google("DEADLINE_EXCEEDED"), "PROVIDER_TIMEOUT"),
        ("deepseek", 402, openai(message="Insufficient Balance"), "PROVIDER_QUOTA"),
        ("deepseek", 422, openai("invalid_request_error"), "INVALID_REQUEST"),
        ("deepseek", 400, openai(message=LONG), "CONTEXT_TOO_LONG"),
        ("deepseek", 400, openai("invalid_request_error", "Model Not Exist"), "MODEL_GONE"),
        ("deepseek", 400, openai("invalid_request_error", "Content Exists Risk"),
         "CONTENT_REFUSED"),
        ("deepseek", 400, {"detail": "Content Exists Risk"}, "CONTENT_REFUSED"),
        ("xai", 400, {"code": "Client specified an invalid argument",
                      "error": "Incorrect API key provided: xai-abc."}, "PROVIDER_AUTH"),
        ("xai", 403, {"error": "no permission"}, "PROVIDER_AUTH"),
        ("xai", 403, {"code": "The caller does not have permission",
                      "error": "Your newly created team doesn't have any credits or licenses yet."},
         "PROVIDER_QUOTA"),
        ("xai", 403, {"code": "The caller does not have permission",
                      "error": "Content violates usage guidelines."}, "CONTENT_REFUSED"),
        ("xiaomi", 400, openai("400", "Param Incorrect", param="input length exceeds 1048576"),
         "CONTEXT_TOO_LONG"),
        ("nvidia", 400, {"detail": "Function x: DEGRADED function cannot be invoked"},
         "PROVIDER_UNAVAILABLE"),
        ("nvidia", 404, {"status": 404, "title": "Not Found",
                         "detail": "Function 'x': Not found for account"}, "MODEL_GONE"),
        ("nvidia", 429, {"status": 429, "title": "Too Many Requests"}, "PROVIDER_RATE_LIMITED"),
        ("nvidia", 400, openai(message="You passed 9 input tokens and requested 1 output tokens. "
                               "However, the model's context length is only 8 tokens."),
         "CONTEXT_TOO_LONG"),
        ("xiaomi", 400, openai(message="The input (9 tokens) is longer than the model's context "
                               "length (8 tokens)."), "CONTEXT_TOO_LONG"),
        ("nvidia", 400, openai(message="The decoder prompt (length 9) is longer than the maximum "
                               "model length of 8."), "CONTEXT_TOO_LONG"),
        ("nvidia", 400, openai(message="request (9 tokens) exceeds the available context size "
                               "(8 tokens), try increasing it"), "CONTEXT_TOO_LONG"),
        ("nvidia", 400, openai(message="The number of tokens to keep from the initial prompt is "
                               "greater than the context length."), "CONTEXT_TOO_LONG"),
        ("nvidia", 400, openai(message="Please reduce the length of the messages or completion."),
         "CONTEXT_TOO_LONG"),
        ("moonshot", 429, openai(type="exceeded_current_quota_error"), "PROVIDER_QUOTA"),
        ("moonshot", 429, openai(type="engine_overloaded_error"), "PROVIDER_UNAVAILABLE"),
        ("moonshot", 400, openai(message="invalid temperature: only 1 is allowed for this model"),
         "UNSUPPORTED_PARAMETER"),
        ("minimax", 500, {"base_resp": {"status_code": 1004, "status_msg": "x"}}, "PROVIDER_AUTH"),
        ("minimax", 500, anthropic("api_error", "insufficient balance (1008)"), "PROVIDER_QUOTA"),
        ("minimax", 500, {"base_resp": {"status_code": 1041}}, "PROVIDER_RATE_LIMITED"),
        ("minimax", 429, anthropic("rate_limit_error", "usage limit exceeded, 5-hour usage limit "
                                   "reached for Token Plan Starter (2056)"), "PROVIDER_QUOTA"),
        ("zai", 429, openai("1113"), "PROVIDER_QUOTA"),
        ("zai", 429, openai("1302"), "PROVIDER_RATE_LIMITED"),
        ("zai", 400, openai("1211"), "MODEL_GONE"),
        ("zai", 400, openai("1301"), "CONTENT_REFUSED"),
        ("alibaba", 400, openai("Arrearage"), "PROVIDER_QUOTA"),
        ("alibaba", 403, openai("AllocationQuota.FreeTierOnly"), "PROVIDER_QUOTA"),
        ("alibaba", 429, openai("insufficient_quota"), "PROVIDER_RATE_LIMITED"),
        ("alibaba", 400, openai("data_inspection_failed"), "CONTENT_REFUSED"),
        ("alibaba", 404, openai("model_not_found"), "MODEL_GONE"),
        ("mistral", 422, {"detail": [{"loc": ["body", "stop"], "msg": "bad", "type": "x"}]},
         "INVALID_REQUEST"),
        ("mistral", 402, {"object": "error", "message": "pay"}, "PROVIDER_QUOTA"),
        ("microsoft", 404, openai("DeploymentNotFound"), "MODEL_GONE"),
        ("microsoft", 400, openai("unknown_model", "Unknown model: m"), "MODEL_GONE"),
        ("microsoft", 400, openai("content_filter"), "CONTENT_REFUSED"),
        ("microsoft", 400, openai("invalid_prompt"), "CONTENT_REFUSED"),
        ("xiaomi", 404, openai(message="No endpoints found that support image input"),
         "UNSUPPORTED_PARAMETER"),
        ("xiaomi", 402, openai(), "PROVIDER_QUOTA"),
    ],
)  # fmt: skip
def test_kinds(provider: str, status: int, body: Any, kind: str) -> None:
    error = fail(provider, status, body)
    assert error.kind is Kind(kind)
    assert (error.provider, error.model) == (provider, f"{provider}/m")
    assert error.upstream_status == status


@pytest.mark.parametrize("status", [405, 406, 415, 418, 421, 431, 451, 499])
def test_what_stands_before_a_model_says_nothing_of_the_request(status: int) -> None:
    assert fail("openai", status, b"<html>Blocked</html>").kind is Kind.PROVIDER_UNAVAILABLE
    for code in (400, 422):
        assert fail("openai", code, b"").kind is Kind.INVALID_REQUEST


def test_a_model_that_only_the_caller_knows_is_his_mistake() -> None:
    body = msgspec.json.encode(openai("model_not_found"))
    error = DIALECTS["openai_chat"].error(404, {}, body, target("openai", known=False))
    assert (error.kind, error.param) == (Kind.UNKNOWN_MODEL, "model")
    assert error.kind.rule.http == 404


def test_message_and_param_are_the_vendors() -> None:
    error = fail("openai", 400, openai("invalid_value", "Invalid 'stop'.", param="stop"))
    assert (error.message, error.param) == ("Invalid 'stop'.", "stop")
    error = fail("mistral", 422, {"detail": [{"loc": ["body", "stop"], "msg": "too long"}]})
    assert (error.message, error.param) == ("stop: too long", "stop")
    error = fail("xiaomi", 400, openai("400", "Param Incorrect", param="`text` is not set"))
    assert (error.message, error.param) == ("Param Incorrect: `text` is not set", None)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": {"detail": "too odd"}, "code": 3}},
        {"error": {"message": ["too odd"]}},
        {"error": {"detail": "too odd"}},
        {"message": {"detail": [{"message": "too odd"}]}},
        {"errors": [{"message": "too odd"}]},
        {"errors": ["too odd"]},
        {"code": 3, "msg": "too odd"},
        {"error_code": 3, "error_msg": "too odd"},
        {"success": False, "errors": [{"code": 7, "message": "too odd"}]},
        "too odd",
        ["too odd"],
    ],
)
def test_words_wherever_they_stand(body: Any) -> None:
    error = fail("xai", 400, body)
    assert (error.kind, error.message) == (Kind.INVALID_REQUEST, "too odd")


def test_words_are_not_looked_for_at_any_depth() -> None:
    body: Any = "too odd"
    for _ in range(900):
        body = {"message": body}
    assert fail("xai", 400, body).message == "xAI: HTTP status 400"


def test_words_that_are_not_json() -> None:
    said = b"Failed to deserialize the JSON body into the target type: missing field `content`"
    error = fail("xai", 422, said, content_type="text/plain; charset=utf-8")
    assert (error.kind, error.message) == (Kind.INVALID_REQUEST, said.decode())
    event = b'event:error\ndata:{"error":{"message":"bad widget","code":"x"}}\n\n'
    error = fail("alibaba", 400, event, content_type="text/event-stream")
    assert (error.kind, error.message) == (Kind.INVALID_REQUEST, "bad widget")
    long = fail("nvidia", 400, LONG.encode(), content_type="text/plain")
    assert long.kind is Kind.CONTEXT_TOO_LONG


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (500, b"upstream 10.0.0.7 refused", "text/plain"),
        (500, b'"upstream 10.0.0.7 refused"', "application/json"),
        (400, b'"<html>Blocked</html>"', "application/json"),
        (400, b"<html>Blocked</html>", "text/plain"),
        (400, b"Blocked by a proxy", "text/html"),
        (400, b"\xff\xfe", "text/plain"),
        (400, b"data: {\n\n", "text/event-stream"),
        (400, b"data: \xff\n\n", "text/event-stream"),
        (400, b"", "text/event-stream"),
    ],
)
def test_what_is_not_a_vendors_word_to_the_caller(status: int, content: bytes, kind: str) -> None:
    assert f"HTTP status {status}" in fail("openai", status, content, content_type=kind).message


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdef123456",
        "sk-ant-api03-abc_DEF",
        "nvapi-abcdefgh",
        "xai-Abcdef12345",
        "AIzaSyA1234567890abcdef",
        "Bearer abc.def",
        "a" * 48,
        "gYx_" + "aB" * 11 + "-" + "Cd" * 11,
        "cafe_babe-" + "0a" * 16,
    ],
)
def test_keys_never_show(key: str) -> None:
    for body in (openai(message=f"Bad key: {key}"), {"detail": f"key {key} is bad"}):
        error = fail("openai", 400, body)
        assert key not in error.message
        assert "[redacted]" in error.message
    error = fail("openai", 400, openai(param=key))
    assert key not in f"{error.message} {error.param}"


def test_a_long_name_is_no_key() -> None:
    name = "mcp__claude_ai_Google_Drive__list_recent_files-and-folders"
    error = fail("openai", 400, openai(message=f"Invalid schema for function '{name}'."))
    assert name in error.message


def test_messages_are_bounded() -> None:
    assert len(fail("openai", 400, openai(message="word " * 9000)).message) < 700


@pytest.mark.parametrize(
    ("provider", "headers", "wait_s"),
    [
        ("openai", {"retry_after": "7"}, 7.0),
        ("openai", {"retry_after": "1.5"}, 1.5),
        ("openai", {"retry_after": "5, 5"}, 5.0),
        ("openai", {"retry_after": "5,soon, 7"}, 7.0),
        ("openai", {"retry_after_ms": "250, 500"}, 0.5),
        ("openai", {"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ("openai", {"date": "Mon, 23 Nov 2026 10:00:00 GMT",
                    "retry_after": "Mon, 23 Nov 2026 10:00:30 GMT"}, 30.0),
        ("openai", {"date": "Mon, 23 Nov 2026 10:00:00 GMT",
                    "retry_after": "7, Mon, 23 Nov 2026 10:00:30 GMT, "
                                   "Monday, 23-Nov-26 10:00:40 GMT"}, 40.0),
        ("openai", {"retry_after": "Mon, 23 Nov 2026 10:00:30 GMT"}, None),
        ("openai", {"x_ratelimit_reset_requests": "12ms",
                    "x_ratelimit_reset_tokens": "6m0s"}, 360.0),
        ("openai", {"x_ratelimit_reset_requests": "2s", "x_ratelimit_remaining_requests": "0",
                    "x_ratelimit_reset_tokens": "6m0s"}, 2.0),
        ("anthropic", {"date": "Mon, 23 Nov 2026 10:00:00 GMT",
                       "anthropic_ratelimit_tokens_remaining": "0",
                       "anthropic_ratelimit_tokens_reset": "2026-11-23T10:00:20Z"}, 20.0),
        ("openai", {"retry_after": "soon"}, None),
        ("openai", {"retry_after": "nan"}, None),
        ("openai", {}, None),
    ],
)  # fmt: skip
def test_how_long_to_wait(provider: str, headers: dict[str, str], wait_s: float | None) -> None:
    error = fail(provider, 429, openai("rate_limit_exceeded"), **headers)
    assert error.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Rate limit reached for m. Limit 3, Used 3. Please try again in 6m0.5s. Visit x.", 360.5),
        ("Please try again in 20ms.", 0.02),
        ("have exceeded call rate limit. Please retry after 24 seconds.", 24.0),
        ("reached max RPM: 3, please try again after 1 seconds", 1.0),
        ("Please try again in 2 minutes.", None),
        ("Please try again later.", None),
    ],
)
def test_how_long_to_wait_in_words(message: str, wait_s: float | None) -> None:
    assert fail("openai", 429, openai("rate_limit_exceeded", message)).retry_after_s == wait_s
    told = fail("openai", 429, openai("rate_limit_exceeded", message), retry_after="7")
    assert told.retry_after_s == 7.0


def test_googles_retry_info_and_resets_of_other_errors() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46s"}
    error = fail("google", 429, [google("RESOURCE_EXHAUSTED", "m", info)])
    assert error.retry_after_s == 46.0
    error = fail("openai", 500, openai(), x_ratelimit_reset_tokens="6m0s")
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("1h2m3s", 3723.0),
        ("1.5s", 1.5),
        ("", None),
        ("x", None),
        ("5", None),
    ],
)
def test_durations(said: str, seconds: float | None) -> None:
    assert duration_s(said) == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["error", "code", "message", "details", "detail", "type", "base_resp",
                         "status_code", "choices", "message", "candidates", "content", "usage",
                         "usageMetadata", "delta", "tool_calls", "function", "index", "parts"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.integers(300, 599), st.sampled_from(sorted(VENDORS)))
def test_any_error_body_is_classified(body: Any, status: int, provider: str) -> None:
    assert isinstance(fail(provider, status, body), RoutorError)


@given(JSON, st.sampled_from(sorted(VENDORS)))
def test_any_json_is_an_answer_or_a_routor_error(body: Any, provider: str) -> None:
    aim = target(provider)
    dialect = DIALECTS[aim.vendor.dialect]
    content = msgspec.json.encode(body)
    with suppress(RoutorError):
        assert dialect.decode(content, aim).body["choices"]
    decoder = dialect.decoder(aim, {})
    with suppress(RoutorError):
        decoder.feed(b"data: " + content + b"\n\n")
        assert decoder.close().chunks


@pytest.mark.parametrize(
    ("provider", "body", "kind"),
    [
        ("openai", openai("invalid_request_error", "no"), "INVALID_REQUEST"),
        ("openai", openai("invalid_base64_image", "no"), "INVALID_REQUEST"),
        ("openai", openai("failed_to_download_image", "failed to download"),
         "UNSUPPORTED_PARAMETER"),
        ("openai", openai("image_content_policy_violation", "no"), "CONTENT_REFUSED"),
        ("openai", openai("server_error", "no"), "PROVIDER_UNAVAILABLE"),
        ("anthropic", anthropic("invalid_request_error", "prompt is too long: 9 tokens"),
         "CONTEXT_TOO_LONG"),
        ("anthropic", anthropic("overloaded_error"), "PROVIDER_UNAVAILABLE"),
        ("google", google("INVALID_ARGUMENT"), "INVALID_REQUEST"),
        ("nvidia", {"error": {"message": "no", "type": "BadRequestError", "code": 400}},
         "INVALID_REQUEST"),
        ("nvidia", {"error": {"message": LONG, "code": 400}}, "CONTEXT_TOO_LONG"),
        ("nvidia", {"error": {"message": "slow", "code": 429}}, "PROVIDER_RATE_LIMITED"),
        ("nvidia", {"error": {"message": "no", "code": 503}}, "PROVIDER_UNAVAILABLE"),
        ("minimax", {"base_resp": {"status_code": 1000, "status_msg": "no"}},
         "PROVIDER_UNAVAILABLE"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_within_an_answer_as_by_a_status(
    provider: str, body: Any, kind: str
) -> None:
    """A request that is refused after its stream has begun is refused, and nobody's outage."""
    aim = target(provider)
    decoder = DIALECTS[aim.vendor.dialect].decoder(aim, {})
    with pytest.raises(RoutorError) as fault:
        decoder.feed(b"data: " + msgspec.json.encode(body) + b"\n\n")
    assert (fault.value.kind, fault.value.upstream_status) == (kind, 200)


@pytest.mark.parametrize(
    ("status", "kind_of_error", "code", "kind"),
    [
        (429, "rate_limit_error", "enforced_spend_limit_reached", "PROVIDER_QUOTA"),
        (429, "rate_limit_error", "contract_spend_limit_reached", "PROVIDER_QUOTA"),
        (429, "rate_limit_error", "ramp_limit_exceeded", "PROVIDER_RATE_LIMITED"),
        (400, "invalid_request_error", "organization_on_hold", "PROVIDER_AUTH"),
        (400, "invalid_request_error", "cmek_key_disabled", "PROVIDER_AUTH"),
        (400, "invalid_request_error", "image_dimensions_too_large", "INVALID_REQUEST"),
    ],
)
def test_anthropics_details_say_whose_matter_an_error_is(
    status: int, kind_of_error: str, code: str, kind: str
) -> None:
    body = anthropic(kind_of_error, "Please wait.")
    body["error"]["details"] = {"error_code": code}

    assert fail("anthropic", status, body).kind == kind
