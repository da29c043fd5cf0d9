"""Whatever an archive says, unpacking gives plain files below the folder, or a refusal."""

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rendezvous_models.archives import ArchiveLimits, unpack
from rendezvous_models.errors import ArtifactRefusedError

LIMITS = ArchiveLimits(max_bytes=100_000, max_members=20)
PARTS = st.sampled_from(["a", "b", "..", ".", "", "é", "a\\b", "C:", "\n", " ", "~", "saved_model.pb"])
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"Z", b"x", b"L"]
)
MEMBERS = st.lists(st.tuples(NAMES, KINDS, NAMES, st.binary(max_size=700)), max_size=6)
DAMAGE = st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 255)), max_size=4)


def tar(members: list[tuple[str, bytes, str, bytes]], mode: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]
        for name, kind, link, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def zipped(members: list[tuple[str, bytes, str, bytes]]) -> bytes:
    target = io.BytesIO()
    names = dict.fromkeys(name for name, *_ in members)
    contents = {name: data for name, _, _, data in members}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name or "x"), contents[name])
    return target.getvalue()


def assert_contained(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as outer:
        archive, folder = Path(outer, "archive"), Path(outer, "folder")
        archive.write_bytes(data)
        folder.mkdir()
        try:
            written = unpack(archive, folder, LIMITS)
        except ArtifactRefusedError:
            written = None
        assert sorted(path.name for path in Path(outer).iterdir()) == ["archive", "folder"]
        inside = list(folder.rglob("*"))
        assert not any(path.is_symlink() for path in inside)
        assert all(path.is_dir() or path.is_file() for path in inside)
        if written is not None:
            assert sum(path.stat().st_size for path in inside if path.is_file()) == written <= 100_000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MEMBERS, st.sampled_from(["w", "w:gz", "zip"]), DAMAGE)
def test_any_archive_stays_inside_its_folder(
    members: list[tuple[str, bytes, str, bytes]], kind: str, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(zipped(members) if kind == "zip" else tar(members, kind))
    for place, value in damage:
        data[place % len(data)] = value

    assert_contained(bytes(data))


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00", b"a" * 257 + b"ustar"]), st.binary()
)
def test_noise_that_begins_like_an_archive_is_refused_or_contained(head: bytes, noise: bytes) -> None:
    assert_contained(head + noise)
