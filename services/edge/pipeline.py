"""The one way of every request: parse, route, dispatch, answer."""

import asyncio
import logging
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

import msgspec
from aiohttp import web

from routor.v1 import providers_pb2, router_pb2
from services import telemetry
from services.edge import intake, notes, spelling, terms, verdict
from services.edge.answer import Answer, Events
from services.edge.door import Call, Door, Writer
from services.edge.fields import PROFILES
from services.edge.limits import Limits
from services.edge.peers import Peers
from services.edge.profiles import Profiles
from services.edge.pulse import Pulse
from services.edge.sessions import Sessions
from services.edge.settings import EdgeSettings
from services.edge.trail import Trail
from services.edge.turns import Turns
from services.errors import Kind, RoutorError, bare
from services.link import Stream

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class _FirstChunk(msgspec.Struct):
    model: str = ""


_first_chunk = msgspec.json.Decoder(_FirstChunk)


class Ledgers(NamedTuple):
    """What is kept beyond a request: of conversations, profiles, spending and decisions."""

    sessions: Sessions
    profiles: Profiles
    limits: Limits
    trail: Trail


class _Turn(NamedTuple):
    """A request that has been routed."""

    door: Door
    request: web.BaseRequest
    call: Call
    question: router_pb2.RouteRequest
    decision: router_pb2.Decision
    deadline_s: float
    ledgers: Ledgers

    def report(self, served: providers_pb2.Served) -> verdict.Report:
        """Return how it went, and note it on the request's span and on its conversation."""
        left_out = (
            *self.call.dropped,
            *spelling.fields(served.dropped_parameters, self.door.names),
        )
        report = verdict.actual(self.decision, served, left_out)
        _note_report(self.request, report)
        owner, tokens = self.request[notes.OWNER], served.usage.input_tokens
        self.ledgers.sessions.note(self.call, owner, served.model, tokens)
        self.ledgers.trail.note(owner, self.decision, served.model)
        self.request[notes.SERVED] = served
        return report


class Pipeline:
    """Answers requests of any front door."""

    def __init__(self, settings: EdgeSettings, peers: Peers, ledgers: Ledgers) -> None:
        self._settings = settings
        self._peers = peers
        self._ledgers = ledgers
        self._turns = Turns()

    async def handle(self, door: Door, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request whose key has been checked; raises RoutorError before any byte."""
        try:
            return await self._handle(door, request)
        except RoutorError as failure:
            raise spelling.error(failure, door.names) from failure.__cause__

    async def _handle(self, door: Door, request: web.BaseRequest) -> web.StreamResponse:
        settings = self._settings
        deadline_s = asyncio.get_running_loop().time() + settings.total_timeout_s
        raw = await intake.body(request, settings.body_limit_bytes, settings.body_timeout_s)
        async with self._turns:
            call, question, decision = await self._routed(door, request, raw)
        turn = _Turn(door, request, call, question, decision, deadline_s, self._ledgers)
        answer = partial(self._stream if call.stream else self._whole, turn)
        with spelling.placing(call.places, door.names):
            if request.get(notes.TERMS) is None:
                return await answer()
            return await self._ledgers.limits.keep(request, question, decision, answer)

    async def _routed(
        self, door: Door, request: web.BaseRequest, raw: bytes
    ) -> tuple[Call, router_pb2.RouteRequest, router_pb2.Decision]:
        call = door.parse(raw, request.headers)
        own = request.get(notes.TERMS)
        if own is not None or call.fields.routor_profile not in PROFILES:
            call = await self._ledgers.profiles.bind(call, own)
        request_id = request[notes.REQUEST_ID]
        request[notes.SPAN].set_attribute(telemetry.ASKED_MODEL, call.model)
        question = call.to_route(request_id)
        if own is not None:
            terms.restrict(question, own)
        warmth = await self._ledgers.sessions.warmth(call, request[notes.OWNER])
        if warmth is not None:
            question.warmth.CopyFrom(warmth)
        decision = await self._route(question, call.other_model)
        decision.request_id = request_id
        verdict.check(decision)
        return call, question, decision

    async def _route(
        self, question: router_pb2.RouteRequest, other_model: str
    ) -> router_pb2.Decision:
        try:
            return await self._peers.route(question)
        except RoutorError as unknown:
            if unknown.kind is not Kind.UNKNOWN_MODEL or not other_model:
                raise
            question.model = other_model
            try:
                return await self._peers.route(question)
            except RoutorError:
                raise unknown from None

    async def _whole(self, turn: _Turn) -> web.StreamResponse:
        asked = providers_pb2.CompleteRequest(
            request_id=turn.decision.request_id,
            body=turn.call.body,
            chain=turn.decision.chain,
            envelope=_envelope(turn.call),
        )
        answer = await self._peers.complete(asked, _left_s(turn.deadline_s))
        report = turn.report(answer.served)
        told = turn.door.answer(turn.call, answer.body, _encode(report))
        return Answer(told, self._headers(report))

    async def _stream(self, turn: _Turn) -> web.StreamResponse:
        asked = providers_pb2.StreamRequest(
            request_id=turn.decision.request_id,
            body=turn.call.body,
            chain=turn.decision.chain,
            envelope=_envelope(turn.call),
        )
        async with aclosing(self._peers.stream(asked, _left_s(turn.deadline_s))) as events:
            # Until something comes, an error is still an HTTP status.
            first = await anext(events, None)
            if first is None:
                raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "The providers sent no answer.")
            report = _first_report(turn, first)
            writer = turn.door.writer(turn.call, turn.question)
            response = Events(turn.request, self._headers(report))
            pulse = Pulse(response, writer.sign, self._settings.stream_ping_s)
            try:
                # A client that does not read must not hold its stream beyond the deadline.
                async with asyncio.timeout_at(turn.deadline_s + 1):
                    await _relay(turn, writer, response, first, events)
            except Exception as failure:
                await _break_off(turn, writer, response, failure)
            finally:
                pulse.stop()
        return response

    def _headers(self, report: verdict.Report) -> dict[str, str]:
        return verdict.headers(report) if self._settings.decision_headers else {}


async def _relay(
    turn: _Turn,
    writer: Writer,
    response: Events,
    first: providers_pb2.StreamResponse,
    events: Stream[providers_pb2.StreamResponse],
) -> None:
    """Write the events in order; raise STREAM_BROKEN when they end without a finish."""
    finish: providers_pb2.Finish | None = None

    def write(event: providers_pb2.StreamResponse) -> bool:
        nonlocal finish
        kind = event.WhichOneof("event")
        if kind == "finish":
            finish = event.finish
            return False
        bodies = event.chunks.chunks if kind == "chunks" else (event.chunk,)
        return response.put(writer.chunks(bodies))

    if not write(first):
        await response.drained()
    while finish is None:
        if not await events.pump(write):
            text = "The stream ended before the answer was complete."
            raise RoutorError(Kind.STREAM_BROKEN, text)
        await response.drained()
    report = _encode(turn.report(finish.served))
    response.put(writer.finish(finish.chunks, finish.usage_chunk, report), end=True)
    await response.drained()


async def _break_off(turn: _Turn, writer: Writer, response: Events, failure: Exception) -> None:
    """End a stream that has begun with an honest error event."""
    if isinstance(failure, ConnectionError):
        raise failure
    if isinstance(failure, RoutorError):
        error = spelling.error(failure, turn.door.names)
    elif isinstance(failure, TimeoutError):
        error = RoutorError(Kind.PROVIDER_TIMEOUT, "The answer took longer than is allowed.")
    else:
        logger.exception("a stream failed unexpectedly")
        error = RoutorError(Kind.INTERNAL, "Something failed inside Routor; see its log.")
    request = turn.request
    request[notes.FAILURE] = bare(error)
    if isinstance(failure, TimeoutError) and request.transport is not None:
        # Nobody reads: waiting for the event to be taken would be waiting again.
        request.transport.abort()
        return
    response.put(writer.broken(error, request[notes.REQUEST_ID]), end=True)
    await response.drained()


def _first_report(turn: _Turn, first: providers_pb2.StreamResponse) -> verdict.Report:
    kind = first.WhichOneof("event")
    if kind == "finish":
        return verdict.actual(turn.decision, first.finish.served, ())
    chunk = first.chunks.chunks[0] if kind == "chunks" else first.chunk
    return verdict.expected(turn.decision, _first_chunk.decode(chunk).model)


def _envelope(call: Call) -> providers_pb2.Envelope:
    return providers_pb2.Envelope(max_cost_usd=call.fields.routor_max_cost)


def _left_s(deadline_s: float) -> float:
    return max(0.0, deadline_s - asyncio.get_running_loop().time())


def _note_report(request: web.BaseRequest, report: verdict.Report) -> None:
    span = request[notes.SPAN]
    if span.is_recording():
        span.set_attributes(
            {
                telemetry.CHOSEN_MODEL: report.model,
                telemetry.TIER: report.tier or "",
                telemetry.CATEGORY: report.category or "",
                telemetry.PROFILE: report.profile or "",
                telemetry.FALLBACK: report.fallback,
                telemetry.ATTEMPTS: report.attempts,
            }
        )
