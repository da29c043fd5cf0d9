"""What the data plane counts, added up until it is worth telling the metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rendezvous_runtime.clock import Now
from rendezvous_runtime.delivery import Delivery, Offsets
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.stream import Record, TopicPartition


class Figures:
    """
    Turns what the loop knows anyway into metrics.

    Records read are counted by the positions moving on, so that no record is counted by itself.
    """

    def __init__(self, metrics: PlaneMetrics) -> None:
        self._metrics = metrics
        self._told: dict[TopicPartition, int] = {}
        self._sent: Counter[str] = Counter()
        self._batch: Sequence[Record] = ()
        # The stamp of the newest record read, of each partition; where none was, when it was assigned.
        self._stamps: dict[TopicPartition, int] = {}

    def assigned(self, starts: Offsets, now: Now) -> None:
        """Begin to count at *starts*."""
        self._told = dict(starts)
        self._batch = ()
        self._stamps = dict.fromkeys(starts, now.wall)
        self._metrics.assigned(len({where.partition for where in starts}))

    def handled(self, batch: Sequence[Record], started_us: int, ended_us: int) -> None:
        """Count a *batch* that the handler took from *started_us* to *ended_us*."""
        self._metrics.batch(len(batch), ended_us - started_us)
        self._batch = batch

    def late(self, us: int) -> None:
        """Note that a timer came *us* microseconds late."""
        self._metrics.late(us)

    def report(self, positions: Offsets, lag: Offsets, delivery: Delivery, now: Now) -> None:
        """Tell the metrics what has happened since the last report; only the last batch's stamps are read."""
        self._metrics.turned(now.wall)
        read: Counter[str] = Counter()
        for where, offset in positions.items():
            read[where.topic] += max(0, offset - self._told.get(where, offset))
        self._told.update(positions)
        self._metrics.read(read)
        produced = delivery.produced()
        self._metrics.sent(_difference(produced, self._sent), delivery.unacknowledged)
        self._sent = produced
        self._read_stamps()
        for where, records in lag.items():
            age_us = max(0, now.wall - self._stamps.get(where, now.wall)) if records else 0
            self._metrics.lag(where.topic, where.partition, records, age_us / 1e6)

    def _read_stamps(self) -> None:
        newest = {TopicPartition(each.topic(), each.partition()): each for each in self._batch}
        self._batch = ()
        for where, record in newest.items():
            _, milliseconds = record.timestamp()
            if milliseconds > 0:
                self._stamps[where] = milliseconds * 1_000


def _difference(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {topic: count - before.get(topic, 0) for topic, count in now.items()}
