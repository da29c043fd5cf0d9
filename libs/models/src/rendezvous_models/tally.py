"""What a scoring process counts; written by its data thread, read by any."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

from rendezvous_runtime.histograms import Histogram, Seen
from rendezvous_runtime.metrics import SECONDS_US
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_models.bins import Bins
from rendezvous_models.contract import Failure, Outputs

_MOST_OUTPUTS = 20  # of one model


class InputFate(Enum):
    """What became of one record on `inputs`."""

    ACCEPTED = "accepted"
    PROBLEM = "problem"  # the extractor has said why there are no features
    UNROUTED = "unrouted"  # no such route
    STALE = "stale"  # nobody waits for a score any more
    UNDECODABLE = "undecodable"  # now a dead letter


class Tally:
    """
    What was counted since the process started.

    Inputs by fate, scores by model and status, how long scores took from the request's arrival by model, in
    microseconds, and what the models said by model and output.
    """

    def __init__(self) -> None:
        self.inputs: Counter[InputFate] = Counter()
        self.statuses: Counter[tuple[str, ScoreStatus.ValueType]] = Counter()
        self.latencies: dict[str, Histogram] = {}
        self.outputs: dict[tuple[str, str], Bins] = {}
        self.slas: tuple[int, ...] = ()
        self._output_counts: Counter[str] = Counter()

    def fates(self, fates: Sequence[InputFate]) -> None:
        """Count a batch of records."""
        for fate in set(fates):
            self.inputs[fate] += fates.count(fate)

    def scores(self, model: str, statuses: Sequence[ScoreStatus.ValueType]) -> None:
        """Count the scores of *model*."""
        for status in set(statuses):
            self.statuses[model, status] += statuses.count(status)

    def sla(self, sla_us: int) -> None:
        """Have *sla_us*, that of a route scored here, be the edge of a bucket of all latencies."""
        if sla_us not in self.slas:
            for latencies in self.latencies.values():
                latencies.cut(sla_us)
            self.slas = (*self.slas, sla_us)

    def took(self, model: str, latencies_us: Iterable[int], traced: Sequence[Seen]) -> None:
        """Count how long scores of *model* took from their requests' arrival; *traced*: some of them."""
        known = self.latencies.get(model)
        if known is None:
            known = Histogram({*SECONDS_US, *self.slas})
            self.latencies = {**self.latencies, model: known}
        for latency_us in latencies_us:
            known.add(latency_us)
        for seen in traced:
            known.remember(seen)

    def said(self, model: str, predictions: Iterable[Outputs | Failure]) -> None:
        """Count the values of what *model* said."""
        for prediction in predictions:
            if not isinstance(prediction, Failure):
                for name, value in prediction.items():
                    bins = self.outputs.get((model, name)) or self._bins(model, name)
                    if bins is not None:
                        bins.add(value)

    def _bins(self, model: str, name: str) -> Bins | None:
        if self._output_counts[model] >= _MOST_OUTPUTS:
            return None
        self._output_counts[model] += 1
        bins = Bins()
        self.outputs = {**self.outputs, (model, name): bins}
        return bins
