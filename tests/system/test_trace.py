"""One trace, from the client's traceparent to the upstream call, through the real exporter."""

from concurrent import futures

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.system.harness import Up, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Receiver(
    trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer
):
    """An OTLP collector that keeps what it is sent."""

    def __init__(self):
        self.spans = []

    def Export(self, request, context):
        if isinstance(request, metrics_service_pb2.ExportMetricsServiceRequest):
            return metrics_service_pb2.ExportMetricsServiceResponse()
        for resource in request.resource_spans:
            (service,) = (
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            )
            self.spans += [
                (service, span) for scope in resource.scope_spans for span in scope.spans
            ]
        return trace_service_pb2.ExportTraceServiceResponse()

    def of_trace(self):
        return [each for each in self.spans if each[1].trace_id.hex() == TRACE]


@pytest.fixture(scope="module")
def receiver():
    server = grpc.server(futures.ThreadPoolExecutor(4))
    keeper = Receiver()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(keeper, server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(keeper, server)
    keeper.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield keeper
    server.stop(None)


@pytest.fixture(scope="module")
def traced(receiver, vendors, tmp_path_factory):
    exporter = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    up = Up(tmp_path_factory.mktemp("traced"), {**vendors.environ(), **exporter})
    yield up
    assert up.stop() == 0


def attributes(span):
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def test_one_trace_through_all_services(traced, receiver, vendors):
    answer = httpx.post(
        f"{traced.url}/v1/chat/completions",
        headers={
            "Authorization": f"Bearer {traced.key}",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
        },
        json={
            "model": "openai/gpt-5.4-mini",
            "messages": [{"role": "user", "content": "A very secret prompt"}],
        },
        timeout=30,
    )
    assert answer.status_code == 200
    until(
        lambda: (
            {service for service, _ in receiver.of_trace()}
            >= {"routor-edge", "routor-router", "routor-providers"}
        ),
        "spans of three services",
    )
    until(lambda: any(s.name.startswith("chat ") for _, s in receiver.of_trace()), "upstream span")
    spans = {span.span_id.hex(): (service, span) for service, span in receiver.of_trace()}
    (root,) = (span for service, span in spans.values() if span.parent_span_id.hex() == PARENT)
    assert root.name == "POST /v1/chat/completions"
    assert root.kind == Span.SPAN_KIND_SERVER
    upstream = next(span for _, span in spans.values() if span.name.startswith("chat "))
    assert upstream.kind == Span.SPAN_KIND_CLIENT
    path = []
    step = upstream
    while step.parent_span_id.hex() != PARENT:
        path.append(spans[step.span_id.hex()][0])
        step = spans[step.parent_span_id.hex()][1]
    assert path[0] == "routor-providers"
    assert step is root or step.span_id == root.span_id
    said = attributes(upstream)
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "openai"
    assert said["gen_ai.request.model"] == "gpt-5.4-mini"
    assert said["gen_ai.usage.input_tokens"] > 0
    # The vendor got the same trace, as a child of the upstream span.
    recorded = vendors.control("GET", "requests?provider=openai")
    requests = recorded["requests"] if isinstance(recorded, dict) else recorded
    sent = [each["headers"].get("traceparent", "") for each in requests]
    assert any(f"{TRACE}-{upstream.span_id.hex()}" in each for each in sent)


def test_no_prompt_text_in_any_span(receiver, traced):
    assert receiver.spans
    assert not any(b"secret prompt" in span.SerializeToString() for _, span in receiver.spans)


@pytest.mark.parametrize("service", ["ROUTER", "PROVIDERS", "HEALTH"])
def test_every_service_serves_metrics(traced, service):
    listen = traced.environ[f"ROUTOR_{service}_METRICS_LISTEN"]
    assert "# TYPE" in httpx.get(f"http://{listen}/metrics").text


def test_the_edge_counts_requests(traced):
    text = httpx.get(f"{traced.url}/metrics").text
    assert "routor_requests_total" in text
    assert "routor_request_duration_seconds_bucket" in text
