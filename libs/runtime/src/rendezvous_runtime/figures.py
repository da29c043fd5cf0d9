"""What the data plane counts, added up until it is worth telling the metrics."""

from collections import Counter
from collections.abc import Mapping

from rendezvous_runtime.delivery import Delivery, Offsets
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.stream import TopicPartition


class Figures:
    """
    Turns what the loop knows anyway into metrics.

    Records read are counted by the positions moving on, so that no record is counted by itself.
    """

    def __init__(self, metrics: PlaneMetrics) -> None:
        self._metrics = metrics
        self._told: dict[TopicPartition, int] = {}
        self._sent: Counter[str] = Counter()

    def assigned(self, starts: Offsets) -> None:
        """Begin to count at *starts*."""
        self._told = dict(starts)
        self._metrics.assigned(len({where.partition for where in starts}))

    def handled(self, records: int, started_us: int, ended_us: int) -> None:
        """Count a batch that the handler took from *started_us* to *ended_us*."""
        self._metrics.batch(records, (ended_us - started_us) / 1e6)

    def late(self, us: int) -> None:
        """Note that a timer came *us* microseconds late."""
        self._metrics.late(us / 1e6)

    def report(self, positions: Offsets, lag: Offsets, delivery: Delivery) -> None:
        """Tell the metrics what has happened since the last report."""
        read: Counter[str] = Counter()
        for where, offset in positions.items():
            read[where.topic] += max(0, offset - self._told.get(where, offset))
        self._told.update(positions)
        self._metrics.read(read)
        produced = delivery.produced()
        self._metrics.sent(_difference(produced, self._sent), delivery.unacknowledged)
        self._sent = produced
        for where, records in lag.items():
            self._metrics.lag(where.topic, where.partition, records)


def _difference(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {topic: count - before.get(topic, 0) for topic, count in now.items()}
