"""The metrics of scoring, read from what the data thread counts anyway when somebody asks."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_models.isolation import IsolatedRuntime
from rendezvous_models.shelf import Shelf
from rendezvous_models.tally import Tally

_US = 1e-6


class ScoringMetrics(Collector):
    """
    Shows *tally* and the usage of the models on *shelf*; costs the data thread nothing.

    Names begin with rendezvous_scoring_; quantiles are since the model was loaded.
    """

    def __init__(self, registry: CollectorRegistry, shelf: Shelf, tally: Tally) -> None:
        self._shelf = shelf
        self._tally = tally
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now."""
        yield self._inputs()
        yield self._scores()
        yield from self._usage()
        yield from self._workers()

    def _inputs(self) -> Metric:
        family = CounterMetricFamily(
            "rendezvous_scoring_inputs", "Records of inputs by what became of them.", labels=["fate"]
        )
        for fate, count in self._tally.inputs.copy().items():
            family.add_metric([fate.value], count)
        return family

    def _scores(self) -> Metric:
        family = CounterMetricFamily(
            "rendezvous_scoring_scores", "Scores by model and status.", labels=["model", "status"]
        )
        for (model, status), count in self._tally.statuses.copy().items():
            name = ScoreStatus.Name(status).removeprefix("SCORE_STATUS_").lower()
            family.add_metric([model, name], count)
        return family

    def _usage(self) -> Iterable[Metric]:
        rows = CounterMetricFamily(
            "rendezvous_scoring_rows", "Rows that a model was asked to score.", labels=["model"]
        )
        seconds = CounterMetricFamily(
            "rendezvous_scoring_seconds", "Time that a model took for these rows.", labels=["model"]
        )
        quantiles = GaugeMetricFamily(
            "rendezvous_scoring_row_seconds",
            "Time per row, since the model was loaded.",
            labels=["model", "quantile"],
        )
        for name in self._shelf.assigned:
            if model := self._shelf.ready.get(name):
                usage = model.usage.to_message()
                rows.add_metric([name], usage.count)
                seconds.add_metric([name], usage.duration_us * _US)
                quantiles.add_metric([name, "0.5"], usage.p50_us * _US)
                quantiles.add_metric([name, "0.99"], usage.p99_us * _US)
        ready = GaugeMetricFamily(
            "rendezvous_scoring_model_ready", "1 while an assigned model can score.", labels=["model"]
        )
        for name in self._shelf.assigned:
            model = self._shelf.ready.get(name)
            ready.add_metric([name], float(model is not None and model.runtime.ready))
        return rows, seconds, quantiles, ready

    def _workers(self) -> Iterable[Metric]:
        memory = GaugeMetricFamily(
            "rendezvous_scoring_worker_rss_bytes",
            "Resident memory of the worker process of an isolated model; 0 while it has none.",
            labels=["model"],
        )
        restarts = CounterMetricFamily(
            "rendezvous_scoring_worker_restarts",
            "Worker processes of an isolated model that were started after one had ended.",
            labels=["model"],
        )
        for name, model in self._shelf.ready.items():
            if isinstance(model.runtime, IsolatedRuntime):
                memory.add_metric([name], model.runtime.rss_bytes)
                restarts.add_metric([name], model.runtime.record.restarts)
        return memory, restarts
