"""The front door POST /v1/messages: Anthropic's format in and out."""

from routor.v1.router_pb2 import RouteRequest
from services import tokens
from services.edge.door import Call
from services.edge.messages import answer as message
from services.edge.messages import history, request
from services.edge.messages.stream import Stream
from services.edge.spelling import Names

parse = request.parse
names: Names = {
    "max_completion_tokens": "max_tokens",
    "reasoning.summary": "thinking",
    "reasoning_effort": "thinking",
    "response_format": "output_config.format",
    "response_format.json_schema.schema": "output_config.format.schema",
    "stop": "stop_sequences",
    "tool_choice.function.name": "tool_choice.name",
    "tools[].function.strict": "tools[].strict",
    "user": "metadata.user_id",
    **history.WORDS,
}


def answer(call: Call, body: bytes, routor: bytes) -> bytes:
    """Return the message of a chat completion."""
    return message.encode(body, routor, thoughts=call.thoughts)


def writer(call: Call, question: RouteRequest) -> Stream:
    """Return what writes the stream that answers a call."""
    return Stream(thoughts=call.thoughts, input_tokens=tokens.input_tokens(question))
