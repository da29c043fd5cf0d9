"""The metrics of a canary: those of scoring, and the comparison."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rendezvous_models.host import ModelHost
from rendezvous_models.metrics import ScoringMetrics

from rendezvous_canary.comparison import Comparison
from rendezvous_canary.deltas import Deltas

_LABELS = ["route", "model", "output"]


class ComparisonMetrics(Collector):
    """Shows *comparison* when somebody asks; costs the data thread nothing."""

    def __init__(self, registry: CollectorRegistry, comparison: Comparison) -> None:
        self._comparison = comparison
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now."""
        yield GaugeMetricFamily(
            "rendezvous_canary_waiting_requests",
            "Requests whose scores are not all there yet.",
            self._comparison.waiting,
        )
        yield self._scores()
        yield self._outputs()
        yield from self._deltas()

    def _scores(self) -> Metric:
        family = CounterMetricFamily(
            "rendezvous_canary_scores",
            "Scores of models by what became of them in the comparison.",
            labels=["route", "model", "fate"],
        )
        for (pair, fate), count in self._comparison.fates.copy().items():
            family.add_metric([*pair, fate.value], count)
        return family

    def _outputs(self) -> Metric:
        family = CounterMetricFamily(
            "rendezvous_canary_outputs", "Outputs compared with the canary's.", labels=_LABELS
        )
        for labels, deltas in self._each():
            family.add_metric(labels, deltas.count + deltas.alike)
        return family

    def _deltas(self) -> Iterable[Metric]:
        mean = GaugeMetricFamily(
            "rendezvous_canary_mean_delta", "Mean difference from the canary.", labels=_LABELS
        )
        absolute = GaugeMetricFamily(
            "rendezvous_canary_mean_absolute_delta", "Mean size of the difference.", labels=_LABELS
        )
        largest = GaugeMetricFamily(
            "rendezvous_canary_largest_delta", "Largest size of the difference.", labels=_LABELS
        )
        quantiles = GaugeMetricFamily(
            "rendezvous_canary_delta", "Quantiles of the difference's size.", labels=[*_LABELS, "quantile"]
        )
        agreement = GaugeMetricFamily(
            "rendezvous_canary_agreement", "Share of texts equal to the canary's.", labels=_LABELS
        )
        for labels, deltas in self._each():
            if deltas.mean is not None and deltas.mean_absolute is not None:
                mean.add_metric(labels, deltas.mean)
                absolute.add_metric(labels, deltas.mean_absolute)
                largest.add_metric(labels, deltas.largest)
                for share in (0.5, 0.99):
                    quantiles.add_metric([*labels, str(share)], deltas.spread.quantile(share))
            if deltas.agreement is not None:
                agreement.add_metric(labels, deltas.agreement)
        return mean, absolute, largest, quantiles, agreement

    def _each(self) -> Iterator[tuple[list[str], Deltas]]:
        for pair, outputs in self._comparison.deltas.copy().items():
            for name, deltas in outputs.copy().items():
                yield [*pair, name], deltas


def declare_metrics(registry: CollectorRegistry, host: ModelHost, comparison: Comparison) -> None:
    """Show on *registry* what *host* and *comparison* count."""
    ScoringMetrics(registry, host.shelf, host.handler.tally)
    ComparisonMetrics(registry, comparison)
