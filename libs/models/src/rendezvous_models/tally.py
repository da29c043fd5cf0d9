"""What a scoring process counts; written by its data thread, read by any."""

from collections import Counter
from collections.abc import Iterable
from enum import Enum

from scoring.v1.score_pb2 import ScoreStatus


class InputFate(Enum):
    """What became of one record on `inputs`."""

    ACCEPTED = "accepted"
    PROBLEM = "problem"  # the extractor has said why there are no features
    UNROUTED = "unrouted"  # no such route
    STALE = "stale"  # nobody waits for a score any more
    UNDECODABLE = "undecodable"  # now a dead letter


class Tally:
    """Inputs by fate, and scores by model and status, since the process started."""

    def __init__(self) -> None:
        self.inputs: Counter[InputFate] = Counter()
        self.statuses: Counter[tuple[str, ScoreStatus.ValueType]] = Counter()

    def input(self, fate: InputFate) -> None:
        """Count one record."""
        self.inputs[fate] += 1

    def scores(self, model: str, statuses: Iterable[ScoreStatus.ValueType]) -> None:
        """Count the scores of *model*."""
        for status, times in Counter(statuses).items():
            self.statuses[model, status] += times
