"""
Model artifacts: from the control message or a location to a verified private copy.

What is loaded is always the copy that was verified: it lies under its own digest in a directory that only
this user may enter, and nothing reads the original again. An archive is verified before it is unpacked.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scoring.v1.control_pb2 import Artifact

from rendezvous_models.addresses import HTTP_PORTS, Guard, parse_location
from rendezvous_models.archives import ArchiveLimits, content_root, unpack
from rendezvous_models.artifacts_files import is_local, open_regular, read_file
from rendezvous_models.artifacts_http import read_http
from rendezvous_models.artifacts_stores import read_store
from rendezvous_models.cache import DigestCache, mark_used, replace_folder
from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError

_DIGEST_BYTES: Final = 32


@dataclass(frozen=True)
class ArtifactRules:
    """
    From where artifacts may come and how large they may be.

    *roots* are directories that locations may name; of all other locations *guard* decides. *max_data_bytes*
    holds for what is in the control message itself, *max_cache_bytes* for all private copies together; no
    download may take longer than *timeout_s*.
    """

    roots: tuple[Path, ...] = ()
    guard: Guard = field(default_factory=Guard)
    max_bytes: int = 256 << 20
    max_data_bytes: int = 8 << 20
    max_cache_bytes: int = 4 << 30
    archives: ArchiveLimits = field(default_factory=ArchiveLimits)
    timeout_s: float = 600.0


class ArtifactStore:
    """Verified private copies of artifacts under *directory*, which is this store's alone."""

    def __init__(self, directory: Path, rules: ArtifactRules | None = None) -> None:
        self._rules = rules or ArtifactRules()
        self._roots = tuple(root.resolve() for root in self._rules.roots)
        self._cache = DigestCache(directory, self._rules.max_cache_bytes)

    def fetch(self, artifact: Artifact, keep: Collection[bytes] = ()) -> Path:
        """
        Return the path of a copy of *artifact* that has the declared size and sha256.

        *keep* are the digests of artifacts in use, which stay where they are. Raises ArtifactRefusedError
        when the artifact is not as declared or must not be read, ArtifactUnavailableError when it cannot be
        read now.
        """
        self._check_declared(artifact)
        copy = self._cache.file(artifact.sha256)
        try:
            self._cache.open()
            if not _is_intact(copy, artifact):
                self._cache.make_room(artifact.size, {*keep, artifact.sha256})
                self._copy(artifact, copy)
            mark_used(copy)
        except OSError as error:
            raise ArtifactUnavailableError(f"the artifact cannot be read or kept: {error}") from error
        return copy

    def unpack(self, artifact: Artifact, keep: Collection[bytes] = ()) -> Path:
        """
        Return the folder that a verified copy of *artifact*, an archive, unpacks to; raises as fetch does.

        A single folder that holds all the rest is stepped into.
        """
        archive = self.fetch(artifact, keep)
        place = self._cache.folder(artifact.sha256)
        try:
            with tempfile.TemporaryDirectory(dir=self._cache.directory, ignore_cleanup_errors=True) as outer:
                new = Path(outer) / "content"
                new.mkdir(mode=0o700)
                unpack(archive, new, self._rules.archives)
                replace_folder(new, place)
            self._cache.make_room(0, {*keep, artifact.sha256})
        except OSError as error:
            raise ArtifactUnavailableError(f"the archive cannot be unpacked: {error}") from error
        return content_root(place)

    def _check_declared(self, artifact: Artifact) -> None:
        if len(artifact.sha256) != _DIGEST_BYTES:
            raise ArtifactRefusedError(
                "the descriptor has no sha256 of the artifact; publish the model with it"
            )
        if not 0 < artifact.size <= self._rules.max_bytes:
            raise ArtifactRefusedError(
                f"the descriptor says {artifact.size} bytes; an artifact may have 1 to "
                f"{self._rules.max_bytes}; allow more by the setting artifact_max_bytes"
            )
        if len(artifact.data) > self._rules.max_data_bytes:
            raise ArtifactRefusedError(
                f"the control message holds {len(artifact.data)} bytes of artifact; allowed are "
                f"{self._rules.max_data_bytes}: publish a location, or allow more by artifact_data_max_bytes"
            )

    def take(self, location: str) -> tuple[Artifact, Path]:
        """
        Return what lies at *location* now, as a descriptor would declare it, and a private copy of it.

        For those who look at a model before it is published; raises as fetch does.
        """
        found = Artifact(location=location)
        try:
            self._cache.open()
            with self._intake(self._rules.max_bytes) as intake:
                self._read(found, intake.write)
                found.sha256, found.size = intake.digest, intake.size
                self._check_declared(found)
                intake.keep(self._cache.file(found.sha256))
        except OSError as error:
            raise ArtifactUnavailableError(f"{location} cannot be read or kept: {error}") from error
        return found, self._cache.file(found.sha256)

    def _copy(self, artifact: Artifact, copy: Path) -> None:
        with self._intake(artifact.size) as intake:
            self._read(artifact, intake.write)
            _check_same(artifact, intake.digest, intake.size)
            intake.keep(copy)

    @contextmanager
    def _intake(self, limit: int) -> Iterator["_Intake"]:
        """Yield where to write an artifact of at most *limit* bytes; what is not kept leaves nothing."""
        with tempfile.NamedTemporaryFile(dir=self._cache.directory, delete=False) as target:
            try:
                yield _Intake(target, limit, time.monotonic() + self._rules.timeout_s)
            finally:
                Path(target.name).unlink(missing_ok=True)

    def _read(self, artifact: Artifact, write: Callable[[bytes], None]) -> None:
        if artifact.WhichOneof("source") == "data":
            write(artifact.data)
        elif not artifact.location:
            raise ArtifactRefusedError("the descriptor has neither the artifact's bytes nor a location")
        elif is_local(artifact.location):
            read_file(artifact.location, self._roots, write)
        else:
            self._read_far(artifact.location, write)

    def _read_far(self, text: str, write: Callable[[bytes], None]) -> None:
        location = parse_location(text)
        self._rules.guard.admit(location)
        if location.origin.scheme in HTTP_PORTS:
            read_http(location, self._rules.guard, write, self._rules.timeout_s)
        else:
            read_store(location, write)


class _Intake:
    """What comes in: written to *target*, counted and digested, until there is too much or it is too late."""

    def __init__(self, target: "tempfile._TemporaryFileWrapper[bytes]", limit: int, end_s: float) -> None:
        self._target = target
        self._limit = limit
        self._end_s = end_s
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> bytes:
        """The sha256 of what has come."""
        return self._digest.digest()

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._limit:
            raise ArtifactRefusedError(f"the artifact has more than the declared {self._limit} bytes")
        if time.monotonic() > self._end_s:
            raise ArtifactUnavailableError(f"the artifact came too slowly: {self.size} bytes in all the time")
        self._digest.update(chunk)
        self._target.write(chunk)

    def keep(self, place: Path) -> None:
        """Put what has come at *place*."""
        self._target.flush()
        Path(self._target.name).replace(place)


def _check_same(artifact: Artifact, digest: bytes, size: int) -> None:
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
        with open_regular(copy) as file:
            return hashlib.file_digest(file, "sha256").digest() == artifact.sha256
    except FileNotFoundError:
        return False
