"""What every front door offers the pipeline: a request read, an answer written.

Behind the doors there is one language, OpenAI chat completions.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from routor.v1 import router_pb2, types_pb2
from services.edge import fields, schema, window
from services.edge.spelling import Names, Places
from services.errors import RoutorError

Headers = CIMultiDictProxy[str]
NO_HEADERS: Headers = CIMultiDictProxy(CIMultiDict())


class Call(msgspec.Struct, frozen=True):
    """A request as read.

    `body` is the OpenAI chat request to forward, without routor fields; `model` what the caller
    asked for, "auto" when the choice is Routor's; `other_model` is what is asked for when nobody
    knows that one. `thoughts`: the caller wants to be told what the model thinks. `dropped` names
    what was left out as harmless, `needs` what a model must have beside what `request` says.
    `view` is what the door keeps for its answer, `places` where messages stand in its own words.
    """

    body: bytes
    request: schema.ChatRequest
    fields: fields.Fields
    profile: "types_pb2.Profile.ValueType"
    model: str
    other_model: str = ""
    thoughts: bool = True
    dropped: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    view: Any = None
    places: Places = ()

    @property
    def stream(self) -> bool:
        """Whether the answer is to be streamed."""
        return bool(self.request.stream)

    def to_route(self, request_id: str) -> router_pb2.RouteRequest:
        """Return the question for the router."""
        needs = window.needs(self.request)
        needs.parameters.extend(self.needs)
        return router_pb2.RouteRequest(
            request_id=request_id,
            model=self.model,
            messages=window.messages(self.request.messages),
            tools=window.tools(self.request.tools),
            needs=needs,
            preferences=fields.preferences(self.fields, self.profile),
        )


class Writer(Protocol):
    """Writes one stream. `routor` is the JSON object of that name, encoded."""

    @property
    def sign(self) -> bytes:
        """What says that the stream lives, and nothing else; between any two events."""
        ...

    def chunks(self, bodies: Iterable[bytes]) -> bytes:
        """Return what OpenAI chat.completion.chunks put on the stream."""
        ...

    def finish(self, bodies: Iterable[bytes], usage_chunk: bytes, routor: bytes) -> bytes:
        """Return the clean end of a stream."""
        ...

    def broken(self, error: RoutorError, request_id: str) -> bytes:
        """Return the end of a stream that failed: never to be taken for a clean one."""
        ...


class Door(Protocol):
    """One wire format of ours. `names`: what its callers call fields of the inner request."""

    names: Names

    def parse(self, raw: bytes, headers: Headers) -> Call:
        """Read a body; raise RoutorError(INVALID_REQUEST) naming the faulty field."""
        ...

    def answer(self, call: Call, body: bytes, routor: bytes) -> bytes:
        """Return a whole answer, made from an OpenAI chat completion."""
        ...

    def writer(self, call: Call, question: router_pb2.RouteRequest) -> Writer:
        """Return what writes the stream that answers a call; `question` is what was routed."""
        ...
