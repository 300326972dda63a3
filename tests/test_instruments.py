"""The instruments as OpenTelemetry's own reader reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from services import instruments
from services.instruments import BOUNDS_S, LIMIT, Counter, Gauge, Histogram


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Keep what a test makes out of the process's own metrics."""
    monkeypatch.setattr(instruments, "_ALL", [])


def points(name):
    """Return what a reader finds of one instrument."""
    reader = InMemoryMetricReader()
    instruments.attach(reader, Resource({}))
    data = reader.get_metrics_data()
    (scope,) = data.resource_metrics[0].scope_metrics
    return [point for each in scope.metrics if each.name == name for point in each.data.data_points]


def test_a_counter_adds_up_per_combination_of_attributes():
    counter = Counter("c", description="")
    counter.add(1, {"a": "x", "b": 1})
    counter.add(2, {"b": 1, "a": "x"})
    counter.add(5, {"a": "y", "b": 1})
    counter.bind({"a": "y", "b": 1}).add(0.5)
    read = {each.attributes["a"]: each.value for each in points("c")}
    assert read == {"x": 3, "y": 5.5}


def test_a_gauge_tells_the_last_value():
    gauge = Gauge("g", description="")
    gauge.set(3)
    gauge.set(1)
    assert [each.value for each in points("g")] == [1]


def test_what_was_never_measured_is_not_read():
    Counter("c", description="")
    assert points("c") == []


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_histogram_counts_every_value_under_the_first_edge_not_below_it(values):
    histogram = Histogram("h", description="")
    for value in values:
        histogram.record(value)
    (point,) = points("h")
    instruments._ALL.clear()
    assert point.count == len(values)
    assert point.sum == pytest.approx(sum(values))
    assert (point.min, point.max) == (min(values), max(values))
    for edge, below in zip(BOUNDS_S, _cumulated(point.bucket_counts), strict=False):
        assert below == sum(value <= edge for value in values)


def _cumulated(counts):
    total = 0
    for count in counts:
        total += count
        yield total


def test_invented_attributes_end_in_one_series():
    counter = Counter("c", description="")
    for number in range(LIMIT + 500):
        counter.add(1, {"model": f"invented/{number}"})
    counter.add(1, {"model": "invented/0"})
    read = points("c")
    assert len(read) == LIMIT + 1
    assert [each.value for each in read if "otel.metric.overflow" in each.attributes] == [500]
    assert next(each.value for each in read if each.attributes.get("model") == "invented/0") == 2
