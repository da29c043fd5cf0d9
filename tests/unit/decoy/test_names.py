import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.names import OTHER, FileName, hour_name, parse_file_name, route_name

MS = 1000


@pytest.mark.parametrize("route", ["wine", "a", "red-wine-2", "x" * 63])
def test_a_route_names_its_folder(route: str) -> None:
    assert route_name(route) == route


@pytest.mark.parametrize(
    "route", ["", "..", "../x", "a/b", "a\x00b", "Wine", "_other", "x" * 64, "wine\n", "hour=1"]
)
def test_what_is_not_a_route_shares_one_folder(route: str) -> None:
    assert route_name(route) == OTHER


@given(st.text())
def test_no_text_leaves_its_folder(route: str) -> None:
    assert re.fullmatch(r"_other|[a-z0-9-]{1,63}", route_name(route))


@pytest.mark.parametrize(
    ("seconds", "hour"),
    [
        (0, "1970-01-01T00"),
        (1_795_237_199, "2026-11-21T04"),
        (1_795_237_200, "2026-11-21T05"),
        (1_795_240_799, "2026-11-21T05"),
        (7_258_118_399, "2199-12-31T23"),
        (7_258_118_400, OTHER),
        (-1, OTHER),
        (2**60, OTHER),
    ],
)
def test_the_hour_is_utc_and_a_stamp_that_cannot_be_has_none(seconds: int, hour: str) -> None:
    assert hour_name(seconds * MS) == hour


def test_a_file_says_its_partition_and_its_offsets() -> None:
    name = FileName("inputs", 3, 1234, 1999)
    assert str(name) == "inputs-p003-00000000000000001234-00000000000000001999.parquet"
    assert parse_file_name(str(name)) == name


@pytest.mark.parametrize("name", ["x.parquet", "inputs-p003-1-2.parquet", "inputs-p003.parquet"])
def test_a_foreign_file_is_not_taken_for_one_of_the_archive(name: str) -> None:
    with pytest.raises(ArchiveError, match=re.escape(repr(name))):
        parse_file_name(name)
