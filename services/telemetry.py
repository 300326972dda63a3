"""OpenTelemetry: set-up, and every span, attribute and metric name. No prompt text in any of it.

Without OTEL_EXPORTER_OTLP_ENDPOINT no span is recorded, but the caller's trace is still
passed on; the same goes for traces that the caller does not sample. GenAI names follow
open-telemetry/semantic-conventions-genai (read 2026-11); they are still "Development", so
they live here and nowhere else.
"""

import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, cast

import msgspec
import prometheus_client
from opentelemetry import context, propagate, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode

from services import instruments
from services.errors import RoutorError
from services.instruments import Counter, Gauge, Histogram

__all__ = ["Span", "SpanKind", "inject", "mark", "rpc_span", "span", "start", "stop"]

# Attributes of upstream spans (GenAI conventions).
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
# Attributes of our own.
REQUEST_ID = "routor.request_id"
TIER = "routor.tier"
CATEGORY = "routor.category"
PROFILE = "routor.profile"
ASKED_MODEL = "routor.request.model"
CHOSEN_MODEL = "routor.model"
ATTEMPTS = "routor.attempts"
FALLBACK = "routor.fallback"

# gen_ai.provider.name of each provider: the conventions' well-known values where they have one.
PROVIDER_NAMES = {
    "google": "gcp.gemini",
    "xai": "x_ai",
    "moonshot": "moonshot_ai",
    "mistral": "mistral_ai",
    "microsoft": "azure.ai.inference",
    "zai": "z_ai",
}

requests = Counter("routor.requests", description="Answered requests, by outcome")
request_duration = Histogram("routor.request.duration", description="Whole requests at the edge")
decision_duration = Histogram("routor.decision.duration", description="Decisions of the router")
attempts = Counter("routor.attempts", description="Calls to providers, by kind")
attempts_dropped = Counter(
    "routor.attempts.dropped", description="Attempts that Redis could not take"
)
hedges = Counter("routor.hedges", description="Calls beside a late one, by which was faster")
operation_duration = Histogram("gen_ai.client.operation.duration", description="Calls to providers")
first_chunk = Histogram(
    "gen_ai.client.operation.time_to_first_chunk", description="Until the first content"
)
token_usage = Counter("routor.tokens", unit="{token}", description="Tokens, by model and direction")
spend = Counter("routor.cost", unit="{USD}", description="Dollars, by model")
breaker_transitions = Counter(
    "routor.breaker.transitions", description="Breakers of providers and models that moved"
)
redis_up = Gauge("routor.redis.up", description="1 while Redis answers")
provider_health = Gauge(
    "routor.provider.health", description="3 healthy, 2 degraded, 1 down, 0 not connected"
)
model_health = Gauge(
    "routor.model.health", description="3 healthy, 2 degraded, 1 down, 0 retired; known ones"
)

# None while spans are not exported.
_tracer: trace.Tracer | None = None
# Whether OTEL_TRACES_SAMPLER says to record also what the caller does not sample.
_always = False
_readers: list[MetricReader] = []
# The headers of a trace that is passed on and not recorded.
_passed: ContextVar[dict[str, str] | None] = ContextVar("passed", default=None)
_NO_SPAN = nullcontext(INVALID_SPAN)
# https://www.w3.org/TR/trace-context/ (2026-11); versions after 00 may carry more, which is left.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?"
)
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


def start(service: str, environ: Mapping[str, str], metrics_listen: str = "") -> None:
    """Set up logs, traces and metrics of this process.

    `metrics_listen` (host:port) serves Prometheus metrics; the edge serves them itself.
    """
    _log(environ.get("ROUTOR_LOG_LEVEL", "INFO"))
    resource = Resource.create({"service.name": f"routor-{service}"})
    _readers.append(PrometheusMetricReader())
    if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        _readers.append(_export(resource))
    for reader in _readers:
        instruments.attach(reader, resource)
    if metrics_listen:
        host, _, port = metrics_listen.rpartition(":")
        prometheus_client.start_http_server(int(port), host)


def _export(resource: Resource) -> MetricReader:
    """Send spans and metrics to the OTLP endpoint; imported only where there is one."""
    from opentelemetry.exporter.otlp.proto.grpc import (  # noqa: PLC0415
        metric_exporter,
        trace_exporter,
    )
    from opentelemetry.sdk.trace import TracerProvider, export, sampling  # noqa: PLC0415

    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(export.BatchSpanProcessor(trace_exporter.OTLPSpanExporter()))
    trace.set_tracer_provider(tracing)
    global _tracer, _always  # noqa: PLW0603 - one per process, as OpenTelemetry has it
    _tracer = tracing.get_tracer("routor")
    _always = not isinstance(tracing.sampler, sampling.ParentBased)
    return PeriodicExportingMetricReader(metric_exporter.OTLPMetricExporter())


def stop() -> None:
    """Send what is still to be sent."""
    for reader in _readers:
        reader.shutdown()
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is not None:
        shutdown()


def exposition() -> bytes:
    """Return all metrics in Prometheus' text form."""
    return prometheus_client.generate_latest()


def inject() -> dict[str, str]:
    """Return the headers that carry the current trace onwards."""
    if (passed := _passed.get()) is not None:
        return passed.copy()
    carrier: dict[str, str] = {}
    if _tracer is not None:
        propagate.inject(carrier)
    return carrier


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Any] | None = None,
    carrier: Mapping[str, Any] | None = None,
) -> AbstractContextManager[Span]:
    """Open a span, as a child of the trace in `carrier` or of the current one.

    A failure is noted by its type alone: messages may hold what callers wrote.
    """
    return _unrecorded(carrier) or _recorded(name, kind, attributes, carrier)


def rpc_span(method: str, facts: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """Open the server span of an RPC; `method` is "/package.Service/Method"."""
    if (unrecorded := _unrecorded(facts)) is not None:
        return unrecorded
    name = method.lstrip("/")
    attributes = {"rpc.system.name": "grpc", "rpc.method": name}
    return _recorded(name, SpanKind.SERVER, attributes, facts)


def _unrecorded(carrier: Mapping[str, Any] | None) -> AbstractContextManager[Span] | None:
    """Return what stands for a span that nobody will see; None when it must be recorded."""
    outer = _passed.get()
    if carrier is None:
        return _NO_SPAN if _tracer is None or outer is not None else None
    passed = _trace_of(carrier)
    if _tracer is not None and (passed is None or _always or _sampled(passed)):
        return None
    return _NO_SPAN if passed is None and outer is None else _Passing(passed)


def _trace_of(carrier: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the W3C headers of a trace; None when there is no valid one."""
    given = carrier.get("traceparent")
    match = _TRACEPARENT.fullmatch(given) if given else None
    if match is None:
        return None
    passed = {"traceparent": f"00-{match[1]}"}
    state = carrier.get("tracestate")
    if state and _TRACESTATE.fullmatch(state):
        passed["tracestate"] = state
    return passed


def _sampled(passed: Mapping[str, str]) -> bool:
    return int(passed["traceparent"][-1], 16) & 1 == 1


class _Passing:
    """Stands for a span and passes the trace on as it came."""

    __slots__ = ("_outer", "_passed")

    def __init__(self, passed: dict[str, str] | None) -> None:
        self._passed = passed

    def __enter__(self) -> Span:
        self._outer = _passed.get()
        _passed.set(self._passed)
        return INVALID_SPAN

    def __exit__(self, *_: object) -> None:
        # Not by a token: a stream that is left early may be closed in another context.
        _passed.set(self._outer)


@contextmanager
def _recorded(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, Any] | None,
    carrier: Mapping[str, Any] | None,
) -> Iterator[Span]:
    parent = propagate.extract(carrier) if carrier is not None else None
    opened = cast(trace.Tracer, _tracer).start_span(
        name, context=parent, kind=kind, attributes=attributes
    )
    token = context.attach(trace.set_span_in_context(opened, parent))
    try:
        yield opened
    except Exception as failure:
        mark(opened, failure)
        raise
    finally:
        context.detach(token)
        opened.end()


def breaker_moved(name: str, state: str) -> None:
    """Count that a breaker moved, and say so in the trace that moved it."""
    breaker_transitions.add(1, {"name": name, "state": state})
    trace.get_current_span().add_event("routor.breaker", {"name": name, "state": state})


def mark(opened: Span, failure: BaseException) -> None:
    """Note on a span why it failed."""
    kind = failure.kind.name if isinstance(failure, RoutorError) else type(failure).__name__
    opened.set_attribute(ERROR_TYPE, kind)
    opened.set_status(StatusCode.ERROR, kind)


class _JsonLines(logging.Formatter):
    """One JSON object a line, with the trace it belongs to."""

    def __init__(self) -> None:
        super().__init__()
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": self._time(int(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (parent := inject().get("traceparent")) is not None:
            _, fields["trace_id"], fields["span_id"], _ = parent.split("-")
        fields.update(record.__dict__.get("fields", ()))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encode(fields).decode()

    def _time(self, second: int) -> str:
        if second != self._second[0]:
            text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            self._second = (second, text)
        return self._second[1]


_encode = msgspec.json.Encoder().encode


def _log(level: str) -> None:
    # What no line shows need not be found out (https://docs.python.org/3/howto/logging.html).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
