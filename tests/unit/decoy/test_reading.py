import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from rendezvous_contracts.topics import INPUTS
from rendezvous_decoy.archive import Part
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.reading import PartitionReport, count, files, read, verify
from rendezvous_decoy.wire import to_row
from rendezvous_runtime.stream import TopicPartition

from tests.unit.decoy.records import input_message, inputs, record, writer_on

PLACE = TopicPartition(INPUTS, 0)


def archive_parts(archive: Path, *bounds: tuple[int, int]) -> list[Path]:
    for first, end in bounds:
        writer_on(archive).commit(Part(PLACE, first, [to_row(one) for one in inputs(first, end)]))
    return files(archive)


def archive_features(archive: Path, offset: int, **features: float | str) -> None:
    one = record(INPUTS, offset, value=input_message(offset, features=features).SerializeToString())
    writer_on(archive).commit(Part(PLACE, offset, [to_row(one)]))


def test_nothing_is_nothing(tmp_path: Path) -> None:
    assert (verify(tmp_path), count(tmp_path, INPUTS), files(tmp_path)) == ({}, 0, [])


def test_a_whole_archive_is_exact(tmp_path: Path) -> None:
    archive_parts(tmp_path, (0, 4), (4, 9))
    assert verify(tmp_path) == {PLACE: PartitionReport(9, 0, 0, 8, (), 0)}
    assert verify(tmp_path)[PLACE].exact
    assert count(tmp_path, INPUTS) == 9


def test_records_that_are_no_messages_are_rows_but_not_messages(tmp_path: Path) -> None:
    rows = [to_row(one) for one in [*inputs(0, 2), record(INPUTS, 2, value=b"\xff")]]
    writer_on(tmp_path).commit(Part(PLACE, 0, rows))
    assert verify(tmp_path)[PLACE][:2] == (3, 1)
    assert count(tmp_path, INPUTS) == 2


@pytest.mark.parametrize(("lost", "gap"), [(0, (0, 3)), (1, (4, 8)), (2, (9, 11))])
def test_a_file_that_is_lost_is_a_gap(tmp_path: Path, lost: int, gap: tuple[int, int]) -> None:
    archive_parts(tmp_path, (0, 4), (4, 9), (9, 12))[lost].unlink()
    report = verify(tmp_path)[PLACE]
    assert report.gaps == (gap,)
    assert not report.exact


def test_all_files_lost_is_one_gap(tmp_path: Path) -> None:
    (path,) = archive_parts(tmp_path, (3, 5))
    path.unlink()
    assert verify(tmp_path) == {PLACE: PartitionReport(0, 0, None, None, ((3, 4),), 0)}


def test_a_file_that_is_there_twice_is_seen(tmp_path: Path) -> None:
    (path,) = archive_parts(tmp_path, (0, 4))
    copy = path.parent.parent / "hour=2026-11-21T06" / path.name
    copy.parent.mkdir()
    shutil.copy(path, copy)
    report = verify(tmp_path)[PLACE]
    assert (report.rows, report.duplicates, report.exact) == (8, 4, False)


def test_a_file_whose_name_says_other_rows_is_an_error(tmp_path: Path) -> None:
    (path,) = archive_parts(tmp_path, (0, 4))
    path.rename(path.with_name("inputs-p000-00000000000000000000-00000000000000000004.parquet"))
    with pytest.raises(ArchiveError, match="does not hold the rows that its name says"):
        verify(tmp_path)


def test_a_file_that_is_cut_off_is_an_error_that_names_it(tmp_path: Path) -> None:
    (path,) = archive_parts(tmp_path, (0, 4))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArchiveError, match=f"{path.name} is damaged"):
        verify(tmp_path)


def test_a_foreign_position_is_an_error(tmp_path: Path) -> None:
    archive_parts(tmp_path, (0, 4))
    (tmp_path / "_positions/notes.json").write_text("{}")
    with pytest.raises(ArchiveError, match=r"notes\.json"):
        verify(tmp_path)


def test_features_that_come_and_go_and_change_their_type_are_one_table(tmp_path: Path) -> None:
    archive_features(tmp_path, 0, alcohol=9.4, id=2**60, label=1.5)
    archive_features(tmp_path, 1, alcohol=11, id=1.0, label="one")
    archive_features(tmp_path, 2, sugar=2.0)
    table = read(tmp_path, INPUTS, "wine")
    assert table["kafka_offset"].to_pylist() == [0, 1, 2]
    assert table["feature_alcohol"].to_pylist() == [9.4, 11.0, None]
    assert table["feature_sugar"].to_pylist() == [None, None, 2.0]
    assert table["feature_label"].to_pylist() == ["1.5", "one", None]
    assert table["feature_id"].type == pa.float64()
    assert table["feature_id"].to_pylist() == [float(2**60), 1.0, None]


@pytest.mark.parametrize(
    ("route", "why"), [("beer", "has no rows"), ("../..", "is not a route"), ("*", "is not a route")]
)
def test_a_route_that_is_not_there_is_an_error(tmp_path: Path, route: str, why: str) -> None:
    archive_parts(tmp_path, (0, 1))
    with pytest.raises(ArchiveError, match=why):
        read(tmp_path, INPUTS, route)
