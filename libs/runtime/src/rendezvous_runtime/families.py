"""
What a metric is called, what it means and by what it is divided: declared once, collected and documented.

Every service declares its families in its metrics.py. docs/observability.md lists them all, generated from
these declarations.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

# What stands in place of a name that is not known, or one too many.
OTHER: Final = "other"
_MOST_NAMES: Final = 100


@dataclass(frozen=True, slots=True)
class Family:
    """
    A metric family: *name* begins with rendezvous_ and ends with its unit; a counter's _total is added.

    *labels* are few, and each has few values: never an id of a request.
    """

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    text: str
    labels: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """The name that a query begins with."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def of(self, samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """Return the family with *samples*, label values and number each, as a counter or gauge."""
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = make(self.name, self.text, labels=self.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family

    def histogram(self) -> HistogramMetricFamily:
        """Return the family without samples, as a histogram."""
        return HistogramMetricFamily(self.name, self.text, labels=self.labels)

    def counter(self, registry: CollectorRegistry) -> Counter:
        """Return a counter that counts for itself, for what happens rarely."""
        return Counter(self.name, self.text, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """Return a gauge that keeps its value."""
        return Gauge(self.name, self.text, self.labels, registry=registry)

    def observed(self, registry: CollectorRegistry, buckets: Sequence[float]) -> Histogram:
        """Return a histogram that observes for itself, for what happens rarely."""
        return Histogram(self.name, self.text, self.labels, buckets=buckets, registry=registry)


class Names:
    """
    Names as the values of a label: at most *most*, of those that *known* has; every other one is OTHER.

    Anybody can write any name into the log, and each would be a series of its own for ever.
    """

    def __init__(self, known: Callable[[], Collection[str]], most: int = _MOST_NAMES) -> None:
        self._known = known
        self._most = most
        self._kept: set[str] = set()

    def label(self, name: str) -> str:
        """Return *name*, or OTHER."""
        if name in self._kept:
            return name
        if len(self._kept) < self._most and name in self._known():
            self._kept.add(name)
            return name
        return OTHER
