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
Whoever is stopped while it holds that lock makes the other one wait, for as long as it is.
"""

from collections.abc import Callable, Iterable, Sequence
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


class _Flushed(NamedTuple):
    """What is written of a part and does not count yet: its files, its position, and their bytes."""

    moves: tuple[Move, ...]
    position: Path
    size: int


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
            position = self._finish_last(place)
            self._clean(place)
        return None if position is None else position.next_offset

    def commit(self, part: Part) -> Written:
        """Archive what of *part* is not archived yet; when this returns, it is there to stay."""
        while (part := self._rest(part)).rows:
            flushed = self._write(part)  # 1
            with self._disk.lock(self._path(part.place, "lock")):
                counts = self._counts(part, flushed)
                if counts:
                    self._disk.move(flushed.position, self._path(part.place, "json"))  # 2
                    self._disk.sync(self._root / POSITIONS)
                    folders = self._finish(flushed.moves)  # 3
            if counts:
                self._sync(folders)
                return Written(part.end, len(part.rows), len(flushed.moves), flushed.size)
            self._discard(flushed)
        with self._disk.lock(self._path(part.place, "lock")):
            self._finish_last(part.place)  # an attempt before this one may have got to 2
        return Written(part.end)

    def _rest(self, part: Part) -> Part:
        """Return what of *part* is not archived."""
        position = self._read(part.place)
        if position is None:
            return part
        if position.next_offset < part.first:
            raise ArchiveError(_hole(part, position))
        return part.after(position.next_offset)

    def _write(self, part: Part) -> _Flushed:
        """Write the files of *part*, and the position that makes them count, under temporary names."""
        written = [self._write_file(part.place.topic, file) for file in part.files()]
        moves = tuple(move for move, _ in written)
        known = self._read(part.place)
        first = part.first if known is None else known.first_offset
        position = self._root / FLUSH / f"{partition_name(*part.place)}-position.{self._token}"
        self._disk.write(position, to_json(Position(first, part.end, moves)))
        self._disk.sync(self._root / FLUSH)
        return _Flushed(moves, position, sum(size for _, size in written))

    def _write_file(self, topic: str, file: File) -> tuple[Move, int]:
        content = self._encode(topic, file.rows)
        move = Move(f"{FLUSH}/{file.name}.{self._token}", f"{file.folder}/{file.name}")
        self._disk.write(self._root / move.source, content)
        self._disk.make_folder(self._root / file.folder)
        return move, len(content)

    def _counts(self, part: Part, flushed: _Flushed) -> bool:
        """
        Return whether *part* is all still wanted and all still there: nobody took its partition over.

        The files of the flush before have their names then, or get them now: a new position forgets them.
        """
        position = self._finish_last(part.place)
        end = part.first if position is None else position.next_offset
        sources = [self._root / move.source for move in flushed.moves]
        return end == part.first and all(map(self._disk.exists, [*sources, flushed.position]))

    def _finish_last(self, place: TopicPartition) -> Position | None:
        """Finish the last flush of *place*, if somebody began it and did not; return where it ends."""
        position = self._read(place)
        if position is not None:
            self._sync(self._finish(position.files))
        return position

    def _finish(self, moves: Sequence[Move]) -> set[Path]:
        """Give files their final names, those that do not have them yet; return the folders that changed."""
        waiting = [move for move in moves if self._disk.exists(self._root / move.source)]
        for move in waiting:
            target = self._root / move.target
            self._disk.make_folder(target.parent)
            self._disk.move(self._root / move.source, target)
        return {(self._root / move.target).parent for move in waiting}

    def _sync(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            self._disk.sync(folder)

    def _clean(self, place: TopicPartition) -> None:
        """Remove what was written of *place* and never counted."""
        for name in self._disk.names(self._root / FLUSH):
            if name.startswith(f"{partition_name(*place)}-"):
                self._disk.remove(self._root / FLUSH / name)

    def _discard(self, flushed: _Flushed) -> None:
        for path in [*(self._root / move.source for move in flushed.moves), flushed.position]:
            self._disk.remove(path)

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
