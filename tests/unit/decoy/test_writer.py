import json
import re
from functools import partial
from pathlib import Path

import pytest
from rendezvous_contracts.topics import INPUTS
from rendezvous_decoy.archive import Part
from rendezvous_decoy.disk import Disk
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.reading import files, verify
from rendezvous_decoy.wire import to_row
from rendezvous_runtime.stream import TopicPartition

from tests.unit.decoy.disks import CrashError, FaultyDisk
from tests.unit.decoy.records import inputs, writer_on

PLACE = TopicPartition(INPUTS, 0)
POSITION = Path("_positions/inputs-p000.json")


def part(first: int, end: int, place: TopicPartition = PLACE) -> Part:
    return Part(place, first, [to_row(record) for record in inputs(first, end, partition=place.partition)])


def temporary(archive: Path) -> list[str]:
    return Disk().names(archive / "_flush")


def test_a_commit_leaves_its_file_and_its_position(tmp_path: Path) -> None:
    written = writer_on(tmp_path).commit(part(5, 9))
    (path,) = files(tmp_path)
    assert str(path.relative_to(tmp_path)) == (
        "topic=inputs/route=wine/hour=2026-11-21T05/"
        "inputs-p000-00000000000000000005-00000000000000000008.parquet"
    )
    assert written == (9, 4, 1, path.stat().st_size)
    position = json.loads((tmp_path / POSITION).read_bytes())
    assert (position["first_offset"], position["next_offset"]) == (5, 9)
    assert temporary(tmp_path) == []


def test_the_next_process_goes_on_where_the_archive_ends(tmp_path: Path) -> None:
    writer_on(tmp_path).commit(part(5, 9))
    assert writer_on(tmp_path).recover(PLACE) == 9
    assert writer_on(tmp_path).recover(TopicPartition(INPUTS, 1)) is None


def test_the_same_part_twice_is_archived_once(tmp_path: Path) -> None:
    writer = writer_on(tmp_path)
    writer.commit(part(0, 4))
    assert writer.commit(part(0, 4)) == (4, 0, 0, 0)
    assert verify(tmp_path)[PLACE].rows == 4


def test_of_a_part_that_overlaps_only_the_rest_is_archived(tmp_path: Path) -> None:
    writer = writer_on(tmp_path)
    writer.commit(part(0, 4))
    assert writer.commit(part(2, 6))[:2] == (6, 2)
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.last, report.exact) == (6, 5, True)


def test_a_part_beyond_the_end_of_the_archive_is_refused(tmp_path: Path) -> None:
    writer = writer_on(tmp_path)
    writer.commit(part(0, 4))
    with pytest.raises(ArchiveError, match="inputs-p000: the archive ends before offset 4"):
        writer.commit(part(5, 6))


def steps_of_a_commit(tmp_path: Path) -> int:
    disk = FaultyDisk()
    writer = writer_on(tmp_path / "counted", disk)
    writer.commit(part(0, 4))
    begin = disk.steps
    writer.commit(part(4, 9))
    return disk.steps - begin


def test_who_dies_at_any_step_of_a_commit_loses_and_doubles_nothing(tmp_path: Path) -> None:
    steps = steps_of_a_commit(tmp_path)
    assert steps > 5
    ends = set()
    for step in range(1, steps + 1):
        archive = tmp_path / str(step)
        disk = FaultyDisk()
        writer = writer_on(archive, disk)
        writer.commit(part(0, 4))
        disk.fuse = step
        with pytest.raises(CrashError):
            writer.commit(part(4, 9))
        heir = writer_on(archive)
        end = heir.recover(PLACE)
        assert end in (4, 9)
        assert verify(archive)[PLACE].last == end - 1
        assert temporary(archive) == []
        ends.add(end)
        heir.commit(part(end, 12))
        report = verify(archive)[PLACE]
        assert (report.rows, report.last, report.exact) == (12, 11, True)
    assert ends == {4, 9}, "one of the steps has to be the one from which on the part counts"


def test_who_dies_while_taking_over_leaves_it_to_the_next(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = writer_on(tmp_path, disk)
    disk.fuse = steps_of_a_commit(tmp_path) - 1  # its file has not its name yet
    with pytest.raises(CrashError):
        writer.commit(part(0, 4))
    disk.fuse = 2
    with pytest.raises(CrashError):
        writer.recover(PLACE)
    assert writer_on(tmp_path).recover(PLACE) == 4
    assert verify(tmp_path)[PLACE].rows == 4


def test_a_process_that_was_given_up_for_dead_does_no_harm(tmp_path: Path) -> None:
    """It was stopped in the middle of a commit; another took over, cleaned up and went on."""
    disk = FaultyDisk()
    zombie = writer_on(tmp_path, disk)
    heir = writer_on(tmp_path)

    def take_over() -> None:
        assert heir.recover(PLACE) is None
        heir.commit(part(0, 3))

    disk.strike = take_over
    disk.fuse = 3  # after writing its files, before it takes the lock
    assert zombie.commit(part(0, 5)).end == 5
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.last, report.exact) == (5, 4, True)
    assert len(files(tmp_path)) == 2
    assert temporary(tmp_path) == []
    heir.commit(part(3, 8))
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.exact) == (8, True)


def test_files_that_a_new_owner_has_cleared_away_are_written_again(tmp_path: Path) -> None:
    disk = FaultyDisk()
    zombie = writer_on(tmp_path, disk)
    disk.strike = partial(writer_on(tmp_path).recover, PLACE)
    disk.fuse = 3
    assert zombie.commit(part(0, 5)).rows == 5
    assert verify(tmp_path)[PLACE].exact


def test_a_full_disk_is_an_error_and_leaves_the_archive_as_it_was(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = writer_on(tmp_path, disk)
    writer.commit(part(0, 4))
    disk.full = True
    with pytest.raises(OSError, match="No space left on device"):
        writer.commit(part(4, 9))
    assert verify(tmp_path)[PLACE].last == 3
    disk.full = False
    writer.commit(part(4, 9))
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.exact) == (9, True)


def test_taking_over_leaves_other_partitions_alone(tmp_path: Path) -> None:
    other = TopicPartition(INPUTS, 1)
    disk = FaultyDisk()
    writer = writer_on(tmp_path, disk)
    disk.strike = partial(writer_on(tmp_path).recover, other)
    disk.fuse = 3
    writer.commit(part(0, 4))
    assert verify(tmp_path)[PLACE].rows == 4


def test_a_lock_that_is_held_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rendezvous_decoy.disk.LOCK_WAIT_S", 0.05)
    writer = writer_on(tmp_path)
    with (
        Disk().lock(tmp_path / "_positions/inputs-p000.lock"),
        pytest.raises(TimeoutError, match=re.escape("inputs-p000.lock")),
    ):
        writer.recover(PLACE)
    assert writer.recover(PLACE) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 2, "first_offset": 0, "next_offset": 4, "files": []}',
        b'{"version": 1, "first_offset": 0, "next_offset": "4", "files": []}',
        b'{"version": 1, "first_offset": 0, "next_offset": 4, "files": [{"source": "../x", "target": "y"}]}',
        b'{"version": 1, "first_offset": 0, "next_offset": 4, "files": [{"source": "x", "target": "/y"}]}',
    ],
)
def test_a_damaged_position_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / POSITION).parent.mkdir()
    (tmp_path / POSITION).write_bytes(content)
    with pytest.raises(ArchiveError, match=re.escape(str(tmp_path / POSITION))):
        writer_on(tmp_path).recover(PLACE)


def test_the_disk_makes_folders_and_tells_what_is_there(tmp_path: Path) -> None:
    disk = Disk()
    disk.write(tmp_path / "a/b/c", b"x")
    disk.move(tmp_path / "a/b/c", tmp_path / "a/d")
    assert (disk.names(tmp_path / "a"), disk.read(tmp_path / "a/d")) == (["b", "d"], b"x")
    assert (disk.names(tmp_path / "none"), disk.read(tmp_path / "none")) == ([], None)
