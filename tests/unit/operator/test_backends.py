"""What back ends refuse before they start anything."""

from pathlib import Path

import pytest
from rendezvous_operator.backend import BackendError
from rendezvous_operator.docker_engine import DockerBackend
from rendezvous_operator.goals import Wanted
from rendezvous_operator.local import LocalBackend
from rendezvous_operator.settings import OperatorSettings


def wanted(*types: str, image: str = "", **options: str) -> Wanted:
    return Wanted("d", "b", 0, ("wine@1",), types or ("pmml",), image, options)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (wanted(), ""),
        (wanted("tensorflow-graph", "tensorflow-serving"), ""),
        (wanted("onnx", "pmml"), "no image has all of onnx, pmml: name one (image)"),
        (wanted("onnx", "pmml", image="mine:1"), ""),
        (wanted("python"), "there is no image for models of type python: name one (image)"),
        (wanted(memory="1g", cpus="0.5", network="net", restart="on-failure"), ""),
        (wanted(memory="much"), "option memory is 'much'"),
        (wanted(cpus="-1"), "option cpus is '-1'"),
        (wanted(network="container:other/"), "option network is"),
        (wanted(network="host"), "option network is 'host'"),
        (wanted(restart="maybe"), "option restart is 'maybe'"),
        (wanted(privileged="true"), "option privileged is none of the back end docker"),
    ],
)
def test_docker_says_what_it_cannot_start(asked: Wanted, says: str) -> None:
    problem = DockerBackend(OperatorSettings(backend="docker"), {}).problem(asked)
    assert problem.startswith(says)
    assert bool(problem) == bool(says)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (wanted(jvm_heap_mb="64"), ""),
        (wanted(image="mine:1"), "image mine:1: the back end local has no images"),
        (wanted(memory="1g"), "option memory is none of the back end local: use drain_s"),
    ],
)
def test_local_says_what_it_cannot_start(tmp_path: Path, asked: Wanted, says: str) -> None:
    problem = LocalBackend(tmp_path, {}).problem(asked)
    assert problem.startswith(says)
    assert bool(problem) == bool(says)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.b.0").mkdir()
    (tmp_path / "d.b.0" / "record.json").write_text("{")
    with pytest.raises(BackendError, match=r"record.json is damaged.*delete the file"):
        LocalBackend(tmp_path, {}).find()


def test_an_engine_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(BackendError, match="no Docker engine answers"):
        DockerBackend(OperatorSettings(backend="docker"), {}).find()
