import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rendezvous_models.archives import ArchiveLimits, archive_kind, content_root, member_names, unpack
from rendezvous_models.errors import ArtifactRefusedError

FILES = {"model/saved_model.pb": b"graph" * 100, "model/variables/variables.index": b"index"}


def tar_info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode = size, kind, link, 0o4777
    return info


def tar_of(*infos: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as tar:  # type: ignore[call-overload]
        for info, data in infos:
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()


def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    return tar_of(*((tar_info(name, len(data)), data) for name, data in files.items()), mode=mode)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as container:
        for name, data in files.items():
            container.writestr(zipfile.ZipInfo(name), data, method)
    return target.getvalue()


PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "tar": tar,
    "tar.gz": lambda files: tar(files, "w:gz"),
    "zip": zipped,
}


class Box:
    """An archive and a folder to unpack it to."""

    def __init__(self, folder: Path) -> None:
        self.archive = folder / "archive"
        self.target = folder / "target"
        self.target.mkdir()

    def unpack(self, data: bytes, limits: ArchiveLimits | None = None) -> int:
        self.archive.write_bytes(data)
        return unpack(self.archive, self.target, limits or ArchiveLimits())

    def refuses(self, data: bytes, reason: str, limits: ArchiveLimits | None = None) -> None:
        with pytest.raises(ArtifactRefusedError, match=reason):
            self.unpack(data, limits)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.mark.parametrize("kind", PACKERS)
def test_what_was_packed_comes_out(box: Box, kind: str) -> None:
    written = box.unpack(PACKERS[kind](FILES))

    assert archive_kind(box.archive) == kind
    assert written == sum(map(len, FILES.values()))
    assert {str(path.relative_to(box.target)) for path in box.target.rglob("*") if path.is_file()} == {*FILES}
    for name, data in FILES.items():
        assert (box.target / name).read_bytes() == data
    assert content_root(box.target) == box.target / "model"
    assert list(member_names(box.archive, ArchiveLimits())) == [*FILES]


def test_modes_owners_and_set_user_bits_stay_behind(box: Box) -> None:
    box.unpack(tar(FILES))

    assert (box.target / "model/saved_model.pb").stat().st_mode & 0o7777 == 0o600
    assert (box.target / "model").stat().st_mode & 0o777 == 0o700


def test_folders_of_an_archive_may_come_before_and_after_their_files(box: Box) -> None:
    folder = (tar_info("a", kind=tarfile.DIRTYPE), b"")

    box.unpack(tar_of(folder, (tar_info("a/b", 1), b"x"), folder))

    assert (box.target / "a" / "b").read_bytes() == b"x"


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/evil", "a\\..\\evil", "\\\\host\\evil", "C:/evil", "a/\nb", "a/\x7fb"],
)
def test_a_member_that_leads_elsewhere_is_refused(box: Box, kind: str, name: str) -> None:
    box.refuses(PACKERS[kind]({"good": b"x", name: b"evil"}), "leads elsewhere")
    assert not (box.target.parent / "evil").exists()


@pytest.mark.parametrize("name", ["a" * 300, "/".join("a" * 40), "/".join(["a" * 100] * 12)])
def test_a_name_that_no_model_needs_is_refused(box: Box, name: str) -> None:
    box.refuses(zipped({name: b"x"}), "too long or too deep")


@pytest.mark.parametrize(
    "info",
    [
        tar_info("l", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        tar_info("l", kind=tarfile.LNKTYPE, link="good"),
        tar_info("l", kind=tarfile.CHRTYPE),
        tar_info("l", kind=tarfile.BLKTYPE),
        tar_info("l", kind=tarfile.FIFOTYPE),
        tar_info("l", kind=tarfile.CONTTYPE),
        tar_info("l", kind=b"Z"),
    ],
    ids=lambda info: repr(info.type),
)
def test_links_and_devices_in_a_tar_are_refused(box: Box, info: tarfile.TarInfo) -> None:
    box.refuses(tar_of((tar_info("good", 1), b"x"), (info, b"")), "'l' is a link, a device or the like")


def test_a_link_in_a_zip_is_refused(box: Box) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        info = zipfile.ZipInfo("l")
        info.external_attr = 0o120777 << 16
        container.writestr(info, "/etc/passwd")

    box.refuses(target.getvalue(), "'l' is a link")


@pytest.mark.parametrize("kind", PACKERS)
def test_two_members_of_one_name_are_refused(box: Box, kind: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if kind == "zip" else pytest.MonkeyPatch.context():
        data = (
            tar_of((tar_info("a", 1), b"x"), (tar_info("a", 1), b"y"), mode="w:gz" if "gz" in kind else "w")
            if kind != "zip"
            else twice("a")
        )
    box.refuses(data, "two members of one name")


def twice(name: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        container.writestr(name, "x")
        container.writestr(name, "y")
    return target.getvalue()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_below_a_file_is_refused(box: Box, kind: str) -> None:
    box.refuses(PACKERS[kind]({"a": b"x", "a/b": b"y"}), "two members of one name")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_bomb_is_refused_by_what_it_unpacks_to(box: Box, kind: str) -> None:
    box.refuses(PACKERS[kind]({"zeros": bytes(40 << 20)}), "far more than its own size")
    assert sum(path.stat().st_size for path in box.target.iterdir()) <= 17 << 20


@pytest.mark.parametrize("kind", PACKERS)
def test_the_total_of_all_members_is_bounded(box: Box, kind: str) -> None:
    files = {f"f{number}": os.urandom(100) for number in range(11)}

    box.refuses(PACKERS[kind](files), "more than is allowed", ArchiveLimits(max_bytes=1_000))


@pytest.mark.parametrize("kind", PACKERS)
def test_the_number_of_members_is_bounded(box: Box, kind: str) -> None:
    files = {f"f{number}": b"x" for number in range(11)}

    box.refuses(PACKERS[kind](files), "more than 10 members", ArchiveLimits(max_members=10))


def test_a_zip_that_understates_a_member_gives_no_more_than_it_states(box: Box) -> None:
    data = bytearray(zipped({"zeros": bytes(1_000)}))
    for header, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(header) + at
        data[place : place + 4] = struct.pack("<I", 10)

    box.refuses(bytes(data), "broken")


def test_a_zip_with_a_password_is_refused(box: Box) -> None:
    data = bytearray(zipped({"a": b"x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[data.index(b"PK\x03\x04") + 6] |= 1

    box.refuses(bytes(data), "encrypted or compressed in an unusual way")


def test_a_zip_with_a_member_without_a_name_is_refused(box: Box) -> None:
    box.refuses(zipped({"named": b"x"}).replace(b"named", b"\x00amed"), "without a name")


def test_a_zip_compressed_in_a_rare_way_is_refused(box: Box) -> None:
    box.refuses(zipped({"a": b"x"}, zipfile.ZIP_LZMA), "unusual way")


def test_a_header_that_asks_for_memory_is_refused(box: Box) -> None:
    header = tar_info("PaxHeaders/x", 64 << 20, tarfile.XHDTYPE)
    data = header.tobuf(tarfile.USTAR_FORMAT) + bytes(64 << 20)

    box.refuses(gzip.compress(data, 1), "headers is far too large")


@pytest.mark.parametrize("size", [-512, -(1 << 40)])
def test_a_tar_that_jumps_back_is_refused(box: Box, size: int) -> None:
    header = bytearray(tar_info("a", 0).tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (256**12 + size).to_bytes(12, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)

    box.refuses(bytes(header) * 4 + bytes(1024), "broken|no file in it")


@pytest.mark.parametrize("data", [b"", b"PK", b"<PMML/>", b"\x1f\x8bnot gzip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(box: Box, data: bytes) -> None:
    box.refuses(data, r"the archive is refused")


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_without_a_file_is_refused(box: Box, kind: str) -> None:
    box.refuses(PACKERS[kind]({}), "no file in it|not a tar")


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("kept", [0.2, 0.5])
def test_an_archive_cut_short_is_refused(box: Box, kind: str, kept: float) -> None:
    data = PACKERS[kind]({"a": os.urandom(5_000), "b": os.urandom(5_000)})

    box.refuses(data[: int(len(data) * kept)], "refused")


def test_a_zip_whose_members_begin_before_it_is_refused(box: Box) -> None:
    data = bytearray(zipped({"a": b"x", "b": b"y"}))
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", end + 1_000)  # the size of the directory

    box.refuses(bytes(data), "broken")


def test_a_zip_that_states_a_directory_further_on_than_it_is_is_refused(box: Box) -> None:
    data = bytearray(zipped({"a": b"x", "b": b"y"}))
    end = data.index(b"PK\x05\x06")
    data[end + 16 : end + 20] = struct.pack("<I", end + 1_000)

    box.refuses(bytes(data), "begins before the archive")
