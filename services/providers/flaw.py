"""What is wrong with an answer that came: a grey failure, which no status code tells.

Silence that cannot be meant is refused. Otherwise the caller gets the answer as it is, and the
health of its model takes it in. Pure.
"""

from collections.abc import Mapping

import msgspec

from services.errors import Kind, RoutorError
from services.providers.continuation import role_of
from services.providers.dialects.contract import Answer, Ending, Json, Usage

EMPTY, REFUSED, BROKEN_JSON = "empty", "refused", "broken JSON"
_check = msgspec.json.Decoder(msgspec.Raw).decode
_FORMATS = ("json_object", "json_schema")
# What a model may write and not say: its end, and white space or a stop sequence before it.
UNSAID_TOKENS = 8


def refuse_silence(request: Json, usage: Usage, *, others: bool, later: bool) -> None:
    """Raise RoutorError(PROVIDER_UNAVAILABLE) for an answer that is complete and empty.

    Silence is an answer when there was nobody else to ask (`others` who follow, or have failed
    before if this is a `later` call), unless the provider counted what it does not show; and
    after a tool's result a model may have nothing to add.
    """
    messages = request.get("messages")
    asked = isinstance(messages, list) and messages and role_of(messages[-1]) == "user"
    lost = later or usage.output_tokens - usage.reasoning_tokens > UNSAID_TOKENS
    if others or (asked and lost):
        raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "the answer is empty")


def found(request: Json, event: Answer | Ending) -> str:
    """Return what is wrong with a finished answer, "" when nothing shows.

    Of a stream only how it ended is known here; of a whole answer the first choice is looked at.
    """
    if isinstance(event, Ending):
        return REFUSED if event.finish_reason == "content_filter" else ""
    choices = event.body.get("choices")
    if not choices:
        return ""
    message, reason = choices[0].get("message") or {}, choices[0].get("finish_reason")
    if reason == "content_filter" or message.get("refusal"):
        return REFUSED
    calls = message.get("tool_calls")
    if calls:
        return BROKEN_JSON if any(_is_broken(_arguments(call)) for call in calls) else ""
    content = message.get("content")
    if reason != "stop" or not isinstance(content, str):
        return ""
    if not content or content.isspace():
        return EMPTY
    wanted = request.get("response_format")
    in_json = isinstance(wanted, Mapping) and wanted.get("type") in _FORMATS
    return BROKEN_JSON if in_json and _is_broken(content) else ""


def _arguments(call: object) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    given = function.get("arguments") if isinstance(function, Mapping) else None
    # No arguments are none; other kinds of calls have none.
    return given if isinstance(given, str) and given else "{}"


def _is_broken(text: str) -> bool:
    try:
        # Raw skips what it holds, so that only its form is checked.
        _check(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return True
    return False
