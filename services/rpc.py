"""gRPC as all services use it: server and channel builders, errors, deadlines, drain.

A servicer raises RoutorError; the server turns it into google.rpc.Status (ErrorInfo,
RetryInfo, Attempts) and `error_of` turns that back into the same RoutorError.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from routor.v1.types_pb2 import Attempts
from services import telemetry
from services.errors import Kind, RoutorError, bare

logger = logging.getLogger(__name__)

DOMAIN = "routor"
TOKEN_KEY = "x-routor-internal-token"  # noqa: S105 - a metadata key, not a token
# Bodies of up to 32 MB travel inside messages; a little more for their envelope.
MAX_MESSAGE_BYTES = 48 << 20
LIVENESS = "liveness"  # a name for health checks that asks for nothing but an answer
OPEN_SERVICES = ("/grpc.health.v1.", "/grpc.reflection.")

_OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]
_CHANNEL_OPTIONS = [
    *_OPTIONS,
    # Every address of a headless Service gets its share.
    ("grpc.lb_policy_name", "round_robin"),
    # A restarted service is found again within a second, not after gRPC's default 20.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
_SERVER_OPTIONS = [
    *_OPTIONS,
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # Clients reconnect now and then, and so notice new pods; running calls may finish.
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.max_connection_age_grace_ms", 900_000),
    ("grpc.so_reuseport", 0),
]


def status_of(error: RoutorError) -> status_pb2.Status:
    """Turn an error into the status that crosses the wire."""
    info = error_details_pb2.ErrorInfo(reason=error.kind.name, domain=DOMAIN)
    facts = {
        "param": error.param,
        "provider": error.provider,
        "model": error.model,
        "code": error.code,
        "upstream_status": str(error.upstream_status) if error.upstream_status else None,
    }
    info.metadata.update({name: fact for name, fact in facts.items() if fact})
    details = [info]
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.attempts:
        details.append(Attempts(attempts=error.attempts))
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    code: int = getattr(grpc.StatusCode, error.kind.rule.grpc).value[0]
    return status_pb2.Status(code=code, message=error.message, details=packed)


# What a bare gRPC status means when it carries no details of ours.
_BARE = {
    grpc.StatusCode.DEADLINE_EXCEEDED: Kind.PROVIDER_TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: Kind.OVERLOADED,
    grpc.StatusCode.CANCELLED: Kind.CANCELLED,
    grpc.StatusCode.UNAUTHENTICATED: Kind.INTERNAL,
}


def error_of(failure: grpc.aio.AioRpcError, service: str) -> RoutorError:
    """Turn a failed call of `service` back into the error that its server raised."""
    status = rpc_status.from_call(failure)  # type: ignore[arg-type]  # it has what is read
    error = error_in(status) if status is not None else None
    if error is not None:
        return error
    kind = _BARE.get(failure.code(), Kind.INTERNAL)
    retry_after_s = 1.0 if kind is Kind.OVERLOADED else None
    text = f"The {service} service did not answer ({failure.code().name}); try again."
    return RoutorError(kind, text, retry_after_s=retry_after_s)


def error_in(status: status_pb2.Status) -> RoutorError | None:
    """Return the error that `status_of` turned into this status; None when it is not of ours."""
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    attempts = Attempts()
    for detail in status.details:
        for message in (info, retry, attempts):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    if info.domain != DOMAIN:
        return None
    facts = info.metadata
    return RoutorError(
        Kind[info.reason] if info.reason in Kind.__members__ else Kind.INTERNAL,
        status.message,
        param=facts.get("param"),
        provider=facts.get("provider", ""),
        model=facts.get("model", ""),
        code=facts.get("code"),
        upstream_status=int(facts.get("upstream_status", 0)),
        retry_after_s=retry.retry_delay.ToMilliseconds() / 1000
        if retry.HasField("retry_delay")
        else None,
        attempts=attempts.attempts,
    )


def channel(target: str, certificates: bytes | None = None) -> grpc.aio.Channel:
    """Open a channel to `host:port`, `dns:///name:port` or `unix:path`, balanced over all pods.

    With `certificates` (PEM of the authority) the channel is TLS, but for unix:path.
    """
    if "://" not in target and not target.startswith(("unix:", "dns:")):
        target = f"dns:///{target}"
    if certificates is None or target.startswith("unix:"):
        return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(certificates)
    return grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)


def metadata(token: str = "") -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call: the current trace and, where needed, the internal token."""
    pairs = tuple(telemetry.inject().items())
    return (*pairs, (TOKEN_KEY, token)) if token else pairs


Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[[Any, Any], Any]


def known_by(token: str) -> Callable[[str], bool]:
    """Return what tells whether a caller brings the token; without one everybody is welcome.

    Digests are compared, so that time tells nothing, not even the token's length.
    """
    own = _digest(token)
    return lambda given: not token or hmac.compare_digest(_digest(given), own)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


async def _refuse(_: bytes, context: Context) -> None:
    status = rpc_status.to_status(status_of(stranger()))
    await context.abort(status.code, status.details, status.trailing_metadata)


def stranger() -> RoutorError:
    """Return what is told to callers without the token."""
    return RoutorError(Kind.UNAUTHENTICATED, "This service needs the internal token.")


class _Guard(grpc.aio.ServerInterceptor):
    """Checks the internal token first, opens the span, and turns RoutorError into a status."""

    def __init__(self, token: str) -> None:
        self._known = known_by(token)

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(OPEN_SERVICES):
            return handler
        facts = dict(handler_call_details.invocation_metadata or ())
        if not self._known(str(facts.get(TOKEN_KEY, ""))):
            # A stranger's message is not even read.
            return grpc.unary_unary_rpc_method_handler(_refuse)
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return grpc.unary_stream_rpc_method_handler(
            self._stream(method, cast(Handler, handler.unary_stream)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _unary(self, method: str, call: Handler) -> Handler:
        async def guarded(request: Any, context: Context) -> Any:
            facts = dict(context.invocation_metadata() or ())
            with telemetry.rpc_span(method, facts) as span:
                try:
                    return await call(request, context)
                except Exception as failure:
                    await _abort(context, span, failure)

        return guarded

    def _stream(self, method: str, call: Handler) -> Handler:
        # A coroutine that writes, not a generator: it ends in the task and context it began in.
        async def guarded(request: Any, context: Context) -> None:
            facts = dict(context.invocation_metadata() or ())
            with telemetry.rpc_span(method, facts) as span:
                try:
                    async with aclosing(call(request, context)) as messages:
                        async for message in messages:
                            await context.write(message)
                except Exception as failure:
                    await _abort(context, span, failure)

        return guarded


async def _abort(context: Context, span: telemetry.Span, failure: Exception) -> None:
    if isinstance(failure, grpc.aio.AbortError):
        raise failure
    error = told(failure)
    telemetry.mark(span, error)
    status = rpc_status.to_status(status_of(error))
    await context.abort(status.code, status.details, status.trailing_metadata)


def told(failure: Exception) -> RoutorError:
    """Return what callers are told of a failure, which must be the one being handled."""
    if isinstance(failure, RoutorError):
        return bare(failure)
    logger.exception("unexpected failure")
    return RoutorError(Kind.INTERNAL, "Something failed inside Routor; see its log.")


class Server:
    """A gRPC server with health, reflection and drain.

    It reports NOT_SERVING until `ready(True)`.
    """

    def __init__(
        self,
        listen: str,
        *,
        token: str = "",
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._server = grpc.aio.server(interceptors=[_Guard(token)], options=_SERVER_OPTIONS)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [reflection.SERVICE_NAME, health.SERVICE_NAME]
        if credentials is None or listen.startswith("unix:"):
            self.port = self._server.add_insecure_port(listen)
        else:
            self.port = self._server.add_secure_port(listen, credentials)

    def add(
        self, register: Callable[[Any, grpc.aio.Server], None], servicer: Any, name: str
    ) -> None:
        """Register a servicer under its full service name."""
        register(servicer, self._server)
        self._names.append(name)

    async def ready(self, serving: bool) -> None:
        """Tell health checks whether calls are welcome."""
        answer = health_pb2.HealthCheckResponse
        state = answer.SERVING if serving else answer.NOT_SERVING
        for name in ("", *self._names[2:]):
            await self._health.set(name, state)

    async def start(self) -> None:
        """Listen; not ready yet."""
        reflection.enable_server_reflection(self._names, self._server)
        await self.ready(False)
        # Liveness: the process answers, whether or not it wants calls.
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def stop(self, drain_s: float) -> None:
        """Refuse new calls, let running ones finish for `drain_s`, then end them."""
        await self.ready(False)
        await self._server.stop(drain_s)
