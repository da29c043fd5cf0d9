"""The names of folders and files in the archive. Nothing that came in is ever used raw in one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.names import check_name

from rendezvous_decoy.errors import ArchiveError

# Routes and hours that cannot name a folder, and records that are no message. No DNS label begins with "_".
OTHER: Final = "_other"
UNDECODABLE: Final = "_undecodable"

# Hidden from pandas and DuckDB: readers skip what begins with "_".
POSITIONS: Final = "_positions"
FLUSH: Final = "_flush"

_HOURS_END_MS: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FILE: Final = re.compile(r"([a-z][a-z-]*)-p(\d{3,})-(\d{20})-(\d{20})\.parquet")


class FileName(NamedTuple):
    """What the name of a file says: the first and the last offset of its rows, both included."""

    topic: str
    partition: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"{partition_name(self.topic, self.partition)}-{self.first:020}-{self.last:020}.parquet"


def parse_file_name(text: str) -> FileName:
    """Return what the file name *text* says; raises ArchiveError if it is not one of the archive's."""
    match = _FILE.fullmatch(text)
    if match is None:
        raise ArchiveError(f"{text!r} is not a file of the archive: move it out of there")
    topic, *numbers = match.groups()
    return FileName(topic, *map(int, numbers))


def partition_name(topic: str, partition: int) -> str:
    """Return the name of a partition of a topic, like inputs-p003."""
    return f"{topic}-p{partition:03}"


def route_name(route: str) -> str:
    """Return *route* if it is a route's name, else OTHER."""
    try:
        return check_name(route, "route")
    except BadNameError:
        return OTHER


def hour_name(timestamp_ms: int) -> str:
    """Return the hour (UTC) of *timestamp_ms*, like 2026-11-21T05; OTHER before 1970 and after 2199."""
    if not 0 <= timestamp_ms < _HOURS_END_MS:
        return OTHER
    return (_EPOCH + timedelta(milliseconds=timestamp_ms)).strftime("%Y-%m-%dT%H")


def folder_name(topic: str, route: str, hour: str) -> str:
    """Return the folder, below the archive's root, of what route_name and hour_name said."""
    return f"topic={topic}/route={route}/hour={hour}"
