"""What the writer asks of a file system, and how it is made to last: the edge that tests make fail."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

LOCK_WAIT_S: Final = 1.0


class Disk:
    """A POSIX file system. Every method raises OSError when it cannot do what it says."""

    def write(self, path: Path, content: bytes) -> None:
        """Write *content* to *path*; it is on the disk, not in a cache, when this returns."""
        self.make_folder(path.parent)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def read(self, path: Path) -> bytes | None:
        """Return what is in *path*; None if there is no such file."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, path: Path) -> bool:
        """Return whether there is a *path*."""
        return path.exists()

    def make_folder(self, path: Path) -> None:
        """Make the folder *path*, and those above it that are missing."""
        if not path.exists():
            self.make_folder(path.parent)
            path.mkdir(exist_ok=True)
            self.sync(path.parent)

    def move(self, source: Path, target: Path) -> None:
        """Give the file *source* the name *target*, at once; a file there before is replaced."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove the file *path* if it is there."""
        path.unlink(missing_ok=True)

    def names(self, folder: Path) -> list[str]:
        """Return the names in *folder*; none if there is no such folder."""
        with suppress(FileNotFoundError):
            return sorted(path.name for path in folder.iterdir())
        return []

    def sync(self, folder: Path) -> None:
        """Have the names in *folder* on the disk when this returns."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        """
        Hold *path* as a lock against all other processes; the system lets go of it when this one dies.

        Waits for a holder for LOCK_WAIT_S, then raises TimeoutError. What is done under it takes
        milliseconds: who holds it for longer was stopped or hangs on its disk.
        """
        self.make_folder(path.parent)
        with path.open("ab") as file:
            _lock(file.fileno(), path)
            yield


def _lock(descriptor: int, path: Path) -> None:
    give_up = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds this lock", str(path)) from None
            time.sleep(0.01)
