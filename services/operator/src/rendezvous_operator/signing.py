"""The key with which the operator signs."""

from collections.abc import Callable
from pathlib import Path

from rendezvous_control.errors import ControlError
from rendezvous_runtime.errors import SettingsError
from scoring.v1.control_pb2 import Control


def read_signer(path: Path | None) -> Callable[[Control], Control] | None:
    """Return what signs with the key at *path*, or None without one; raises SettingsError."""
    if path is None:
        return None
    from rendezvous_control.signatures import Signer  # noqa: PLC0415 most have no key, and it takes long

    try:
        return Signer.read(path.read_bytes(), str(path)).sign
    except OSError as error:
        raise SettingsError(f"the operator's key {path} cannot be read: {error.strerror}") from error
    except ControlError as error:
        raise SettingsError(f"the operator's key is not usable: {error}") from error
