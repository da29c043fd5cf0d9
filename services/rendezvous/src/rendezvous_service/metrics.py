"""The metrics of the rendezvous, declared in one place."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from rendezvous_engine.engine import Effects
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.verdicts import Verdict
from rendezvous_runtime.metrics import SECONDS
from scoring.v1.answer_pb2 import Source

_EDGES_US: Final = [int(edge * 1e6) for edge in SECONDS]


class RendezvousMetrics(Collector):
    """
    Counts in plain integers, and makes metrics of them when they are asked for.

    An observation of prometheus_client costs as much as a tenth of a whole join. The data thread alone
    counts, also directly in *inputs* (by outcome), *scores* (by outcome, then model) and *open* (mailboxes);
    a scrape that reads beside it may be one batch behind.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._elapsed: dict[Verdict, list[int]] = {}
        self._elapsed_us: dict[Verdict, int] = {}
        self.inputs = dict.fromkeys(InputOutcome, 0)
        self.scores: dict[ScoreOutcome, dict[str, int]] = {outcome: {} for outcome in ScoreOutcome}
        self._missing: dict[tuple[str, str], int] = {}
        self.open = 0
        registry.register(self)

    def effects(self, effects: Effects) -> None:
        """Count what left the engine."""
        elapsed, elapsed_us = self._elapsed, self._elapsed_us
        for box in effects.answered:
            verdict = box.verdict
            counts = elapsed.get(verdict)
            if counts is None:
                counts = elapsed[verdict] = [0] * (len(_EDGES_US) + 1)
                elapsed_us[verdict] = 0
            counts[bisect_left(_EDGES_US, box.elapsed_us)] += 1
            elapsed_us[verdict] += box.elapsed_us
        for box, _, missing in effects.decided:
            for model in missing:
                at = (box.head.route, model)
                self._missing[at] = self._missing.get(at, 0) + 1

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics as they are now."""
        yield self._answers()
        yield self._by_outcome()
        scores = CounterMetricFamily(
            "rendezvous_scores", "Scores by model and by what became of them.", labels=["model", "outcome"]
        )
        for outcome, by_model in self.scores.items():
            for model, number in dict(by_model).items():
                scores.add_metric([model, outcome.name.lower()], number)
        yield scores
        missing = CounterMetricFamily(
            "rendezvous_scores_missing",
            "Scores that had not come when their mailbox closed.",
            labels=["route", "model"],
        )
        for labels, number in dict(self._missing).items():
            missing.add_metric(labels, number)
        yield missing
        yield GaugeMetricFamily("rendezvous_mailboxes_open", "Questions in memory.", value=self.open)

    def _answers(self) -> Metric:
        family = HistogramMetricFamily(
            "rendezvous_answer_seconds",
            "From a request's arrival to its answer, by how it was decided.",
            labels=["route", "revision", "source", "model", "tier"],
        )
        for verdict, counts in list(self._elapsed.items()):
            source = Source.Name(verdict.source).removeprefix("SOURCE_").lower()
            labels = [verdict.route, str(verdict.revision), source, verdict.model, str(verdict.tier)]
            family.add_metric(labels, _cumulative(counts), self._elapsed_us[verdict] / 1e6)
        return family

    def _by_outcome(self) -> Metric:
        family = CounterMetricFamily(
            "rendezvous_inputs", "Inputs by what became of them.", labels=["outcome"]
        )
        for outcome, number in self.inputs.items():
            family.add_metric([outcome.name.lower()], number)
        return family


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    buckets, total = [], 0
    for edge, number in zip([*map(str, SECONDS), "+Inf"], list(counts), strict=True):
        total += number
        buckets.append((edge, float(total)))
    return buckets
