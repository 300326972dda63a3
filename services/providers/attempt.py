"""One call to one model: encode, send, wait with patience, decode. JSON and streams alike.

`run` yields OpenAI chunks and last an Ending (a stream), or one Answer; it raises RoutorError for
everything that can go wrong. Nothing is yielded before the first content. What fails after it is
STREAM_BROKEN; what fails before it has the kind that failover goes by.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from routor.v1.types_pb2 import Attempt
from services import telemetry
from services.errors import Kind, RoutorError
from services.providers.connections import Connection
from services.providers.dialects import DIALECTS
from services.providers.dialects.contract import Answer, Chunk, Encoded, Ending, Json, Target
from services.providers.patience import Limits, Patience
from services.providers.transport import Reply, Request, Transport

logger = logging.getLogger(__name__)

T = TypeVar("T")
Event = Chunk | Ending | Answer

ERROR_LIMIT_BYTES = 1 << 20
# A long stream is larger than its text: some 300 bytes around each token.
STREAM_FACTOR = 8
# After a stream's last event its connection is kept if it ends at once.
LINGER_S = 0.05


@dataclass
class Call:
    """What to do, and how it went (filled in by `run`)."""

    connection: Connection
    target: Target
    body: Json
    stream: bool
    limits: Limits
    record: Attempt
    start_s: float = 0.0
    committed: bool = False  # content has gone out
    settled: bool = False  # it succeeded or failed; else it was cancelled
    dropped: tuple[str, ...] = ()


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

    async def run(self, call: Call) -> AsyncGenerator[Event, None]:
        """Make the call. Closing this iterator early closes the provider's connection at once."""
        call.start_s = self._clock()
        name = f"chat {call.target.upstream_model}"
        with telemetry.span(name, telemetry.SpanKind.CLIENT, _attributes(call)) as span:
            try:
                async with aclosing(self._events(call)) as events:
                    async for event in events:
                        if not isinstance(event, Chunk):
                            self._succeed(call, event, span)
                        yield event
            except RoutorError as error:
                _fail(call, error)
                raise
            finally:
                self._end(call)

    def _succeed(self, call: Call, event: Ending | Answer, span: telemetry.Span) -> None:
        call.settled = True
        self._end(call)
        call.record.input_tokens = event.usage.input_tokens
        call.record.output_tokens = event.usage.output_tokens
        span.set_attributes(_answered(event, call.record))

    def _end(self, call: Call) -> None:
        record = call.record
        if not call.settled:
            record.kind = Kind.CANCELLED.name
        if not record.ended_at_s:
            record.ended_at_s = self._wall()
            record.latency_ms = (self._clock() - call.start_s) * 1000

    async def _events(self, call: Call) -> AsyncGenerator[Event, None]:
        patience = Patience(call.limits, call.start_s, call.stream)
        encoded = DIALECTS[call.target.vendor.dialect].encode(call.body, call.target)
        call.dropped = encoded.dropped
        reply = await self._within(patience, self._transport.send(_request(call, encoded)))
        try:
            call.record.http_status = reply.status
            if not 200 <= reply.status < 300:
                raise await self._refusal(call, reply, patience)
            read = self._streamed if call.stream else self._whole
            async with aclosing(read(call, reply, patience)) as events:
                async for event in events:
                    yield event
        finally:
            await reply.aclose()

    async def _within(self, patience: Patience, step: Awaitable[T]) -> T:
        """Wait for `step` as long as patience lasts; raises RoutorError(PROVIDER_TIMEOUT)."""
        until_s, said = patience.until()
        try:
            async with asyncio.timeout(until_s - self._clock()):
                return await step
        except TimeoutError:
            raise RoutorError(Kind.PROVIDER_TIMEOUT, said) from None

    async def _read(self, reply: Reply, patience: Patience, limit_bytes: int) -> bytes:
        pieces = []
        async with aclosing(reply.chunks(limit_bytes)) as chunks:
            while True:
                try:
                    pieces.append(await self._within(patience, anext(chunks)))
                except StopAsyncIteration:
                    return b"".join(pieces)

    async def _refusal(self, call: Call, reply: Reply, patience: Patience) -> RoutorError:
        try:
            content = await self._read(reply, patience, ERROR_LIMIT_BYTES)
        except RoutorError:
            content = b""  # the status says enough
        dialect = DIALECTS[call.target.vendor.dialect]
        return _decoded(call, dialect.error, reply.status, reply.headers, content, call.target)

    async def _whole(
        self, call: Call, reply: Reply, patience: Patience
    ) -> AsyncGenerator[Event, None]:
        content = await self._read(reply, patience, self._limit_bytes)
        dialect = DIALECTS[call.target.vendor.dialect]
        answer = _decoded(call, dialect.decode, content, call.target)
        if all(_hollow(choice) for choice in answer.body["choices"]):
            raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "the answer is empty")
        yield answer

    async def _streamed(
        self, call: Call, reply: Reply, patience: Patience
    ) -> AsyncGenerator[Event, None]:
        decoder = DIALECTS[call.target.vendor.dialect].decoder(call.target, call.body)
        held: list[Chunk] = []
        async with aclosing(reply.chunks(self._limit_bytes * STREAM_FACTOR)) as pieces:
            while not decoder.done:
                try:
                    data = await self._within(patience, anext(pieces))
                except StopAsyncIteration:
                    break
                chunks = _decoded(call, decoder.feed, data)
                content = any(chunk.content for chunk in chunks)
                patience.heard(self._clock(), data, content)
                held += chunks
                if not (content or call.committed):
                    continue
                if not call.committed:
                    call.committed = True
                    call.record.first_token_ms = (self._clock() - call.start_s) * 1000
                for chunk in held:
                    yield chunk
                held.clear()
            ending = _decoded(call, decoder.close)
            if not call.committed and ending.finish_reason == "stop":
                raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "the answer is empty")
            await _linger(pieces)
        for chunk in held:
            yield chunk
        yield ending


def _fail(call: Call, error: RoutorError) -> None:
    """Complete the error with who failed, and the record with the error."""
    record, vendor = call.record, call.target.vendor
    said_by_us = not error.provider and error.kind.name.startswith("PROVIDER_")
    if said_by_us:
        error.message = f"{vendor.name}: {error.message}."
    if call.committed or error.kind is Kind.STREAM_BROKEN:
        error.kind = Kind.STREAM_BROKEN if call.committed else Kind.PROVIDER_UNAVAILABLE
        error.code = error.kind.rule.code
    error.provider, error.model = vendor.id, call.target.key
    error.upstream_status = error.upstream_status or record.http_status
    record.kind, record.message = error.kind.name, error.message
    record.retry_after_s = error.retry_after_s or 0.0
    call.settled = True


def _request(call: Call, encoded: Encoded) -> Request:
    headers = {"accept": "text/event-stream" if call.stream else "application/json"}
    # Of the trace, but not of the caller's baggage, providers may know.
    trace = telemetry.inject()
    headers |= {name: trace[name] for name in ("traceparent", "tracestate") if name in trace}
    headers |= encoded.headers
    headers |= call.connection.headers()
    return Request(call.connection.url(encoded.path), headers, encoded.body)


def _decoded(call: Call, step: Callable[..., T], *arguments: object) -> T:
    """Run a step of the dialect; whatever a provider sends, the worst is one bad answer."""
    try:
        return step(*arguments)
    except RoutorError:
        raise
    except Exception as failure:
        # Where, but not the exception's own text: it may quote the answer.
        place = traceback.extract_tb(failure.__traceback__)[-1]
        logger.error(
            "%s: unreadable answer: %s at %s:%s",
            call.target.vendor.id,
            type(failure).__name__,
            place.filename,
            place.lineno,
        )
        raise RoutorError(
            Kind.PROVIDER_UNAVAILABLE, "the answer could not be understood"
        ) from failure


def _hollow(choice: Json) -> bool:
    """Tell whether a choice says that it is complete, and says nothing."""
    message = choice.get("message") or {}
    said = ("content", "tool_calls", "refusal", "reasoning_content", "audio")
    return choice.get("finish_reason") == "stop" and not any(message.get(name) for name in said)


async def _linger(pieces: AsyncIterator[bytes]) -> None:
    """Read a finished stream to its end, so that its connection can be used again."""
    with contextlib.suppress(RoutorError, TimeoutError):
        async with asyncio.timeout(LINGER_S):
            async for _ in pieces:
                pass


def _attributes(call: Call) -> dict[str, str | bool]:
    target = call.target
    return {
        telemetry.OPERATION: "chat",
        telemetry.PROVIDER: telemetry.PROVIDER_NAMES.get(target.vendor.id, target.vendor.id),
        telemetry.REQUEST_MODEL: target.upstream_model,
        telemetry.REQUEST_STREAM: call.stream,
        telemetry.SERVER_ADDRESS: urlsplit(call.connection.base_url).hostname or "",
        telemetry.CHOSEN_MODEL: target.key,
    }


def _answered(event: Ending | Answer, record: Attempt) -> dict[str, Any]:
    if isinstance(event, Answer):
        body = event.body
        reasons = [str(choice.get("finish_reason")) for choice in body["choices"]]
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
