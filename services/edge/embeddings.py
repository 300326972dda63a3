"""The front door POST /v1/embeddings: OpenAI's format in and out.

The model is the caller's choice: vectors of two models cannot be compared, so nothing is routed
and nothing falls back. Source: openai 3.54.0, types/embedding_create_params.py (2026-11-23).
"""

import asyncio
import base64
import struct
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from routor.v1 import providers_pb2, router_pb2, types_pb2
from services import telemetry
from services.edge import document, fields, intake, notes, verdict
from services.edge.answer import Answer
from services.edge.limits import Limits
from services.edge.peers import Peers
from services.edge.settings import EdgeSettings
from services.errors import Kind, RoutorError
from services.tokens import density

Tokens = Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]
Text = Annotated[str, Meta(min_length=1)]
FLOAT_BYTES = 4


class _Texts(Struct):
    input: list[Text]


class _Tokens(Struct):
    input: Tokens


class _TokenLists(Struct):
    input: list[Tokens]


_LISTS: dict[type, type[Struct]] = {int: _Tokens, list: _TokenLists}


class Request(Struct, kw_only=True, omit_defaults=True):
    """The body, without routor fields; None means not given."""

    input: Text | Annotated[list[Any], Meta(min_length=1, max_length=2048)]
    model: Annotated[str, Meta(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    user: str | None = None


KNOWN = frozenset(Request.__struct_fields__)


class _Row(Struct):
    index: int
    embedding: str | list[float]
    object: str = "embedding"


class _List(Struct):
    data: list[_Row]
    model: str
    usage: dict[str, int]
    object: str = "list"


_list = msgspec.json.Decoder(_List)
_encode = msgspec.json.Encoder().encode


class Embeddings:
    """Answers with the vectors of texts."""

    def __init__(self, settings: EdgeSettings, peers: Peers, limits: Limits) -> None:
        self._settings = settings
        self._peers = peers
        self._limits = limits

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as JSON; raises RoutorError before any byte."""
        settings = self._settings
        deadline_s = asyncio.get_running_loop().time() + settings.total_timeout_s
        raw = await intake.body(request, settings.body_limit_bytes, settings.body_timeout_s)
        asked, dropped = parse(raw)
        request[notes.SPAN].set_attribute(telemetry.ASKED_MODEL, asked.model)
        wanted = question(asked, request[notes.REQUEST_ID])
        decision = await self._peers.route(wanted)
        decision.request_id = request[notes.REQUEST_ID]
        verdict.check(decision)
        call = providers_pb2.EmbedRequest(
            request_id=decision.request_id,
            body=_encode(asked),
            chain=decision.chain,
        )
        left_s = max(0.0, deadline_s - asyncio.get_running_loop().time())
        ask = partial(self._answer, request, asked, decision, call, left_s, dropped=dropped)
        if notes.TERMS not in request:
            return await ask()
        return await self._limits.keep(request, wanted, decision, ask)

    async def _answer(
        self,
        request: web.BaseRequest,
        asked: "Request",
        decision: router_pb2.Decision,
        call: providers_pb2.EmbedRequest,
        left_s: float,
        *,
        dropped: tuple[str, ...],
    ) -> web.StreamResponse:
        answer = await self._peers.embed(call, left_s)
        request[notes.SERVED] = answer.served
        left_out = (*dropped, *answer.served.dropped_parameters)
        report = verdict.actual(decision, answer.served, left_out)
        body = written(answer.body, asked.encoding_format or "float", _encode(report))
        return Answer(body, verdict.headers(report) if self._settings.decision_headers else {})


def parse(raw: bytes) -> tuple[Request, tuple[str, ...]]:
    """Read a body; return it and the names of what nobody here knows.

    Raises RoutorError(INVALID_REQUEST) naming the faulty field.
    """
    tree = document.read(raw)
    fields.take(tree)
    for name in [name for name, value in tree.items() if value is None]:
        del tree[name]
    asked = document.convert(tree, Request)
    if asked.model in fields.AUTO:
        text = "must name an embedding model: vectors of different models cannot be compared"
        raise document.invalid("model", text)
    if isinstance(asked.input, list):
        document.convert({"input": asked.input}, _LISTS.get(type(asked.input[0]), _Texts))
    return asked, document.named(tree.keys() - KNOWN)


def question(asked: Request, request_id: str) -> router_pb2.RouteRequest:
    """Return the question for the router."""
    given = asked.input if isinstance(asked.input, list) else [asked.input]
    return router_pb2.RouteRequest(
        request_id=request_id,
        model=asked.model,
        needs=router_pb2.Needs(
            endpoint=router_pb2.ENDPOINT_EMBEDDINGS, input_tokens=max(1, int(_tokens(given)))
        ),
        preferences=router_pb2.Preferences(profile=types_pb2.PROFILE_DIRECT),
    )


def _tokens(given: list[Any]) -> float:
    if given and isinstance(given[0], int):
        return len(given)
    return sum(len(one) if isinstance(one, list) else len(one) * density(one) for one in given)


def written(body: bytes, encoding: str, routor: bytes) -> bytes:
    """Return the answer with its vectors in the wanted encoding, and `routor` as last member.

    Raises RoutorError(PROVIDER_UNAVAILABLE) for what are no vectors.
    """
    try:
        answer = _list.decode(body)
        for row in answer.data:
            row.embedding = _encoded(row.embedding, encoding)
    except (msgspec.ValidationError, ValueError, struct.error, OverflowError) as failure:
        text = "The provider's answer holds vectors that are none."
        raise RoutorError(Kind.PROVIDER_UNAVAILABLE, text, upstream_status=200) from failure
    return _encode(answer)[:-1] + b',"routor":' + routor + b"}"


def _encoded(vector: str | list[float], encoding: str) -> str | list[float]:
    if encoding == "base64" and not isinstance(vector, str):
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    if encoding == "float" and isinstance(vector, str):
        numbers = base64.b64decode(vector)
        return list(struct.unpack(f"<{len(numbers) // FLOAT_BYTES}f", numbers))
    return vector
