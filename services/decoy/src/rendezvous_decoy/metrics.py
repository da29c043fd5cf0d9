"""What the decoy counts; told once per batch or flush."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rendezvous_decoy.writer import Written

# From a flush of a few rows to a solid state disk up to a slow network disk.
_FLUSH_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class DecoyMetrics:
    """Names begin with rendezvous_decoy_."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"rendezvous_decoy_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"rendezvous_decoy_{name}", text, registry=registry)

        self._archived = counter("rows_archived", "Rows that are in the archive to stay.", "topic")
        self._undecodable = counter("undecodable", "Records that are no message of their topic.", "topic")
        self._files = counter("files_written", "Files of the archive.")
        self._size = counter("written_bytes", "Bytes of these files.")
        self._failures = counter("flush_failures", "Attempts to write that the disk refused.")
        self._rows = gauge("rows_buffered", "Rows read and not archived yet.")
        self._age = gauge("oldest_row_seconds", "Age of the oldest row that is not archived yet.")
        self._flush = Histogram(
            "rendezvous_decoy_flush_seconds",
            "From handing rows over to having them all archived, with repeated attempts.",
            buckets=_FLUSH_SECONDS,
            registry=registry,
        )

    def undecodable(self, by_topic: Mapping[str, int]) -> None:
        """Count records that could not be decoded."""
        for topic, count in by_topic.items():
            self._undecodable.labels(topic).inc(count)

    def archived(self, topic: str, written: Written) -> None:
        """Count what was written of one partition of *topic*."""
        self._archived.labels(topic).inc(written.rows)
        self._files.inc(written.files)
        self._size.inc(written.size)

    def flushed(self, seconds: float) -> None:
        """Note how long a flush took."""
        self._flush.observe(seconds)

    def failed(self) -> None:
        """Count one attempt that failed."""
        self._failures.inc()

    def waiting(self, rows: int, age_seconds: float) -> None:
        """Note what is read and not archived yet."""
        self._rows.set(rows)
        self._age.set(age_seconds)
