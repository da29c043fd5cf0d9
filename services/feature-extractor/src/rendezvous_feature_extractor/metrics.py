"""The metrics of the feature-extractor, besides those that every service has."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_runtime.families import Family


class Outcome(StrEnum):
    """What became of one record of `requests`."""

    EXTRACTED = "extracted"
    # An input without features; its problem says why.
    PROBLEM = "problem"
    UNKNOWN_ROUTE = "unknown_route"
    DEAD_LETTER = "dead_letter"
    # Beside one of the others: its stamp was later than now plus the SLA and counts as now.
    FUTURE_STAMP = "future_stamp"


REQUESTS: Final = Family(
    "counter",
    "rendezvous_extractor_requests",
    "Records of the topic requests by what became of them; route is empty where it is not known.",
    ("route", "outcome"),
)


class ExtractorMetrics(Collector):
    """Counts by route and outcome, in plain integers; fed by one thread, once for each batch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests: Counter[tuple[str, Outcome]] = Counter()
        registry.register(self)

    def count(self, outcomes: Mapping[tuple[str, Outcome], int]) -> None:
        """Add the *outcomes* of one batch, by route and outcome."""
        self._requests.update(outcomes)

    def collect(self) -> Iterable[Metric]:
        """Yield the family as it is now."""
        yield REQUESTS.of(self._requests.copy().items())
