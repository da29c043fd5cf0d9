"""The metrics of the gateway, besides those that every service has, and what counts them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_runtime.families import OTHER, Family
from rendezvous_runtime.histograms import MILLION, Histogram, Part, Seen, add_series
from rendezvous_runtime.metrics import SECONDS_US
from rendezvous_runtime.traced import trace_id_of
from scoring.v1.answer_pb2 import Answer

from rendezvous_gateway.admission import Question
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.wire import SOURCES

RESPONSES: Final = Family(
    "counter", "rendezvous_gateway_responses", "HTTP responses.", ("endpoint", "status")
)
ANSWER_SECONDS: Final = Family(
    "histogram",
    "rendezvous_gateway_answer_seconds",
    "From the arrival of a request to its answer, as its caller sees it, by the answer's source.",
    ("route", "source"),
)
REQUESTS: Final = Family("counter", "rendezvous_gateway_requests", "What became of requests.", ("outcome",))
ANSWERS: Final = Family(
    "counter",
    "rendezvous_gateway_answers",
    "Answers: of the log, the gateway's own (defaulted), and those that came to no use.",
    ("outcome",),
)
PENDING: Final = Family("gauge", "rendezvous_gateway_pending", "Requests that wait now.")
REMEMBERED: Final = Family("gauge", "rendezvous_gateway_remembered", "Answers kept for repeated requests.")
_MOST_SLAS: Final = 5


class GatewayMetrics(Collector):
    """Counts at the edge: responses, and how long answers took from the request's arrival."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._responses = RESPONSES.counter(registry)
        self._elapsed: dict[tuple[str, str], Histogram] = {}
        self._slas: dict[str, list[int]] = {}
        registry.register(self)

    def answered(self, question: Question, answer: Answer) -> None:
        """Count one answer."""
        route = question.revision.route
        histogram = self._histogram(route.name, SOURCES.get(answer.source, OTHER), route.sla_us)
        elapsed_us = answer.answered_at_us - answer.sent_at_us
        histogram.add(elapsed_us)
        trace_id = trace_id_of(question.headers)
        if trace_id:
            histogram.remember(Seen(trace_id, elapsed_us, answer.answered_at_us))

    def responded(self, endpoint: str, status: int) -> None:
        """Count one response."""
        self._responses.labels(endpoint, str(status)).inc()

    def collect(self) -> Iterator[Metric]:
        """Yield the answers' times; each SLA of a route is the edge of a bucket."""
        family = ANSWER_SECONDS.histogram()
        for (route, source), histogram in self._elapsed.items():
            edges = sorted({*SECONDS_US, *self._slas[route][-_MOST_SLAS:]})
            buckets = [edge / MILLION for edge in edges]
            add_series(family, (route, source), buckets, [Part(histogram, edges)])
        yield family

    def _histogram(self, route: str, source: str, sla_us: int) -> Histogram:
        slas = self._slas.setdefault(route, [])
        if sla_us not in slas:
            slas.append(sla_us)
            # All sources from the first on: a rate shows nothing of a counter that begins at 1.
            for each in SOURCES.values():
                self._elapsed.setdefault((route, each), Histogram({*SECONDS_US, *slas})).cut(sla_us)
        found = self._elapsed.get((route, source))
        if found is None:
            found = self._elapsed[route, source] = Histogram({*SECONDS_US, *slas})
        return found


class DeskCollector(Collector):
    """Shows the desk's own tally when it is asked, so that counting costs a request nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        tally = asdict(self._desk.tally)
        requests = {outcome: tally.pop(outcome) for outcome in ("admitted", "repeated", "refused")}
        yield REQUESTS.of(((outcome,), count) for outcome, count in requests.items())
        yield ANSWERS.of(((outcome,), count) for outcome, count in tally.items())
        yield PENDING.of([((), len(self._desk))])
        yield REMEMBERED.of([((), self._desk.remembered)])
