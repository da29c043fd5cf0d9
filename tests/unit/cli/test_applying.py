from hashlib import sha256
from pathlib import Path

import pytest
from rendezvous_cli.applying import INLINE_BYTES, in_order, read_wanted
from rendezvous_cli.errors import CliError
from scoring.v1.control_pb2 import Model


def wanted_model(folder: Path, data: bytes) -> Model:
    (folder / "forest.pmml").write_bytes(data)
    text = "model: forest@1\ntype: pmml\nartifact: {path: forest.pmml}\n"
    (wanted,) = read_wanted(text, str(folder / "models.yaml"))
    assert (wanted.kind, wanted.name) == ("model", "forest@1")
    assert isinstance(wanted.thing, Model)
    return wanted.thing


def test_an_artifact_lies_beside_its_document_and_travels_with_it(tmp_path: Path) -> None:
    artifact = wanted_model(tmp_path, b"<PMML/>").artifact

    assert (artifact.data, artifact.size) == (b"<PMML/>", 7)
    assert artifact.sha256 == sha256(b"<PMML/>").digest()


def test_an_artifact_too_large_for_a_record_is_named_by_its_place(tmp_path: Path) -> None:
    data = b"x" * (INLINE_BYTES + 1)

    artifact = wanted_model(tmp_path, data).artifact

    assert artifact.location == (tmp_path / "forest.pmml").as_uri()
    assert (artifact.size, artifact.sha256) == (len(data), sha256(data).digest())


def test_an_artifact_that_is_not_there_is_named_with_the_document(tmp_path: Path) -> None:
    text = "model: forest@1\ntype: pmml\nartifact: {path: gone.pmml}\n"

    with pytest.raises(
        CliError, match=r"models\.yaml:1: the artifact .*gone\.pmml cannot be read: No such file"
    ):
        read_wanted(text, str(tmp_path / "models.yaml"))


def test_models_come_before_the_routes_that_name_them() -> None:
    text = "route: w\nsla: 1ms\ndefault: {a: 1}\n---\nmodel: a@1\ntype: pmml\nartifact: {data: x}\n"

    assert [each.name for each in in_order(read_wanted(text, "-"))] == ["a@1", "w"]
