import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services import telemetry
from tests.providers.conftest import CHAIN, request

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def spans(monkeypatch):
    """Record the spans of this test only: the process keeps its own tracer provider."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    return exporter


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_the_callers_trace_reaches_the_provider_through_one_span_a_call(
    service, sandbox, spans, stream
):
    await sandbox.fault("openai", "status", status=503)
    service.metadata = (
        *service.metadata,
        ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),
        ("baggage", "tenant=secret"),
    )
    await (service.stream if stream else service.complete)(request(stream))
    made = [span for span in spans.get_finished_spans() if span.kind is SpanKind.CLIENT]
    assert [span.name for span in made] == ["chat gpt-5.4-mini", "chat claude-haiku-4-5"]
    first, second = (dict(span.attributes) for span in made)
    assert first["error.type"] == "PROVIDER_UNAVAILABLE"
    assert second["gen_ai.provider.name"] == "anthropic"
    assert second["gen_ai.request.stream"] is stream
    assert second["gen_ai.response.model"] == CHAIN[1]
    assert second["gen_ai.response.finish_reasons"] == ("stop",)
    assert second["gen_ai.usage.input_tokens"] > 0
    asked = (await sandbox.requests("anthropic"))[0]["headers"]
    assert asked["traceparent"].split("-")[1:3] == [TRACE, f"{made[1].context.span_id:016x}"]
    assert "baggage" not in asked
