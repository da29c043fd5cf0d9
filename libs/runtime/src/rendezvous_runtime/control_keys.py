"""The key ring that a service is told to check control messages by."""

from pathlib import Path

from rendezvous_contracts.errors import ContractError
from rendezvous_control.envelope import Verifier
from rendezvous_control.errors import ControlError

from rendezvous_runtime.errors import SettingsError


def read_control_keys(path: Path | None) -> Verifier | None:
    """Return the key ring at *path*, or None without one; raises SettingsError if it cannot be read."""
    if path is None:
        return None
    from rendezvous_control.signatures import KeyRing  # noqa: PLC0415 most have no key ring, and it takes long

    try:
        return KeyRing.read(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SettingsError(f"the key ring {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the key ring {path} is not a text in UTF-8") from error
    except (ContractError, ControlError) as error:
        raise SettingsError(f"the key ring is not usable: {error}") from error
