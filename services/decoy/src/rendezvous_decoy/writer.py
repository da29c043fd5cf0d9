"""
Writes Parts to the archive so that each offset is in it exactly once, whatever dies when.

A commit takes four steps:
1. all files of the part are written under temporary names;
2. the partition's position is replaced: from here on the part is archived;
3. the files get their final names;
4. the caller lets the Kafka offset move.

Who dies between 2 and 3 has its renames finished by the next one to take the partition over; who dies before
2 has written nothing that counts. Two processes that believe to own the same partition do no harm either:
the position says from which offset on a part is still wanted, and it is compared and replaced under a lock.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from rendezvous_runtime.stream import TopicPartition

from rendezvous_decoy.archive import File, Part
from rendezvous_decoy.disk import Disk
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.names import FLUSH, POSITIONS, partition_name
from rendezvous_decoy.position import Move, Position, from_json, to_json
from rendezvous_decoy.wire import Row

Encode = Callable[[str, Sequence[Row]], bytes]


class Written(NamedTuple):
    """What a commit did: all before *end* is archived; rows, files and bytes of it are this commit's."""

    end: int
    rows: int = 0
    files: int = 0
    size: int = 0


class Writer:
    """The archive below *root*. Methods raise OSError; the call can be repeated, and nothing is lost."""

    def __init__(self, root: Path, encode: Encode, disk: Disk) -> None:
        self._root: Final = root
        self._encode: Final = encode
        self._disk: Final = disk
        self._token: Final = uuid4().hex

    def recover(self, place: TopicPartition) -> int | None:
        """
        Finish what its last owner began with *place* and return the first offset not archived.

        None: the archive has nothing of it.
        """
        with self._disk.lock(self._path(place, "lock")):
            position = self._read(place)
            if position is not None:
                self._finish(position)
            self._clean(place)
        return None if position is None else position.next_offset

    def commit(self, part: Part) -> Written:
        """Archive what of *part* is not archived yet; when this returns, it is there to stay."""
        if (known := self._read(part.place)) is not None:
            part = part.after(known.next_offset)
        while part.rows:
            moves, size = self._write(part)  # 1
            with self._disk.lock(self._path(part.place, "lock")):
                position = self._read(part.place) or Position(part.first, part.first)
                if position.next_offset < part.first:
                    raise ArchiveError(_hole(part, position))
                if self._counts(part, position, moves):
                    self._finish(position)
                    self._replace(part, position, moves)  # 2
                    self._finish(Position(0, 0, moves))  # 3
                    return Written(part.end, len(part.rows), len(moves), size)
            self._discard(moves)
            part = part.after(position.next_offset)
        return Written(part.end)

    def _counts(self, part: Part, position: Position, moves: Sequence[Move]) -> bool:
        """Return whether *part* is all still wanted and all still there: nobody took its partition over."""
        return position.next_offset == part.first and all(
            self._disk.exists(self._root / move.source) for move in moves
        )

    def _write(self, part: Part) -> tuple[tuple[Move, ...], int]:
        written = [self._write_file(part.place.topic, file) for file in part.files()]
        self._disk.sync(self._root / FLUSH)
        return tuple(move for move, _ in written), sum(size for _, size in written)

    def _write_file(self, topic: str, file: File) -> tuple[Move, int]:
        content = self._encode(topic, file.rows)
        move = Move(f"{FLUSH}/{file.name}.{self._token}", f"{file.folder}/{file.name}")
        self._disk.write(self._root / move.source, content)
        return move, len(content)

    def _replace(self, part: Part, position: Position, moves: tuple[Move, ...]) -> None:
        path = self._path(part.place, "json")
        fresh = path.with_suffix(".tmp")
        self._disk.write(fresh, to_json(Position(position.first_offset, part.end, moves)))
        self._disk.move(fresh, path)
        self._disk.sync(path.parent)

    def _finish(self, position: Position) -> None:
        """Give the files of the last flush their final names, those that do not have them yet."""
        for move in position.files:
            source, target = self._root / move.source, self._root / move.target
            if self._disk.exists(source):
                self._disk.make_folder(target.parent)
                self._disk.move(source, target)
                self._disk.sync(target.parent)

    def _clean(self, place: TopicPartition) -> None:
        """Remove what was written of *place* and never counted."""
        for name in self._disk.names(self._root / FLUSH):
            if name.startswith(f"{partition_name(*place)}-"):
                self._disk.remove(self._root / FLUSH / name)

    def _discard(self, moves: Sequence[Move]) -> None:
        for move in moves:
            self._disk.remove(self._root / move.source)

    def _read(self, place: TopicPartition) -> Position | None:
        path = self._path(place, "json")
        content = self._disk.read(path)
        return None if content is None else from_json(content, path)

    def _path(self, place: TopicPartition, suffix: str) -> Path:
        return self._root / POSITIONS / f"{partition_name(*place)}.{suffix}"


def _hole(part: Part, position: Position) -> str:
    return (
        f"{partition_name(*part.place)}: the archive ends before offset {position.next_offset} and the next "
        f"rows stand for {part.first} on: its position was put back; start the decoy anew"
    )
