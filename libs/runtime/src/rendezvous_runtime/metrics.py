"""The metrics that every service has, and the buckets for those of its own."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from rendezvous_runtime.families import Family
from rendezvous_runtime.histograms import MILLION, Observed

# Around the delays that matter here: 0.1 ms of computing up to the SLA of a slow route.
SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05),
    *(0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0),
)
SECONDS_US: Final = tuple(round(edge * MILLION) for edge in SECONDS)
_RECORDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)

INFO: Final = Family("gauge", "rendezvous_service_info", "1 for each process.", ("service", "process"))
READY: Final = Family(
    "gauge",
    "rendezvous_service_ready",
    "1 while the process can do its work, 0 while it waits.",
    ("service",),
)
CONTROL_OFFSET: Final = Family(
    "gauge",
    "rendezvous_control_offset",
    "The control offset applied: all control messages before it are.",
    ("service",),
)
CONTROL_REFUSED: Final = Family(
    "counter",
    "rendezvous_control_refused",
    "Control messages refused since the process had caught up; they changed nothing.",
    ("service",),
)
PASSED: Final = Family(
    "gauge",
    "rendezvous_revision_passed",
    "The newest revision of a route that passed the service on a partition.",
    ("service", "route", "partition"),
)
READ: Final = Family("counter", "rendezvous_plane_records_read", "Records read.", ("topic",))
SENT: Final = Family(
    "counter",
    "rendezvous_plane_records_sent",
    "Records produced; those in flight are not acknowledged yet.",
    ("topic",),
)
ASSIGNED: Final = Family(
    "gauge", "rendezvous_plane_partitions_assigned", "Partitions that this process holds now."
)
IN_FLIGHT: Final = Family(
    "gauge", "rendezvous_plane_sends_in_flight", "Records produced and not yet acknowledged."
)
LAG: Final = Family(
    "gauge", "rendezvous_plane_lag_records", "Records between position and end.", ("topic", "partition")
)
LAG_SECONDS: Final = Family(
    "gauge",
    "rendezvous_plane_lag_seconds",
    "Age of the newest record read, where there are more to be read; 0 where there are none.",
    ("topic", "partition"),
)
TURNED: Final = Family(
    "gauge",
    "rendezvous_plane_turned_timestamp_seconds",
    "When the data thread last went around, in seconds since the epoch; told once a second.",
)
BATCH: Final = Family("histogram", "rendezvous_plane_batch_records", "Records in a batch that was not empty.")
BUSY: Final = Family(
    "histogram", "rendezvous_plane_handler_seconds", "Time that the handler took for a batch."
)
LATE: Final = Family(
    "histogram", "rendezvous_plane_timer_lateness_seconds", "From the time asked for to on_time."
)


class PlaneMetrics:
    """
    What the data plane counts.

    With every batch only plain integers are counted: an observation of prometheus_client costs as much as
    parsing a record. The rest is told once a second.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._read = READ.counter(registry)
        self._sent = SENT.counter(registry)
        self._assigned = ASSIGNED.gauge(registry)
        self._in_flight = IN_FLIGHT.gauge(registry)
        self._lag = LAG.gauge(registry)
        self._lag_seconds = LAG_SECONDS.gauge(registry)
        self._turned = TURNED.gauge(registry)
        self._batch = Observed(registry, BATCH, _RECORDS, scale=1)
        self._busy = Observed(registry, BUSY, SECONDS_US)
        self._late = Observed(registry, LATE, SECONDS_US)

    def batch(self, records: int, us: int) -> None:
        """Count a batch: how many *records* it had, and how long the handler took, in microseconds."""
        self._batch.observe(records)
        self._busy.observe(us)

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
        self._lag_seconds.clear()

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """Note how far behind the end of a partition this process is, in *records* and *seconds*."""
        self._lag.labels(topic, str(partition)).set(records)
        self._lag_seconds.labels(topic, str(partition)).set(seconds)

    def turned(self, wall_us: int) -> None:
        """Note that the data thread went around at *wall_us*, microseconds since the epoch."""
        self._turned.set(wall_us / MILLION)

    def late(self, us: int) -> None:
        """Note how many microseconds later than asked for on_time was called."""
        self._late.observe(us)
