"""
Model artifacts: from the control message or a location to a verified private copy.

What is loaded is always the copy that was verified: it lies under its own digest in a directory that only
this user may enter, and nothing reads the original again.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from scoring.v1.control_pb2 import Artifact

from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError

_CHUNK: Final = 1 << 20
_DIGEST_BYTES: Final = 32


class ArtifactStore:
    """
    Verified private copies of artifacts under *directory*.

    Locations are read below *roots* only (none: locations are refused); no artifact may be larger than
    *max_bytes*.
    """

    def __init__(self, directory: Path, *, roots: Iterable[Path] = (), max_bytes: int = 256 << 20) -> None:
        self._directory = directory
        self._roots = tuple(root.resolve() for root in roots)
        self._max_bytes = max_bytes

    def fetch(self, artifact: Artifact) -> Path:
        """
        Return the path of a copy of *artifact* that has the declared size and sha256.

        Raises ArtifactRefusedError when it is not so or must not be read, ArtifactUnavailableError when it
        cannot be read now.
        """
        self._check_declared(artifact)
        copy = self._directory / artifact.sha256.hex()
        if _is_intact(copy, artifact):
            return copy
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._copy(artifact, copy)
        except OSError as error:
            raise ArtifactUnavailableError(f"the artifact cannot be read or kept: {error}") from error
        return copy

    def _check_declared(self, artifact: Artifact) -> None:
        if len(artifact.sha256) != _DIGEST_BYTES:
            raise ArtifactRefusedError(
                "the descriptor has no sha256 of the artifact; publish the model with it"
            )
        if not 0 < artifact.size <= self._max_bytes:
            raise ArtifactRefusedError(
                f"the descriptor says {artifact.size} bytes; an artifact may have 1 to {self._max_bytes}"
            )

    def _copy(self, artifact: Artifact, copy: Path) -> None:
        with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as target:
            try:
                digest, size = _write(self._chunks(artifact), target, artifact.size)
                _check_same(artifact, digest, size)
                Path(target.name).replace(copy)
            except BaseException:
                Path(target.name).unlink()
                raise

    def _chunks(self, artifact: Artifact) -> Iterator[bytes]:
        if artifact.WhichOneof("source") == "data":
            yield artifact.data
        elif artifact.location:
            with _open_regular(self._allowed(artifact.location)) as source:
                while chunk := source.read(_CHUNK):
                    yield chunk
        else:
            raise ArtifactRefusedError("the descriptor has neither the artifact's bytes nor a location")

    def _allowed(self, location: str) -> Path:
        """Return the real path of *location* once it is known to lie below an allowed root."""
        path = _local_path(location)
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise ArtifactUnavailableError(f"location {location[:200]!r}: {error}") from error
        if not any(real.is_relative_to(root) for root in self._roots):
            allowed = ", ".join(map(str, self._roots)) or "none"
            raise ArtifactRefusedError(
                f"location {location[:200]!r} is not below an allowed root ({allowed}); "
                "allow it by the setting artifact_roots"
            )
        return real


def _local_path(location: str) -> Path:
    parts = urlsplit(location)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return Path(unquote(parts.path))
    if location.startswith("/"):
        return Path(location)
    raise ArtifactRefusedError(
        f"location {location[:200]!r} is of a kind that is not read; use file:///path or an absolute path"
    )


@contextmanager
def _open_regular(path: Path) -> Iterator[BufferedReader]:
    """Open *path*, a resolved one: a link or a device that has taken its place since is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtifactRefusedError(f"location {path} is not a regular file")
        yield file


def _write(chunks: Iterable[bytes], target: IO[bytes], limit: int) -> tuple[bytes, int]:
    """Copy *chunks*, not much beyond *limit*, and return sha256 and size of what was copied."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if size > limit:
            break
        target.write(chunk)
    return digest.digest(), size


def _check_same(artifact: Artifact, digest: bytes, size: int) -> None:
    if size > artifact.size:
        raise ArtifactRefusedError(f"the artifact has more than the declared {artifact.size} bytes")
    if size < artifact.size:
        raise ArtifactUnavailableError(f"the artifact has {size} of the declared {artifact.size} bytes")
    if digest != artifact.sha256:
        raise ArtifactRefusedError(
            f"the artifact's sha256 is {digest.hex()}, the descriptor says {artifact.sha256.hex()}; "
            "publish the model again"
        )


def _is_intact(copy: Path, artifact: Artifact) -> bool:
    """Whether an earlier copy is there and still what it was."""
    try:
        with _open_regular(copy) as file:
            return hashlib.file_digest(file, "sha256").digest() == artifact.sha256
    except FileNotFoundError:
        return False
