"""Metrics that every service has, and the buckets for those of its own."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Around the delays that matter here: 0.1 ms of computing up to the SLA of a slow route.
SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05),
    *(0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0),
)
_RECORDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class PlaneMetrics:
    """
    What the data plane counts; told once per batch, for one observation costs as much as parsing a record.

    Names begin with rendezvous_plane_.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"rendezvous_plane_{name}", text, ["topic"], registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"rendezvous_plane_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"rendezvous_plane_{name}", text, buckets=buckets, registry=registry)

        self._read = counter("records_read", "Records read.")
        self._sent = counter("records_sent", "Records produced; those in flight are not acknowledged yet.")
        self._assigned = gauge("partitions_assigned", "Partitions that this process holds now.")
        self._in_flight = gauge("sends_in_flight", "Records produced and not yet acknowledged.")
        self._lag = gauge("lag_records", "Records between position and end.", "topic", "partition")
        self._batch = histogram("batch_records", "Records in a batch that was not empty.", _RECORDS)
        self._busy = histogram("handler_seconds", "Time that the handler took for a batch.", SECONDS)
        self._late = histogram("timer_lateness_seconds", "From the time asked for to on_time.", SECONDS)

    def batch(self, records: int, seconds: float) -> None:
        """Count a batch: how many *records* it had, and how long the handler took."""
        self._batch.observe(records)
        self._busy.observe(seconds)

    def read(self, records: Mapping[str, int]) -> None:
        """Count the *records* read since the last call, by topic."""
        for topic, count in records.items():
            self._read.labels(topic).inc(count)

    def sent(self, produced: Mapping[str, int], in_flight: int) -> None:
        """Count what was *produced* since the last call, by topic, and note how much is *in_flight*."""
        for topic, count in produced.items():
            self._sent.labels(topic).inc(count)
        self._in_flight.set(in_flight)

    def assigned(self, partitions: int) -> None:
        """Note how many partitions are held; what was known of their lag is no longer so."""
        self._assigned.set(partitions)
        self._lag.clear()

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Note how far behind the end of a partition this process is."""
        self._lag.labels(topic, str(partition)).set(records)

    def late(self, seconds: float) -> None:
        """Note how much later than asked for on_time was called."""
        self._late.observe(seconds)
