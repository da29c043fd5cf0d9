"""Settings are read once, and what is wrong with them is said at the start."""

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.settings import Port, ServiceSettings, read_settings


class DecoySettings(ServiceSettings):
    service: ClassVar[str] = "decoy"
    web_port: Port = 8107


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOOTSTRAP_SERVERS", "INSTANCE", "GROUP", "WEB_PORT", "DATA_DIR"):
        monkeypatch.delenv(f"RENDEZVOUS_{name}", raising=False)


def test_a_service_names_its_instance_its_group_and_its_port() -> None:
    settings = DecoySettings()
    assert (settings.instance, settings.group, settings.web_port) == ("decoy-0", "rendezvous.decoy", 8107)


def test_the_environment_overrides_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDEZVOUS_INSTANCE", "decoy-7")
    monkeypatch.setenv("RENDEZVOUS_DATA_DIR", "/var/lib/decoy")
    monkeypatch.setenv("RENDEZVOUS_GROUP", "")
    settings = read_settings(DecoySettings)
    assert (settings.instance, settings.data_dir) == ("decoy-7", Path("/var/lib/decoy"))
    assert settings.group == "rendezvous.decoy"


def test_each_wrong_variable_is_named_and_its_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDEZVOUS_WEB_PORT", "99999")
    monkeypatch.setenv("RENDEZVOUS_LOG_FORMAT", "hunter2")
    with pytest.raises(SettingsError) as raised:
        read_settings(DecoySettings)
    assert "RENDEZVOUS_WEB_PORT: Input should be less than or equal to 65535" in str(raised.value)
    assert "RENDEZVOUS_LOG_FORMAT: Input should be 'json' or 'console'" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_sasl_without_a_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDEZVOUS_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("RENDEZVOUS_SASL_USERNAME", "decoy")
    with pytest.raises(SettingsError, match="SASL_SSL needs sasl_username and sasl_password"):
        read_settings(DecoySettings)


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="go together"):
        DecoySettings(ssl_certificate_location=Path("client.pem"))


def test_an_argument_that_is_no_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        DecoySettings.model_validate({"colour": "red"})


def test_settings_do_not_change_and_do_not_show_a_password() -> None:
    settings = DecoySettings.model_validate({"sasl_password": "hunter2"})
    with pytest.raises(ValidationError, match="frozen"):
        settings.instance = "other"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("name", ["a b", "", "a/b", "x" * 201])
def test_an_instance_is_named_as_kafka_allows(name: str) -> None:
    with pytest.raises(ValidationError, match="instance"):
        DecoySettings(instance=name)


def test_a_service_with_bad_settings_says_so_in_one_line_and_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rendezvous_decoy"],
        env={**os.environ, "RENDEZVOUS_WEB_PORT": "a secret"},
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "error: cannot start with these settings; correct the environment: RENDEZVOUS_WEB_PORT"
    )
    assert "a secret" not in line
    assert done.returncode == 2
