"""Disks that fail when they are told to."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rendezvous_decoy.disk import Disk


class CrashError(BaseException):
    """The process is dead: nothing may catch this."""


class QuickDisk(Disk):
    """Does not wait for the hardware: a kill of the process alone loses nothing that it wrote."""

    def write(self, path: Path, content: bytes) -> None:
        self.make_folder(path.parent)
        path.write_bytes(content)

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def sync(self, folder: Path) -> None:
        if not folder.is_dir():
            raise FileNotFoundError(folder)


class FaultyDisk(QuickDisk):
    """
    Counts down the steps that change something, and strikes at the one that *fuse* names.

    *strike* raises, or does something in between; a file that is being written then is there by half.
    """

    def __init__(self) -> None:
        self.fuse: int | None = None
        self.strike: Callable[[], object] = crash
        self.full = False
        self.steps = 0

    def write(self, path: Path, content: bytes) -> None:
        if self.full or self._burnt():
            super().write(path, content[: len(content) // 2])
            self._fail()
        super().write(path, content)

    def move(self, source: Path, target: Path) -> None:
        self._step()
        super().move(source, target)
        self._step()

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    @contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        self._step()
        with super().lock(path):
            yield

    def _step(self) -> None:
        if self._burnt():
            self.strike()

    def _burnt(self) -> bool:
        self.steps += 1
        if self.fuse is None:
            return False
        self.fuse -= 1
        if self.fuse > 0:
            return False
        self.fuse = None
        return True

    def _fail(self) -> None:
        if self.full:
            raise no_space()
        self.strike()


def crash() -> None:
    raise CrashError


def no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
