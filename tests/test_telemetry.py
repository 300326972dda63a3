"""Traces, logs and metrics, with the real exporter in a process of its own."""

import subprocess
import sys
from concurrent import futures

import grpc
import msgspec
import pytest
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from services import telemetry

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
PROGRAM = """
import logging, os, sys
from services import telemetry
from services.errors import Kind, RoutorError
telemetry.start("test", os.environ)
carrier = {"traceparent": os.environ.get("GIVEN", "00-TRACE-PARENT-01"), "tracestate": "a=b"}
try:
    with telemetry.span("outer", telemetry.SpanKind.SERVER, {"routor.tier": "LIGHT"}, carrier):
        with telemetry.span("inner"):
            print(telemetry.inject().get("traceparent"))
            logging.getLogger("x").info("hello %s", "there")
            raise RoutorError(Kind.PROVIDER_TIMEOUT, "what the caller wrote")
except RoutorError:
    pass
telemetry.spend.add(0.5, {"model": "openai/gpt-5.5"})
telemetry.request_duration.record(0.1)
print("exposed" if b"routor_cost" in telemetry.exposition() else "missing")
telemetry.stop()
""".replace("TRACE", TRACE).replace("PARENT", PARENT)


class Receiver(
    trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer
):
    """What an OpenTelemetry collector receives."""

    def __init__(self):
        self.spans = {}
        self.services = set()
        self.metrics = set()

    def Export(self, request, context):
        if isinstance(request, metrics_service_pb2.ExportMetricsServiceRequest):
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics.update(metric.name for metric in scope.metrics)
            return metrics_service_pb2.ExportMetricsServiceResponse()
        for resource in request.resource_spans:
            self.services.update(
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            )
            for scope in resource.scope_spans:
                self.spans.update({span.name: span for span in scope.spans})
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def receiver():
    made = Receiver()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(made, server)
    made.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield made
    server.stop(0).wait()


def run(**environ):
    environ = {"PYTHONPATH": ".:protos", **environ}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, timeout=60, check=True
    )
    printed = done.stdout.decode().split()
    return printed, [msgspec.json.decode(line) for line in done.stderr.splitlines()]


def attributes(span):
    return {each.key: each.value.string_value for each in span.attributes}


def test_spans_and_metrics_reach_a_collector(receiver):
    printed, lines = run(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    outer, inner = receiver.spans["outer"], receiver.spans["inner"]
    assert receiver.services == {"routor-test"}
    assert {outer.trace_id.hex(), inner.trace_id.hex()} == {TRACE}
    assert outer.parent_span_id.hex() == PARENT
    assert inner.parent_span_id == outer.span_id
    assert attributes(outer)["routor.tier"] == "LIGHT"
    assert printed == [f"00-{TRACE}-{inner.span_id.hex()}-01", "exposed"]
    assert {"routor.cost", "routor.request.duration"} <= receiver.metrics
    (line,) = [line for line in lines if line["logger"] == "x"]
    assert (line["trace_id"], line["span_id"]) == (TRACE, inner.span_id.hex())
    assert (line["level"], line["message"]) == ("info", "hello there")


def test_failures_are_told_by_kind_and_never_by_message(receiver):
    run(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    for span in receiver.spans.values():
        assert attributes(span)["error.type"] == "PROVIDER_TIMEOUT"
        assert b"what the caller wrote" not in span.SerializeToString()


def test_without_an_endpoint_no_span_is_made_but_the_trace_is_passed_on():
    printed, lines = run()
    assert printed == [f"00-{TRACE}-{PARENT}-01", "exposed"]
    assert [line["trace_id"] for line in lines if line["logger"] == "x"] == [TRACE]


def test_a_trace_that_the_caller_does_not_sample_is_passed_on_unrecorded(receiver):
    given = f"00-{TRACE}-{PARENT}-00"
    printed, lines = run(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, GIVEN=given)
    assert printed == [given, "exposed"]
    assert receiver.spans == {}
    assert [line["span_id"] for line in lines if line["logger"] == "x"] == [PARENT]


def test_an_operator_may_record_what_callers_do_not_sample(receiver):
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_TRACES_SAMPLER="always_on",
        GIVEN=f"00-{TRACE}-{PARENT}-00",
    )
    assert receiver.spans["outer"].parent_span_id.hex() == PARENT


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"cc-{TRACE}-{PARENT}-01-more", f"00-{TRACE}-{PARENT}-01"),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}-01\n", None),
        ("", None),
    ],
)
def test_only_a_valid_trace_is_passed_on(given, sent):
    with telemetry.span("outer", carrier={"traceparent": given}):
        assert telemetry.inject().get("traceparent") == sent
    assert telemetry.inject() == {}


def test_the_state_of_a_trace_goes_with_it_and_requests_do_not_share_traces():
    carrier = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b", "baggage": "c=d"}
    with telemetry.span("outer", carrier=carrier):
        with telemetry.rpc_span("/routor.v1.X/Y", {}):
            assert telemetry.inject() == {}
        with telemetry.rpc_span("/routor.v1.X/Y", {**carrier, "tracestate": "a\r\nb"}):
            assert telemetry.inject() == {"traceparent": carrier["traceparent"]}
        with telemetry.span("inner"):
            assert telemetry.inject() == {
                "traceparent": carrier["traceparent"],
                "tracestate": "a=b",
            }
    assert telemetry.inject() == {}
