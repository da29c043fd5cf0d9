"""The metrics of scoring, read from what the data thread counts anyway when somebody asks."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_runtime.families import Family
from rendezvous_runtime.histograms import MILLION, Part, add_series
from rendezvous_runtime.metrics import SECONDS_US
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_models.isolation import IsolatedRuntime
from rendezvous_models.shelf import Shelf
from rendezvous_models.tally import Tally

INPUTS: Final = Family(
    "counter", "rendezvous_scoring_inputs", "Records of inputs by what became of them.", ("fate",)
)
SCORES: Final = Family(
    "counter", "rendezvous_scoring_scores", "Scores by model and status.", ("model", "status")
)
_STATUSES: Final = [each for each in ScoreStatus.values() if each != ScoreStatus.SCORE_STATUS_UNSPECIFIED]
LATENCY: Final = Family(
    "histogram",
    "rendezvous_scoring_latency_seconds",
    "From a request's arrival to a model's score; each SLA of a route is the edge of a bucket.",
    ("model",),
)
OUTPUTS: Final = Family(
    "counter",
    "rendezvous_scoring_outputs",
    "What models said, by bin: a number's is named by its end nearer to zero, a text is its own.",
    ("model", "output", "bin"),
)
ROWS: Final = Family(
    "counter", "rendezvous_scoring_rows", "Rows that a model was asked to score.", ("model",)
)
BUSY: Final = Family(
    "counter", "rendezvous_scoring_seconds", "Time that a model took for these rows.", ("model",)
)
ROW: Final = Family(
    "gauge",
    "rendezvous_scoring_row_seconds",
    "Percentiles of the time per row, since the model was loaded.",
    ("model", "percentile"),
)
READY: Final = Family(
    "gauge", "rendezvous_scoring_model_ready", "1 while an assigned model can score.", ("model",)
)
MEMORY: Final = Family(
    "gauge",
    "rendezvous_scoring_worker_rss_bytes",
    "Resident memory of the worker process of an isolated model; 0 while it has none.",
    ("model",),
)
RESTARTS: Final = Family(
    "counter",
    "rendezvous_scoring_worker_restarts",
    "Worker processes of an isolated model that were started after one had ended.",
    ("model",),
)
_US: Final = 1 / MILLION
_MOST_SLAS: Final = 5


class ScoringMetrics(Collector):
    """Shows *tally* and the usage of the models on *shelf*; costs the data thread nothing."""

    def __init__(self, registry: CollectorRegistry, shelf: Shelf, tally: Tally) -> None:
        self._shelf = shelf
        self._tally = tally
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now."""
        tally = self._tally
        yield INPUTS.of(((fate.value,), count) for fate, count in tally.inputs.copy().items())
        yield self._scores()
        yield self._latencies()
        yield OUTPUTS.of(
            ((model, output, name), count)
            for (model, output), bins in tally.outputs.items()
            for name, count in bins.counts.copy().items()
        )
        yield from self._usage()
        yield from self._workers()

    def _scores(self) -> Metric:
        """Also what no score of a model was yet: the rate of what never happened is to be 0, not missing."""
        counts = self._tally.statuses.copy()
        models = dict.fromkeys(model for model, _ in counts)
        return SCORES.of(
            ((model, _status(status)), counts.get((model, status), 0))
            for model in models
            for status in _STATUSES
        )

    def _latencies(self) -> Metric:
        family = LATENCY.histogram()
        edges = sorted({*SECONDS_US, *self._tally.slas[-_MOST_SLAS:]})
        for model, latencies in self._tally.latencies.items():
            add_series(family, (model,), [edge / MILLION for edge in edges], [Part(latencies, edges)])
        return family

    def _usage(self) -> Iterable[Metric]:
        shelf = self._shelf
        models = {name: shelf.ready[name] for name in shelf.assigned if name in shelf.ready}
        usages = {name: model.usage.to_message() for name, model in models.items()}
        yield ROWS.of(((name,), usage.count) for name, usage in usages.items())
        yield BUSY.of(((name,), usage.duration_us * _US) for name, usage in usages.items())
        yield ROW.of(
            ((name, percentile), us * _US)
            for name, usage in usages.items()
            for percentile, us in (("50", usage.p50_us), ("99", usage.p99_us))
        )
        yield READY.of(
            ((name,), float(name in models and models[name].runtime.ready)) for name in shelf.assigned
        )

    def _workers(self) -> Iterable[Metric]:
        runtimes = {name: model.runtime for name, model in self._shelf.ready.items()}
        isolated = {name: each for name, each in runtimes.items() if isinstance(each, IsolatedRuntime)}
        yield MEMORY.of(((name,), each.rss_bytes) for name, each in isolated.items())
        yield RESTARTS.of(((name,), each.record.restarts) for name, each in isolated.items())


def _status(status: "ScoreStatus.ValueType") -> str:
    return ScoreStatus.Name(status).removeprefix("SCORE_STATUS_").lower()
