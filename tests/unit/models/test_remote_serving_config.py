from collections.abc import Iterable
from pathlib import Path

import pytest
from google.protobuf import text_format
from rendezvous_models.errors import BadModelError, RuntimeUnavailableError
from rendezvous_models.runtimes.remote_runtime import NotReadyError
from rendezvous_models.runtimes.remote_serving_config import locked, read_config, with_version, write_config
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

OTHER = 'config { name: "other" base_path: "/models/other" version_labels { key: "stable" value: 4 } }'


def _config(*entries: str) -> ModelServerConfig:
    return text_format.Parse(f"model_config_list {{ {' '.join(entries)} }}", ModelServerConfig())


def _wine(policy: str) -> str:
    return f'config {{ name: "wine" base_path: "/models/wine" model_version_policy {{ {policy} }} }}'


def _added(config: ModelServerConfig, served: Iterable[int] = ()) -> ModelServerConfig:
    return with_version(config, "wine", 3, "/models/wine", served=served)


@pytest.mark.parametrize(
    ("before", "served", "after"),
    [
        ("specific { versions: 1 }", [1], "specific { versions: 1 versions: 3 }"),
        ("specific { versions: 3 versions: 1 }", [1, 3], "specific { versions: 1 versions: 3 }"),
        ("all {}", [1, 2, 3], "all {}"),
        ("latest { num_versions: 1 }", [3], "latest { num_versions: 1 }"),
        ("latest { num_versions: 2 }", [4, 5], "specific { versions: 3 versions: 4 versions: 5 }"),
        ("", [4], "specific { versions: 3 versions: 4 }"),
        ("", [3], ""),
    ],
)
def test_a_version_is_added_to_those_that_are_served(before: str, served: list[int], after: str) -> None:
    assert _added(_config(OTHER, _wine(before)), served) == _config(OTHER, _wine(after))


@pytest.mark.parametrize(
    "config", [_config(OTHER), _config(), ModelServerConfig()], ids=["other", "none", "empty"]
)
def test_a_model_is_added_to_the_others(config: ModelServerConfig) -> None:
    added = _added(config)

    *others, wine = added.model_config_list.config
    assert others == list(config.model_config_list.config)
    assert (wine.name, wine.base_path, wine.model_platform) == ("wine", "/models/wine", "tensorflow")
    assert list(wine.model_version_policy.specific.versions) == [3]


def test_what_was_given_is_not_changed() -> None:
    config = _config(_wine("specific { versions: 1 }"))

    _added(config)

    assert config == _config(_wine("specific { versions: 1 }"))


def test_a_model_at_another_path_is_refused_for_its_versions_would_go() -> None:
    config = _config('config { name: "wine" base_path: "/elsewhere" }')

    with pytest.raises(BadModelError, match=r"deploy\.base_path: the server has wine at /elsewhere"):
        _added(config)


def test_a_configuration_is_replaced_as_a_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text("# of the operator\nmodel_config_list {}")
    path.chmod(0o640)

    write_config(path, _config(OTHER))

    assert read_config(path) == _config(OTHER)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"model_config_lists {}", "is no model configuration"),
        (b"\xff\xfe", "is no model configuration"),
        (b'custom_model_config { type_url: "x" }', "has a custom configuration"),
    ],
)
def test_what_is_no_list_of_models_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_bytes(content)

    with pytest.raises(BadModelError, match=reason):
        read_config(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "models.config"

    with (
        pytest.raises(RuntimeUnavailableError, match=r"deploy\.config_file: .* cannot be locked"),
        locked(path, 0),
    ):
        pass
    with pytest.raises(RuntimeUnavailableError, match="cannot be written"):
        write_config(path, _config())


def test_only_one_changes_a_configuration_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "models.config"

    with locked(path, 0), pytest.raises(NotReadyError, match=r"models\.config"), locked(path, 0):
        pass
    with locked(path, 0):
        pass
