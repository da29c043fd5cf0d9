"""The metrics of the decoy, besides those that every service has."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from rendezvous_runtime.families import Family

from rendezvous_decoy.writer import Written

# From a flush of a few rows to a solid state disk up to a slow network disk.
_FLUSH_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


ARCHIVED: Final = Family(
    "counter", "rendezvous_decoy_rows_archived", "Rows that are in the archive to stay.", ("topic",)
)
UNDECODABLE: Final = Family(
    "counter", "rendezvous_decoy_undecodable", "Records that are no message of their topic.", ("topic",)
)
FILES: Final = Family("counter", "rendezvous_decoy_files_written", "Files of the archive.")
SIZE: Final = Family("counter", "rendezvous_decoy_written_bytes", "Bytes of these files.")
FAILURES: Final = Family(
    "counter", "rendezvous_decoy_flush_failures", "Attempts to write that the disk refused."
)
ROWS: Final = Family("gauge", "rendezvous_decoy_rows_buffered", "Rows read and not archived yet.")
AGE: Final = Family(
    "gauge", "rendezvous_decoy_oldest_row_seconds", "Age of the oldest row that is not archived yet."
)
FLUSH: Final = Family(
    "histogram",
    "rendezvous_decoy_flush_seconds",
    "From handing rows over to having them all archived, with repeated attempts.",
)


class DecoyMetrics:
    """Told once per batch or flush."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._archived = ARCHIVED.counter(registry)
        self._undecodable = UNDECODABLE.counter(registry)
        self._files = FILES.counter(registry)
        self._size = SIZE.counter(registry)
        self._failures = FAILURES.counter(registry)
        self._rows = ROWS.gauge(registry)
        self._age = AGE.gauge(registry)
        self._flush = FLUSH.observed(registry, _FLUSH_SECONDS)

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
