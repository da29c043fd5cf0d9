from pathlib import Path

import pytest
from rendezvous_decoy.archive import Limits
from rendezvous_decoy.settings import DecoySettings
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.settings import read_settings


def test_the_archive_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDEZVOUS_ARCHIVE_DIR", "/srv/archive")
    monkeypatch.setenv("RENDEZVOUS_ARCHIVE_FLUSH_ROWS", "20")
    monkeypatch.setenv("RENDEZVOUS_ARCHIVE_FLUSH_BYTES", "3000")
    monkeypatch.setenv("RENDEZVOUS_ARCHIVE_FLUSH_S", "0.25")
    settings = read_settings(DecoySettings)
    assert settings.archive_dir == Path("/srv/archive")
    assert settings.limits == Limits(rows=20, size=3_000, age_us=250_000)


@pytest.mark.parametrize(
    ("name", "value"), [("FLUSH_ROWS", "0"), ("FLUSH_S", "-1"), ("FLUSH_BYTES", "x"), ("COMPRESSION", "zip")]
)
def test_a_setting_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RENDEZVOUS_ARCHIVE_{name}", value)
    with pytest.raises(SettingsError, match=f"RENDEZVOUS_ARCHIVE_{name}"):
        read_settings(DecoySettings)
