"""Sound answers, streams and errors of every wire format, to be damaged."""

import json
from typing import Any

TEXT = "Naïve café 漢字 🚀"
ARGUMENTS = '{"city": "Zürich", "days": 3}'
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": ARGUMENTS},
}
OPENAI_USAGE = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}


def _event(body: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def _named(*bodies: dict[str, Any]) -> bytes:
    return b"".join(_event(body, body["type"]) for body in bodies)


def _chunk(delta: Any, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return _event({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})


def _part(part: Any, **facts: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [part]}
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 7, "totalTokenCount": 16}
    return {"candidates": [{"index": 0, "content": content, **facts}], "usageMetadata": usage}


_ITEM = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
_RESPONSE = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "m",
    "output": [
        {**_ITEM, "content": [{"type": "output_text", "text": TEXT, "annotations": []}]},
        {
            "type": "function_call",
            "id": "f",
            "call_id": "c",
            "name": "weather",
            "arguments": ARGUMENTS,
            "status": "completed",
        },
    ],
    "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "tool_calls": [CALL]},
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {**OPENAI_USAGE, "completion_tokens_details": {"reasoning_tokens": 2}},
    },
    "openai_responses": _RESPONSE,
    "anthropic_messages": {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": TEXT},
            {"type": "tool_use", "id": "t", "name": "weather", "input": json.loads(ARGUMENTS)},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 7, "cache_read_input_tokens": 3},
    },
    "google_generate": {
        **_part({"text": TEXT}, finishReason="STOP"),
        "modelVersion": "m",
        "responseId": "r",
    },
}
_BLOCK = {"type": "content_block_delta", "index": 0}
STREAMS: dict[str, bytes] = {
    "openai_chat": b"".join(
        [
            _chunk({"role": "assistant", "content": ""}),
            *(_chunk({"content": piece}) for piece in TEXT.split(" ")),
            _chunk({"tool_calls": [{"index": 0, **CALL}]}),
            _chunk({}, "tool_calls"),
            _event({"id": "c", "choices": [], "usage": OPENAI_USAGE}),
            b"data: [DONE]\n\n",
        ]
    ),
    "openai_responses": _named(
        {"type": "response.created", "response": {**_RESPONSE, "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**_ITEM, "content": []}},
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "delta": TEXT},
        {"type": "response.output_item.done", "output_index": 0, "item": _RESPONSE["output"][0]},
        {"type": "response.completed", "response": _RESPONSE},
    ),
    "anthropic_messages": _named(
        {
            "type": "message_start",
            "message": {"id": "m", "content": [], "usage": {"input_tokens": 9, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({**_BLOCK, "delta": {"type": "text_delta", "text": one}} for one in TEXT.split(" ")),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ),
    "google_generate": b"".join(
        [
            _event(_part({"text": "Naïve "})),
            _event(_part({"functionCall": {"name": "weather", "args": {"city": "Zürich"}}})),
            _event(_part({"text": "🚀"}, finishReason="STOP")),
        ]
    ),
}
ERRORS: tuple[Any, ...] = (
    {"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}},
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "Quota",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"},
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "LIMIT"},
            ],
        }
    },
    {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
    {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]},
)
HEADERS = {
    "retry-after": "7",
    "retry-after-ms": "1500",
    "date": "Wed, 21 Oct 2026 07:28:00 GMT",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-reset-requests": "6m0s",
    "anthropic-ratelimit-tokens-remaining": "0",
    "anthropic-ratelimit-tokens-limit": "1000",
    "anthropic-ratelimit-tokens-reset": "2026-10-21T07:29:00Z",
}
