"""
Archives of models, unpacked: tar, tar.gz and zip, told by their content.

Nobody vouches for what an archive says of itself. Only plain files and folders come out, below the given
folder and new; what the archive unpacks to is bounded while it is written, not by what it declares.
"""

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

from rendezvous_models.errors import ArtifactRefusedError

_CHUNK: Final = 1 << 18
# Enough for the directory of a zip with as many members as are allowed; headers of a tar need far less.
_LONGEST_READ: Final = 4 << 20
_LONGEST_NAME: Final = 1024
_LONGEST_PART: Final = 255  # as file systems have it
_DEEPEST: Final = 32
_TAR_MAGIC_AT: Final = 257
_TAR_MAGIC: Final = b"ustar"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1
# Bytes that any archive may unpack to, whatever its own size: zeros compress by a thousand.
_HARMLESS: Final = 16 << 20

_BROKEN: Final = (
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may unpack to: *max_ratio* is in sizes of the archive."""

    max_bytes: int = 1 << 30
    max_members: int = 10_000
    max_ratio: int = 100

    def bytes_for(self, archive_bytes: int) -> int:
        """Return how much an archive of *archive_bytes* may unpack to."""
        return min(self.max_bytes, max(_HARMLESS, archive_bytes * self.max_ratio))


class _Member(NamedTuple):
    """One plain file or, without *content*, a folder."""

    name: str
    content: IO[bytes] | None


def archive_kind(archive: Path) -> str:
    """Return "zip", "tar" or "tar.gz" as the content of *archive* says; "" for no archive."""
    with archive.open("rb") as file:
        head = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    if head.startswith(_ZIP_MAGICS):
        return "zip"
    if head.startswith(_GZIP_MAGIC):
        return "tar.gz"
    return "tar" if head[_TAR_MAGIC_AT:] == _TAR_MAGIC else ""


def unpack(archive: Path, folder: Path, limits: ArchiveLimits) -> int:
    """
    Unpack *archive* into *folder*, which is there and empty, and return how many bytes that gave.

    Raises ArtifactRefusedError for what is no archive, is broken, or must not be unpacked; what was written
    until then is the caller's to remove.
    """
    most = limits.bytes_for(archive.stat().st_size)
    written = members = 0
    try:
        for member in _members(archive, most):
            members += 1
            if members > limits.max_members:
                raise _refused(f"it has more than {limits.max_members} members")
            target = folder.joinpath(*_safe(member.name))
            written += _write(member, target, most - written)
    except _BROKEN as error:
        raise _refused(f"it is broken: {error}") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise _refused("it has two members of one name") from error
    if not written:
        raise _refused("there is no file in it, or only empty ones")
    return written


def content_root(folder: Path) -> Path:
    """Return the folder that holds the content: below *folder*, one that is all there is, is stepped into."""
    inside = list(folder.iterdir())
    while len(inside) == 1 and inside[0].is_dir():
        folder = inside[0]
        inside = list(folder.iterdir())
    return folder


def member_names(archive: Path, limits: ArchiveLimits) -> Iterator[str]:
    """Yield the names in *archive*, at most as many as are allowed; raises ArtifactRefusedError as unpack."""
    try:
        for number, member in enumerate(_members(archive, limits.bytes_for(archive.stat().st_size))):
            if number == limits.max_members:
                raise _refused(f"it has more than {limits.max_members} members")
            yield member.name
    except _BROKEN as error:
        raise _refused(f"it is broken: {error}") from error


def _refused(problem: str) -> ArtifactRefusedError:
    return ArtifactRefusedError(f"the archive is refused: {problem}")


def _safe(name: str) -> tuple[str, ...]:
    """Return the parts of *name*, each a plain one; raises ArtifactRefusedError."""
    parts = tuple(part for part in PurePosixPath(name).parts if part != ".")
    absolute = name.startswith(("/", "\\")) or (parts and ":" in parts[0])
    if absolute or ".." in parts or "\\" in name or not name.isprintable():
        raise _refused(f"a member is named {name[:80]!r}, which leads elsewhere")
    too_long = len(name) > _LONGEST_NAME or any(len(part.encode()) > _LONGEST_PART for part in parts)
    if too_long or len(parts) > _DEEPEST:
        raise _refused(f"a member's name is too long or too deep: {name[:80]!r}")
    return parts


def _write(member: _Member, target: Path, most: int) -> int:
    if member.content is None:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        while chunk := member.content.read(_CHUNK):
            written += len(chunk)
            if written > most:
                raise _too_large()
            file.write(chunk)
    return written


def _too_large() -> ArtifactRefusedError:
    return _refused("it unpacks to more than is allowed, or to far more than its own size")


def _members(archive: Path, most: int) -> Iterator[_Member]:
    kind = archive_kind(archive)
    with archive.open("rb") as file:
        if kind == "zip":
            yield from _zip_members(file)
        elif kind == "tar.gz":
            with gzip.GzipFile(fileobj=file) as unzipped:
                yield from _tar_members(unzipped, most)
        elif kind == "tar":
            yield from _tar_members(file, most)
        else:
            raise _refused("it is not a tar, tar.gz or zip")


def _tar_members(file: IO[bytes] | gzip.GzipFile, most: int) -> Iterator[_Member]:
    # Headers and padding come on top of the files: as much again is more than enough.
    bounded = _Bounded(file, end=2 * most + _HARMLESS)
    with tarfile.open(fileobj=bounded, mode="r:") as tar:
        for info in tar:
            if info.isdir():
                yield _Member(info.name, None)
            elif info.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not info.sparse:
                yield _Member(info.name, tar.extractfile(info))
            else:
                raise _refused(f"{info.name[:80]!r} is a link, a device or the like")


def _zip_members(file: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(_Bounded(file)) as container:
        for info in container.infolist():
            if not info.filename:  # nor does the library expect it
                raise _refused("it has a member without a name")
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _refused(f"{info.filename[:80]!r} is a link, a device or the like")
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise _refused(f"{info.filename[:80]!r} is encrypted or compressed in an unusual way")
            if info.is_dir():
                yield _Member(info.filename, None)
            else:
                with container.open(info) as content:
                    yield _Member(info.filename, content)


class _Bounded(io.RawIOBase):
    """
    Reads *inner*, never more at once than an honest archive needs: no header can ask for memory.

    With *end*, it reads forward only, and no further than that.
    """

    def __init__(self, inner: IO[bytes] | gzip.GzipFile, end: int | None = None) -> None:
        self._inner = inner
        self._end = end

    def read(self, size: int | None = -1) -> bytes:
        """Read at most *size* bytes."""
        wanted = -1 if size is None else size
        data = self._inner.read(_LONGEST_READ + 1 if wanted < 0 else min(wanted, _LONGEST_READ + 1))
        if len(data) > _LONGEST_READ:
            raise _refused("one of its headers is far too large")
        if self._end is not None and self._inner.tell() > self._end:
            raise _too_large()
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to *offset*."""
        if whence == io.SEEK_SET and offset < 0:
            raise _refused("it is broken: a member begins before the archive")
        if self._end is not None:
            if offset > self._end:
                raise _too_large()
            if whence != io.SEEK_SET or offset < self._inner.tell():
                raise _refused("it is broken: its members overlap")
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._inner.tell()

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True
