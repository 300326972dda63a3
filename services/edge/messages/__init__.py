"""The front door POST /v1/messages: Anthropic's format in and out."""

from services.edge.door import Call
from services.edge.messages import answer as message
from services.edge.messages import request
from services.edge.messages.stream import Stream

parse = request.parse


def answer(call: Call, body: bytes, routor: bytes) -> bytes:
    """Return the message of a chat completion."""
    return message.encode(body, routor, thoughts=call.thoughts)


def writer(call: Call) -> Stream:
    """Return what writes the stream that answers a call."""
    return Stream(thoughts=call.thoughts)
