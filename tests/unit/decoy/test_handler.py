import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from rendezvous_contracts.topics import DEAD_LETTERS, DECISIONS, INPUTS, OUTCOMES
from rendezvous_decoy.archive import Archive, Limits
from rendezvous_decoy.disk import Disk
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.handler import DecoyHandler
from rendezvous_decoy.metrics import DecoyMetrics
from rendezvous_decoy.reading import verify
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import (
    Handler,
    SupportsBackPressure,
    SupportsDrain,
    SupportsSeek,
    TopicPartition,
)
from rendezvous_runtime.testing import System, VirtualClock

from tests.support.polling import wait_until
from tests.unit.decoy.disks import FaultyDisk, QuickDisk
from tests.unit.decoy.records import MESSAGES, ROWS, Inline, decoy_on, inputs, record, writer_on

PLACE = TopicPartition(INPUTS, 0)
SECOND_US = 1_000_000


def at(us: int = 0) -> Now:
    return Now(us, us)


class SlowDisk(QuickDisk):
    """Writes nothing before it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def write(self, path: Path, content: bytes) -> None:
        assert self.released.wait(20)
        super().write(path, content)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def rows(archive: Path) -> int:
    return sum(report.rows for report in verify(archive).values())


def test_it_is_all_that_the_plane_can_make_use_of(tmp_path: Path) -> None:
    handler: Handler = decoy_on(tmp_path)
    assert isinstance(handler, SupportsBackPressure)
    assert isinstance(handler, SupportsDrain)
    assert isinstance(handler, SupportsSeek)
    assert list(handler.topics) == [INPUTS, DECISIONS, OUTCOMES]


def test_rows_wait_for_their_flush_and_their_offsets_with_them(tmp_path: Path) -> None:
    handler = decoy_on(tmp_path)
    handler.on_assign([0, 1], at())
    handler.on_records(inputs(0, 3), at())
    handler.on_time(at())
    assert (rows(tmp_path), handler.checkpoint()) == (0, {PLACE: 0})
    assert handler.next_time() == 5 * SECOND_US
    handler.on_time(at(5 * SECOND_US))
    assert (rows(tmp_path), handler.checkpoint(), handler.next_time()) == (3, {}, None)


def test_enough_rows_do_not_wait(tmp_path: Path) -> None:
    handler = decoy_on(tmp_path)
    handler.on_assign([0], at())
    handler.on_records(inputs(0, ROWS), at())
    handler.on_time(at())
    assert rows(tmp_path) == ROWS


def test_what_is_no_message_becomes_a_dead_letter_and_is_archived_as_it_came(tmp_path: Path) -> None:
    handler = decoy_on(tmp_path)
    handler.on_assign([3], at())
    records = [record(INPUTS, 0, partition=3), record(INPUTS, 1, partition=3, value=b"\xff")]
    (letter,) = handler.on_records(records, at())
    assert (letter.topic, letter.partition, letter.key, letter.value) == (DEAD_LETTERS, 3, b"r1", b"\xff")
    headers = dict(letter.headers or [])
    assert (headers["service"], headers["topic"], headers["offset"]) == (b"decoy", b"inputs", b"1")
    assert handler.drained(at())
    report = verify(tmp_path)[TopicPartition(INPUTS, 3)]
    assert (report.rows, report.undecodable, report.exact) == (2, 1, True)


def test_a_process_that_stops_archives_what_it_has_however_little(tmp_path: Path) -> None:
    handler = decoy_on(tmp_path)
    handler.on_assign([0], at())
    handler.on_records(inputs(0, 1), at())
    assert handler.drained(at())
    assert (rows(tmp_path), handler.checkpoint()) == (1, {})


def test_a_new_process_begins_where_the_archive_ends(tmp_path: Path) -> None:
    first = decoy_on(tmp_path)
    first.on_assign([0], at())
    first.on_records(inputs(0, 4), at())
    assert first.drained(at())
    second = decoy_on(tmp_path)
    second.on_assign([0], at())
    assert second.start_offset(PLACE) == 4
    assert second.start_offset(TopicPartition(OUTCOMES, 0)) is None


def test_a_partition_that_is_revoked_is_forgotten_and_read_again_by_the_next(tmp_path: Path) -> None:
    first, second = decoy_on(tmp_path), decoy_on(tmp_path)
    first.on_assign([0], at())
    first.on_records(inputs(0, 4), at())
    first.on_revoke([0], at())
    assert (first.checkpoint(), first.next_time()) == ({}, None)
    second.on_assign([0], at())
    second.on_records(inputs(0, 6), at())
    assert first.drained(at())
    assert second.drained(at())
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.exact) == (6, True)


def test_a_log_that_was_made_anew_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    handler = decoy_on(tmp_path)
    handler.on_assign([0], at())
    handler.on_records(inputs(0, 4), at())
    assert handler.drained(at())
    again = decoy_on(tmp_path)
    again.on_assign([0], at())
    with pytest.raises(ArchiveError, match=r"inputs-p000: the log offers offset 0.*archived already"):
        again.on_records(inputs(0, 1), at())


def test_a_slow_disk_makes_it_full_and_not_large(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    disk = SlowDisk()
    handler = decoy_on(tmp_path, disk=disk, writer=thread)
    handler.on_assign([0], at())
    handler.on_records(inputs(0, ROWS), at())
    handler.on_time(at())
    assert not handler.full()
    handler.on_records(inputs(ROWS, 2 * ROWS), at())
    handler.on_time(at())
    assert handler.full()
    assert handler.checkpoint() == {PLACE: 0}
    assert handler.next_time() == 20_000
    assert not handler.drained(at())
    disk.released.set()
    wait_until(lambda: handler.drained(at()), 20, "the rest is archived")
    assert not handler.full()
    assert (rows(tmp_path), handler.checkpoint()) == (2 * ROWS, {})


def test_a_full_disk_is_said_tried_again_and_loses_nothing(tmp_path: Path) -> None:
    disk = FaultyDisk()
    handler = decoy_on(tmp_path, disk=disk)
    handler.on_assign([0], at())
    handler.on_records(inputs(0, ROWS), at())
    disk.full = True
    handler.on_time(at())
    assert handler.problem is not None
    assert "cannot write the archive, attempt 1: [Errno 28] No space left on device" in handler.problem
    handler.on_records(inputs(ROWS, 2 * ROWS), at())
    assert handler.full()
    disk.full = False
    handler.on_time(at(SECOND_US - 1))
    assert rows(tmp_path) == 0, "it is left alone for a second"
    handler.on_time(at(SECOND_US))
    handler.on_time(at(SECOND_US))
    assert (rows(tmp_path), handler.full()) == (2 * ROWS, False)
    assert not handler.problem


def test_one_partition_that_cannot_be_written_does_not_keep_back_another(tmp_path: Path) -> None:
    handler = decoy_on(tmp_path)
    handler.on_assign([0, 1], at())
    handler.on_records([*inputs(0, 5), *inputs(0, 5, partition=1)], at())
    with Disk().lock(tmp_path / "_positions/inputs-p000.lock"):
        handler.on_time(at())
    assert handler.problem is not None
    assert "inputs-p000.lock" in handler.problem
    assert {place: report.rows for place, report in verify(tmp_path).items()} == {(INPUTS, 1): 5}
    assert handler.drained(at(SECOND_US))
    assert handler.problem is None
    assert [report.rows for report in verify(tmp_path).values()] == [5, 5]


def test_an_archive_that_does_not_say_where_it_ends_is_read_from_kafka_s_offset(tmp_path: Path) -> None:
    first, second = decoy_on(tmp_path), decoy_on(tmp_path)
    first.on_assign([0], at())
    first.on_records(inputs(0, 4), at())
    assert first.drained(at())
    with Disk().lock(tmp_path / "_positions/inputs-p000.lock"):
        second.on_assign([0], at())
    assert second.start_offset(PLACE) is None
    second.on_records(inputs(2, 8), at())
    assert second.drained(at())
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.last, report.exact) == (8, 7, True)


def test_it_counts_what_it_does(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    handler = DecoyHandler(Archive(Limits(rows=ROWS)), writer_on(tmp_path), Inline(), DecoyMetrics(registry))
    handler.on_assign([0], at())
    handler.on_records([*inputs(0, 3), record(OUTCOMES, 0, value=b"\xff")], at())
    handler.on_time(at(2 * SECOND_US))
    assert registry.get_sample_value("rendezvous_decoy_rows_buffered") == 4
    assert registry.get_sample_value("rendezvous_decoy_oldest_row_seconds") == 2.0
    assert handler.drained(at(2 * SECOND_US))
    value = registry.get_sample_value
    assert value("rendezvous_decoy_rows_archived_total", {"topic": INPUTS}) == 3
    assert value("rendezvous_decoy_rows_archived_total", {"topic": OUTCOMES}) == 1
    assert value("rendezvous_decoy_undecodable_total", {"topic": OUTCOMES}) == 1
    assert value("rendezvous_decoy_files_written_total") == 2
    assert value("rendezvous_decoy_flush_seconds_count") == 1
    assert value("rendezvous_decoy_rows_buffered") == 0
    assert value("rendezvous_decoy_oldest_row_seconds") == 0.0


def test_in_a_system_every_record_is_archived_over_a_kill_and_a_restart(tmp_path: Path) -> None:
    system = System(partitions=2, clock=VirtualClock(), seed=7)
    system.add(decoy_on(tmp_path), name="decoy")
    for number in range(60):
        for topic, message in MESSAGES.items():
            system.publish(topic, number % 2, b"k", message(number).SerializeToString())
        system.run_for(10_000)
        if number == 30:
            system.kill("decoy")
            system.restart("decoy", decoy_on(tmp_path))
    system.run_for(6 * SECOND_US)
    reports = verify(tmp_path)
    assert [report.rows for report in reports.values()] == [30] * 6
    assert all(report.exact for report in reports.values())
