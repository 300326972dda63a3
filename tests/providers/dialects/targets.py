"""Models and targets as tests need them: facts of the catalog, made by hand."""

from datetime import date
from typing import Any

import msgspec
from openai.types.chat import ChatCompletion

from services.catalog import Lifecycle, Model, Parameters, Price, Reasoning
from services.providers.dialects import DIALECTS
from services.providers.dialects.contract import Answer, Chunk, Decoder, Ending, Target
from services.providers.vendors import VENDORS

SOURCE: dict[str, Any] = {"source": "test", "checked": date(2026, 11, 23)}
# A call as an item of OpenAI's Responses.
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city": "Rome"}',
}


def reasoning(**facts: Any) -> Reasoning:
    return Reasoning(**SOURCE, **facts)


def parameters(**facts: Any) -> Parameters:
    return Parameters(**SOURCE, **facts)


def model(provider: str = "openai", **facts: Any) -> Model:
    fields: dict[str, Any] = {
        "id": "m",
        "upstream": "m-1",
        "name": "M",
        "provider": provider,
        "lifecycle": Lifecycle(**SOURCE, status="active"),
        "price": Price(**SOURCE, input=1.0, output=2.0),
        "reasoning": reasoning(),
        "parameters": parameters(),
        "context_window": 200_000,
        "max_output_tokens": 64_000,
        "tools": True,
        "parallel_tools": True,
        "structured_outputs": "json_schema",
        **SOURCE,
    }
    return Model(**{**fields, **facts})


def target(
    provider: str = "openai", *, effort: str = "", known: bool = True, **facts: Any
) -> Target:
    return Target(
        vendor=VENDORS[provider],
        upstream_model="m-1",
        key=f"{provider}/m",
        model=model(provider, **facts) if known else None,
        effort=effort,
        created=1_790_000_000,
    )


def sent(encoded: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    return body


def ask(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": list(messages) or [user("hi")], **fields}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def called(*calls: tuple[str, str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": i, "type": "function", "function": {"name": n, "arguments": a}}
            for i, n, a in calls
        ],
        **fields,
    }


def result(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def tool(name: str = "f", **function: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema, **function}}


def event(body: Any, name: str = "") -> bytes:
    text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def run(decoder: Decoder, data: bytes, size: int = 1 << 30) -> tuple[list[Chunk], Ending]:
    chunks = []
    for start in range(0, len(data), size):
        chunks += decoder.feed(data[start : start + size])
    return chunks, decoder.close()


def text(chunks: list[Chunk], field: str = "content") -> str:
    return "".join(c.body["choices"][0]["delta"].get(field) or "" for c in chunks)


def tool_calls(chunks: list[Chunk]) -> list[Any]:
    return [one for c in chunks for one in c.body["choices"][0]["delta"].get("tool_calls") or []]


def chunk(delta: Any, finish: str | None = None, index: int = 0, **extra: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish, **extra}
    return {"id": "c1", "created": 5, "choices": [choice]}


def call_delta(index: int, arguments: Any, call_id: str = "", name: str = "") -> dict[str, Any]:
    head = {"id": call_id, "type": "function"} if call_id else {}
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"tool_calls": [{"index": index, **head, "function": function}]}


def decode(body: dict[str, Any], provider: str = "openai") -> Answer:
    """Return what a chat completion of a vendor becomes: one of OpenAI's own shape."""
    answer = DIALECTS["openai_chat"].decode(msgspec.json.encode(body), target(provider))
    ChatCompletion.model_validate(answer.body, strict=True)
    return answer
