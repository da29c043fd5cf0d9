"""The metrics of a canary, besides those that every service and every model container has: the comparison."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_models.host import ModelHost
from rendezvous_models.metrics import ScoringMetrics
from rendezvous_runtime.families import Family

from rendezvous_canary.comparison import Comparison
from rendezvous_canary.deltas import Deltas

_LABELS: Final = ("route", "model", "output")

WAITING: Final = Family(
    "gauge", "rendezvous_canary_waiting_requests", "Requests whose scores are not all there yet."
)
SCORES: Final = Family(
    "counter",
    "rendezvous_canary_scores",
    "Scores of models by what became of them in the comparison.",
    ("route", "model", "fate"),
)
COMPARED: Final = Family(
    "counter", "rendezvous_canary_outputs", "Outputs compared with the canary's.", _LABELS
)
ABSOLUTE: Final = Family(
    "counter",
    "rendezvous_canary_absolute_delta",
    "Sum of the sizes of the differences from the canary, in the output's own unit.",
    _LABELS,
)
AGREED: Final = Family(
    "counter", "rendezvous_canary_agreed", "Texts and flags that were equal to the canary's.", _LABELS
)
MEAN: Final = Family(
    "gauge", "rendezvous_canary_mean_delta", "Mean difference from the canary since its start.", _LABELS
)
LARGEST: Final = Family(
    "gauge", "rendezvous_canary_largest_delta", "Largest size of the difference since its start.", _LABELS
)
DELTA: Final = Family(
    "gauge",
    "rendezvous_canary_delta",
    "Percentiles of the difference's size since its start.",
    (*_LABELS, "percentile"),
)
PSI: Final = Family(
    "gauge",
    "rendezvous_canary_drift_ratio",
    "Population stability index of the last 500 differences against the first 500 since its start.",
    _LABELS,
)
ALARM: Final = Family(
    "gauge",
    "rendezvous_canary_alarm",
    "1 while the differences are spread in another way than at first: the index is 0.25 or more.",
    _LABELS,
)


class ComparisonMetrics(Collector):
    """Shows *comparison* when somebody asks; costs the data thread nothing."""

    def __init__(self, registry: CollectorRegistry, comparison: Comparison) -> None:
        self._comparison = comparison
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now."""
        comparison = self._comparison
        yield WAITING.of([((), comparison.waiting)])
        yield SCORES.of(
            ((*pair, fate.value), count) for (pair, fate), count in comparison.fates.copy().items()
        )
        yield COMPARED.of((labels, each.count + each.alike) for labels, each in self._each())
        yield AGREED.of((labels, each.agreed) for labels, each in self._each() if each.alike)
        numbers = [(labels, each) for labels, each in self._each() if each.count]
        yield ABSOLUTE.of((labels, each.absolute) for labels, each in numbers)
        yield MEAN.of((labels, each.mean or 0.0) for labels, each in numbers)
        yield LARGEST.of((labels, each.largest) for labels, each in numbers)
        yield DELTA.of(
            ((*labels, str(percentile)), each.spread.quantile(percentile / 100))
            for labels, each in numbers
            for percentile in (50, 99)
        )
        drifts = [(labels, each.drift) for labels, each in self._each()]
        yield PSI.of((labels, drift.psi) for labels, drift in drifts if drift.psi is not None)
        yield ALARM.of((labels, float(drift.alarm)) for labels, drift in drifts)

    def _each(self) -> Iterator[tuple[tuple[str, ...], Deltas]]:
        for pair, outputs in self._comparison.deltas.copy().items():
            for name, deltas in outputs.copy().items():
                yield (*pair, name), deltas


def declare_metrics(registry: CollectorRegistry, host: ModelHost, comparison: Comparison) -> None:
    """Show on *registry* what *host* and *comparison* count."""
    ScoringMetrics(registry, host.shelf, host.handler.tally)
    ComparisonMetrics(registry, comparison)
