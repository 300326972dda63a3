"""The front door POST /v1/responses: OpenAI's second format, without a server's memory."""

from routor.v1.router_pb2 import RouteRequest
from services.edge.door import Call
from services.edge.responses import answer as response
from services.edge.responses import request
from services.edge.responses.stream import Stream

parse = request.parse


def answer(call: Call, body: bytes, routor: bytes) -> bytes:
    """Return the response object of a chat completion."""
    return response.encode(body, routor, call.view)


def writer(call: Call, question: RouteRequest) -> Stream:
    """Return what writes the stream that answers a call."""
    return Stream(call.view)
