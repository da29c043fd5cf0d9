"""A private directory of files under their digests, bounded: what was used least recently goes first."""

import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from rendezvous_models.errors import ArtifactUnavailableError

_FOLDER_SUFFIX: Final = ".unpacked"
_ENTRY: Final = re.compile(r"[0-9a-f]{64}(\.unpacked)?")


class DigestCache:
    """
    Files, and folders unpacked from them, below *directory*, together at most *max_bytes*.

    A directory is one process's own: what lies in it that is no entry is left over from a crash, and is
    removed when it is opened.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._is_open = False

    def open(self) -> None:
        """Make the directory, for this user only, and clean it up, once; raises OSError."""
        if self._is_open:
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        for path in self.directory.iterdir():
            if not _ENTRY.fullmatch(path.name):
                _remove(path)
        self._is_open = True

    def file(self, digest: bytes) -> Path:
        """Return where the file of *digest* lies, if it does."""
        return self.directory / digest.hex()

    def folder(self, digest: bytes) -> Path:
        """Return where the folder lies that was unpacked from the file of *digest*, if it does."""
        return self.directory / (digest.hex() + _FOLDER_SUFFIX)

    def make_room(self, size: int, keep: Collection[bytes]) -> None:
        """
        Remove what was used least recently until *size* bytes more fit; what came of *keep* stays.

        Raises ArtifactUnavailableError if they do not fit even so.
        """
        kept = {digest.hex() for digest in keep}
        entries = sorted(self._entries(), key=_used)
        held = sum(map(_size, entries))
        for entry in entries:
            if held + size <= self._max_bytes:
                return
            if entry.name.removesuffix(_FOLDER_SUFFIX) not in kept:
                held -= _size(entry)
                _remove(entry)
        if held + size > self._max_bytes:
            raise ArtifactUnavailableError(
                f"{size} bytes do not fit beside the {held} of models in use: the cache may hold "
                f"{self._max_bytes}; give it more by the setting artifact_cache_max_bytes"
            )

    def _entries(self) -> list[Path]:
        return [path for path in self.directory.iterdir() if _ENTRY.fullmatch(path.name)]


def mark_used(entry: Path) -> None:
    """Note that *entry* is used now."""
    os.utime(entry)


def replace_folder(new: Path, place: Path) -> None:
    """Put *new* at *place*, where another folder may lie; who has files of that open keeps them."""
    if place.exists():
        old = new.with_name(new.name + ".old")
        place.rename(old)
        _remove(old)
    new.rename(place)


def _used(entry: Path) -> int:
    return entry.stat(follow_symlinks=False).st_mtime_ns


def _size(entry: Path) -> int:
    if not entry.is_dir():
        return entry.stat(follow_symlinks=False).st_size
    return sum(path.stat(follow_symlinks=False).st_size for path in entry.rglob("*") if not path.is_dir())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
