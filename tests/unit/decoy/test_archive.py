import pytest
from rendezvous_contracts.topics import INPUTS, OUTCOMES
from rendezvous_decoy.archive import MAX_FILES, Archive, Limits, Part
from rendezvous_decoy.wire import Row, to_row
from rendezvous_runtime.stream import TopicPartition

from tests.unit.decoy.records import AT_US, HOUR_US, input_message, record

PLACE = TopicPartition(INPUTS, 0)
OTHER_PLACE = TopicPartition(OUTCOMES, 1)


def row(
    offset: int = 0, *, topic: str = INPUTS, partition: int = 0, route: str = "wine", at_us: int = AT_US
) -> Row:
    value = input_message(offset, route=route).SerializeToString() if topic == INPUTS else None
    return to_row(record(topic, offset, partition=partition, value=value, at_us=at_us))


def archive(rows: int = 3, size: int = 10**6, age_us: int = 1_000, *, position: int | None = None) -> Archive:
    opened = Archive(Limits(rows, size, age_us))
    opened.open(PLACE, position)
    opened.open(OTHER_PLACE, position)
    return opened


def test_nothing_is_due_without_rows() -> None:
    empty = archive()
    assert (empty.due(10**12), empty.due_at(), empty.take(), empty.checkpoint()) == (False, None, (), {})


def test_a_flush_is_due_when_the_rows_of_all_partitions_reach_the_limit() -> None:
    buffers = archive(rows=3)
    buffers.add(row(0), 0)
    buffers.add(row(1), 0)
    assert not buffers.due(0)
    buffers.add(row(0, topic=OUTCOMES, partition=1), 0)
    assert buffers.due(0)


def test_a_flush_is_due_when_the_bytes_reach_the_limit() -> None:
    buffers = archive(size=row(0).size + 1)
    buffers.add(row(0), 0)
    assert not buffers.due(0)
    buffers.add(row(1), 0)
    assert buffers.due(0)


@pytest.mark.parametrize(("now", "due"), [(1_049, False), (1_050, True), (1_051, True)])
def test_a_flush_is_due_when_the_oldest_row_is_old_enough(now: int, due: bool) -> None:
    buffers = archive(age_us=1_000)
    buffers.add(row(0), 50)
    buffers.add(row(1), 900)
    assert buffers.due_at() == 1_050
    assert buffers.due(now) is due


def test_taking_begins_anew() -> None:
    buffers = archive()
    buffers.add(row(5), 0)
    buffers.add(row(6), 0)
    (part,) = buffers.take()
    assert (part.place, part.first, part.end) == (PLACE, 5, 7)
    assert (buffers.rows, buffers.size, buffers.due_at(), buffers.take()) == (0, 0, None, ())
    buffers.add(row(7), 0)
    (part,) = buffers.take()
    assert (part.first, part.end) == (7, 8)


def test_an_offset_is_needed_until_it_is_archived() -> None:
    buffers = archive()
    buffers.add(row(5), 0)
    assert buffers.checkpoint() == {PLACE: 5}
    buffers.take()
    buffers.add(row(6), 0)
    assert buffers.checkpoint() == {PLACE: 5}
    buffers.done(PLACE, 6)
    assert buffers.checkpoint() == {PLACE: 6}
    buffers.take()
    buffers.done(PLACE, 7)
    assert buffers.checkpoint() == {}


def test_an_offset_below_the_position_is_not_taken_again() -> None:
    buffers = archive(position=5)
    assert not buffers.add(row(4), 0)
    assert buffers.add(row(5), 0)
    assert not buffers.add(row(5), 0)
    assert buffers.rows == 1


def test_a_part_stands_for_offsets_that_the_log_does_not_have() -> None:
    buffers = archive(position=3)
    buffers.add(row(5), 0)
    buffers.add(row(9), 0)
    (part,) = buffers.take()
    assert (part.first, part.end) == (3, 10)


def test_a_partition_that_is_closed_leaves_nothing() -> None:
    buffers = archive()
    buffers.add(row(0), 0)
    buffers.close(PLACE)
    assert (buffers.rows, buffers.size, buffers.due_at(), buffers.checkpoint()) == (0, 0, None, {})


def test_a_partition_that_comes_back_begins_at_its_position() -> None:
    buffers = archive()
    buffers.add(row(0), 0)
    buffers.open(PLACE, 9)
    assert buffers.rows == 0
    assert not buffers.add(row(8), 0)
    assert buffers.add(row(9), 0)


def test_what_another_process_has_archived_is_not_asked_for_again() -> None:
    buffers = archive(position=5)
    buffers.add(row(5), 0)
    buffers.done(PLACE, 50)
    assert buffers.checkpoint() == {}


def test_rows_are_grouped_by_route_and_hour_and_keep_their_order() -> None:
    rows = [row(0), row(1, route="beer"), row(2), row(3, at_us=AT_US + HOUR_US)]
    files = Part(PLACE, 0, rows).files()
    assert [(file.folder, file.name.first, file.name.last, len(file.rows)) for file in files] == [
        ("topic=inputs/route=wine/hour=2026-11-21T05", 0, 2, 2),
        ("topic=inputs/route=beer/hour=2026-11-21T05", 1, 1, 1),
        ("topic=inputs/route=wine/hour=2026-11-21T06", 3, 3, 1),
    ]


def test_a_flood_of_routes_is_not_a_flood_of_files() -> None:
    rows = [row(offset, route=f"route-{offset}") for offset in range(MAX_FILES + 50)]
    files = Part(PLACE, 0, rows).files()
    assert len(files) == MAX_FILES + 1
    assert files[-1].folder == "topic=inputs/route=_other/hour=_other"
    assert sum(len(file.rows) for file in files) == len(rows)


def test_what_remains_of_a_part_begins_at_the_position() -> None:
    part = Part(PLACE, 0, [row(0), row(4), row(6)])
    assert part.after(0) is part
    rest = part.after(5)
    assert (rest.first, rest.end, [each.offset for each in rest.rows]) == (5, 7, [6])
    nothing = part.after(7)
    assert (nothing.rows, nothing.first, nothing.end) == ([], 7, 7)
