import io
import os
import zipfile
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from rendezvous_models.addresses import Guard
from rendezvous_models.artifacts import ArtifactRules, ArtifactStore
from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError
from scoring.v1.control_pb2 import Artifact

DATA = b"<PMML/>" * 100


def inline(data: bytes = DATA) -> Artifact:
    return Artifact(data=data, sha256=sha256(data).digest(), size=len(data))


def at(location: str | Path, data: bytes = DATA) -> Artifact:
    return Artifact(location=str(location), sha256=sha256(data).digest(), size=len(data))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    (root / "m.pmml").write_bytes(DATA)
    return root


@pytest.fixture
def store(tmp_path: Path, root: Path) -> ArtifactStore:
    return ArtifactStore(
        tmp_path / "private", ArtifactRules((root,), max_bytes=10_000, max_cache_bytes=20_000)
    )


def test_bytes_in_the_message_become_a_private_copy(tmp_path: Path, store: ArtifactStore) -> None:
    copy = store.fetch(inline())

    assert copy.read_bytes() == DATA
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0
    assert copy.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("form", ["{root}/m.pmml", "file://{root}/m.pmml", "file://localhost{root}/m%2Epmml"])
def test_a_location_below_an_allowed_root_is_copied(store: ArtifactStore, root: Path, form: str) -> None:
    copy = store.fetch(at(form.format(root=root)))

    assert copy.read_bytes() == DATA
    assert copy.parent != root


def test_what_is_loaded_is_the_copy_also_when_the_original_changes(store: ArtifactStore, root: Path) -> None:
    copy = store.fetch(at(root / "m.pmml"))
    (root / "m.pmml").write_bytes(b"evil")

    assert store.fetch(at(root / "m.pmml")) == copy
    assert copy.read_bytes() == DATA


def test_a_copy_that_was_tampered_with_is_made_anew(store: ArtifactStore, root: Path) -> None:
    copy = store.fetch(at(root / "m.pmml"))
    copy.write_bytes(b"evil")

    assert store.fetch(at(root / "m.pmml")).read_bytes() == DATA


def test_a_wrong_digest_is_refused_and_nothing_is_kept(tmp_path: Path, store: ArtifactStore) -> None:
    artifact = inline()
    artifact.data = DATA.replace(b"PMML", b"LMMP")

    with pytest.raises(ArtifactRefusedError, match=r"sha256 is .* the descriptor says"):
        store.fetch(artifact)
    assert list((tmp_path / "private").iterdir()) == []


def test_a_file_that_is_longer_than_declared_is_refused(store: ArtifactStore, root: Path) -> None:
    (root / "m.pmml").write_bytes(DATA * 2)

    with pytest.raises(ArtifactRefusedError, match="more than the declared 700 bytes"):
        store.fetch(at(root / "m.pmml"))


def test_a_file_that_is_still_being_written_may_be_tried_again(store: ArtifactStore, root: Path) -> None:
    (root / "m.pmml").write_bytes(DATA[:-1])

    with pytest.raises(ArtifactUnavailableError, match="699 of the declared 700") as error:
        store.fetch(at(root / "m.pmml"))
    assert error.value.passing


def test_a_missing_file_may_be_tried_again(store: ArtifactStore, root: Path) -> None:
    with pytest.raises(ArtifactUnavailableError, match="No such file"):
        store.fetch(at(root / "none.pmml"))


def test_an_artifact_without_a_digest_or_a_size_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactRefusedError, match="no sha256"):
        store.fetch(Artifact(data=DATA, size=len(DATA)))
    with pytest.raises(ArtifactRefusedError, match="0 bytes"):
        store.fetch(Artifact(data=DATA, sha256=sha256(DATA).digest()))


def test_an_artifact_without_bytes_or_location_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactRefusedError, match="neither"):
        store.fetch(Artifact(sha256=sha256(DATA).digest(), size=len(DATA)))


def test_an_artifact_above_the_limit_is_refused_by_what_it_declares(store: ArtifactStore) -> None:
    artifact = inline()
    artifact.size = 10_001

    with pytest.raises(ArtifactRefusedError, match="10001 bytes; an artifact may have 1 to 10000"):
        store.fetch(artifact)


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/m",
        "m.pmml",
        "../m.pmml",
        "file://elsewhere/m.pmml",
        "file:m.pmml",
        "~/m",
    ],
)
def test_a_location_of_another_kind_is_refused(store: ArtifactStore, location: str) -> None:
    with pytest.raises(ArtifactRefusedError, match="kind that is not read"):
        store.fetch(at(location))


@pytest.mark.parametrize(
    "form", ["{root}/../secret", "file://{root}/%2e%2e/secret", "{root}/link", "/etc/passwd"]
)
def test_a_location_that_leads_out_of_the_roots_is_refused(
    store: ArtifactStore, root: Path, form: str
) -> None:
    (root.parent / "secret").write_bytes(DATA)
    (root / "link").symlink_to(root.parent / "secret")

    with pytest.raises(ArtifactRefusedError, match="not below an allowed root"):
        store.fetch(at(form.format(root=root)))


def test_without_roots_every_location_is_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(ArtifactRefusedError, match=r"allowed root \(none\)"):
        ArtifactStore(tmp_path / "private").fetch(at(root / "m.pmml"))


def test_a_pipe_is_refused_and_not_waited_for(store: ArtifactStore, root: Path) -> None:
    os.mkfifo(root / "pipe")

    with pytest.raises(ArtifactRefusedError, match="not a regular file"):
        store.fetch(at(root / "pipe"))


@pytest.mark.parametrize("location", ["/x\0y", "file:///%00"])
def test_a_location_that_no_path_can_be_is_an_error_of_its_own(store: ArtifactStore, location: str) -> None:
    with pytest.raises(ArtifactUnavailableError):
        store.fetch(at(location))


@pytest.mark.parametrize("location", ["http://127.0.0.1/m", "https://example.com/m", "s3://b/m", "gs://b/m"])
def test_without_origins_nothing_far_is_read(store: ArtifactStore, location: str) -> None:
    with pytest.raises(ArtifactRefusedError, match="not an allowed origin"):
        store.fetch(at(location))


@pytest.mark.parametrize(
    ("location", "extra"), [("gs://bucket/m", "gcs"), ("gcs://bucket/m", "gcs"), ("abfs://bucket/m", "azure")]
)
def test_a_store_whose_library_is_not_installed_is_refused_with_what_to_install(
    tmp_path: Path, location: str, extra: str
) -> None:
    if find_spec({"gcs": "gcsfs", "azure": "adlfs"}[extra]):
        pytest.skip("it is installed here")
    guard = Guard(["gs://bucket", "gcs://bucket", "abfs://bucket"])

    with pytest.raises(ArtifactRefusedError, match=rf"install rendezvous-models\[{extra}\]"):
        ArtifactStore(tmp_path / "private", ArtifactRules(guard=guard)).fetch(at(location))


def test_more_bytes_in_a_message_than_allowed_are_refused(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "private", ArtifactRules(max_data_bytes=699))

    with pytest.raises(ArtifactRefusedError, match="holds 700 bytes of artifact; allowed are 699"):
        store.fetch(inline())


def test_what_a_crash_left_behind_is_removed_and_copies_stay(tmp_path: Path, root: Path) -> None:
    private = tmp_path / "private"
    ArtifactStore(private, ArtifactRules((root,))).fetch(at(root / "m.pmml"))
    (private / "tmpabc").write_bytes(b"half")
    (private / "tmpfolder").mkdir()
    (root / "m.pmml").unlink()
    (root / "m.pmml").write_bytes(b"evil")

    copy = ArtifactStore(private, ArtifactRules((root,))).fetch(at(root / "m.pmml"))

    assert list(private.iterdir()) == [copy]


def test_a_directory_that_others_could_enter_is_closed_to_them(tmp_path: Path, root: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o755)

    ArtifactStore(private, ArtifactRules((root,))).fetch(at(root / "m.pmml"))

    assert private.stat().st_mode & 0o077 == 0


def numbered(number: int) -> bytes:
    return bytes([number]) * 6_000


def test_the_copy_used_least_recently_makes_room(store: ArtifactStore) -> None:
    first, second, third = (store.fetch(inline(numbered(number))) for number in range(3))
    assert store.fetch(inline(numbered(0))) == first

    fourth = store.fetch(inline(numbered(3)))

    assert [path.exists() for path in (first, second, third, fourth)] == [True, False, True, True]


def test_a_copy_in_use_does_not_make_room(store: ArtifactStore) -> None:
    used = [sha256(numbered(number)).digest() for number in range(3)]
    first, second, third = (store.fetch(inline(numbered(number))) for number in range(3))

    store.fetch(inline(numbered(3)), keep=used[:2])
    assert [path.exists() for path in (first, second, third)] == [True, True, False]
    with pytest.raises(ArtifactUnavailableError, match=r"6000 bytes do not fit .* artifact_cache_max_bytes"):
        store.fetch(inline(numbered(4)), keep=[*used[:2], sha256(numbered(3)).digest()])


def packed(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as container:
        for name, data in files.items():
            container.writestr(name, data)
    return target.getvalue()


def test_an_archive_is_unpacked_from_its_verified_copy_into_its_one_folder(store: ArtifactStore) -> None:
    archive = packed({"wine/saved_model.pb": b"graph"})

    folder = store.unpack(inline(archive))

    assert folder.name == "wine"
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    assert folder.is_relative_to(store.fetch(inline(archive)).parent)


def test_an_archive_is_unpacked_anew_so_that_tampering_with_the_folder_is_in_vain(
    store: ArtifactStore,
) -> None:
    archive = inline(packed({"a": b"1", "b": b"2"}))
    (store.unpack(archive) / "a").write_bytes(b"evil")

    folder = store.unpack(archive)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"1", "b": b"2"}


def test_a_refused_archive_leaves_nothing_unpacked(tmp_path: Path, store: ArtifactStore) -> None:
    archive = inline(packed({"a": b"1", "../b": b"2"}))

    with pytest.raises(ArtifactRefusedError, match="leads elsewhere"):
        store.unpack(archive)

    assert [path.name for path in (tmp_path / "private").iterdir()] == [archive.sha256.hex()]


def test_an_archive_of_another_digest_is_not_unpacked(tmp_path: Path, store: ArtifactStore) -> None:
    archive = inline(packed({"a": b"1"}))
    archive.sha256 = sha256(b"other").digest()

    with pytest.raises(ArtifactRefusedError, match="sha256"):
        store.unpack(archive)
    assert list((tmp_path / "private").iterdir()) == []


def test_what_was_unpacked_counts_and_goes_with_the_rest(store: ArtifactStore) -> None:
    folder = store.unpack(inline(packed({"a": b"1" * 9_000, "b": b"2"})))
    store.fetch(inline(numbered(1)))

    store.fetch(inline(numbered(2)))

    assert not folder.exists()


def test_what_lies_somewhere_can_be_described_before_it_is_published(
    tmp_path: Path, store: ArtifactStore, root: Path
) -> None:
    found, copy = store.take(str(root / "m.pmml"))

    assert found == at(root / "m.pmml")
    assert copy == store.fetch(found)
    assert list((tmp_path / "private").iterdir()) == [copy]


@pytest.mark.parametrize(("size", "reason"), [(0, "says 0 bytes"), (10_001, "more than the declared 10000")])
def test_what_no_artifact_can_be_is_not_taken(
    tmp_path: Path, store: ArtifactStore, root: Path, size: int, reason: str
) -> None:
    (root / "m.pmml").write_bytes(bytes(size))

    with pytest.raises(ArtifactRefusedError, match=reason):
        store.take(str(root / "m.pmml"))
    assert list((tmp_path / "private").iterdir()) == []
