"""Artifacts in files of this machine, below directories that are allowed."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError

_CHUNK: Final = 1 << 20
_SHOWN: Final = 200


def is_local(location: str) -> bool:
    """Whether *location* names a file, as a URL or by its absolute path."""
    return location.startswith("/") or location[:5].lower() == "file:"


def read_file(location: str, roots: tuple[Path, ...], write: Callable[[bytes], None]) -> None:
    """
    Hand the file at *location* to *write*, in pieces; it has to lie below one of *roots*, links resolved.

    Raises ArtifactRefusedError, ArtifactUnavailableError, OSError.
    """
    with open_regular(_allowed(location, roots)) as source:
        while chunk := source.read(_CHUNK):
            write(chunk)


def _allowed(location: str, roots: tuple[Path, ...]) -> Path:
    path = _local_path(location)
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ArtifactUnavailableError(f"location {location[:_SHOWN]!r}: {error}") from error
    if not any(real.is_relative_to(root) for root in roots):
        allowed = ", ".join(map(str, roots)) or "none"
        raise ArtifactRefusedError(
            f"location {location[:_SHOWN]!r} is not below an allowed root ({allowed}); "
            "allow it by the setting artifact_roots"
        )
    return real


def _local_path(location: str) -> Path:
    if location.startswith("/"):
        return Path(location)
    parts = urlsplit(location)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise ArtifactRefusedError(
            f"location {location[:_SHOWN]!r} is of a kind that is not read; "
            "use file:///path or an absolute path"
        )
    return Path(unquote(parts.path))


@contextmanager
def open_regular(path: Path) -> Iterator[BufferedReader]:
    """Open *path*, a resolved one: a link or a device that has taken its place since is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtifactRefusedError(f"location {path} is not a regular file")
        yield file
