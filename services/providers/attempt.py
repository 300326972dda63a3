"""One call to one model: encode, send, wait with patience, decode. JSON and streams alike.

Both raise RoutorError for everything that can go wrong. Of a stream nothing is given out before
the first content. What fails after it is STREAM_BROKEN; what fails before it has the kind that
failover goes by.
"""

import asyncio
import codecs
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from routor.v1.types_pb2 import Attempt
from services import telemetry
from services.errors import Kind, RoutorError
from services.providers import flaw, headroom
from services.providers.call import Call, decoded
from services.providers.deadlines import Deadlines
from services.providers.dialects import faults, openai_native, stopping
from services.providers.dialects.contract import Answer, Chunk, Ending, Json
from services.providers.patience import Patience
from services.providers.reading import Reading, linger
from services.providers.transport import Reply, Transport, whole

T = TypeVar("T")

ERROR_LIMIT_BYTES = 1 << 20
# Nobody hands out shorter keys, and a word that is one is not cut out of every message.
SECRET_CHARS = 8


class Caller:
    """Makes calls over one transport. Holds no state of its own between them.

    `clock` is monotonic seconds, `wall` seconds since the epoch.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        answer_limit_bytes: int,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._limit_bytes = answer_limit_bytes
        self._clock = clock
        self._wall = wall
        self._deadlines = Deadlines(clock)

    async def whole(self, call: Call) -> Answer:
        """Make the call and return its answer."""
        with self._traced(call) as span:
            _describe(span, call)
            try:
                answer = await self._whole(call)
                self._succeed(call, answer, span)
            except RoutorError as error:
                _fail(call, error)
                raise
            finally:
                self._end(call)
        return answer

    async def stream(
        self, call: Call, around: contextlib.AbstractAsyncContextManager[object]
    ) -> AsyncGenerator[list[Chunk] | Ending, None]:
        """Yield the chunks as they come, those that came together at once, and last the ending.

        The call is made within `around`. Closing this iterator early closes the provider's
        connection at once.
        """
        async with around:
            with self._traced(call) as span:
                _describe(span, call)
                patience = Patience(call.limits, call.start_s, stream=True)
                reply = None
                try:
                    reply = await self._sent(call, patience)
                    reading = Reading(call, patience, reply, self._limit_bytes, self._clock)
                    while not reading.done:
                        if reading.ready:
                            reading.read()
                        else:
                            await self._more(reading, reply, patience)
                        if reading.held and call.committed:
                            yield reading.take()
                            if reading.waiting:
                                await asyncio.sleep(0)  # what was yielded goes out first
                    ending = reading.ending()
                    await linger(reply, self._limit_bytes)
                    if reading.held:
                        yield reading.take()
                    self._succeed(call, ending, span)
                    yield ending
                except RoutorError as error:
                    _fail(call, error)
                    raise
                finally:
                    if reply is not None:
                        reply.close()
                    self._end(call)

    def _traced(self, call: Call) -> contextlib.AbstractContextManager[telemetry.Span]:
        call.start_s = self._clock()
        return telemetry.span(f"chat {call.target.upstream_model}", telemetry.SpanKind.CLIENT)

    def _succeed(self, call: Call, event: Ending | Answer, span: telemetry.Span) -> None:
        call.settled = True
        self._end(call)
        call.record.input_tokens = event.usage.input_tokens
        call.record.output_tokens = event.usage.output_tokens
        call.record.flaw = flaw.found(call.body, event)
        if span.is_recording():
            span.set_attributes(_answered(event, call.record))

    def _end(self, call: Call) -> None:
        record = call.record
        if not call.settled:
            record.kind = Kind.CANCELLED.name
        if not record.ended_at_s:
            record.ended_at_s = self._wall()
            record.latency_ms = (self._clock() - call.start_s) * 1000

    async def _within(self, patience: Patience, step: Awaitable[T]) -> T:
        """Wait for `step` as long as patience lasts; raises RoutorError(PROVIDER_TIMEOUT)."""
        try:
            return await self._deadlines.within(patience.until_s, step)
        except TimeoutError:
            raise RoutorError(Kind.PROVIDER_TIMEOUT, patience.until()[1]) from None

    async def _more(self, reading: Reading, reply: Reply, patience: Patience) -> None:
        """Wait for more of a stream; silence ends it when all was said."""
        try:
            await self._deadlines.within(patience.until_s, reply.more(reading.relay))
        except TimeoutError:
            if not reading.said_all:
                raise RoutorError(Kind.PROVIDER_TIMEOUT, patience.until()[1]) from None
            reading.end()

    async def _sent(self, call: Call, patience: Patience) -> Reply:
        """Send the request, once more where it asks for what may be left out; see `_asked`."""
        try:
            return await self._asked(call, patience)
        except RoutorError as refusal:
            if not _yields(call, refusal):
                raise
        return await self._asked(call, patience)

    async def _asked(self, call: Call, patience: Patience) -> Reply:
        """Send the request; return an answer of success, its body unread."""
        encoded = call.dialect.encode(call.body, call.target)
        call.dropped = encoded.dropped
        call.sent_bytes = len(encoded.body)
        accept = "text/event-stream" if call.stream else "application/json"
        endpoint = call.connection.endpoint(encoded.path, accept, encoded.headers)
        call.sends += 1
        sending = self._transport.send(endpoint, encoded.body, _trace(), call.again)
        reply = await self._within(patience, sending)
        call.record.http_status = reply.status
        if 200 <= reply.status < 300:
            if reply.limits_told:
                call.record.spare_s = headroom.spare_s(reply.headers)
            return reply
        try:
            raise await self._refusal(call, reply, patience)
        finally:
            reply.close()

    async def _read(self, reply: Reply, patience: Patience, limit_bytes: int) -> bytes:
        reading = whole(reply, limit_bytes)
        content = await (reading if reply.complete else self._within(patience, reading))
        return content.removeprefix(codecs.BOM_UTF8)  # as of a stream (`sse`)

    async def _refusal(self, call: Call, reply: Reply, patience: Patience) -> RoutorError:
        try:
            content = await self._read(reply, patience, ERROR_LIMIT_BYTES)
        except RoutorError:
            content = b""  # the status says enough
        return decoded(call, call.dialect.error, reply.status, reply.headers, content, call.target)

    async def _whole(self, call: Call) -> Answer:
        patience = Patience(call.limits, call.start_s, stream=False)
        reply = await self._sent(call, patience)
        try:
            content = await self._read(reply, patience, self._limit_bytes)
        finally:
            reply.close()
        answer = decoded(call, call.dialect.decode, content, call.target)
        choices = answer.body.get("choices")
        if choices is not None and all(_hollow(choice) for choice in choices):
            flaw.refuse_silence(call.body, answer.usage, others=call.others, later=call.later)
        return answer


def _yields(call: Call, refusal: RoutorError) -> bool:
    """Take out of the request what was refused, where the answer can do without; else False."""
    lesser = openai_native.without(call.body, refusal)
    target = stopping.after(refusal, call.body, call.target)
    call.body, call.target = lesser or call.body, target or call.target
    return lesser is not None or target is not None


def _fail(call: Call, error: RoutorError) -> None:
    """Complete the error with who failed, and the record with the error."""
    record, vendor = call.record, call.target.vendor
    if len(call.connection.key) >= SECRET_CHARS:
        # Vendors repeat a key that they refuse.
        error.message = faults.hide(error.message, call.connection.key)
        error.param = error.param and faults.hide(error.param, call.connection.key)
    said_by_us = not error.provider and error.kind.name.startswith("PROVIDER_")
    if said_by_us:
        error.message = f"{vendor.name}: {error.message}."
    if call.joint is not None and error.kind in (Kind.MODEL_GONE, Kind.INVALID_REQUEST):
        # The model answers; it is the way in which it was asked to go on that is not known there.
        error.kind = Kind.UNSUPPORTED_PARAMETER
        error.code = error.kind.rule.code
    call.final = call.committed and error.kind is Kind.CONTENT_REFUSED
    if call.committed or error.kind is Kind.STREAM_BROKEN:
        error.kind = Kind.STREAM_BROKEN if call.committed else Kind.PROVIDER_UNAVAILABLE
        error.code = error.kind.rule.code
    error.provider, error.model = vendor.id, call.target.key
    error.upstream_status = error.upstream_status or record.http_status
    record.kind, record.message = error.kind.name, error.message
    record.retry_after_s = error.retry_after_s or 0.0
    call.settled = True


def _trace() -> bytes:
    """Return the lines of the trace: providers may know it, but not the caller's baggage."""
    trace = telemetry.inject()
    if not trace:
        return b""
    names = [name for name in ("traceparent", "tracestate") if name in trace]
    return "".join(f"{name}: {trace[name]}\r\n" for name in names).encode("latin-1")


def _hollow(choice: Json) -> bool:
    """Tell whether a choice says that it is complete, and says nothing."""
    message = choice.get("message") or {}
    said = ("content", "tool_calls", "refusal", "reasoning_content", "audio")
    return choice.get("finish_reason") == "stop" and not any(message.get(name) for name in said)


def _describe(span: telemetry.Span, call: Call) -> None:
    if not span.is_recording():
        return
    target = call.target
    attributes: dict[str, str | bool] = {
        telemetry.OPERATION: "chat",
        telemetry.PROVIDER: telemetry.PROVIDER_NAMES.get(target.vendor.id, target.vendor.id),
        telemetry.REQUEST_MODEL: target.upstream_model,
        telemetry.REQUEST_STREAM: call.stream,
        telemetry.SERVER_ADDRESS: urlsplit(call.connection.base_url).hostname or "",
        telemetry.CHOSEN_MODEL: target.key,
    }
    span.set_attributes(attributes)


def _answered(event: Ending | Answer, record: Attempt) -> dict[str, Any]:
    if isinstance(event, Answer):
        body = event.body
        reasons = [str(choice.get("finish_reason")) for choice in body.get("choices", ())]
    else:
        body, reasons = (event.chunks[0] if event.chunks else {}), [event.finish_reason]
    first = {telemetry.FIRST_CHUNK: record.first_token_ms / 1000} if record.first_token_ms else {}
    return {
        **first,
        telemetry.RESPONSE_ID: str(body.get("id", "")),
        telemetry.RESPONSE_MODEL: str(body.get("model", "")),
        telemetry.FINISH_REASONS: reasons,
        telemetry.INPUT_TOKENS: event.usage.input_tokens,
        telemetry.OUTPUT_TOKENS: event.usage.output_tokens,
        telemetry.CACHED_TOKENS: event.usage.cached_input_tokens,
        telemetry.REASONING_TOKENS: event.usage.reasoning_tokens,
    }
