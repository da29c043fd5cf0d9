"""
What the archive holds in memory and when it is to be written: pure, without a disk.

Rows are buffered by partition of a topic. take() hands all of them over as Parts, one for each of these
partitions; a Part is written as a whole or not at all (writer.py), and done() says that it was. Between the
two the rows count as in flight, and their offsets are still needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rendezvous_runtime.stream import TopicPartition

from rendezvous_decoy.names import OTHER, FileName, folder_name
from rendezvous_decoy.wire import Row

# Names come from outside: a flood of different ones must not become a flood of files.
MAX_FILES: Final = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """When to flush: this many rows, these bytes in memory, or this age of the oldest row in microseconds."""

    rows: int = 10_000
    size: int = 8 * 1024 * 1024
    age_us: int = 5_000_000


class File(NamedTuple):
    """One file to write: its folder below the archive's root, its name and its rows."""

    folder: str
    name: FileName
    rows: Sequence[Row]


class Part(NamedTuple):
    """
    All that is to be written of one partition of a topic.

    It stands for every offset from *first* up to, and without, *end*; *rows* are those of them that the log
    has a record for, in order.
    """

    place: TopicPartition
    first: int
    rows: Sequence[Row]

    @property
    def end(self) -> int:
        """The offset after the last row."""
        return self.rows[-1].offset + 1 if self.rows else self.first

    def after(self, position: int) -> "Part":
        """Return what remains of it from the offset *position* on."""
        if position <= self.first:
            return self
        return Part(self.place, position, [row for row in self.rows if row.offset >= position])

    def files(self) -> list[File]:
        """Return the files that hold its rows, by route and hour."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            group = (row.route, row.hour)
            if group not in groups and len(groups) >= MAX_FILES:
                group = (OTHER, OTHER)
            groups.setdefault(group, []).append(row)
        return [self._file(route, hour, rows) for (route, hour), rows in groups.items()]

    def _file(self, route: str, hour: str, rows: Sequence[Row]) -> File:
        name = FileName(*self.place, rows[0].offset, rows[-1].offset)
        return File(folder_name(self.place.topic, route, hour), name, rows)


@dataclass(slots=True)
class _Buffer:
    """The rows of one partition that nobody has taken yet; *first* is None until it is known."""

    first: int | None
    archived: int | None
    rows: list[Row] = field(default_factory=list)

    @property
    def end(self) -> int | None:
        return self.rows[-1].offset + 1 if self.rows else self.first


class Archive:
    """The buffers of all partitions, and the rules by which they are flushed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffers: dict[TopicPartition, _Buffer] = {}
        self.rows = 0
        self.size = 0
        self.oldest: int | None = None  # when the first row that nobody has taken came

    def open(self, place: TopicPartition, position: int | None) -> None:
        """Begin with *place*; all before *position* is archived. None: nothing is known about it."""
        self.close(place)
        self._buffers[place] = _Buffer(position, position)

    def close(self, place: TopicPartition) -> None:
        """Forget *place* and its rows."""
        buffer = self._buffers.pop(place, None)
        if buffer is not None:
            self._count(buffer.rows, -1)

    def add(self, row: Row, now_us: int) -> bool:
        """Buffer *row*; False if its offset was here before, so that it is not archived a second time."""
        buffer = self._buffers[row.place]
        end = buffer.end
        if end is not None and row.offset < end:
            return False
        if buffer.first is None:
            buffer.first = row.offset
        if self.oldest is None:
            self.oldest = now_us
        buffer.rows.append(row)
        self._count([row], 1)
        return True

    def full(self) -> bool:
        """Return whether the buffers have reached a limit of rows or bytes."""
        return self.rows >= self._limits.rows or self.size >= self._limits.size

    def due_at(self) -> int | None:
        """Return when the oldest row is too old to wait, in monotonic microseconds; None without rows."""
        return None if self.oldest is None else self.oldest + self._limits.age_us

    def due(self, now_us: int) -> bool:
        """Return whether the buffers are to be flushed now."""
        at = self.due_at()
        return self.full() or (at is not None and at <= now_us)

    def take(self) -> tuple[Part, ...]:
        """Return all rows, by partition, and begin new buffers."""
        return tuple(self._take(place, buffer) for place, buffer in self._buffers.items() if buffer.rows)

    def done(self, place: TopicPartition, end: int) -> None:
        """Take note that all before *end* is archived."""
        buffer = self._buffers.get(place)
        if buffer is None or (buffer.archived is not None and end <= buffer.archived):
            return
        buffer.archived = end

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Return the first offset not archived yet, of each partition that has rows not archived."""
        needed = ((place, _needed(buffer)) for place, buffer in self._buffers.items())
        return {place: offset for place, offset in needed if offset is not None}

    def _take(self, place: TopicPartition, buffer: _Buffer) -> Part:
        part = Part(place, buffer.first if buffer.first is not None else buffer.rows[0].offset, buffer.rows)
        if buffer.archived is None:
            buffer.archived = part.first
        self._count(buffer.rows, -1)
        buffer.first, buffer.rows = part.end, []
        return part

    def _count(self, rows: Iterable[Row], sign: int) -> None:
        for row in rows:
            self.rows += sign
            self.size += sign * row.size
        if not self.rows:
            self.oldest = None


def _needed(buffer: _Buffer) -> int | None:
    """Return the first offset of *buffer* that is not archived; None if all that was read is."""
    if buffer.archived is None:
        return buffer.first if buffer.rows else None
    end = buffer.end
    return buffer.archived if end is not None and buffer.archived < end else None
