"""Metric instruments: a dictionary look-up when something is measured, all else when it is read.

The instruments of OpenTelemetry's SDK take about 10 µs a measurement (SDK 1.45, 2026-11), and a
request makes ten. These add up in place; the SDK's readers, and so its exporters, are given what
a MeterProvider would give them. One thread (the event loop's) writes, any thread may read.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

Attributes = Mapping[str, str | int | bool]
Labels = tuple[tuple[str, str | int | bool], ...]

# Upper edges of the buckets of all histograms, seconds: those of the GenAI conventions.
BOUNDS_S = tuple(0.01 * 2**step for step in range(14))
# More series than this become one, as OpenTelemetry specifies: callers may invent model names.
LIMIT = 2000
_OVERFLOW: Labels = (("otel.metric.overflow", True),)
_NONE: Attributes = {}
_START_NS = time.time_ns()
_ALL: list["Instrument[Any]"] = []
_CUMULATIVE = sdk.AggregationTemporality.CUMULATIVE


class Number:
    """One series of a counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float) -> None:
        """Add to a counter's series."""
        self.value += amount

    def point(self, attributes: Attributes, now_ns: int) -> sdk.NumberDataPoint:
        """Return what exporters take."""
        return sdk.NumberDataPoint(attributes, _START_NS, now_ns, self.value)


class Distribution:
    """One series of a histogram."""

    __slots__ = ("counts", "highest", "lowest", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total = 0.0
        self.lowest = math.inf
        self.highest = -math.inf

    def record(self, value_s: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS_S, value_s)] += 1
        self.total += value_s
        if value_s < self.lowest:  # noqa: PLR1730 - a call would cost more
            self.lowest = value_s
        if value_s > self.highest:  # noqa: PLR1730
            self.highest = value_s

    def point(self, attributes: Attributes, now_ns: int) -> sdk.HistogramDataPoint:
        """Return what exporters take."""
        counts = self.counts.copy()
        return sdk.HistogramDataPoint(
            attributes,
            _START_NS,
            now_ns,
            count=sum(counts),
            sum=self.total,
            bucket_counts=counts,
            explicit_bounds=BOUNDS_S,
            min=self.lowest,
            max=self.highest,
        )


class Cell(Protocol):
    """One series of an instrument."""

    def point(self, attributes: Attributes, now_ns: int) -> Any:
        """Return what exporters take."""


C = TypeVar("C", bound=Cell)


class Instrument(Generic[C]):
    """A name, and a series for every combination of attributes that was seen."""

    def __init__(
        self,
        name: str,
        unit: str,
        description: str,
        make: Callable[[], C],
        wrap: Callable[..., Any],
    ) -> None:
        self._facts = (name, description, unit)
        self._make = make
        self._wrap = wrap
        # By attributes in any order, for speed; and once each, for reading.
        self._cells: dict[Labels, C] = {}
        self._series: dict[Labels, C] = {}
        _ALL.append(self)

    def bind(self, attributes: Attributes) -> C:
        """Return the series of these attributes, to be kept by who measures it often."""
        key = tuple(attributes.items())
        cell = self._cells.get(key)
        return cell if cell is not None else self._open(key)

    def _open(self, key: Labels) -> C:
        labels = tuple(sorted(key))
        if labels not in self._series and len(self._series) >= LIMIT:
            labels = _OVERFLOW
        cell = self._series.get(labels)
        if cell is None:
            cell = self._series[labels] = self._make()
        if len(self._cells) < 2 * LIMIT:
            self._cells[key] = cell
        return cell

    def read(self, now_ns: int) -> sdk.Metric | None:
        """Return all series as exporters take them; None without any."""
        points = [cell.point(dict(key), now_ns) for key, cell in self._series.copy().items()]
        return sdk.Metric(*self._facts, data=self._wrap(points)) if points else None


class Counter(Instrument[Number]):
    """Adds up."""

    def __init__(self, name: str, unit: str = "", *, description: str) -> None:
        def wrap(points: list[sdk.NumberDataPoint]) -> sdk.Sum:
            return sdk.Sum(points, _CUMULATIVE, is_monotonic=True)

        super().__init__(name, unit, description, Number, wrap)

    def add(self, amount: float, attributes: Attributes = _NONE) -> None:
        """Add `amount` to the series of these attributes."""
        self.bind(attributes).value += amount


class Gauge(Instrument[Number]):
    """Tells how something is now."""

    def __init__(self, name: str, unit: str = "", *, description: str) -> None:
        super().__init__(name, unit, description, Number, sdk.Gauge)

    def set(self, value: float, attributes: Attributes = _NONE) -> None:
        """Say how the series of these attributes is."""
        self.bind(attributes).value = value


class Histogram(Instrument[Distribution]):
    """Counts durations by size."""

    def __init__(self, name: str, *, description: str) -> None:
        def wrap(points: list[sdk.HistogramDataPoint]) -> sdk.Histogram:
            return sdk.Histogram(points, _CUMULATIVE)

        super().__init__(name, "s", description, Distribution, wrap)

    def record(self, value_s: float, attributes: Attributes = _NONE) -> None:
        """Count one duration in the series of these attributes."""
        self.bind(attributes).record(value_s)


def attach(reader: sdk.MetricReader, resource: Resource) -> None:
    """Let a reader of the SDK read these instruments, as a MeterProvider would."""
    scope = InstrumentationScope("routor")

    def collect(*_: object, **__: object) -> sdk.MetricsData:
        now_ns = time.time_ns()
        read = [metric for each in _ALL if (metric := each.read(now_ns)) is not None]
        scoped = sdk.ScopeMetrics(scope, read, "")
        return sdk.MetricsData([sdk.ResourceMetrics(resource, [scoped], resource.schema_url)])

    reader._set_collect_callback(collect)  # the seam between the SDK's provider and readers
