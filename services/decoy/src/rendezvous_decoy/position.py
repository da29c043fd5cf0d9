"""How far the archive is: one small file for each partition of a topic, replaced as a whole."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from rendezvous_decoy.errors import ArchiveError

VERSION = 1


@dataclass(frozen=True, slots=True)
class Move:
    """A file of the last flush: its temporary and its final name, relative to the archive's root."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Position:
    """
    Everything from *first_offset* up to, and without, *next_offset* is archived.

    That is so once *files*, those of the last flush, have their final names.
    """

    first_offset: int
    next_offset: int
    files: tuple[Move, ...] = ()


def to_json(position: Position) -> bytes:
    """Return *position* as its file holds it."""
    return json.dumps({"version": VERSION} | asdict(position), indent=1).encode()


def from_json(content: bytes, where: object) -> Position:
    """Return the position that *content*, read from *where*, holds; raises ArchiveError if it holds none."""
    try:
        return _parse(json.loads(content))
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(
            f"{where} is not a position of an archive ({error!r}): restore it, or remove it and the files "
            "of its partition"
        ) from None


def _parse(data: Mapping[str, object]) -> Position:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']}, known is {VERSION}")
    first, end, files = data["first_offset"], data["next_offset"], data["files"]
    if not (isinstance(first, int) and isinstance(end, int) and isinstance(files, list)):
        raise TypeError("an offset is not a number, or files is not a list")
    return Position(
        first, end, tuple(Move(_inside(each["source"]), _inside(each["target"])) for each in files)
    )


def _inside(path: str) -> str:
    """Return *path* if it stays inside the archive; raises ValueError otherwise."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"{path!r} leaves the archive")
    return path
