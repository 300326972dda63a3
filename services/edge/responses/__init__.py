"""The front door POST /v1/responses: OpenAI's second format, without a server's memory."""

from routor.v1.router_pb2 import RouteRequest
from services.edge.door import Call
from services.edge.responses import answer as response
from services.edge.responses import history, request
from services.edge.responses.stream import Stream
from services.edge.spelling import Names

parse = request.parse
names: Names = {
    "logprobs": "top_logprobs",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "response_format.json_schema.schema": "text.format.schema",
    "tool_choice.custom.name": "tool_choice.name",
    "tool_choice.function.name": "tool_choice.name",
    "tools[].function.strict": "tools[].strict",
    "verbosity": "text.verbosity",
    **history.WORDS,
}


def answer(call: Call, body: bytes, routor: bytes) -> bytes:
    """Return the response object of a chat completion."""
    return response.encode(body, routor, call.view)


def writer(call: Call, question: RouteRequest) -> Stream:
    """Return what writes the stream that answers a call."""
    return Stream(call.view)
