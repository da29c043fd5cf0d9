"""
The decoy on the stream: buffers what comes, and hands it to one writer thread at a time.

While the writer is busy the next flush collects. When that one is full too, the handler is full and its
partitions are paused: a slow disk, or one without space, makes the decoy lag and nothing else. What it
has not archived is still in Kafka, so it may forget its rows whenever a partition goes.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from typing import Final

import structlog
from rendezvous_contracts.topics import DECISIONS, INPUTS, OUTCOMES
from rendezvous_runtime.clock import Now
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.stream import Record, Send, TopicPartition

from rendezvous_decoy.archive import Archive
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.flush import Flush, Store
from rendezvous_decoy.metrics import DecoyMetrics
from rendezvous_decoy.names import partition_name
from rendezvous_decoy.wire import Row, to_row

SERVICE: Final = "decoy"
_LOG: Final = structlog.get_logger(__name__)

TOPICS: Final = (INPUTS, DECISIONS, OUTCOMES)


class DecoyHandler:
    """
    A Handler that archives every record of its topics.

    *writer* runs the commits, one flush at a time. *problem* says, for people, why nothing can be archived
    now; None if all is well.
    """

    topics: Sequence[str] = TOPICS
    intake: Collection[str] = TOPICS

    def __init__(self, archive: Archive, store: Store, writer: Executor, metrics: DecoyMetrics) -> None:
        self._archive: Final = archive
        self._store: Final = store
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._starts: dict[TopicPartition, int | None] = {}
        self._flush: Flush | None = None
        self._stopping = False
        self.problem: str | None = None

    def on_assign(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - a Handler's
        """Find out where the archive ends; raises ArchiveError if what is on disk is not an archive."""
        for place in _places(partitions):
            self._starts[place] = self._recover(place)
            self._archive.open(place, self._starts[place])

    def start_offset(self, where: TopicPartition) -> int | None:
        """Return the first offset that is not archived; None if it is not known, or nothing is."""
        return self._starts[where]

    def _recover(self, place: TopicPartition) -> int | None:
        """
        Return where the archive of *place* ends; None if it has none, or the disk does not say now.

        In that case it is read from the offset that Kafka knows, which is never past the archive's end, and
        what is archived already is left out when the rest is written.
        """
        try:
            return self._store.recover(place)
        except OSError as error:
            _LOG.warning("the archive does not say where it ends", of=partition_name(*place), why=str(error))
            return None

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Buffer *records*; those that are no messages become dead letters, and are archived as they came."""
        rows = [to_row(record) for record in records]
        for row in rows:
            if not self._archive.add(row, now.mono):
                raise ArchiveError(_went_back(row))
        bad = [(record, row.error) for record, row in zip(records, rows, strict=True) if row.error]
        self._metrics.undecodable(Counter(record.topic() for record, _ in bad))
        return [dead_letter(record, error, service=SERVICE) for record, error in bad]

    def on_time(self, now: Now) -> Sequence[Send]:
        """Begin the flush that is due, and take note of one that is done."""
        self._settle(now)
        self._begin(now)
        self._settle(now)
        self._report(now)
        return ()

    def next_time(self) -> int | None:
        """Return when to look at the writer again, or when the oldest row is due."""
        return self._archive.due_at() if self._flush is None else self._flush.wake_at

    def saturated(self) -> Collection[str]:
        """Return all topics while it is full."""
        return self.topics if self.full() else ()

    def full(self) -> bool:
        """Return whether one flush is being written and the next has all that it may hold."""
        return self._flush is not None and self._archive.full()

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Return the first offset that is not archived, of each partition that has one."""
        return self._archive.checkpoint()

    def drained(self, now: Now) -> bool:
        """Flush all that is buffered, however little; return whether everything is archived."""
        self._stopping = True
        self.on_time(now)
        return self._flush is None and not self._archive.rows

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - a Handler's
        """Forget what is not archived: who has the partition next reads it again, and nobody counts twice."""
        gone = set(_places(partitions))
        for place in gone:
            self._archive.close(place)
        if self._flush is not None:
            self._flush.drop(gone)

    def _begin(self, now: Now) -> None:
        """Hand the writer the flush that failed before, or else a new one if it is due."""
        archive = self._archive
        if self._flush is None and archive.rows and (self._stopping or archive.due(now.mono)):
            oldest = now.mono if archive.oldest is None else archive.oldest
            self._flush = Flush(archive.take(), oldest, now.mono)
        if self._flush is not None:
            self._flush.attempt(self._writer, self._store, now.mono)

    def _settle(self, now: Now) -> None:
        """Take note of what the writer has done."""
        if self._flush is None:
            return
        try:
            done = self._flush.result(now.mono)
        except OSError as error:
            self._metrics.failed()
            self.problem = f"cannot write the archive, attempt {self._flush.attempts}: {error}; trying again"
            return
        if done is None:
            return
        for place, written in done:
            self._archive.done(place, written.end)
            self._metrics.archived(place.topic, written)
        self._metrics.flushed((now.mono - self._flush.began) / 1e6)
        self._flush = self.problem = None

    def _report(self, now: Now) -> None:
        flush = self._flush
        rows = self._archive.rows + (flush.rows if flush else 0)
        oldest = flush.oldest if flush else self._archive.oldest
        self._metrics.waiting(rows, 0.0 if oldest is None else (now.mono - oldest) / 1e6)


def _places(partitions: Collection[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for topic in TOPICS for partition in sorted(partitions)]


def _went_back(row: Row) -> str:
    name = partition_name(*row.place)
    return (
        f"{name}: the log offers offset {row.offset}, which is archived already: the topic was made anew or "
        "cut off; name another archive directory, and keep this one for what it holds"
    )
