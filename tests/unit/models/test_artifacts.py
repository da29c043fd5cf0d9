import os
from hashlib import sha256
from pathlib import Path

import pytest
from rendezvous_models.artifacts import ArtifactStore
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
    return ArtifactStore(tmp_path / "private", roots=[root], max_bytes=10_000)


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
        "http://127.0.0.1/m",
        "s3://b/m",
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
