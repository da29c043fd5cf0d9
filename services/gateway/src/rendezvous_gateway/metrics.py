"""What the gateway counts, in one place."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rendezvous_runtime.metrics import SECONDS
from scoring.v1.answer_pb2 import Answer

from rendezvous_gateway.desk import Desk
from rendezvous_gateway.wire import SOURCES

_PREFIX: Final = "rendezvous_gateway"


class GatewayMetrics:
    """Counts at the edge: responses, and how long answers took from the request's arrival."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._responses = Counter(
            f"{_PREFIX}_responses", "HTTP responses.", ["endpoint", "status"], registry=registry
        )
        elapsed = Histogram(
            f"{_PREFIX}_answer_seconds",
            "From the arrival of a request to its answer, by the answer's source.",
            ["source"],
            buckets=SECONDS,
            registry=registry,
        )
        self._elapsed = {number: elapsed.labels(name) for number, name in SOURCES.items()}

    def answered(self, answer: Answer) -> None:
        """Observe one answer."""
        histogram = self._elapsed.get(answer.source)
        if histogram is not None:
            histogram.observe((answer.answered_at_us - answer.sent_at_us) / 1e6)

    def responded(self, endpoint: str, status: int) -> None:
        """Count one response."""
        self._responses.labels(endpoint, str(status)).inc()


class DeskCollector(Collector):
    """Shows the desk's own tally when it is asked, so that counting costs a request nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        requests = CounterMetricFamily(f"{_PREFIX}_requests", "What became of requests.", labels=["outcome"])
        answers = CounterMetricFamily(
            f"{_PREFIX}_answers",
            "Answers: of the log, the gateway's own (defaulted), and those that came to no use.",
            labels=["outcome"],
        )
        for outcome, count in asdict(self._desk.tally).items():
            family = requests if outcome in {"admitted", "repeated", "refused"} else answers
            family.add_metric([outcome], count)
        yield requests
        yield answers
        yield GaugeMetricFamily(f"{_PREFIX}_pending", "Requests that wait now.", len(self._desk))
        yield GaugeMetricFamily(
            f"{_PREFIX}_remembered", "Answers kept for repeated requests.", self._desk.remembered
        )
