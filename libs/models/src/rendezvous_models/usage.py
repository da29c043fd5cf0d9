"""How much a model was used and how long a row took: counts and a bounded sketch."""

from rendezvous_control.sketch import Sketch
from scoring.v1.status_pb2 import Usage


class UsageCounter:
    """
    Usage of one model since it was loaded; written by the data thread, read by any.

    Durations are microseconds per row: those of a batch divided by its rows.
    """

    __slots__ = ("_durations", "count", "duration_us", "failed", "max_us", "min_us")

    def __init__(self) -> None:
        self.count = 0
        self.failed = 0
        self.duration_us = 0
        self.min_us = 0
        self.max_us = 0
        self._durations = Sketch()

    def add(self, rows: int, failed: int, duration_us: int) -> None:
        """Count a batch of *rows* (1 or more), *failed* of them in vain, that took *duration_us* in all."""
        per_row = round(duration_us / rows)
        self.min_us = min(self.min_us, per_row) if self.count else per_row
        self.max_us = max(self.max_us, per_row)
        self.count += rows
        self.failed += failed
        self.duration_us += duration_us
        self._durations.add(per_row, rows)

    def to_message(self) -> Usage:
        """Return the usage as status carries it."""
        return Usage(
            count=self.count,
            failed=self.failed,
            duration_us=self.duration_us,
            min_us=self.min_us,
            max_us=self.max_us,
            p50_us=round(self._durations.quantile(0.5)),
            p99_us=round(self._durations.quantile(0.99)),
        )
