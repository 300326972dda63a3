"""The one way of every request: parse, route, dispatch, answer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
from aiohttp import web

from routor.v1 import providers_pb2, router_pb2
from services import telemetry
from services.edge import intake, notes, verdict
from services.edge.door import Call, Door
from services.edge.peers import Peers
from services.edge.settings import EdgeSettings
from services.errors import Kind, RoutorError

logger = logging.getLogger(__name__)

STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    # nginx would hold the stream back.
    "X-Accel-Buffering": "no",
}


class _FirstChunk(msgspec.Struct):
    model: str = ""


class Pipeline:
    """Answers requests of any front door."""

    def __init__(self, settings: EdgeSettings, peers: Peers) -> None:
        self._settings = settings
        self._peers = peers

    async def handle(self, door: Door, request: web.Request) -> web.StreamResponse:
        """Answer a request whose key has been checked; raises RoutorError before any byte."""
        settings = self._settings
        deadline_s = asyncio.get_running_loop().time() + settings.total_timeout_s
        raw = await intake.body(request, settings.body_limit_bytes, settings.body_timeout_s)
        call = door.parse(raw)
        request_id = request[notes.REQUEST_ID]
        _note(request, {telemetry.ASKED_MODEL: call.model})
        decision = await self._peers.route(call.to_route(request_id))
        decision.request_id = request_id
        verdict.check(decision)
        answer = self._stream if call.stream else self._whole
        return await answer(door, request, call, decision, deadline_s)

    async def _whole(
        self,
        door: Door,
        request: web.Request,
        call: Call,
        decision: router_pb2.Decision,
        deadline_s: float,
    ) -> web.StreamResponse:
        asked = providers_pb2.CompleteRequest(
            request_id=decision.request_id,
            body=call.body,
            chain=decision.chain,
            envelope=_envelope(call),
        )
        answer = await self._peers.complete(asked, _left_s(deadline_s))
        report = verdict.actual(decision, answer.served)
        _note_report(request, report)
        return web.Response(
            body=door.answer(answer.body, msgspec.json.encode(report)),
            content_type="application/json",
            headers=self._headers(report),
        )

    async def _stream(
        self,
        door: Door,
        request: web.Request,
        call: Call,
        decision: router_pb2.Decision,
        deadline_s: float,
    ) -> web.StreamResponse:
        asked = providers_pb2.StreamRequest(
            request_id=decision.request_id,
            body=call.body,
            chain=decision.chain,
            envelope=_envelope(call),
        )
        async with aclosing(self._peers.stream(asked, _left_s(deadline_s))) as events:
            # Until something comes, an error is still an HTTP status.
            first = await anext(events, None)
            if first is None:
                raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "The providers sent no answer.")
            report = _first_report(decision, first)
            response = web.StreamResponse(headers={**STREAM_HEADERS, **self._headers(report)})
            await response.prepare(request)
            try:
                # A client that does not read must not hold its stream beyond the deadline.
                async with asyncio.timeout_at(deadline_s + 1):
                    await _relay(door, request, response, decision, _chain(first, events))
            except Exception as failure:
                await _break_off(door, request, response, failure)
        return response

    def _headers(self, report: verdict.Report) -> dict[str, str]:
        return verdict.headers(report) if self._settings.decision_headers else {}


async def _relay(
    door: Door,
    request: web.Request,
    response: web.StreamResponse,
    decision: router_pb2.Decision,
    events: AsyncIterator[providers_pb2.StreamResponse],
) -> None:
    """Write the events in order; raise STREAM_BROKEN when they end without a finish."""
    async for event in events:
        if event.WhichOneof("event") == "chunk":
            await response.write(door.chunk(event.chunk))
            continue
        finish = event.finish
        report = verdict.actual(decision, finish.served)
        _note_report(request, report)
        routor = msgspec.json.encode(report)
        await response.write(door.finish(finish.chunks, finish.usage_chunk, routor))
        await response.write_eof()
        return
    raise RoutorError(Kind.STREAM_BROKEN, "The stream ended before the answer was complete.")


async def _break_off(
    door: Door, request: web.Request, response: web.StreamResponse, failure: Exception
) -> None:
    """End a stream that has begun with an honest error event."""
    if isinstance(failure, ConnectionError):
        raise failure
    if isinstance(failure, RoutorError):
        error = failure
    elif isinstance(failure, TimeoutError):
        error = RoutorError(Kind.PROVIDER_TIMEOUT, "The answer took longer than is allowed.")
    else:
        logger.exception("a stream failed unexpectedly")
        error = RoutorError(Kind.INTERNAL, "Something failed inside Routor; see its log.")
    request[notes.FAILURE] = error
    if isinstance(failure, TimeoutError) and request.transport is not None:
        # Nobody reads: waiting for the event to be taken would be waiting again.
        request.transport.abort()
        return
    await response.write(door.broken(error, request[notes.REQUEST_ID]))
    await response.write_eof()


async def _chain(
    first: providers_pb2.StreamResponse, rest: AsyncIterator[providers_pb2.StreamResponse]
) -> AsyncIterator[providers_pb2.StreamResponse]:
    yield first
    async for event in rest:
        yield event


def _first_report(
    decision: router_pb2.Decision, first: providers_pb2.StreamResponse
) -> verdict.Report:
    if first.WhichOneof("event") == "finish":
        return verdict.actual(decision, first.finish.served)
    return verdict.expected(decision, msgspec.json.decode(first.chunk, type=_FirstChunk).model)


def _envelope(call: Call) -> providers_pb2.Envelope:
    return providers_pb2.Envelope(max_cost_usd=call.fields.routor_max_cost)


def _left_s(deadline_s: float) -> float:
    return max(0.0, deadline_s - asyncio.get_running_loop().time())


def _note(request: web.Request, attributes: dict[str, str | int | bool]) -> None:
    request[notes.SPAN].set_attributes(attributes)


def _note_report(request: web.Request, report: verdict.Report) -> None:
    _note(
        request,
        {
            telemetry.CHOSEN_MODEL: report.model,
            telemetry.TIER: report.tier or "",
            telemetry.CATEGORY: report.category or "",
            telemetry.PROFILE: report.profile or "",
            telemetry.FALLBACK: report.fallback,
            telemetry.ATTEMPTS: report.attempts,
        },
    )
