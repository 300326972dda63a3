"""OpenTelemetry: set-up, and every span, attribute and metric name. No prompt text in any of it.

Without OTEL_EXPORTER_OTLP_ENDPOINT no span is recorded, but the caller's trace is still
passed on. GenAI names follow open-telemetry/semantic-conventions-genai (read 2026-11);
they are still "Development", so they live here and nowhere else.
"""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import prometheus_client
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Span, SpanKind, StatusCode

from services.errors import RoutorError

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

_tracer = trace.get_tracer("routor")
_meter = metrics.get_meter("routor")

# Buckets of the GenAI conventions, seconds.
_SECONDS = [0.01 * 2**step for step in range(14)]

requests = _meter.create_counter("routor.requests", description="Answered requests, by outcome")
request_duration = _meter.create_histogram(
    "routor.request.duration", unit="s", description="Whole requests at the edge"
)
decision_duration = _meter.create_histogram(
    "routor.decision.duration", unit="s", description="Decisions of the router"
)
attempts = _meter.create_counter("routor.attempts", description="Calls to providers, by kind")
attempts_dropped = _meter.create_counter(
    "routor.attempts.dropped", description="Attempts that Redis could not take"
)
operation_duration = _meter.create_histogram(
    "gen_ai.client.operation.duration", unit="s", description="Calls to providers"
)
first_chunk = _meter.create_histogram(
    "gen_ai.client.operation.time_to_first_chunk", unit="s", description="Until the first content"
)
token_usage = _meter.create_counter(
    "routor.tokens", unit="{token}", description="Tokens, by model and direction"
)
spend = _meter.create_counter("routor.cost", unit="{USD}", description="Dollars, by model")
redis_up = _meter.create_gauge("routor.redis.up", description="1 while Redis answers")
provider_health = _meter.create_gauge(
    "routor.provider.health", description="3 healthy, 2 degraded, 1 down, 0 not connected"
)


def start(service: str, environ: Mapping[str, str], metrics_listen: str = "") -> None:
    """Set up logs, traces and metrics of this process.

    `metrics_listen` (host:port) serves Prometheus metrics; the edge serves them itself.
    """
    _log(environ.get("ROUTOR_LOG_LEVEL", "INFO"))
    resource = Resource.create({"service.name": f"routor-{service}"})
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        readers.append(_export(resource))
    seconds = View(
        instrument_unit="s", aggregation=ExplicitBucketHistogramAggregation(boundaries=_SECONDS)
    )
    metrics.set_meter_provider(
        MeterProvider(metric_readers=readers, resource=resource, views=[seconds])
    )
    if metrics_listen:
        host, _, port = metrics_listen.rpartition(":")
        prometheus_client.start_http_server(int(port), host)


def _export(resource: Resource) -> MetricReader:
    """Send spans and metrics to the OTLP endpoint; imported only where there is one."""
    from opentelemetry.exporter.otlp.proto.grpc import (  # noqa: PLC0415
        metric_exporter,
        trace_exporter,
    )
    from opentelemetry.sdk.trace import TracerProvider, export  # noqa: PLC0415

    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(export.BatchSpanProcessor(trace_exporter.OTLPSpanExporter()))
    trace.set_tracer_provider(tracing)
    return PeriodicExportingMetricReader(metric_exporter.OTLPMetricExporter())


def stop() -> None:
    """Send what is still to be sent."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is not None:
            shutdown()


def exposition() -> bytes:
    """Return all metrics in Prometheus' text form."""
    return prometheus_client.generate_latest()


def inject() -> dict[str, str]:
    """Return the headers that carry the current trace onwards."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Any] | None = None,
    carrier: Mapping[str, Any] | None = None,
) -> Iterator[Span]:
    """Open a span, as a child of the trace in `carrier` or of the current one.

    A failure is noted by its type alone: messages may hold what callers wrote.
    """
    parent = propagate.extract(carrier) if carrier is not None else None
    opened = _tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
    token = context.attach(trace.set_span_in_context(opened, parent))
    try:
        yield opened
    except Exception as failure:
        mark(opened, failure)
        raise
    finally:
        context.detach(token)
        opened.end()


def rpc_span(method: str, facts: Mapping[str, Any]) -> Any:
    """Open the server span of an RPC; `method` is "/package.Service/Method"."""
    attributes = {"rpc.system.name": "grpc", "rpc.method": method.lstrip("/")}
    return span(method.lstrip("/"), SpanKind.SERVER, attributes, facts)


def mark(opened: Span, failure: BaseException) -> None:
    """Note on a span why it failed."""
    kind = failure.kind.name if isinstance(failure, RoutorError) else type(failure).__name__
    opened.set_attribute(ERROR_TYPE, kind)
    opened.set_status(StatusCode.ERROR, kind)


class _JsonLines(logging.Formatter):
    """One JSON object a line, with the trace it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        where = trace.get_current_span().get_span_context()
        if where.is_valid:
            fields["trace_id"] = trace.format_trace_id(where.trace_id)
            fields["span_id"] = trace.format_span_id(where.span_id)
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()


def _log(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
