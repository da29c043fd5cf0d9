from pathlib import Path

import pytest
from rendezvous_model_container.settings import ContainerSettings
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.settings import read_settings


def _read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ContainerSettings:
    for name, value in environment.items():
        monkeypatch.setenv(f"RENDEZVOUS_{name}", value)
    return read_settings(ContainerSettings)


def test_models_come_comma_separated_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _read(monkeypatch, MODEL="wine-forest@3, wine-mlp@1.2", ARTIFACT_ROOTS="/a:/b")

    assert settings.model == ("wine-forest@3", "wine-mlp@1.2")
    assert settings.artifact_roots == (Path("/a"), Path("/b"))


def test_what_remote_models_may_reach_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _read(
        monkeypatch, MODEL="wine@1", REMOTE_HOSTS="triton, *.svc:8001", REMOTE_SECRETS="/run/secrets"
    )

    assert settings.remote_hosts == ("triton", "*.svc:8001")
    assert settings.remote_secrets == Path("/run/secrets")
    assert settings.remote_configs is None


def test_containers_of_different_models_are_in_different_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _read(monkeypatch, MODEL="wine-forest@3,wine-mlp@1")

    assert settings.group == "rendezvous.model-container.wine-forest.3_wine-mlp.1"
    assert settings.instance == "model-container-wine-forest.3_wine-mlp.1-0"


def test_group_and_instance_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _read(monkeypatch, MODEL="wine-forest@3", GROUP="mine", INSTANCE="me-1")

    assert (settings.group, settings.instance) == ("mine", "me-1")


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        ("", "MODEL"),
        (" , ", "names no model"),
        ("wine", "name@version"),
        ("Wine@1", "model name"),
        ("wine@1,wine@1", "twice"),
    ],
)
def test_what_names_no_model_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, models: str, reason: str
) -> None:
    with pytest.raises(SettingsError, match=reason):
        _read(monkeypatch, MODEL=models)
