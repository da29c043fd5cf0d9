"""Reads an archive: counts it, checks it, and gives its rows as one table. Needs no service and no broker."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from rendezvous_runtime.stream import TopicPartition

from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.names import OTHER, POSITIONS, UNDECODABLE, parse_file_name, partition_name, route_name
from rendezvous_decoy.position import Position, from_json


class PartitionReport(NamedTuple):
    """
    What the archive has of one partition of a topic.

    *rows* counts all rows, *undecodable* those of them that are no messages. *first* and *last* are offsets,
    None without rows. *gaps* are the offsets in between, and from the archive's beginning to its recorded
    end, that it lacks: (from, to), both included. *duplicates* counts rows whose offset was there before.
    """

    rows: int
    undecodable: int
    first: int | None
    last: int | None
    gaps: tuple[tuple[int, int], ...]
    duplicates: int

    @property
    def exact(self) -> bool:
        """Whether every offset is there exactly once."""
        return not self.gaps and not self.duplicates


def verify(archive: Path) -> dict[TopicPartition, PartitionReport]:
    """
    Return a report on each partition of each topic in *archive*; none for a directory without an archive.

    A gap is a defect unless the log itself has no such offset: a compacted topic, or the marks that
    transactions leave. Raises ArchiveError for a file or position that is not as the decoy writes it, and
    OSError if one cannot be read.
    """
    offsets: dict[TopicPartition, list[int]] = {}
    undecodable: dict[TopicPartition, int] = {}
    for path in files(archive):
        place, found = _offsets(path)
        offsets.setdefault(place, []).extend(found)
        if f"route={UNDECODABLE}" in path.parts:
            undecodable[place] = undecodable.get(place, 0) + len(found)
    positions = dict(_positions(archive))
    return {
        place: _report(offsets.get(place, []), undecodable.get(place, 0), positions.get(place))
        for place in sorted(offsets.keys() | positions.keys())
    }


def count(archive: Path, topic: str) -> int:
    """Return how many messages of *topic* are archived, without records that could not be decoded."""
    reports = verify(archive).items()
    return sum(report.rows - report.undecodable for place, report in reports if place.topic == topic)


def files(archive: Path, topic: str = "*", route: str = "*") -> list[Path]:
    """Return the files of *archive*, or those of one topic or one route of it, in order of their names."""
    return sorted(archive.glob(f"topic={topic}/route={route}/hour=*/*.parquet"))


def read(archive: Path, topic: str, route: str) -> pa.Table:
    """
    Return all rows of one route in *topic*, with the columns of all its files; a missing one is null.

    Ordered by partition and offset. A column that is a number in one file and text in another is text.
    Raises ArchiveError if there are none.
    """
    if route_name(route) == OTHER and route not in (OTHER, UNDECODABLE):
        raise ArchiveError(f"{route!r} is not a route: routes like that are archived as {OTHER}")
    paths = files(archive, topic, route)
    if not paths:
        raise ArchiveError(f"{archive} has no rows of {topic} on route {route}")
    tables = [pq.ParquetFile(path).read() for path in paths]
    schema = _common_schema(table.schema for table in tables)
    table = pa.concat_tables(_fit(table, schema) for table in tables)
    return table.sort_by([("kafka_partition", "ascending"), ("kafka_offset", "ascending")])


def _offsets(path: Path) -> tuple[TopicPartition, list[int]]:
    name = parse_file_name(path.name)
    try:
        columns = pq.ParquetFile(path).read(["kafka_partition", "kafka_offset"])
    except pa.ArrowInvalid as error:
        raise ArchiveError(f"{path} is damaged: {error}") from error
    found: list[int] = columns["kafka_offset"].to_pylist()
    inside = found and min(found) == name.first and max(found) == name.last
    if not inside or set(columns["kafka_partition"].to_pylist()) != {name.partition}:
        raise ArchiveError(f"{path} does not hold the rows that its name says: it was renamed or rewritten")
    return TopicPartition(name.topic, name.partition), found


def _positions(archive: Path) -> Iterator[tuple[TopicPartition, Position]]:
    for path in sorted((archive / POSITIONS).glob("*.json")):
        topic, _, partition = path.stem.rpartition("-p")
        if not partition.isdecimal() or path.stem != partition_name(topic, int(partition)):
            raise ArchiveError(f"{path} is not a position of an archive: move it out of there")
        yield TopicPartition(topic, int(partition)), from_json(path.read_bytes(), path)


def _report(offsets: list[int], undecodable: int, position: Position | None) -> PartitionReport:
    distinct = sorted(set(offsets))
    begin = distinct[:1] if position is None else [position.first_offset]
    end = distinct[-1:] if position is None else [position.next_offset - 1]
    edges = [*(each - 1 for each in begin), *distinct, *(each + 1 for each in end)]
    return PartitionReport(
        rows=len(offsets),
        undecodable=undecodable,
        first=distinct[0] if distinct else None,
        last=distinct[-1] if distinct else None,
        gaps=tuple((low + 1, high - 1) for low, high in pairwise(edges) if high - low > 1),
        duplicates=len(offsets) - len(distinct),
    )


def _common_schema(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return all columns of *schemas*, in order of their first appearance."""
    kinds: dict[str, list[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, []).append(field.type)
    return pa.schema([(name, _common_kind(found)) for name, found in kinds.items()])


def _common_kind(kinds: list[pa.DataType]) -> pa.DataType:
    if len(set(kinds)) == 1:
        return kinds[0]
    return pa.float64() if set(kinds) == {pa.int64(), pa.float64()} else pa.string()


def _fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return *table* with the columns of *schema*."""
    return pa.table([_cast(table, field) for field in schema], schema=schema)


def _cast(table: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if field.name not in table.column_names:
        return pa.nulls(len(table), field.type)
    column = table[field.name]
    if column.type == field.type:
        return column
    if field.type == pa.float64():
        return column.cast(pa.float64(), safe=False)
    return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
